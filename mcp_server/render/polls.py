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
from mcp_server.results.runs import PollResult, UnknownRun

_LIMITS = (2_000, 500, 150, 40)


def poll_answer(runs: Sequence[RunView], unknown: Sequence[UnknownRun], *, timeout_s: int) -> CallToolResult:
    """Build the answer: each run as it is now, the counts, and the ids that no run has."""
    return first_fit(partial(_answer, runs, unknown, timeout_s, limit) for limit in _LIMITS)


def _answer(
    runs: Sequence[RunView], unknown: Sequence[UnknownRun], timeout_s: int, limit: int
) -> CallToolResult:
    cut = Cutter(limit)
    counts = {status: sum(run.status is status for run in runs) for status in RunStatus}
    is_over = all(run.status.is_terminal for run in runs)
    result = PollResult(
        message=_message(counts, len(runs), len(unknown), timeout_s, is_over=is_over),
        all_ended=is_over,
        completed=counts[RunStatus.COMPLETED],
        failed=counts[RunStatus.FAILED],
        cancelled=counts[RunStatus.CANCELLED],
        running=counts[RunStatus.RUNNING],
        queued=counts[RunStatus.QUEUED],
        runs=[run_row(run, cut) for run in runs],
        not_found=list(unknown) or None,
        next=_next(runs),
    )
    if cut.cuts:
        result.truncated = (
            f"{cut.cuts} values are cut at {limit:,} characters; get_run_status of one run shows more."
        )
    return reply(result)


def _message(counts: dict[RunStatus, int], known: int, unknown: int, timeout_s: int, *, is_over: bool) -> str:
    words = ", ".join(f"{number} {status.value}" for status, number in counts.items() if number)
    runs = "1 run" if known == 1 else f"{known} runs"
    end = "all ended" if is_over else f"not all ended within {timeout_s} s"
    missing = f" Unknown ids: {unknown} (see notFound)." if unknown else ""
    return f"{runs}: {words}; {end}.{missing}"


def _next(runs: Sequence[RunView]) -> str | None:
    failed = next((run for run in runs if run.status is RunStatus.FAILED), None)
    open_runs = [run for run in runs if not run.status.is_terminal]
    if failed is not None:
        return f'get_run_status runId="{failed.id}" shows the step that failed and its attempts.'
    if len(open_runs) == 1:
        return run_next(open_runs[0])
    if open_runs:
        ids = ", ".join(f'"{one_line(run.id, 64)}"' for run in open_runs[:10])
        return f"poll_run_status runIds=[{ids}] goes on waiting; get_run_status shows why one waits."
    return f'get_run_status runId="{runs[0].id}" shows the steps of a run.' if runs else None
