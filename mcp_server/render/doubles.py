"""Doubles in answers: the standing ones, and what they did to a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mcp.types import CallToolResult

from durable_engine import (
    Double,
    DoubleUse,
    Fault,
    FaultKind,
    MockError,
    MockEvent,
    MockResult,
    Outcome,
    RunView,
    StepKind,
    StepView,
    fits_kind,
)
from durable_engine.durations import format_duration
from durable_engine.model.double import word_for
from mcp_server.clean import as_json, in_json, one_line, quoted_step
from mcp_server.nearest import nearest_names
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.payload import Cutter
from mcp_server.render.times import iso
from mcp_server.results.doubles import ClearResult, DoubleInfo, DoubleUseInfo, MockStepResult

MAX_USES = 20
"""Uses of doubles shown of a run, the newest."""
_FEW = 3
_ROWS = (100, 40, 10)
_SHOWN_OUTCOMES = 10
_SHOWN_CHARS = 100
_FAULTS = frozenset(kind.value for kind in FaultKind)


def mock_answer(double: Double, slug: str, seen: Mapping[str, StepKind]) -> CallToolResult:
    """Build the answer of mock_step; `slug` is the function's id, `seen` its steps that runs came to."""
    slug = one_line(slug, 100)
    info = _info(double, slug, now_ms=double.created_ms)
    is_seen = None if double.step is None else double.step in seen
    until = "" if info.expires_in is None else f" for {info.expires_in}, until {info.expires_at}"
    scope = f"run {double.scope}" if double.scope else f"every run of {slug!r}"
    return reply(
        MockStepResult(
            message=f"A double stands in for {_label(double)} in {scope}{until}: "
            f"{', then '.join(_words(double))}{_bound(double)}.",
            double=info,
            seen=is_seen,
            warning=_warning(double, seen),
            next=f'get_run_status runId="{double.scope}" shows what it does.'
            if double.scope
            else f"invoke_function functionId={in_json(slug)} runs with it; "
            f"clear_mocks functionId={in_json(slug)} removes it.",
        )
    )


def _warning(double: Double, seen: Mapping[str, StepKind]) -> str | None:
    kind = None if double.step is None else seen.get(double.step)
    if double.step is None:
        return None
    if not seen:
        return "No run of the function is known yet, so that the step id could not be checked."
    if kind is None:
        names = nearest_names(double.step, seen) or list(seen)[:_FEW]
        known = ", ".join(repr(one_line(name, 80)) for name in names)
        return f"No recent run of the function came to this step; check its id. It has: {known}."
    pairs = zip(double.words, double.outcomes, strict=True)
    unfit = next((word for word, outcome in pairs if not fits_kind(outcome, kind)), None)
    if unfit is None:
        return None
    return (
        f"In recent runs this step is of kind {kind}, which {unfit!r} does not fit: a run would fail there."
    )


def clear_answer(
    cleared: Sequence[Double], left: Sequence[Double], slugs: Mapping[str, str], *, now_ms: int
) -> CallToolResult:
    """Build the answer of clear_mocks; `slugs` are the ids of functions by their UUIDs."""
    return first_fit(partial(_cleared, cleared, left, slugs, now_ms, rows) for rows in _ROWS)


def _cleared(
    cleared: Sequence[Double], left: Sequence[Double], slugs: Mapping[str, str], now_ms: int, rows: int
) -> CallToolResult:
    def infos(doubles: Sequence[Double]) -> list[DoubleInfo]:
        return [
            _info(
                double,
                slugs.get(double.function_id, double.function_id),
                now_ms=now_ms,
                never_used=not double.uses,
            )
            for double in doubles[:rows]
        ]

    unused = [double for double in cleared if not double.uses]
    never = (
        f" {len(unused)} of them never applied: {', '.join(_label(double) for double in unused[:_FEW])}"
        f"{' and more' if len(unused) > _FEW else ''}."
        if unused
        else ""
    )
    message = f"{_count(len(cleared))} removed, {len(left)} left.{never}"
    if not cleared:
        message = f"Nothing to remove: no standing double fits; {len(left)} left."
    next_call = (
        "Runs use the real steps again." if not left else "clear_mocks without arguments removes the rest."
    )
    cut = len(cleared) > rows or len(left) > rows
    return reply(
        ClearResult(
            message=message,
            cleared=infos(cleared),
            left=infos(left),
            truncated=f"Of each list only the first {rows} are shown." if cut else None,
            next=next_call,
        )
    )


def standing_words(doubles: Sequence[Double], *, now_ms: int) -> list[str] | None:
    """Say which doubles stand for a function: `step 'charge': error, used 2 times, 41m left`."""
    return [
        f"{_label(double)}: {', then '.join(_words(double))}, {_used(double)}, "
        f"{format_duration(max(0, (double.expires_ms or 0) - now_ms))} left"
        for double in doubles[:_SHOWN_OUTCOMES]
    ] or None


