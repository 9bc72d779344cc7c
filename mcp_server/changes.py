"""Change notifications: what the engine's own wake-ups tell goes to clients that listen.

Nothing polls: the engine calls after each commit. It is observed only while somebody listens. What is
relied on inside the MCP SDK (mcp 2.3, pinned by `test_sdk_pins.py`): the handler of `subscriptions/listen`
can be replaced through `MCPServer._lowlevel_server`. Only that handler knows which resources are listened
to, and can end the streams properly when the process stops.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from mcp.server import MCPServer, ServerRequestContext
from mcp.server.subscriptions import ListenHandler, ResourcesListChanged, ResourceUpdated, ServerEvent
from mcp.types import SubscriptionsListenRequestParams, SubscriptionsListenResult

from mcp_server.backend import Backend
from mcp_server.resources.uris import RECENT_RUNS, is_function_uri, run_uri

METHOD = "subscriptions/listen"


class Changes:
    """A bus that is fed by the engine; an `Observer` of it, and the SDK's `SubscriptionBus`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._listeners: dict[object, Callable[[ServerEvent], None]] = {}
        self._stop_observing: Callable[[], None] | None = None
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
        if self._stop_observing is None:
            self._stop_observing = self._backend.observe(self)

        def unsubscribe() -> None:
            self._listeners.pop(key, None)
            if not self._listeners and self._stop_observing is not None:
                self._stop_observing()
                self._stop_observing = None

        return unsubscribe

    def runs_changed(self, run_ids: Collection[str]) -> None:
        """Tell who listens to one of these runs, or to the list of the newest."""
        for uri in self._handler.wanted & {RECENT_RUNS, *map(run_uri, run_ids)}:
            self._tell(ResourceUpdated(uri))

    def functions_changed(self) -> None:
        """Tell that the list of resources, and each function in it, may be otherwise."""
        self._tell(ResourcesListChanged())
        for uri in filter(is_function_uri, self._handler.wanted):
            self._tell(ResourceUpdated(uri))

    def state_replaced(self) -> None:
        """Tell that everything may be otherwise."""
        self._tell(ResourcesListChanged())
        for uri in self._handler.wanted:
            self._tell(ResourceUpdated(uri))

    def stopping(self) -> None:
        """End all streams as the protocol wants it: clients then know that none was lost."""
        self._handler.close()

    def _tell(self, event: ServerEvent) -> None:
        for listener in list(self._listeners.values()):
            listener(event)


class _Handler(ListenHandler):
    """Serves the streams, and knows the resources that they ask for."""

    def __init__(self, bus: Changes) -> None:
        super().__init__(bus)
        self._asked: dict[object, frozenset[str]] = {}

    @property
    def wanted(self) -> frozenset[str]:
        """The addresses that somebody listens to now."""
        return frozenset().union(*self._asked.values())

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one stream until the client goes, or the process stops."""
        key = object()
        self._asked[key] = frozenset(params.notifications.resource_subscriptions or ())
        try:
            return await super().__call__(ctx, params)
        finally:
            del self._asked[key]
