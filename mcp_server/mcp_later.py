"""MCP on a server that already answers apps: whoever asks for MCP waits until it is loaded.

The MCP SDK and the tools take longer to import than all the rest of a start, and no app needs them.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from mcp_server.config import ServerConfig
from mcp_server.lean_imports import load_mcp_server, without
from mcp_server.paths import MCP_PATHS

if TYPE_CHECKING:
    from docs_index import DocsIndex
    from mcp_server.backend import EngineBackend, RunSource
    from mcp_server.http import MCPMount
    from mcp_server.remote.backend import RemoteBackend
    from mcp_server.remote.target import Target
    from mcp_server.strict import StrictServer


_COLLECT_AFTER: Final = (10_000, 10, 10)
"""Objects more than there were, and rounds, after which the collector looks at each generation. Hardly
anything here is in a cycle, and in a burst it would look at all open calls every few milliseconds."""


class MCPLater:
    """The routes of MCP, and what is behind them once it is there.

    Args:
        make: builds a server over the documentation; it may import as much as it likes.
        docs_folders: the user's own documentation.
        doors: who is let in, as arguments of `mount_mcp`.
    """

    def __init__(
        self,
        make: Callable[[DocsIndex], StrictServer],
        docs_folders: Sequence[Path],
        doors: Mapping[str, Any],
    ) -> None:
        self.routes: Final = tuple(Route(path, endpoint=self) for path in MCP_PATHS)
        self._make = make
        self._docs_folders = docs_folders
        self._doors = doors
        self._mount: asyncio.Future[MCPMount] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        mount = await asyncio.shield(self._mount)
        await mount.door(scope, receive, send)

    async def loaded(self) -> None:
        """Wait until MCP is there; raises whatever keeps it from that."""
        await asyncio.shield(self._mount)

    async def failed(self) -> None:
        """Wait until something keeps MCP from being there, and raise it."""
        await self.loaded()
        await self._closing.wait()

    def build(self) -> StrictServer:
        """Build a server for one mount, or for stdio; the first takes half a second."""
        load_mcp_server()
        with without("rich"):  # the SDK would log through it, if we did not log already
            return self._make(self._docs)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Load and serve while entered; once."""
        life = asyncio.create_task(self._live())
        try:
            yield
        finally:
            self._closing.set()
            await life

    def end_streams(self) -> None:
        """End the streams on which clients listen between their calls; they would hold up a stop."""
        if self._mount.done() and self._mount.exception() is None:
            self._mount.result().routing.end_streams()

    @cached_property
    def _docs(self) -> DocsIndex:
        """The user's folders, what was imported, and the shipped pages; nothing is read before a question."""
        from docs_index import DocsIndex, library_layout

        return DocsIndex.open(folders=self._docs_folders, library=library_layout.default_directory())

    async def _live(self) -> None:
        try:
            mount = self._mounted(await asyncio.to_thread(self.build))
        except Exception as fault:  # noqa: BLE001 - told to whoever waits, which ends the process
            self._mount.set_exception(fault)
            return
        async with mount.lifespan():
            # What is loaded stays: the collector, which the command had stopped, need not look at it.
            gc.freeze()
            gc.set_threshold(*_COLLECT_AFTER)
            gc.enable()
            self._mount.set_result(mount)
            await self._closing.wait()

    def _mounted(self, server: StrictServer) -> MCPMount:
        from mcp_server.http import mount_mcp

        return mount_mcp(server, **self._doors)


def over_engine(
    backend: EngineBackend, config: ServerConfig, mirror: RunSource | None = None
) -> Callable[[DocsIndex], StrictServer]:
    """Return what builds the server over the embedded engine, as `build_server`."""

    def make(docs: DocsIndex) -> StrictServer:
        from mcp_server.server import build_server

        return build_server(backend, docs, config=config, mirror=mirror)

    return make


def over_server(backend: RemoteBackend, config: ServerConfig) -> Callable[[DocsIndex], StrictServer]:
    """Return what builds the server over a server elsewhere."""

    def make(docs: DocsIndex) -> StrictServer:
        from mcp_server.remote_server import build_remote_server

        return build_remote_server(backend, docs, config=config)

    return make


@asynccontextmanager
async def runs_elsewhere(target: Target | None) -> AsyncIterator[RunSource | None]:
    """Yield what reads runs elsewhere, if a server is named; it is asked nothing at first."""
    if target is None:
        yield None
        return
    from mcp_server.remote.backend import RemoteBackend

    async with RemoteBackend.open(target) as backend:
        yield backend
