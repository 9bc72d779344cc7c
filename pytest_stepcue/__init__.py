"""Fixtures of pytest around an engine. Nothing of it is imported before a test asks for one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from durable_engine.testing.bench import Bench
    from durable_engine.testing.stepcue import Stepcue

_EARLY: Final = pytest.StashKey[socket.socket]()
_INNGEST_DEV: Final = "INNGEST_DEV"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    parser.addini(
        "stepcue_early",
        "Give the engine its address before tests are collected, for apps that test modules import on top.",
        type="bool",
        default=False,
    )
    parser.addini("stepcue_port", "Port of the engine; 0, the default, takes a free one.", default="0")


def pytest_configure(config: pytest.Config) -> None:
    """Take an address now if the settings say so."""
    if config.getini("stepcue_early"):
        from durable_engine.testing.listening import bind, origin_of

        config.stash[_EARLY] = bound = bind(_port(config))
        os.environ[_INNGEST_DEV] = origin_of(bound)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the address back."""
    bound = config.stash.get(_EARLY, None)
    if bound is not None:
        bound.close()
        os.environ.pop(_INNGEST_DEV, None)


def _port(config: pytest.Config) -> int:
    text = str(config.getini("stepcue_port"))
    if not text.isdigit():
        raise pytest.UsageError(f"stepcue_port is {text!r}, which is no port.")
    return int(text)


@pytest.fixture(scope="session")
def stepcue_bench(pytestconfig: pytest.Config) -> Iterator[Bench]:
    """Where the engines of this process are; one address for all tests."""
    from durable_engine.testing.bench import Bench

    with Bench(pytestconfig.stash.get(_EARLY, None), port=_port(pytestconfig)) as bench:
        yield bench


@pytest.fixture(scope="session")
def stepcue_origin(stepcue_bench: Bench) -> str:
    """The engine's address, for apps that a test starts: INNGEST_DEV=<this>."""
    return stepcue_bench.origin


@pytest.fixture(scope="session")
def stepcue_path() -> str:
    """Where the app serves its functions; define a fixture of this name where it is another path."""
    return "/api/inngest"


@pytest.fixture(scope="session")
def stepcue_app() -> object:
    """What to test; define a fixture of this name."""
    raise pytest.UsageError(
        "Define a fixture stepcue_app that returns your app: an ASGI or WSGI app, a URL, or a list of these. "
        "Import the app inside of it, so that its Inngest client finds the engine."
    )


@pytest.fixture
def stepcue(request: pytest.FixtureRequest, stepcue_bench: Bench, stepcue_path: str) -> Iterator[Stepcue]:
    """An engine with nothing in it, around the app of `stepcue_app`."""
    # Only now: the app's Inngest client reads the engine's address when it is made.
    app = request.getfixturevalue("stepcue_app")
    with stepcue_bench.engine(app, path=stepcue_path) as stepcue:
        yield stepcue