def mocked_words(run: RunView) -> str | None:
    """Say in a sentence what doubles did to a run; None when nothing."""
    if run.is_real:
        return None
    names = {step.id: f"step {quoted_step(step.name, step.index)}" for step in run.steps}
    counts: dict[str, int] = {}
    for use in run.doubles:
        where = "the function's call" if use.step_id is None else names.get(use.step_id, "a step")
        words = f"{use.outcome} for {where}"
        counts[words] = counts.get(words, 0) + 1
    shown = [f"{words} ({count} times)" if count > 1 else words for words, count in counts.items()]
    taken = (step for step in run.steps if step.is_taken_over and step.doubled)
    shown += [f"{step.doubled} for {names[step.id]}, taken over from the original run" for step in taken]
    shown += [f"steps of the invoked run {run_id}" for run_id in run.doubled_below]
    more = f" and {len(shown) - _FEW} more" if len(shown) > _FEW else ""
    return f"Mocked or with injected faults: {', '.join(shown[:_FEW])}{more}."


def unused_words(run: RunView) -> list[str] | None:
    """Say which doubles of a run applied to nothing, with the names that were perhaps meant."""
    names = list(dict.fromkeys(step.name for step in run.steps))
    return [
        f"{_label(double)} ({', '.join(_words(double))}) was not used{_near(double, names)}"
        for double in run.unused_doubles[:_SHOWN_OUTCOMES]
    ] or None


def double_facts(run: RunView) -> dict[str, Any]:
    """Return the fields of `RunFacts` that tell of doubles."""
    return {"mocked": mocked_words(run), "unused_mocks": unused_words(run)}


def uses_of(run: RunView, cut: Cutter) -> list[DoubleUseInfo] | None:
    """Return the newest uses of doubles in a run."""
    names = {step.id: step.name for step in run.steps}
    return [_use(use, names, cut) for use in run.doubles[-MAX_USES:]] or None


def mocked_and_fault(step: StepView) -> tuple[str | None, str | None]:
    """Return what a mock answered for a step last, and what fault hit its last call."""
    if step.doubled in _FAULTS:
        return None, step.doubled
    return step.doubled, None


def _use(use: DoubleUse, names: Mapping[str, str], cut: Cutter) -> DoubleUseInfo:
    name = None if use.step_id is None else names.get(use.step_id)
    return DoubleUseInfo(
        double_id=use.double_id,
        outcome=use.outcome,
        step_name=None if name is None else cut.text(name),
        step_id=use.step_id,
        attempt=use.attempt,
        at=iso(use.at_ms) or "",
        standing=use.is_standing or None,
        bodies=use.bodies or None,
        input=None if use.input is None else cut.value(use.input),
        deliveries=[cut.text(f"{answer.outcome}: {answer.text}") for answer in use.deliveries] or None,
    )


def _info(double: Double, slug: str, *, now_ms: int, never_used: bool = False) -> DoubleInfo:
    left = None if double.expires_ms is None else format_duration(max(0, double.expires_ms - now_ms))
    return DoubleInfo(
        double_id=double.id,
        function_id=slug,
        step_id=double.step,
        index=double.index,
        outcomes=[_shown(outcome) for outcome in double.outcomes[:_SHOWN_OUTCOMES]],
        times=double.times,
        run_id=double.scope,
        uses=double.uses,
        never_used=never_used or None,
        expires_at=iso(double.expires_ms),
        expires_in=left,
    )


def _shown(outcome: Outcome) -> str:
    """Return an outcome with what it holds: `result {"id":7}`."""
    match outcome:
        case MockResult():
            return f"result {_json(outcome.data)}"
        case MockEvent():
            return f"event {_json(outcome.data)}"
        case MockError():
            return f"error {_json(outcome.message)}" + ("" if outcome.is_retriable else ", not retriable")
        case Fault(kind=FaultKind.SLOW_REPLY):
            return f"slow_reply by {format_duration(outcome.delay_ms)}"
    return word_for(outcome)


def _json(value: Any) -> str:
    return one_line(as_json(value), _SHOWN_CHARS)


def _words(double: Double) -> list[str]:
    words = list(double.words[:_SHOWN_OUTCOMES])
    return words if len(words) == len(double.outcomes) else [*words, "..."]


def _used(double: Double) -> str:
    return {0: "not used yet", 1: "used once"}.get(double.uses, f"used {double.uses} times")


def _bound(double: Double) -> str:
    if double.times is None:
        return ""
    return f", {double.times} time{'s' if double.times > 1 else ''} in all, then the real thing"


def _label(double: Double) -> str:
    if double.step is None:
        after = "" if double.index is None else f" after {double.index} steps"
        return f"the function's own call{after}"
    index = "" if double.index is None else f"[{double.index}]"
    return f"step {one_line(double.step, 80)!r}{index}"


def _near(double: Double, names: Sequence[str]) -> str:
    if double.step is None or double.step in names:
        return "."
    near = nearest_names(double.step, names, limit=1)
    return f"; nearest step: {one_line(near[0], 80)!r}." if near else "."


def _count(number: int) -> str:
    return "1 standing double" if number == 1 else f"{number} standing doubles"
