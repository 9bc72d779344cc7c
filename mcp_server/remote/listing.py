"""Lists of runs and events, and the server's time."""

from __future__ import annotations

import asyncio
from typing import Final

from durable_engine.model.event import Event, NotStarted
from durable_engine.model.records import (
    EventFilter,
    EventPage,
    EventRecord,
    EventRecordPage,
    RunFilter,
    RunPage,
)
from durable_engine.model.views import Inventory
from mcp_server.remote.api import Api
from mcp_server.remote.errors import RemoteError
from mcp_server.remote.events import Events
from mcp_server.remote.functions import Functions
from mcp_server.remote.runs import Runs
from mcp_server.remote.unstarted import (
    UNLISTED,
    UNREPORTED,
    decisions,
    listeners_of,
    started,
    unreported,
)

_MOST_EVENTS: Final = 50
"""On a page with what each did: a request or two for each of them."""
_AT_ONCE: Final = 6
_RUNS_NAMED: Final = 10


class Listing:
    """What `mcp_server.backend.Listing` asks for, of a server over HTTP."""

    def __init__(self, api: Api, runs: Runs, events: Events, functions: Functions) -> None:
        self._api = api
        self._runs = runs
        self._events = events
        self._functions = functions
        self._free = asyncio.Semaphore(_AT_ONCE)

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

    async def event_records(
        self, wanted: EventFilter | None = None, *, cursor: str | None = None, limit: int = 20
    ) -> EventRecordPage:
        """Return a page of events with the runs that the server reports of each; raises as `events`.

        Who sent an event, and which waiting runs it woke or cancelled, no server says.
        """
        page = await self.events(wanted, cursor=cursor, limit=min(limit, _MOST_EVENTS))
        inventory = await self._recent() if page.events else None
        records = await asyncio.gather(*(self._record(event, inventory) for event in page.events))
        return EventRecordPage(events=tuple(records), next_cursor=page.next_cursor)

    async def _recent(self) -> Inventory | None:
        """Return all functions; None where they cannot be read: events are shown without who listens."""
        try:
            return await self._functions.recent()
        except RemoteError:
            return None

    async def _record(self, event: Event, inventory: Inventory | None) -> EventRecord:
        listeners = listeners_of(inventory, event.name)
        async with self._free:
            try:
                runs = await self._runs.of_event(event.id)
                missed = () if runs and not listeners else await decisions(self._api, event.id)
            except RemoteError as fault:  # the list is worth showing without them
                untold = NotStarted(
                    function_slug=UNLISTED,
                    reason=f"its runs could not be asked for: {fault}",
                    decision=UNREPORTED,
                )
                return EventRecord(event=event, missed=(untold,))
        return EventRecord(
            event=event,
            runs=tuple(map(started, runs[:_RUNS_NAMED])),
            run_count=len(runs),
            missed=(*missed, *unreported(runs, missed, listeners)),
            listeners=tuple(function.slug for function in listeners or ()),
        )

    async def find_event(self, reference: str) -> Event:
        """Return one event; raises as `Events.find`."""
        return await self._events.find(reference)
