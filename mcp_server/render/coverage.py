"""The coverage of a function as the answer of get_coverage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from mcp.types import CallToolResult

from durable_engine import Branch, Coverage, Gap, GapKind, StepCoverage
from mcp_server.clean import in_json, one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.payload import Cutter
from mcp_server.render.suggestions import suggestions
from mcp_server.results.coverage import (
    BranchInfo,
    CoverageResult,
    CoveredStep,
    NeverSeen,
    Overall,
    Seen,
)

_SHAPES: Final = ((60, 100), (30, 80), (15, 60), (8, 40))
_COUNTS: Final = (
    "completed",
    "failed",
    "retried",
    "timed_out",
    "cancelled",
    "open",
    "doubled",
    "not_run",
)
_SAYS: Final[Mapping[GapKind, str]] = {
    GapKind.RUN_COMPLETED: "No run has completed.",
    GapKind.RUN_FAILED: "No run has failed.",
    GapKind.FAILURE_HANDLER: "The failure handler has never run.",
    GapKind.CANCEL_ON: "The event of cancelOn has never cancelled a run.",
    GapKind.TIMEOUT: "No run was ever cancelled by its timeouts.",
    GapKind.STEP_FAILED: "The step has never failed.",
    GapKind.STEP_RETRIED: "The step was never retried.",
    GapKind.WAIT_TIMED_OUT: "The wait has never timed out.",
    GapKind.WAIT_SATISFIED: "The wait has never got what it waits for.",
    GapKind.TRIGGER: "The trigger has never started a run.",
    GapKind.FLOW_CONTROL: "The control has never held or decided anything.",
}
_NOT_TOLD: Final = (
    "Traces do not show time-outs of waits, what cancelled a run, failure handlers and flow control: nothing "
    "is said about them."
)
_ONLY_RUNS: Final = (
    "SDKs register no list of steps: a step or branch that no recorded run came to is not known here."
)


def coverage_answer(found: Coverage, *, is_remote: bool = False) -> CallToolResult:
    """Build the answer; `is_remote`: from traces of a server elsewhere, which show less."""
    return first_fit(partial(_answer, found, rows, limit, is_remote=is_remote) for rows, limit in _SHAPES)


def _answer(found: Coverage, rows: int, limit: int, *, is_remote: bool) -> CallToolResult:
    cut = Cutter(limit)
    result = CoverageResult(
        message=_message(found),
        overall=_overall(found, cut),
        steps=[_step(step, cut) for step in found.steps[:rows]],
        branches=[_branch(branch, cut) for branch in found.branches[:rows]],
        never_seen=[_gap(gap, cut) for gap in found.gaps[:rows]] if found.runs else [],
        suggestions=None if is_remote else suggestions(found) or None,
        notes=[_ONLY_RUNS, *(_remote_notes(found) if is_remote else ())],
        next=_remote_next(found) if is_remote else _next(found),
    )
    left_out = {
        "steps": len(found.steps) - rows,
        "branches": len(found.branches) - rows,
        "things never seen": len(found.gaps) - rows,
    }
    more = ", ".join(f"{count} {what}" for what, count in left_out.items() if count > 0)
    parts = [f"{cut.cuts} names are cut at {limit} characters"] if cut.cuts else []
    parts += [f"{more} more than are shown"] if more else []
    way = "a shorter `since` has fewer of them, get_run_status has all steps of one run"
    result.truncated = f"{'; '.join(parts)}; {way}." if parts else None
    return reply(result)


def _overall(found: Coverage, cut: Cutter) -> Overall:
    return Overall(
        function_id=found.function.slug,
        runs=found.runs,
        older_runs=found.has_more or None,
        outcomes=_seen({status.value: count for status, count in found.outcomes.items()}, cut),
        triggers=_seen(found.triggers, cut) or None,
        cancelled_by=_seen(found.cancelled_by, cut) or None,
        flow_control=_seen(found.controls, cut) or None,
        failure_handler_runs=found.handler_runs or None,
        failed_outside_steps=found.failed_outside_steps or None,
    )


def _seen(counts: Mapping[str, int], cut: Cutter) -> list[Seen]:
    most = sorted(counts.items(), key=lambda pair: -pair[1])[:20]
    return [Seen(name=cut.text(name), count=count) for name, count in most if count]


def _step(step: StepCoverage, cut: Cutter) -> CoveredStep:
    counts = {name: getattr(step, name) or None for name in _COUNTS}
    return CoveredStep(step_name=cut.text(step.name), kind=step.kind.value, runs=step.runs, **counts)


def _branch(branch: Branch, cut: Cutter) -> BranchInfo:
    return BranchInfo(
        after="(start)" if branch.before is None else cut.text(branch.before),
        came="(end)" if branch.after is None else cut.text(branch.after),
        runs=branch.runs,
    )


def _gap(gap: Gap, cut: Cutter) -> NeverSeen:
    subject = None if gap.subject is None else cut.text(gap.subject)
    return NeverSeen(kind=gap.kind.value, subject=subject, says=_SAYS[gap.kind])


def _message(found: Coverage) -> str:
    slug = repr(one_line(found.function.slug, 100))
    if not found.runs:
        usable = " with a trace" if found.untraced else ""
        return f"No run of {slug}{usable} is recorded, so that nothing is covered."
    outcomes = _listed(f"{count} {status.value}" for status, count in found.outcomes.items() if count)
    only = "the newest " if found.has_more else ""
    runs = "1 run" if found.runs == 1 else f"{found.runs} runs"
    steps = "1 step" if len(found.steps) == 1 else f"{len(found.steps)} steps"
    never = f"never seen: {len(found.gaps)} things" if found.gaps else "nothing that is known of was missed"
    return f"{slug} in {only}{runs} ({outcomes}): {steps}, {len(found.branches)} branches; {never}."


def _next(found: Coverage) -> str:
    slug = in_json(found.function.slug)
    if not found.runs:
        return f"invoke_function functionId={slug} makes a first run."
    other = f"test_function functionId={slug} with other data finds other branches."
    return next(iter(suggestions(found)), other)


def _remote_notes(found: Coverage) -> list[str]:
    if not found.untraced:
        return [_NOT_TOLD]
    runs = "1 run" if found.untraced == 1 else f"{found.untraced} runs"
    return [_NOT_TOLD, f"{runs} more: the server has no usable trace, so they are not counted."]


def _remote_next(found: Coverage) -> str:
    slug = in_json(found.function.slug)
    if not found.runs:
        return f"list_runs functionId={slug} shows its runs."
    return f"list_runs functionId={slug} shows these runs; tests of what is missing need the embedded engine."


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
