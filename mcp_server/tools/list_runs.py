"""Tool list_runs: find runs, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import BeforeValidator, Field

from durable_engine import EventFilter, RunFilter, RunStatus
from mcp_server.arguments import MAX_NAME, Since
from mcp_server.backend import Backend
from mcp_server.clean import as_json, in_json, one_line
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import READ_ONLY
from mcp_server.past import past_ms
from mcp_server.render.run_lists import counted, no_runs_answer, run_list_answer
from mcp_server.results.lists import RunListResult
from mcp_server.strict import define_tool

_MOST_COUNTED = 100
_AT_THE_END = ("No more runs after this cursor.", "list_runs without cursor begins with the newest.")

Status = Annotated[
    Literal["QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"],
    BeforeValidator(lambda given: given.upper() if isinstance(given, str) else given),
    Field(description="Only these."),
]
OfFunction = Annotated[str, Field(max_length=512, description='Only of this function, e.g. "shop-order".')]
OfApp = Annotated[str, Field(max_length=256, description='Only of this app, e.g. "shop".')]
EventName = Annotated[
    str, Field(max_length=256, description='Only started by this event, e.g. "shop/order.placed".')
]
OfEvent = Annotated[str, Field(max_length=512, description='Only started by this one, e.g. "01JD4Z9Q…".')]
Cursor = Annotated[str, Field(max_length=64, description='nextCursor of the page before, e.g. "01JD4Z9Q…".')]
Limit = Annotated[int, Field(ge=1, le=100, description="Runs a page, e.g. 50.")]


def make(backend: Backend) -> Tool:
    """Build the tool."""

    async def list_runs(
        status: Status | None = None,
        function_id: OfFunction | None = None,
        app_id: OfApp | None = None,
        event_name: EventName | None = None,
        event_id: OfEvent | None = None,
        since: Since | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 20,
    ) -> Annotated[CallToolResult, RunListResult]:
        """List workflow runs, newest first, all or those that fit every filter.

        Returns per run its id, function, status, event, duration, and an error or what it waits for. Next:
        explain or get_run_status.
        """
        given = {
            "status": status,
            "functionId": function_id,
            "appId": app_id,
            "eventName": event_name,
            "eventId": event_id,
            "since": since,
        }
        with as_tool_errors():
            wanted = RunFilter(
                app=app_id,
                function=function_id,
                statuses=frozenset({RunStatus(status)} if status else ()),
                event_id=None if event_id is None else (await backend.records.find_event(event_id)).id,
                event_name=event_name,
                from_ms=past_ms(since, backend),
            )
            page = await backend.records.runs(wanted, cursor=cursor, limit=limit, with_state=True)
            if not page.runs and page.next_cursor:  # a server that cannot filter, and has more to look at
                return no_runs_answer(*_further(given, page.next_cursor))
            if not page.runs:
                return no_runs_answer(*(_AT_THE_END if cursor else await _why_none(backend, wanted)))
        return run_list_answer(page, filters=_filters(given))

    return define_tool(list_runs, title="List runs", annotations=READ_ONLY)


def _filters(given: Mapping[str, str | None]) -> str:
    return "".join(f"{key}={in_json(value, MAX_NAME)} " for key, value in given.items() if value)


def _further(given: Mapping[str, str | None], cursor: str) -> tuple[str, str]:
    return (
        "No such run among the newest ones.",
        f'list_runs {_filters(given)}cursor="{cursor}" looks further.',
    )


async def _why_none(backend: Backend, wanted: RunFilter) -> tuple[str, str]:
    """Say what there is instead of the runs that were asked for, and what can be called now."""
    kinds = " or ".join(sorted(wanted.statuses))
    if wanted.statuses and (others := await _counted(backend, replace(wanted, statuses=frozenset()))):
        return f"No {kinds} runs; there are {others}.", "list_runs without status shows them."
    wanted = replace(wanted, statuses=frozenset())
    if wanted.from_ms is not None and (older := await _counted(backend, replace(wanted, from_ms=None))):
        return f"No runs since then; before it, {older}.", "list_runs without since shows them."
    if wanted.event_id is not None:
        return "This event started no such run.", f'explain eventId="{wanted.event_id}" says why.'
    if wanted.event_name is not None:
        return await _of_name(backend, wanted.event_name)
    if wanted.function is not None:
        function = in_json(wanted.function, MAX_NAME)
        return f"Function {function} has no runs.", f"invoke_function functionId={function} starts one."
    return "There are no runs yet.", "list_functions shows what can be started; list_events what came."


async def _of_name(backend: Backend, name: str) -> tuple[str, str]:
    quoted = as_json(one_line(name, 100))
    events = await backend.records.events(EventFilter(name=name, with_internal=True), limit=1)
    if events.events:
        event_id = events.events[0].id
        if (await backend.records.runs(RunFilter(event_id=event_id), limit=1)).runs:
            why = f"Events {quoted} came, and only joined runs that other events had begun (batches)."
            return why, f'list_runs eventId="{event_id}" shows the run of the newest.'
        return f"Events {quoted} came, and started no such run.", f'explain eventId="{event_id}" says why.'
    nearest = ", ".join(as_json(one_line(near, 100)) for near in await backend.nearest_triggers(name))
    near = f" Names that something listens to: {nearest}." if nearest else ""
    return f"No event {quoted} has come.{near}", "list_events shows those that came."


async def _counted(backend: Backend, wanted: RunFilter) -> str:
    """Return how many runs fit by status, up to 100 of them; nothing for none."""
    page = await backend.records.runs(wanted, limit=_MOST_COUNTED)
    newest = f" among the newest {_MOST_COUNTED}" if page.next_cursor else ""
    return f"{counted(page.runs)}{newest}" if page.runs else ""
