"""The answer of advance_time."""

from __future__ import annotations

from functools import partial
from typing import Final

from mcp.types import CallToolResult

from durable_engine import Advance, Fired, RunView
from durable_engine.durations import format_duration
from mcp_server.clean import one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.sentences import run_next, run_sentence
from mcp_server.render.times import clock_ahead, iso
from mcp_server.results.time import AdvanceResult, Happening

_SHOWN: Final = (40, 20, 5)
_WORDS: Final = {
    "run.queued": "run started",
    "run.completed": "run completed",
    "run.failed": "run failed",
    "run.cancelled": "run cancelled",
    "step.completed": "step completed",
    "step.failed": "step failed for good",
    "step.timed_out": "wait timed out",
    "step.errored": "attempt of step failed",
    "call.failed": "call failed",
}


def advance_answer(moved: Advance, *, run: RunView | None) -> CallToolResult:
    """Say how far time moved, and what happened meanwhile."""
    return first_fit(partial(_answer, moved, run, most) for most in _SHOWN)


def _answer(moved: Advance, run: RunView | None, most: int) -> CallToolResult:
    by = format_duration(max(0, moved.now_ms - moved.from_ms))
    shown = moved.fired[:most]
    return reply(
        AdvanceResult(
            message=_message(moved, run, by),
            engine_time=iso(moved.engine_ms) or "",
            clock_ahead=clock_ahead(moved.shift_ms),
            run_id=moved.run_id,
            run_time=None if run is None else iso(moved.now_ms),
            status=None if run is None else run.status.value,
            moved=by,
            complete=moved.is_complete,
            happened=[_happening(fired) for fired in shown],
            happened_count=moved.count,
            next_due=iso(moved.next_due_ms),
            open_calls=list(moved.open_calls) or None,
            next=_next(moved, run),
        )
    )


def _message(moved: Advance, run: RunView | None, by: str) -> str:
    many = "nothing" if not moved.count else f"{moved.count} thing{'' if moved.count == 1 else 's'}"
    whose = "The engine's time" if run is None else f"The time of run {run.id}"
    words = f"{whose} moved by {by} to {iso(moved.now_ms)}; {many} happened meanwhile."
    if not moved.is_complete and run is None:
        words += f" That is not as far as asked ({iso(moved.target_ms)}): the time-out came first."
    if run is not None:
        words += f" {run_sentence(run)}"
    return words


def _next(moved: Advance, run: RunView | None) -> str | None:
    if run is not None:
        return run_next(run) or f'get_run_status runId="{run.id}" shows every step.'
    if not moved.is_complete:
        open_calls = f" (call open: run {moved.open_calls[0]})" if moved.open_calls else ""
        return f'advance_time to="{iso(moved.target_ms)}" goes on from here{open_calls}.'
    if moved.next_due_ms is None:
        return "Nothing is due any more: runs that are open wait for events, or for their app."
    if moved.next_due_ms <= moved.now_ms:
        return "Something is due right now: poll_run_status shows what becomes of it."
    left = format_duration(moved.next_due_ms - moved.now_ms)
    return f'Something is due next in {left}: advance_time to="{iso(moved.next_due_ms)}" gets there.'


def _happening(fired: Fired) -> Happening:
    return Happening(
        at=iso(fired.at_ms) or "",
        what=_WORDS.get(fired.kind, fired.kind),
        function_id=fired.function_slug,
        run_id=fired.run_id,
        step_name=None if fired.step_name is None else one_line(fired.step_name, 100),
    )
