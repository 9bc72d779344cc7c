"""Runs of a list as the answer of list_runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from mcp.types import CallToolResult

from durable_engine import RunPage, RunRecord, RunStatus
from durable_engine.durations import format_duration
from mcp_server.clean import one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.runs import elapsed_ms
from mcp_server.render.sentences import activity
from mcp_server.render.times import iso
from mcp_server.results.lists import RunLine, RunListResult

_TEXTS: Final = (300, 100)
"""Characters of what came from users' code, while all runs of the page are shown."""
_ROWS: Final = (60, 40, 20, 5)
"""Runs shown when they do not fit; the cursor goes on from the last one."""


def run_list_answer(page: RunPage, *, filters: str) -> CallToolResult:
    """Build the answer for a page that holds runs; `filters` are the arguments that chose them."""
    shapes = [(limit, len(page.runs)) for limit in _TEXTS]
    shapes += [(_TEXTS[-1], rows) for rows in _ROWS if rows < len(page.runs)]
    return first_fit(partial(_answer, page, filters, limit=limit, rows=rows) for limit, rows in shapes)


def no_runs_answer(why: str, hint: str) -> CallToolResult:
    """Build the answer for a list without runs."""
    return reply(RunListResult(message=why, count=0, runs=[], next=hint))


def counted(runs: tuple[RunRecord, ...]) -> str:
    """Return how many runs have which status: `5 COMPLETED, 2 FAILED`."""
    counts = {status: sum(run.status is status for run in runs) for status in RunStatus}
    return ", ".join(f"{number} {status.value}" for status, number in counts.items() if number)


def _answer(page: RunPage, filters: str, *, limit: int, rows: int) -> CallToolResult:
    shown = page.runs[:rows]
    is_cut = rows < len(page.runs)
    cursor = shown[-1].id if is_cut else page.next_cursor
    runs = "1 run" if len(shown) == 1 else f"{len(shown)} runs"
    rest = "there are more (nextCursor)" if cursor else "no more"
    return reply(
        RunListResult(
            message=f"{runs}, newest first: {counted(shown)}; {rest}.",
            count=len(shown),
            runs=[_line(run, limit) for run in shown],
            next_cursor=cursor,
            truncated=f"{len(shown)} of the {len(page.runs)} runs fit; nextCursor goes on."
            if is_cut
            else None,
            next=_next(shown, cursor, filters),
        )
    )


def _line(run: RunRecord, limit: int) -> RunLine:
    return RunLine(
        run_id=run.id,
        function_id=one_line(run.function_slug, limit),
        status=run.status.value,
        event_name=one_line(run.event_name, limit),
        event_id=run.event_id,
        queued_at=iso(run.queued_ms) or "",
        received_at=iso(run.received_ms) if run.received_ms != run.queued_ms else None,
        duration=_duration(run),
        waits_for=None if run.view is None else one_line(activity(run.view), limit),
        error=one_line(_short_error(run.error), limit)
        if run.error and run.status is RunStatus.FAILED
        else None,
        cancelled=None if run.cancelled is None else one_line(f"Cancelled {run.cancelled}.", limit),
        parent_run_id=run.parent_run_id,
        original_run_id=run.original_run_id,
    )


def _duration(run: RunRecord) -> str | None:
    if run.view is not None:
        elapsed = elapsed_ms(run.view)
        return None if elapsed is None else format_duration(elapsed)
    if run.started_ms is None or run.ended_ms is None:
        return None
    return format_duration(max(0, run.ended_ms - run.started_ms))


def _short_error(error: Mapping[str, object]) -> str:
    return (
        ": ".join(str(part) for part in (error.get("name"), error.get("message")) if part) or "(no message)"
    )


def _next(runs: tuple[RunRecord, ...], cursor: str | None, filters: str) -> str:
    failed = next((run for run in runs if run.status is RunStatus.FAILED), None)
    waiting = next((run for run in runs if run.view is not None), None)
    if failed is not None:
        words = f'explain runId="{failed.id}" says why it failed'
    elif waiting is not None:
        words = f'explain runId="{waiting.id}" says why it waits; poll_run_status waits for its end'
    else:
        words = f'get_run_status runId="{runs[0].id}" shows the newest step by step'
    return words + (f'; list_runs {filters}cursor="{cursor}" goes on.' if cursor else ".")
