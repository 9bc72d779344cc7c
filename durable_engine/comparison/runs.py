"""Hold two runs against each other, step by step.

A step is the same one in both when its name and index are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from durable_engine.comparison.json_diff import Change, diff
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.op import step_label
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.views import RunView, StepView


@dataclass(frozen=True, slots=True, kw_only=True)
class StepComparison:
    """A step that both runs have, as A's and as B's. `place_a` and `place_b` count steps from 0."""

    name: str
    index: int
    place_a: int
    place_b: int
    status_a: StepStatus
    status_b: StepStatus
    attempts_a: int
    attempts_b: int
    duration_a_ms: int | None
    duration_b_ms: int | None
    changes: tuple[Change, ...] = ()
    """Where its kind, input, output or error differ."""

    @property
    def label(self) -> str:
        """How people name the step: `charge`, `charge[1]` for a repeat."""
        return step_label(self.name, self.index)

    @property
    def differs(self) -> bool:
        """Whether it did not do the same with the same outcome; its duration does not count."""
        return bool(self.changes) or self.status_a is not self.status_b or self.attempts_a != self.attempts_b


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDifference:
    """Where the runs part: the steps at this place of A and of B, None behind the last one.

    `kind` is `step` (another step), `outcome` (the same step, with another kind, status, input, output or
    error) or `attempts` (the same outcome after more or fewer attempts).
    """

    place: int
    kind: str
    step_a: str | None
    step_b: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """How two runs differ: `only_a` and `only_b` are labels of steps, `steps` those of both in A's order.

    `event` says where the data of their events differs, `result` where their outputs or errors do.
    """

    run_a: RunView
    run_b: RunView
    first: FirstDifference | None
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    steps: tuple[StepComparison, ...]
    event: tuple[Change, ...]
    result: tuple[Change, ...]

    @property
    def is_same_function(self) -> bool:
        """Whether both are runs of one function."""
        return self.run_a.function_slug == self.run_b.function_slug

    @property
    def is_same(self) -> bool:
        """Whether the same steps ended in the same way, and so did the runs, whatever started them."""
        same_end = not self.result and self.run_a.status is self.run_b.status
        return self.are_steps_known and self.first is None and same_end

    @property
    def are_steps_known(self) -> bool:
        """Whether steps were compared: those of both runs are known."""
        return self.run_a.are_steps_known and self.run_b.are_steps_known


def compare(run_a: RunView, run_b: RunView) -> RunComparison:
    """Return how two runs differ; steps are compared only where those of both are known."""
    are_known = run_a.are_steps_known and run_b.are_steps_known
    steps_a, steps_b = (run_a.steps, run_b.steps) if are_known else ((), ())
    places_b = {(step.name, step.index): place for place, step in enumerate(steps_b)}
    names_a = {(step.name, step.index) for step in steps_a}
    return RunComparison(
        run_a=run_a,
        run_b=run_b,
        first=_first(steps_a, steps_b),
        only_a=tuple(step.label for step in steps_a if (step.name, step.index) not in places_b),
        only_b=tuple(step.label for step in steps_b if (step.name, step.index) not in names_a),
        steps=tuple(
            _compare(step, steps_b[place_b], place, place_b)
            for place, step in enumerate(steps_a)
            if (place_b := places_b.get((step.name, step.index))) is not None
        ),
        event=diff(_event(run_a), _event(run_b)),
        result=diff(_result(run_a), _result(run_b)),
    )


def _first(steps_a: Sequence[StepView], steps_b: Sequence[StepView]) -> FirstDifference | None:
    for place in range(max(len(steps_a), len(steps_b))):
        a = steps_a[place] if place < len(steps_a) else None
        b = steps_b[place] if place < len(steps_b) else None
        kind = _kind(a, b)
        if kind is not None:
            return FirstDifference(
                place=place,
                kind=kind,
                step_a=None if a is None else a.label,
                step_b=None if b is None else b.label,
            )
    return None


def _kind(a: StepView | None, b: StepView | None) -> str | None:
    if a is None or b is None or (a.name, a.index) != (b.name, b.index):
        return "step"
    compared = _compare(a, b, 0, 0)
    if compared.changes or a.status is not b.status:
        return "outcome"
    return "attempts" if a.attempts != b.attempts else None


def _compare(a: StepView, b: StepView, place_a: int, place_b: int) -> StepComparison:
    return StepComparison(
        name=a.name,
        index=a.index,
        place_a=place_a,
        place_b=place_b,
        status_a=a.status,
        status_b=b.status,
        attempts_a=a.attempts,
        attempts_b=b.attempts,
        duration_a_ms=_duration_ms(a),
        duration_b_ms=_duration_ms(b),
        changes=diff(_facts(a), _facts(b)),
    )


def _facts(step: StepView) -> JSONObject:
    facts: JSONObject = {"kind": step.kind.value}
    if step.input is not None:
        facts["input"] = step.input
    if step.status is StepStatus.COMPLETED:
        facts["output"] = _output(step)
    if step.status is StepStatus.FAILED:
        facts["error"] = _error(step.error)
    if step.has_timed_out:
        facts["timedOut"] = True
    return facts


def _output(step: StepView) -> JSONValue:
    """Return what a step returned, without the ids and times of events, which are others in each run."""
    output = step.output
    if step.kind is StepKind.WAIT_FOR_EVENT and isinstance(output, dict):
        return {key: output.get(key) for key in ("name", "data", "user")}
    if step.kind is StepKind.SEND_EVENT:
        ids = output.get("ids") if isinstance(output, dict) else output
        return {"events": len(ids)} if isinstance(ids, list) else output
    return output


def _event(run: RunView) -> JSONObject:
    # `_inngest` is the engine's own: other ids in each run.
    return {
        "name": run.event.name,
        "data": {key: value for key, value in run.event.data.items() if key != "_inngest"},
        "user": run.event.user,
    }


def _result(run: RunView) -> JSONObject:
    if run.status is RunStatus.COMPLETED:
        return {"output": run.output}
    return {"error": _error(run.error)} if run.status is RunStatus.FAILED else {}


def _error(error: JSONObject | None) -> JSONValue:
    """Return what an error says; stacks differ with every edit of the code."""
    return {key: value for key, value in (error or {}).items() if key in {"name", "message", "data"}}


def _duration_ms(step: StepView) -> int | None:
    if step.started_ms is None or step.ended_ms is None:
        return None
    return max(0, step.ended_ms - step.started_ms)
