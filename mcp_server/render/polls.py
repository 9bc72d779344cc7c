"""Several runs at once: the answer of poll_run_status."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mcp.types import CallToolResult

from durable_engine import RunStatus, RunView
from mcp_server.clean import one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.payload import Cutter
from mcp_server.render.runs import run_row
from mcp_server.render.sentences import run_next
from mcp_server.render.times import iso
from mcp_server.results.runs import PollResult, RunRow, UnknownRun

_SHAPES = ((2_000, 5), (500, 5), (500, 1), (150, 1), (40, 1), (40, 0))
"""Characters of each payload, and waits of each run; at the end of them only statuses are left."""


def poll_answer(
    runs: Sequence[RunView], unknown: Sequence[UnknownRun], *, timeout_s: int, origin: str = ""
) -> CallToolResult:
    """Build the answer: each run as it is now, the counts, and the ids that no run has.

    `origin` is where the engine listens.
    """
    shapes: list[tuple[int, int] | None] = [*_SHAPES, None]
    return first_fit(partial(_answer, runs, unknown, timeout_s, shape, origin=origin) for shape in shapes)


def _answer(
    runs: Sequence[RunView],
    unknown: Sequence[UnknownRun],
    timeout_s: int,
    shape: tuple[int, int] | None,
    *,
    origin: str,
) -> CallToolResult:
    limit, most_waits = shape or (0, 0)
    cut = Cutter(limit)
    counts = {status: sum(run.status is status for run in runs) for status in RunStatus}
    is_over = all(run.status.is_terminal for run in runs)
    result = PollResult(
        message=_message(
            counts,
            len(runs),
            len(unknown),
            "all ended" if is_over else _not_ended(runs, timeout_s),
        ),
        all_ended=is_over,
        completed=counts[RunStatus.COMPLETED],
        failed=counts[RunStatus.FAILED],
        cancelled=counts[RunStatus.CANCELLED],
        running=counts[RunStatus.RUNNING],
        queued=counts[RunStatus.QUEUED],
        runs=[
            run_row(run, cut, most_waits=most_waits, origin=origin) if shape else _status(run) for run in runs
        ],
        not_found=list(unknown) or None,
        next=_next(runs, origin),
    )
    if shape is None:
        result.truncated = (
            f"Only ids and statuses of {len(runs)} runs fit; get_run_status shows the rest of one."
        )
        return reply(result)
    waits = sum(row.waits_omitted or 0 for row in result.runs)
    parts = [f"{cut.cuts} values are cut at {limit:,} characters"] if cut.cuts else []
    parts += [f"{waits} more waits"] if waits else []
    result.truncated = f"{'; '.join(parts)}; get_run_status of one run shows more." if parts else None
    return reply(result)


def _status(run: RunView) -> RunRow:
    return RunRow(
        run_id=run.id,
        function_id=one_line(run.function_slug, 60),
        function_name=one_line(run.function_name, 60),
        app_id=one_line(run.app_name, 60),
        status=run.status.value,
        queued_at=iso(run.queued_ms) or "",
        event_id=run.event.id,
        event_name=one_line(run.event.name, 60),
        mocked=None if run.is_real else "yes",
        step_count=len(run.steps),
    )


def _not_ended(runs: Sequence[RunView], timeout_s: int) -> str:
    if any(run.is_engine_stopping for run in runs):
        return "not all ended before Stepcue was stopped"
    return f"not all ended within {timeout_s} s"


def _message(counts: dict[RunStatus, int], known: int, unknown: int, end: str) -> str:
    words = ", ".join(f"{number} {status.value}" for status, number in counts.items() if number)
    runs = "1 run" if known == 1 else f"{known} runs"
    missing = f" Unknown ids: {unknown} (see notFound)." if unknown else ""
    return f"{runs}: {words}; {end}.{missing}"


def _next(runs: Sequence[RunView], origin: str) -> str | None:
    failed = next((run for run in runs if run.status is RunStatus.FAILED), None)
    open_runs = [run for run in runs if not run.status.is_terminal]
    if failed is not None:
        return f'explain runId="{failed.id}" says why it failed; get_run_status shows its steps.'
    if len(open_runs) == 1 or (open_runs and open_runs[0].is_engine_stopping):
        return run_next(open_runs[0], origin=origin)
    if open_runs:
        ids = ", ".join(f'"{one_line(run.id, 64)}"' for run in open_runs[:10])
        return f"poll_run_status runIds=[{ids}] goes on waiting; explain says why one waits."
    return f'get_run_status runId="{runs[0].id}" shows the steps of a run.' if runs else None
