"""A run of a server elsewhere and its repeat here, as the answer of mirror_run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mcp.types import CallToolResult

from durable_engine import RunComparison, RunStatus, RunView, StepStatus, StepView
from durable_engine.model.double import HAS_CALL
from durable_engine.model.status import StepKind
from mcp_server.clean import as_json, one_line
from mcp_server.remote.recorded import WITHHELD, is_presumed
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.comparisons import (
    SHAPES,
    compared_run,
    compared_step,
    differences_of,
    parting,
    shown_steps,
)
from mcp_server.render.payload import Cutter
from mcp_server.render.runs import time_skipped
from mcp_server.results.mirrors import MirrorResult

_MOST_NOTES: Final = 10
_MOST_NOTE: Final = 300
_CARRIED_OUT: Final = HAS_CALL | {StepKind.INVOKE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """What came of a repeat: the run here, and `found` holds the one elsewhere as A against it as B.

    `environment` is where the run was taken from, `real` are the steps that were asked to run, and `notes`
    are sentences about what is not known.
    """

    local: RunView
    found: RunComparison
    environment: str
    real: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def mirror_answer(mirror: Mirror) -> CallToolResult:
    """Build the answer."""
    return first_fit(partial(_answer, mirror, rows, limit) for rows, limit in SHAPES)


def _answer(mirror: Mirror, rows: int, limit: int) -> CallToolResult:
    found, cut = mirror.found, Cutter(limit)
    local, steps = mirror.local, shown_steps(found.steps, rows)
    facts: dict[str, Any] = {}
    if local.status is RunStatus.COMPLETED:
        facts["output"] = cut.value(local.output)
    held_back = [step for step in local.steps if step.doubled == WITHHELD and not is_presumed(step)]
    result = MirrorResult(
        message=_message(mirror, held_back),
        same=found.is_same,
        mirrored=one_line(mirror.environment, _MOST_NOTE),
        remote=compared_run(found.run_a),
        local=compared_run(local),
        first_difference=parting(found, cut),
        differences=differences_of(found, rows, cut),
        mocked=_labels([step for step in local.steps if step.doubled and step not in held_back], rows, cut),
        ran=_labels(_ran(local.steps), rows, cut),
        held_back=_labels(held_back, rows, cut),
        steps=[compared_step(step, cut) for step in steps],
        error=cut.error(local.error) if local.status is RunStatus.FAILED else None,
        time_skipped=time_skipped(local),
        notes=[one_line(note, _MOST_NOTE) for note in mirror.notes[:_MOST_NOTES]] or None,
        next=_next(mirror, held_back),
        **facts,
    )
    left_out = len(found.steps) - len(steps)
    parts = [f"{cut.cuts} values are cut at {limit:,} characters"] if cut.cuts else []
    parts += [f"{left_out} more steps of both runs"] if left_out else []
    if parts:
        result.truncated = (
            f'{"; ".join(parts)}; get_run_status runId="{local.id}" shows the run here in full.'
        )
    return reply(result)


def _ran(steps: tuple[StepView, ...]) -> list[StepView]:
    """Return the steps whose work was done in earnest."""
    return [step for step in steps if step.kind in _CARRIED_OUT and step.doubled is None and step.attempts]


def _labels(steps: list[StepView], rows: int, cut: Cutter) -> list[str] | None:
    return [cut.text(step.label) for step in steps[:rows]] or None


def _message(mirror: Mirror, held_back: list[StepView]) -> str:
    found = mirror.found
    remote, local = found.run_a, mirror.local
    whose = f"run {remote.id} of {one_line(mirror.environment, _MOST_NOTE)}"
    ends = f"that one is {remote.status.value}, the run here, {local.id}, is {local.status.value}"
    if found.is_same:
        end = "ended as it did" if remote.status.is_terminal else "is where it is"
        return f"Reproduced: the present code took the way of {whose} and {end}: {ends}."
    first = found.first
    if first is None:
        return f"The steps are those of {whose}, the result is another one: {ends}."
    there, here = _name(first.step_a), _name(first.step_b)
    where = {
        "step": f"it has {there} there, and {here} here",
        "outcome": f"{there} differs in input, output, error or status",
        "attempts": f"{there} took another number of attempts",
    }[first.kind]
    words = f"Not the way of {whose} from step {first.place + 1} on: {where}; {ends}."
    if held_back:
        words += f" Step {one_line(held_back[0].label, 80)!r} is not on record and was held back."
    return words


def _next(mirror: Mirror, held_back: list[StepView]) -> str:
    remote, local = mirror.found.run_a, mirror.local
    if held_back:
        real = [*mirror.real, held_back[0].label]
        return (
            f'mirror_run runId="{remote.id}" real={as_json(real)} runs its code; "*" in real runs all of it.'
        )
    if not local.status.is_terminal:
        ends = f'cancel_run runId="{local.id}" ends it.'
        return f'advance_time runId="{local.id}" to="end" lets it go on from there; {ends}'
    failed = next((step for step in local.steps if step.status is StepStatus.FAILED and step.doubled), None)
    if mirror.found.is_same and failed is not None:
        real = [*mirror.real, failed.label]
        return f'mirror_run runId="{remote.id}" real={as_json(real)} runs the failing step on the code here.'
    if not mirror.found.is_same:
        return f'get_run_status runId="{local.id}" detail=full shows the run here step by step.'
    keeps = f'export_test runId="{local.id}" keeps it as a test'
    if local.status is RunStatus.FAILED:
        return f'explain runId="{local.id}" names the cause; {keeps}.'
    return f"{keeps}."


def _name(label: str | None) -> str:
    return "no step" if label is None else f"step {one_line(label, 80)!r}"
