"""Tool list_events: what came, newest first, and what each event did."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine import EventFilter
from durable_engine.model.event import INTERNAL_PREFIX
from mcp_server.arguments import MAX_NAME, Since
from mcp_server.backend import Backend
from mcp_server.clean import as_json, in_json, one_line
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import READ_ONLY
from mcp_server.nearest import nearest_names
from mcp_server.past import past_ms
from mcp_server.render.event_lists import event_list_answer, no_events_answer
from mcp_server.results.lists import EventListResult
from mcp_server.strict import define_tool

_RECENT = 100
_NO_INTERNAL = (
    "This server lists no internal events (inngest/…).",
    "list_events without includeInternal shows the events that were sent.",
)
_AT_THE_END = ("No more events after this cursor.", "list_events without cursor begins with the newest.")

EventName = Annotated[
    str, Field(max_length=256, description='Only events of this name, e.g. "shop/order.placed".')
]
Cursor = Annotated[str, Field(max_length=64, description="nextCursor of the page before, e.g. 01JD…")]
Limit = Annotated[int, Field(ge=1, le=100, description="Events a page, e.g. 50.")]
Internal = Annotated[bool, Field(description="Also the engine's own inngest/… events, e.g. true.")]


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""

    async def list_events(
        name: EventName | None = None,
        since: Since | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 20,
        *,
        include_internal: Internal = False,
    ) -> Annotated[CallToolResult, EventListResult]:
        """List the events that came, newest first.

        Returns per event its id, name, time, who sent it, the runs it started with their status, or why it
        started nothing. Next: explain with eventId.
        """
        is_internal = include_internal or (name or "").startswith(INTERNAL_PREFIX)
        with as_tool_errors():
            wanted = EventFilter(name=name, from_ms=past_ms(since, backend), with_internal=is_internal)
            page = await backend.records.event_records(wanted, cursor=cursor, limit=limit)
            if not page.events:
                why = _AT_THE_END if cursor else await _why_none(backend, wanted)
                return no_events_answer(*(_NO_INTERNAL if config.is_remote and is_internal else why))
        given = {"name": name, "since": since, "includeInternal": include_internal or None}
        filters = "".join(f"{key}={_shown(value)} " for key, value in given.items() if value)
        return event_list_answer(page, filters=filters, is_remote=config.is_remote)

    return define_tool(list_events, title="List events", annotations=READ_ONLY)


def _shown(value: object) -> str:
    return in_json(value, MAX_NAME) if isinstance(value, str) else as_json(value)


async def _why_none(backend: Backend, wanted: EventFilter) -> tuple[str, str]:
    """Say what there is instead of the events that were asked for, and what can be called now."""
    recent = (await backend.records.events(EventFilter(with_internal=True), limit=_RECENT)).events
    sent = [event for event in recent if not event.name.startswith(INTERNAL_PREFIX)]
    if wanted.from_ms is not None:
        older = EventFilter(name=wanted.name, with_internal=wanted.with_internal)
        if (await backend.records.events(older, limit=1)).events:
            return "No such events since then; there are older ones.", "list_events without since shows them."
    if wanted.name is not None and recent:
        names = list(dict.fromkeys(event.name for event in sent))
        near = nearest_names(wanted.name, names) or names[:5]
        others = ", ".join(as_json(one_line(name, 100)) for name in near) or "only internal ones"
        text = f"No event {as_json(one_line(wanted.name, 100))} has come. Events that came: {others}."
        return text, "list_events without name shows all; send_event sends one."
    if recent:
        return "Nobody has sent an event; there are only internal ones.", "list_events includeInternal=true"
    return (
        "No events have come yet.",
        "list_functions shows which events start something; send_event sends one.",
    )
