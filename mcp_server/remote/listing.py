"""Lists of runs and events, and the server's time."""

from __future__ import annotations

from durable_engine.model.event import Event
from durable_engine.model.records import EventFilter, EventPage, RunFilter, RunPage
from mcp_server.remote.api import Api
from mcp_server.remote.events import Events
from mcp_server.remote.runs import Runs


class Listing:
    """What `mcp_server.backend.Listing` asks for, of a server over HTTP."""

    def __init__(self, api: Api, runs: Runs, events: Events) -> None:
        self._api = api
        self._runs = runs
        self._events = events

    def now_ms(self) -> int:
        """Return the server's time."""
        return self._api.now_ms()

    async def runs(
        self,
        wanted: RunFilter | None = None,
        *,
        cursor: str | None = None,
        limit: int = 20,
        with_output: bool = False,  # noqa: ARG002 - it comes at no extra cost
        with_state: bool = False,  # noqa: ARG002 - as far as a list tells it
    ) -> RunPage:
        """Return a page of runs; raises as `Runs.page`."""
        return await self._runs.page(wanted or RunFilter(), cursor=cursor, limit=limit)

    async def events(
        self, wanted: EventFilter | None = None, *, cursor: str | None = None, limit: int = 20
    ) -> EventPage:
        """Return a page of events; raises as `Events.page`."""
        return await self._events.page(wanted or EventFilter(), cursor=cursor, limit=limit)

    async def find_event(self, reference: str) -> Event:
        """Return one event; raises as `Events.find`."""
        return await self._events.find(reference)
