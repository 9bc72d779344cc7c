"""A cancelled run as the answer of cancel_run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mcp.types import CallToolResult

from durable_engine import RunStatus, RunView
from durable_engine.durations import format_duration
from mcp_server.clean import one_line
from mcp_server.render.budget import reply
from mcp_server.render.runs import elapsed_ms
from mcp_server.render.times import iso
from mcp_server.results.lists import CancelRunResult, ListedRun

_MOST: Final = 20
"""Calls and child runs that are named."""
_WHOLE: Final = "function"


def cancel_answer(
    run: RunView,
    open_children: Sequence[RunView],
    *,
    calls: Sequence[str | None] | None = None,
    was_cancelled: bool = False,
    fails_parent: bool = False,
) -> CallToolResult:
    """Build the answer from the run as it is now.

    `calls` are the steps (hashed ids) whose calls were open, None for one of the whole function; it is None
    itself where they are not known. `was_cancelled`: before this. `fails_parent`: the step that had invoked
    it failed, too.
    """
    names = {step.id: one_line(step.label, 100) for step in run.steps}
    open_calls = [_WHOLE if call is None else names.get(call, call) for call in calls or ()]
    elapsed = elapsed_ms(run)
    # Who has just cancelled it, a server elsewhere does not name; who asked knows.
    is_told = run.cancelled is not None and (was_cancelled or not run.is_elsewhere)
    return reply(
        CancelRunResult(
            message=" ".join(
                [
                    _now(run, was_cancelled=was_cancelled),
                    *([] if was_cancelled else _calls(run, calls)),
                    *_others(run, len(open_children), fails_parent=fails_parent),
                ]
            ),
            run_id=run.id,
            function_id=run.function_slug,
            status=run.status.value,
            cancelled=one_line(f"Cancelled {run.cancelled}.", 500) if is_told else None,
            ended_at=iso(run.ended_ms),
            duration=None if elapsed is None else format_duration(elapsed),
            already_cancelled=was_cancelled or None,
            open_calls=open_calls[:_MOST] or None,
            open_child_runs=[
                ListedRun(run_id=child.id, function_id=child.function_slug, status=child.status.value)
                for child in open_children[:_MOST]
            ]
            or None,
            parent_run_id=run.parent_run_id,
            next=_next(run, open_children),
        )
    )


def _now(run: RunView, *, was_cancelled: bool) -> str:
    if was_cancelled:
        state = "was CANCELLED before; nothing was changed"
    elif run.status is RunStatus.CANCELLED:
        state = "is now CANCELLED"
    elif run.status.is_terminal:
        state = f"has ended by itself meanwhile: it is {run.status.value}"
    else:
        state = (
            f"is being cancelled: the server has taken the order, and shows it as {run.status.value} so far"
        )
    return f"Run {run.id} of {one_line(run.function_slug, 100)!r} {state}."


def _calls(run: RunView, calls: Sequence[str | None] | None) -> list[str]:
    if calls is None and run.status in {RunStatus.COMPLETED, RunStatus.FAILED}:
        return []
    if calls is None:
        return ["If a call to the app had begun, what runs there runs to its end; its result is dropped."]
    if not calls:
        return []
    what = "A call" if len(calls) == 1 else f"{len(calls)} calls"
    return [f"{what} to the app had begun: what runs there runs to its end, its result is dropped."]


def _others(run: RunView, children: int, *, fails_parent: bool) -> list[str]:
    parts = []
    if children:
        runs = "1 run that it invoked goes" if children == 1 else f"{children} runs that it invoked go"
        parts.append(f"{runs} on (openChildRuns).")
    if fails_parent:
        parts.append(f"The step of run {run.parent_run_id} that had invoked it failed with it.")
    return parts


def _next(run: RunView, open_children: Sequence[RunView]) -> str:
    if not run.status.is_terminal:
        return f'poll_run_status runIds=["{run.id}"] waits until it has ended.'
    if open_children:
        return f'cancel_run runId="{open_children[0].id}" ends a run that goes on.'
    if run.parent_run_id is not None:
        return f'get_run_status runId="{run.parent_run_id}" shows what its parent does.'
    return f'rerun runId="{run.id}" starts it again.'
