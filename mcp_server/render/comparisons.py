"""Two runs held against each other, as the answer of compare_runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from mcp.types import CallToolResult

from durable_engine import Change, RunComparison, RunView, StepComparison
from mcp_server.clean import one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.payload import Cutter
from mcp_server.render.runs import elapsed_ms
from mcp_server.results.comparisons import ComparedRun, ComparedStep, CompareResult, Differences, Parting
from mcp_server.results.replays import Changed

SHAPES: Final = ((100, 1_000), (50, 300), (30, 100), (10, 60))
"""Steps, and characters of a value, that are shown."""


def compare_answer(found: RunComparison) -> CallToolResult:
    """Build the answer."""
    return first_fit(partial(_answer, found, rows, limit) for rows, limit in SHAPES)


def _answer(found: RunComparison, rows: int, limit: int) -> CallToolResult:
    cut = Cutter(limit)
    steps = shown_steps(found.steps, rows)
    result = CompareResult(
        message=_message(found),
        same=found.is_same,
        run_a=compared_run(found.run_a),
        run_b=compared_run(found.run_b),
        first_difference=parting(found, cut),
        differences=differences_of(found, rows, cut),
        steps=[compared_step(step, cut) for step in steps],
        notes=_notes(found),
        next=_next(found),
    )
    left_out = len(found.steps) - len(steps)
    names = max(0, len(found.only_a) - rows) + max(0, len(found.only_b) - rows)
    parts = [f"{cut.cuts} values are cut at {limit:,} characters"] if cut.cuts else []
    parts += [f"{left_out} more steps of both runs"] if left_out else []
    parts += [f"{names} more steps of only one"] if names else []
    result.truncated = f"{'; '.join(parts)}; get_run_status shows each run in full." if parts else None
    return reply(result)


def parting(found: RunComparison, cut: Cutter) -> Parting | None:
    """Return where the runs part."""
    first = found.first
    if first is None:
        return None
    return Parting(
        kind=first.kind,
        step_number=first.place + 1,
        step_a=None if first.step_a is None else cut.text(first.step_a),
        step_b=None if first.step_b is None else cut.text(first.step_b),
    )


def differences_of(found: RunComparison, rows: int, cut: Cutter) -> Differences | None:
    """Return what differs besides the steps of both; at most `rows` names of steps."""
    if not (found.only_a or found.only_b or found.event or found.result):
        return None
    return Differences(
        only_in_a=[cut.text(name) for name in found.only_a[:rows]] or None,
        only_in_b=[cut.text(name) for name in found.only_b[:rows]] or None,
        event=_changes(found.event, cut),
        result=_changes(found.result, cut),
    )


def shown_steps(steps: Sequence[StepComparison], rows: int) -> list[StepComparison]:
    """Return at most `rows` steps in their order; those that differ go before the others."""
    chosen = sorted(steps, key=lambda step: not step.differs)[:rows]
    return sorted(chosen, key=lambda step: step.place_a)


def compared_run(run: RunView) -> ComparedRun:
    """Return one of the two runs."""
    return ComparedRun(
        run_id=run.id,
        function_id=run.function_slug,
        status=run.status.value,
        duration_ms=elapsed_ms(run),
        step_count=len(run.steps),
        original_run_id=run.original_run_id,
    )


def compared_step(step: StepComparison, cut: Cutter) -> ComparedStep:
    """Return a step of both runs."""
    return ComparedStep(
        step_name=cut.text(step.label),
        status_a=step.status_a.value,
        status_b=step.status_b.value if step.status_b is not step.status_a else None,
        attempts_a=step.attempts_a,
        attempts_b=step.attempts_b if step.attempts_b != step.attempts_a else None,
        duration_ms_a=step.duration_a_ms,
        duration_ms_b=step.duration_b_ms,
        changes=_changes(step.changes, cut),
    )


def _changes(changes: Sequence[Change], cut: Cutter) -> list[Changed] | None:
    shown = []
    for change in changes:
        values: dict[str, Any] = {}
        if change.has_before:
            values["was"] = cut.value(change.before)
        if change.has_after:
            values["now"] = cut.value(change.after)
        shown.append(Changed(what=cut.text(change.path), **values))
    return shown or None


def _message(found: RunComparison) -> str:
    a, b = found.run_a, found.run_b
    ends = f"A {a.id} is {a.status.value}, B {b.id} is {b.status.value}"
    if not found.are_steps_known:
        alike = "the same" if not (found.event or found.result) else "different"
        return f"Start and result are {alike}: {ends}. The steps are not known of both."
    if found.is_same:
        return f"No difference: {ends}, with the same steps, outcomes and result."
    first = found.first
    if first is None:
        return f"The steps are the same, the result is not: {ends}."
    step_a, step_b = _name(first.step_a), _name(first.step_b)
    where = {
        "step": f"A has {step_a}, B has {step_b}",
        "outcome": f"{step_a} differs in input, output, error or status",
        "attempts": f"{step_a} took another number of attempts",
    }[first.kind]
    return f"The runs part at step {first.place + 1}: {where}. {ends}."


def _notes(found: RunComparison) -> list[str] | None:
    notes = []
    if not found.is_same_function:
        notes.append("The runs are of different functions: steps are paired by their names alone.")
    notes += [
        f"Run {run.id}: its steps are not known, so that only its start and its result are compared."
        for run in (found.run_a, found.run_b)
        if not run.are_steps_known
    ]
    notes += [
        f"Run {run.id} has not ended: what it has still to do counts as missing."
        for run in (found.run_a, found.run_b)
        if not run.status.is_terminal
    ]
    return notes or None


def _next(found: RunComparison) -> str:
    run_id = found.run_b.id
    if found.is_same:
        return f'check_replay runId="{run_id}" says whether the present code still takes this way.'
    return f'get_run_status runId="{run_id}" detail=full shows run B in full.'


def _name(name: str | None) -> str:
    return "no step" if name is None else repr(one_line(name, 80))
