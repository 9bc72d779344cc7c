"""Change notifications: what the engine's own wake-ups tell goes to clients that listen.

Nothing polls: the engine calls after each commit. It is observed only while somebody listens. What is
relied on inside the MCP SDK (mcp 2.3, pinned by `test_sdk_pins.py`): the handler of `subscriptions/listen`
can be replaced through `MCPServer._lowlevel_server`. Only that handler knows which resources are listened
to, and can end the streams properly when the process stops.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from mcp.server import MCPServer, ServerRequestContext
from mcp.server.subscriptions import ListenHandler, ResourcesListChanged, ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from mcp_server.backend import EngineBackend
from mcp_server.resources.uris import RECENT_RUNS, is_function_uri, run_uri

logger = logging.getLogger(__name__)

METHOD = "subscriptions/listen"
MAX_URIS: Final = 500
"""Resources that one stream may listen to. The SDK ends a stream with 1,024 events that its client has not
read, and all of its resources may be told of at once."""


class Changes:
    """A bus that is fed by the engine; an `Observer` of it, and the SDK's `SubscriptionBus`."""

    def __init__(self, backend: EngineBackend) -> None:
        self._backend = backend
        self._listeners: dict[object, Callable[[ServerEvent], None]] = {}
        self._wanted: Counter[str] = Counter()
        self._streams = 0
        self._stop_observing: Callable[[], None] | None = None
        self._is_stopping = False
        self._handler = _Handler(self)

    def serve(self, server: MCPServer[Any]) -> None:
        """Let clients of the server listen; only the revision 2026-07-28 has a way to."""
        server._lowlevel_server.add_request_handler(  # noqa: SLF001 - see above
            METHOD, SubscriptionsListenRequestParams, self._handler
        )

    async def publish(self, event: ServerEvent) -> None:
        """Tell every listener of an event."""
        self._tell(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Tell `listener` of all events until the returned function is called."""
        key = object()
        self._listeners[key] = listener

        def unsubscribe() -> None:
            self._listeners.pop(key, None)

        return unsubscribe

    @contextmanager
    def listening(self, uris: Iterable[str]) -> Iterator[None]:
        """Observe the engine while somebody listens, to these resources among others.

        Raises:
            MCPError: the process is about to stop.
        """
        wanted = frozenset(uris)
        self._wanted.update(wanted)
        self._streams += 1
        if self._stop_observing is None:
            self._stop_observing = self._backend.observe(self)
        try:
            if self._is_stopping:
                raise MCPError(INTERNAL_ERROR, "Stepcue is stopping; listen again once it runs.")
            yield
        finally:
            for uri in wanted:  # not `-=`: that goes through what all others want
                self._wanted[uri] -= 1
                if not self._wanted[uri]:
                    del self._wanted[uri]
            self._streams -= 1
            if not self._streams:
                self._stop_observing()
                self._stop_observing = None

    def runs_changed(self, run_ids: Collection[str]) -> None:
        """Tell who listens to one of these runs, or to the list of the newest."""
        for uri in (RECENT_RUNS, *map(run_uri, run_ids)):
            if uri in self._wanted:
                self._tell(ResourceUpdated(uri))

    def functions_changed(self) -> None:
        """Tell that the list of resources, and each function in it, may be otherwise."""
        self._tell(ResourcesListChanged())
        for uri in filter(is_function_uri, tuple(self._wanted)):
            self._tell(ResourceUpdated(uri))

    def state_replaced(self) -> None:
        """Tell that everything may be otherwise."""
        self._tell(ResourcesListChanged())
        for uri in tuple(self._wanted):
            self._tell(ResourceUpdated(uri))

    def stopping(self) -> None:
        """End all streams as the protocol wants it: clients then know that none was lost."""
        self._is_stopping = True
        self._handler.close()

    def _tell(self, event: ServerEvent) -> None:
        for listener in list(self._listeners.values()):
            try:
                listener(event)
            except Exception:  # the engine calls here, and must not suffer from one of them
                logger.exception("a listener failed")


class _Handler(ListenHandler):
    """Serves the streams, and says what they are about."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(changes)
        self._changes = changes

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one stream until the client goes, or the process stops.

        Raises:
            MCPError: it asks for too many resources, or the process is about to stop.
        """
        uris = params.notifications.resource_subscriptions or ()
        if len(uris) > MAX_URIS:
            raise MCPError(
                INVALID_PARAMS,
                f"A stream listens to at most {MAX_URIS} resources, and this one names {len(uris)}: "
                f"listen to {RECENT_RUNS}, which tells of every run, or open several streams.",
            )
        with self._changes.listening(uris):
            return await super().__call__(ctx, params)
