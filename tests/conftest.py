"""What every test shares."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support.roots import few_root_certificates

__all__ = ["few_root_certificates"]

settings.register_profile("untimed", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("untimed")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the product does; a module may share what is slow to start."""
    return "asyncio"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Start one process more than there are cores: a third of its time a test waits for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from what lives to the end: modules, and thousands of tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def index_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the index of the shipped pages that was empty before this run; its workers share it."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "index-cache"


@pytest.fixture(scope="session", autouse=True)
def _nothing_imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the documentation that whoever runs the tests has imported out of them, and out of processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield
