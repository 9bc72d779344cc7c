"""Hold a run against what is expected of it: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.status import RunStatus
from durable_engine.model.views import RunView, StepView
from durable_engine.scenarios.comparing import first_difference
from durable_engine.scenarios.model import Check, Expectations, StepExpectation, Value


def check_run(run: RunView, expect: Expectations, *, events_sent: Sequence[str]) -> list[Check]:
    """Return one check for each expectation, the status of the run first."""
    checks = [*_of_run(run, expect)]
    steps = {step.label: step for step in run.steps}
    for label, wanted in expect.steps.items():
        checks += _of_step(label, steps, wanted)
    checks += [
        Check(name=f"ran {label!r}", passed=label in steps, expected=label, actual=list(steps))
        for label in expect.ran
    ]
    checks += [
        Check(
            name=f"not ran {label!r}", passed=label not in steps, expected=None, actual=_state(steps, label)
        )
        for label in expect.not_ran
    ]
    checks += [
        Check(name=f"sent {name!r}", passed=name in events_sent, expected=name, actual=list(events_sent))
        for name in expect.events_sent
    ]
    return checks


def error_text(error: JSONObject | None) -> str | None:
    """Return an error as expectations see it: "Name: message"."""
    if not error:
        return None
    return f"{error.get('name') or 'Error'}: {error.get('message') or ''}"


def _of_run(run: RunView, expect: Expectations) -> Iterator[Check]:
    wanted = expect.status
    if wanted is None:
        wanted = RunStatus.COMPLETED if expect.error is None else RunStatus.FAILED
    why = None if run.status is wanted else error_text(run.error) or run.cancelled
    yield Check(
        name="status",
        passed=run.status is wanted,
        expected=wanted.value,
        actual=run.status.value,
        difference=why,
    )
    if expect.error is not None:
        yield _error("error", expect.error, run.error)
    if expect.output is not None:
        yield _output("output", expect.output, run.output, is_there=run.status is RunStatus.COMPLETED)


def _of_step(label: str, steps: dict[str, StepView], wanted: StepExpectation) -> Iterator[Check]:
    step = steps.get(label)
    if step is None:
        yield Check(name=f"step {label!r}", passed=False, expected="reached", actual=list(steps))
        return
    name = f"step {label!r} "
    if wanted.status is not None:
        yield Check(
            name=f"{name}status",
            passed=step.status is wanted.status,
            expected=wanted.status.value,
            actual=step.status.value,
            difference=error_text(step.error),
        )
    if wanted.output is not None:
        yield _output(f"{name}output", wanted.output, step.output, is_there=step.status == "COMPLETED")
    if wanted.error is not None:
        newest = step.error or (step.failures[-1].error if step.failures else None)
        yield _error(f"{name}error", wanted.error, newest)
    for what, expected, actual in (
        ("attempts", wanted.attempts, step.attempts),
        ("timedOut", wanted.has_timed_out, step.has_timed_out),
    ):
        if expected is not None:
            yield Check(name=name + what, passed=expected == actual, expected=expected, actual=actual)


def _output(name: str, expected: Value, actual: JSONValue, *, is_there: bool) -> Check:
    difference = first_difference(expected.json, actual) if is_there else "there is none"
    return Check(
        name=name, passed=difference is None, expected=expected.json, actual=actual, difference=difference
    )


def _error(name: str, expected: str, error: JSONObject | None) -> Check:
    actual = error_text(error)
    return Check(
        name=name, passed=actual is not None and expected in actual, expected=expected, actual=actual
    )


def _state(steps: dict[str, StepView], label: str) -> JSONValue:
    step = steps.get(label)
    return None if step is None else step.status.value
