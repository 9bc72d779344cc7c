"""Events of a list as the answer of list_events."""

from __future__ import annotations

from functools import partial
from typing import Final

from mcp.types import CallToolResult

from durable_engine import EventRecord, EventRecordPage, NotStarted, RunStatus
from durable_engine.model.event import INTERNAL_PREFIX
from mcp_server.clean import as_json, one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.times import iso
from mcp_server.results.lists import EventLine, EventListResult, ListedRun

_SHAPES: Final = ((300, 10, 100), (100, 3, 100), (60, 1, 100), (60, 1, 50), (60, 1, 20), (60, 1, 5))
"""Characters of each text, runs that are named of each event, and events."""
_MOMENT_MS: Final = 1_000
"""Senders set `ts` a moment before the event is received."""
_SENT_BY: Final = {
    "api": "HTTP request",
    "direct": "tool or test of Stepcue",
    "invoke": "direct invocation",
    "rerun": "rerun",
    "mirror": "copy of an event elsewhere",
    "endpoint": "request to a durable endpoint",
    "test": "test, while a run waited",
    "engine": "engine",
}


def event_list_answer(page: EventRecordPage, *, filters: str, is_remote: bool = False) -> CallToolResult:
    """Build the answer for a page that holds events; `filters` are the arguments that chose them.

    `is_remote`: a server elsewhere tells of runs alone, and no more of what an event did.
    """
    return first_fit(partial(_answer, page, filters, shape, is_remote=is_remote) for shape in _SHAPES)


def no_events_answer(why: str, hint: str) -> CallToolResult:
    """Build the answer for a list without events."""
    return reply(EventListResult(message=why, count=0, events=[], next=hint))


def _answer(
    page: EventRecordPage, filters: str, shape: tuple[int, int, int], *, is_remote: bool
) -> CallToolResult:
    limit, most_runs, rows = shape
    shown = page.events[:rows]
    is_cut = rows < len(page.events)
    cursor = shown[-1].event.id if is_cut else page.next_cursor
    lines = [_line(record, limit, most_runs, is_remote=is_remote) for record in shown]
    pairs = list(zip(shown, lines, strict=True))
    idle = [line for line in lines if line.nothing_because is not None]
    events = "1 event" if len(shown) == 1 else f"{len(shown)} events"
    rest = "there are more (nextCursor)" if cursor else "no more"
    did = "have no run that this server reports" if is_remote else "did nothing"
    nothing = f" {len(idle)} of them {did}." if idle else ""
    if is_remote and "includeInternal" in filters:
        nothing += " This server lists no internal events."
    return reply(
        EventListResult(
            message=f"{events}, newest first; {rest}.{nothing}",
            count=len(shown),
            events=lines,
            next_cursor=cursor,
            truncated=f"{rows} of {len(page.events)} events fit; nextCursor goes on." if is_cut else None,
            next=_next(*next((pair for pair in pairs if pair[1] in idle), pairs[0]), cursor, filters),
        )
    )


def _line(record: EventRecord, limit: int, most_runs: int, *, is_remote: bool) -> EventLine:
    event, sender = record.event, record.sender
    started = {run.run_id for run in record.runs}
    waiting = [entry for entry in record.missed if entry.run_id not in started]
    return EventLine(
        event_id=event.id,
        given_id=None if event.public_id == event.id else one_line(event.public_id, limit),
        name=one_line(event.name, limit),
        received_at=iso(event.received_ms) or "",
        ts=iso(event.ts_ms) if abs(event.ts_ms - event.received_ms) > _MOMENT_MS else None,
        sent_by=one_line(record.event.source if is_remote else _sent_by(record), limit),
        sent_by_run_id=None if sender is None else sender.run_id,
        runs=[
            ListedRun(
                run_id=run.run_id,
                function_id=one_line(run.function_slug, limit),
                status=RunStatus(run.status).value,
            )
            for run in record.runs[:most_runs]
        ],
        run_count=record.run_count if record.run_count > min(most_runs, len(record.runs)) else None,
        woken=record.woken or None,
        cancelled=record.cancelled or None,
        not_started=[one_line(_missed(entry), limit) for entry in waiting[:most_runs]] or None,
        nothing_because=_no_run_because(record) if is_remote else _nothing_because(record),
    )


def _sent_by(record: EventRecord) -> str:
    """Say where an event came from, as far as the engine knows."""
    event, sender = record.event, record.sender
    if event.source == "cron":
        return f"schedule {event.data.get('cron', '')}"
    if sender is None:
        return _SENT_BY.get(event.source, event.source)
    if sender.step_id is not None:
        return f"step {as_json(one_line(sender.step_name or sender.step_id, 100))} of a run"
    return {"engine": "engine, at the end of a run", "rerun": "rerun of a run"}.get(
        event.source, event.source
    )


def _missed(entry: NotStarted) -> str:
    until = f" (until {iso(entry.until_ms)})" if entry.until_ms is not None else ""
    return f"{entry.function_slug} ({entry.decision}): {entry.reason}{until}"


def _nothing_because(record: EventRecord) -> str | None:
    """Say in short why an event did nothing; None when it did something, or is the engine's own."""
    if record.run_count or record.woken or record.cancelled or record.event.name.startswith(INTERNAL_PREFIX):
        return None
    if record.missed:
        is_over = all(entry.decision == "drop" for entry in record.missed)
        return "see notStarted" if is_over else "nothing yet: see notStarted"
    if record.listeners:
        others = len(record.listeners) - 1
        more = f" and {others} more" if others else ""
        return (
            f"nothing listened to this name when it came; {one_line(record.listeners[0], 100)}{more} does now"
        )
    return "no function listens to this name"


def _no_run_because(record: EventRecord) -> str | None:
    """Say in short why there is no run of an event, as far as a server elsewhere tells; None for one."""
    if record.run_count:
        return None
    if record.missed:
        return "no run reported: see notStarted"
    return "no function listens to this name; whether a run waited for it, this server does not say"


def _next(record: EventRecord, line: EventLine, cursor: str | None, filters: str) -> str:
    if line.nothing_because is not None:
        words = f'explain eventId="{line.event_id}" says why it did nothing'
    elif line.runs:
        words = f'get_run_status runId="{record.runs[-1].run_id}" shows the last of its runs'
    else:
        words = f'explain eventId="{line.event_id}" says what it did'
    return words + (f'; list_events {filters}cursor="{cursor}" goes on.' if cursor else ".")
