"""Events of API v1, and events pieced together from what else names them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from durable_engine.errors import EventNotFoundError
from durable_engine.http_api.times import rfc3339
from durable_engine.ids import is_ulid, ulid_ms
from durable_engine.model.event import SCHEDULED_TIMER, Event
from durable_engine.model.json_value import JSONObject
from durable_engine.model.records import EventFilter, EventPage
from mcp_server.remote.api import Api, in_path
from mcp_server.remote.errors import AbsentError, RejectedError, RemoteError
from mcp_server.remote.reading import an_object, moment, objects, text, whole

_MOST_LISTED: Final = 50
_KEPT: Final = 300
_UNNAMED: Final = "(unknown event)"
UNTOLD_SOURCE: Final = "not told"
"""The source of an event that was read, where the server does not name it."""
UNTOLD: Final = "unknown"
"""The source of an event of which no data could be read."""


class Events:
    """Reads events; those read last are remembered, because an event never changes."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._seen: OrderedDict[str, Event] = OrderedDict()

    async def get(self, event_id: str) -> Event:
        """Return an event by its ULID.

        Raises:
            EventNotFoundError: the server does not know it.
            RemoteError: it cannot be asked.
        """
        if event_id in self._seen:
            self._seen.move_to_end(event_id)
            return self._seen[event_id]
        try:
            data = an_object(await self._api.v1(f"/events/{in_path(event_id)}"))
        except (AbsentError, RejectedError) as error:
            raise _no_event(event_id) from error
        if not data:
            raise _no_event(event_id)
        return self._keep(_event(data))

    async def of_run(self, event_id: str, name: str, root: JSONObject, at_ms: int) -> Event:
        """Return the event that started a run; if it cannot be read, as the run and its trace tell of it."""
        try:
            if event_id:
                return await self.get(event_id)
            raise _no_event(event_id)
        except (EventNotFoundError, RemoteError):
            given = an_object(root.get("input"))
            return Event(
                id=event_id,
                public_id=text(given, "id") or event_id,
                name=text(given, "name") or name or _UNNAMED,
                data=an_object(given.get("data")),
                user=an_object(given.get("user")),
                ts_ms=whole(given, "ts") or at_ms,
                received_ms=ulid_ms(event_id) if is_ulid(event_id) else at_ms,
                source="api" if given else UNTOLD,
            )

    async def page(self, wanted: EventFilter, *, cursor: str | None, limit: int) -> EventPage:
        """Return a page of events, newest first; raises as `Api.v1`.

        API v1 lists no internal events, and names no next cursor: it is the id of the last event.
        """
        query: dict[str, str | int] = {"limit": min(limit, _MOST_LISTED)}
        if wanted.name is not None:
            query["name"] = wanted.name
        if wanted.from_ms is not None:
            query["received_after"] = rfc3339(wanted.from_ms - 1)
        if wanted.until_ms is not None:
            query["received_before"] = rfc3339(wanted.until_ms)
        if cursor is not None:
            query["cursor"] = cursor
        found = [self._keep(_event(entry)) for entry in objects(await self._api.v1("/events", query))]
        ids = [event.id for event in found]
        # A server may begin with the event of the cursor, or know no cursor at all: no page shows it again.
        new = found[ids.index(cursor) + 1 :] if cursor in ids else found
        fitting = tuple(event for event in new if _fits(event, wanted))
        is_full = len(found) >= min(limit, _MOST_LISTED)
        return EventPage(events=fitting, next_cursor=ids[-1] if new and is_full else None)

    async def find(self, reference: str) -> Event:
        """Return an event by its ULID, or a recent one by the id of its sender; raises as `get`."""
        if is_ulid(reference):
            try:
                return await self.get(reference)
            except EventNotFoundError:  # senders may give ids of this form, too
                pass
        recent = await self.page(EventFilter(), cursor=None, limit=_MOST_LISTED)
        for event in recent.events:
            if event.public_id == reference:
                return event
        hint = f"Of ids that senders gave, those of the newest {_MOST_LISTED} events are known here."
        raise _no_event(reference, [event.id for event in recent.events[:3]], hint=hint)

    async def several(self, event_ids: list[str]) -> dict[str, Event]:
        """Return those of the events that the server knows."""
        found = await asyncio.gather(*map(self.get, event_ids), return_exceptions=True)
        return {event.id: event for event in found if isinstance(event, Event)}

    def _keep(self, event: Event) -> Event:
        self._seen[event.id] = event
        if len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        return event


def name_of(trigger: JSONObject) -> str:
    """Return the name of the event that started a run."""
    name = text(trigger, "eventName")
    return name or (SCHEDULED_TIMER if text(trigger, "cronSchedule") else "")


def _event(data: JSONObject) -> Event:
    event_id = text(data, "internal_id", "internalId", "id") or ""
    received_ms = moment(data, "received_at", "receivedAt")
    ts_ms = whole(data, "ts") or moment(data, "ts")
    return Event(
        id=event_id,
        public_id=text(data, "id") or event_id,
        name=text(data, "name") or _UNNAMED,
        data=an_object(data.get("data")),
        user=an_object(data.get("user")),
        ts_ms=ts_ms or received_ms or 0,
        received_ms=received_ms or ts_ms or 0,
        v=text(data, "v"),
        source=text(data, "source") or UNTOLD_SOURCE,
    )


def _fits(event: Event, wanted: EventFilter) -> bool:
    """Whether an event is one that was asked for, whatever the server took of the filter."""
    return (
        (wanted.name is None or event.name == wanted.name)
        and (wanted.from_ms is None or event.received_ms >= wanted.from_ms)
        and (wanted.until_ms is None or event.received_ms < wanted.until_ms)
    )


def _no_event(reference: str, nearest: list[str] | None = None, *, hint: str = "") -> EventNotFoundError:
    return EventNotFoundError(f"No event {reference[:100]!r}.", nearest=nearest or (), hint=hint)
