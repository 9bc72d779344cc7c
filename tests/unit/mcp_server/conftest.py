"""Fixtures: a server over a scripted backend and a small documentation."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mcp_docs_pages import write_pages
from mcp_scripted import BackendSwitch, ScriptedBackend

from docs_index import DocsIndex
from mcp_server.config import ServerConfig
from mcp_server.server import build_server
from mcp_server.strict import StrictServer


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def docs(tmp_path_factory: pytest.TempPathFactory) -> DocsIndex:
    pages: Path = tmp_path_factory.mktemp("pages")
    write_pages(pages)
    return DocsIndex.open(corpus=pages, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def new_server(backend: ScriptedBackend, docs: DocsIndex) -> Callable[..., StrictServer]:
    def build(**settings: object) -> StrictServer:
        return build_server(backend, docs, config=ServerConfig(**settings))

    return build


@pytest.fixture(scope="session")
def switch() -> BackendSwitch:
    return BackendSwitch()


@pytest.fixture
def backend(switch: BackendSwitch) -> ScriptedBackend:
    switch.backend = ScriptedBackend()
    return switch.backend


@pytest.fixture(scope="session")
def shared_server(switch: BackendSwitch, docs: DocsIndex) -> StrictServer:
    return build_server(switch, docs, config=ServerConfig(progress_interval_s=0.001))


@pytest.fixture
def server(shared_server: StrictServer, backend: ScriptedBackend) -> StrictServer:
    """A server for in-memory clients; over HTTP each mount needs one of its own: `new_server`."""
    return shared_server
