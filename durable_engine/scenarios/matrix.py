"""Break each call of a function once, in each way, and look what becomes of its run.

Every cell is a run of its own on the real code, in skipped time, beside two runs with nothing broken: what
differs between those says nothing about faults.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from durable_engine.model.double import HAS_CALL, Delivery, Fault, FaultKind, MockError, NewDouble, Outcome
from durable_engine.model.json_value import JSONValue, to_json
from durable_engine.model.status import RunStatus
from durable_engine.model.views import RunView, StepView
from durable_engine.patience import before
from durable_engine.scenarios.comparing import differences
from durable_engine.scenarios.model import Expectations, Scenario
from durable_engine.scenarios.runner import Bench, run_scenario

STEP_FAILS: Final = "step_fails"
"""Beside the faults: the step fails for good, at its first attempt."""
DEFAULT_KINDS: Final = (
    FaultKind.STEP_ERROR.value,
    STEP_FAILS,
    FaultKind.UNREACHABLE.value,
    FaultKind.REPLY_LOST.value,
    FaultKind.REPLY_TWICE.value,
    FaultKind.REQUEST_TWICE.value,
    FaultKind.RESTART.value,
)
MAX_CELLS: Final = 200
_AT_ONCE: Final = 8
_FOR_THE_FUNCTION: Final = frozenset(
    {FaultKind.UNREACHABLE, FaultKind.REPLY_LOST, FaultKind.REPLY_TWICE, FaultKind.RESTART}
)
"""What makes sense for the function's own call, in which no step's code runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A step whose code ran more than once in a run and did not give the same each time."""

    step: str
    kind: str
    first: str
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run with one fault. `step` is None for the function's own call, made after `index` steps had ended.

    `ran_again` are the steps whose code ran more than once. `difference` says how the run ended otherwise
    than the one with nothing broken; None when it did not. `hit` is false when the run never came to that
    place.
    """

    step: str | None
    index: int | None
    kind: str
    run: RunView | None
    ran_again: tuple[str, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    difference: str | None = None
    hit: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """`baseline` is the run with nothing broken. `left_out` cells were not run: time or their number."""

    baseline: RunView | None
    cells: tuple[Cell, ...]
    left_out: int = 0
    problem: str | None = None


async def run_matrix(
    bench: Bench, scenario: Scenario, *, kinds: Sequence[str] = DEFAULT_KINDS, timeout_s: float
) -> Matrix:
    """Carry out the test once as it is, and then with each fault at each of its calls.

    Raises as `run_scenario`.
    """
    over = asyncio.ensure_future(bench.time.patience(timeout_s))
    plain = replace(scenario, expect=Expectations(), skips_time=True, timeout_s=timeout_s)
    try:
        verdict = await run_scenario(bench, plain)
        baseline = verdict.run
        if baseline is None or not baseline.status.is_terminal:
            failure = verdict.first_failure
            why = "it has not ended in time" if failure is None or baseline else failure.difference
            return Matrix(
                baseline=baseline,
                cells=(),
                problem=f"the run with nothing broken gives no measure: {why}",
            )
        wanted = _places(baseline, scenario, list(dict.fromkeys(kinds)))
        second = await before(over, run_scenario(bench, plain))
        if second is None:
            return Matrix(baseline=baseline, cells=(), left_out=len(wanted))
        if second.run is None:
            failure = second.first_failure
            why = "" if failure is None else f": {failure.difference}"
            return Matrix(baseline=baseline, cells=(), problem=f"a second run is not started{why}")
        measure = _Measure(baseline, frozenset(differences(baseline.output, second.run.output)))
        function = bench.records.function(baseline.function_slug, app=baseline.app_name)
        # Runs of a singleton at the same time would keep each other from starting, or cancel each other.
        at_once = _AT_ONCE if function.flow.singleton is None else 1
        cells = await _fill(bench, plain, wanted[:MAX_CELLS], measure, over, at_once=at_once)
        return Matrix(baseline=baseline, cells=cells, left_out=len(wanted) - len(cells))
    finally:
        over.cancel()


async def _fill(
    bench: Bench,
    plain: Scenario,
    places: Sequence[_Place],
    measure: _Measure,
    over: asyncio.Future[None],
    *,
    at_once: int,
) -> tuple[Cell, ...]:
    """Return the cells that could be filled before the time is over, in order."""
    slots = asyncio.Semaphore(at_once)

    async def fill(place: _Place) -> Cell:
        async with slots:
            return await _cell(bench, plain, place, measure)

    filling = [asyncio.ensure_future(fill(place)) for place in places]
    left: set[asyncio.Future[Any]] = {*filling}
    try:
        while left and not over.done():
            _, left = await asyncio.wait({*left, over}, return_when=asyncio.FIRST_COMPLETED)
            left.discard(over)
        return tuple(cell.result() for cell in filling if cell.done())
    finally:
        for cell in filling:
            cell.cancel()


@dataclass(frozen=True, slots=True)
class _Measure:
    """The run with nothing broken, and the places of its output that differ each time."""

    run: RunView
    volatile: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    step: str | None
    index: int | None
    kind: str


def _places(baseline: RunView, scenario: Scenario, kinds: Sequence[str]) -> list[_Place]:
    mocked = {double.step for double in scenario.doubles}
    called = [step for step in baseline.steps if step.kind in HAS_CALL and step.name not in mocked]
    places = [_Place(step=step.name, index=step.index, kind=kind) for step in called for kind in kinds]
    # The function is called again after each step that ends; with what it returns after the last one.
    boundaries = range(len(baseline.steps) + 1)
    return places + [
        _Place(step=None, index=index, kind=kind)
        for index in boundaries
        for kind in kinds
        if kind in _FOR_THE_FUNCTION
    ]


async def _cell(bench: Bench, plain: Scenario, place: _Place, measure: _Measure) -> Cell:
    double = NewDouble(outcomes=(_outcome(place.kind),), step=place.step, index=place.index, times=1)
    verdict = await run_scenario(bench, replace(plain, doubles=(double, *plain.doubles)))
    run = verdict.run
    cell = Cell(step=place.step, index=place.index, kind=place.kind, run=run)
    if run is None:
        failure = verdict.first_failure
        return replace(cell, difference="not started" if failure is None else failure.difference)
    aimed = {step.id for step in run.steps if (step.name, step.index) == (place.step, place.index)}
    mocked = {step.id for step in run.steps if step.doubled in {"result", "error"}}
    ran_again = [step for step in run.steps if (step.body_runs or 0) > 1 and step.id not in mocked]
    return replace(
        cell,
        ran_again=tuple(step.label for step in ran_again),
        suspicions=tuple(_suspicions(run, ran_again)),
        difference=_difference(measure, run),
        hit=any(use.is_fault or (use.outcome == "error" and use.step_id in aimed) for use in run.doubles),
    )


def _outcome(kind: str) -> Outcome:
    if kind == STEP_FAILS:
        return MockError(message="an injected failure, for good", name="InjectedError", is_retriable=False)
    return Fault(kind=FaultKind(kind))


def _suspicions(run: RunView, steps: Sequence[StepView]) -> list[Suspicion]:
    """Compare what each delivery of a step's work gave with what counted in the end."""
    found = []
    for step in steps:
        given = [
            (use.outcome, delivery)
            for use in run.doubles
            if use.step_id == step.id
            for delivery in use.deliveries
            if delivery.outcome == "ran"
        ]
        then = to_json(step.output)
        different = [(kind, delivery) for kind, delivery in given if not _is_same(delivery, then)]
        if different and step.error is None:
            kind, delivery = different[-1] if _is_same(given[0][1], then) else different[0]
            found.append(Suspicion(step=step.label, kind=kind, first=delivery.text, then=then))
    return found


def _is_same(delivery: Delivery, text: str) -> bool:
    cut = delivery.text.endswith("…")
    return text.startswith(delivery.text[:-1]) if cut else delivery.text == text


def _difference(measure: _Measure, run: RunView) -> str | None:
    baseline = measure.run
    if run.status is not baseline.status:
        reason: JSONValue = (run.error or {}).get("message") or run.cancelled or ""
        return f"{run.status.value} instead of {baseline.status.value}{f': {reason}' if reason else ''}"
    if run.status is not RunStatus.COMPLETED:
        return None
    found = differences(baseline.output, run.output)
    return next((words for path, words in found.items() if path not in measure.volatile), None)
