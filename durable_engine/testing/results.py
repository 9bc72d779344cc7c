"""A run under test, and what a test may say of it. Assertions fail with the facts of the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self

from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.status import RunStatus
from durable_engine.model.views import RunView, StepView
from durable_engine.scenarios.checking import check_run
from durable_engine.scenarios.model import Check, Expectations, StepExpectation, Value
from durable_engine.scenarios.telling import failure_text

_ANY: Final[Any] = object()


class RunResult:
    """A run as it was when the test got hold of it; `Stepcue.run` gives it anew.

    `view` has everything that the engine knows of it, with times in milliseconds of the run's own time.
    """

    def __init__(self, view: RunView, *, sent: Sequence[str] = (), notes: Sequence[str] = ()) -> None:
        self.view = view
        self.sent = tuple(sent)
        """Names of the events that its steps have sent."""
        self.notes = tuple(notes)
        """What is worth knowing of the test, such as doubles that were never used."""

    @property
    def id(self) -> str:
        """The run's id."""
        return self.view.id

    @property
    def status(self) -> str:
        """QUEUED, RUNNING, COMPLETED, FAILED or CANCELLED."""
        return self.view.status.value

    @property
    def output(self) -> JSONValue:
        """What the function returned."""
        return self.view.output

    @property
    def error(self) -> JSONObject | None:
        """Why it failed: name, message, stack."""
        return self.view.error

    @property
    def steps(self) -> list[str]:
        """The steps that it came to, in order; repeats in loops as `charge[1]`."""
        return [step.label for step in self.view.steps]

    def step(self, label: str) -> StepResult:
        """Return a step that the run came to; the test fails if it did not."""
        __tracebackhide__ = True
        self._check(Expectations(status=self.view.status, ran=(label,)))
        return StepResult(self, next(step for step in self.view.steps if step.label == label))

    def assert_completed(self, output: Any = _ANY) -> Self:
        """It has completed, and returned `output`, if that is given."""
        __tracebackhide__ = True
        return self._check(Expectations(status=RunStatus.COMPLETED, output=_value(output)))

    def assert_output(self, output: Any) -> Self:
        """It returned this; `{"$any": "uuid"}` stands for any value of that shape."""
        __tracebackhide__ = True
        return self._check(Expectations(status=self.view.status, output=Value(output)))

    def assert_failed(self, error: str | None = None) -> Self:
        """It has failed, and `error` is part of "Name: message"."""
        __tracebackhide__ = True
        return self._check(Expectations(status=RunStatus.FAILED, error=error))

    def assert_status(self, status: str) -> Self:
        """It is QUEUED, RUNNING, COMPLETED, FAILED or CANCELLED."""
        __tracebackhide__ = True
        return self._check(Expectations(status=RunStatus(status)))

    def assert_ran(self, *labels: str) -> Self:
        """It came to these steps."""
        __tracebackhide__ = True
        return self._check(Expectations(status=self.view.status, ran=labels))

    def assert_not_ran(self, *labels: str) -> Self:
        """It came to none of these steps."""
        __tracebackhide__ = True
        return self._check(Expectations(status=self.view.status, not_ran=labels))

    def assert_steps(self, *labels: str) -> Self:
        """It came to these steps, in this order, and to no others."""
        __tracebackhide__ = True
        found: list[JSONValue] = [*self.steps]
        is_same = found == [*labels]
        return self._fail_on(
            [Check(name="the order of steps", passed=is_same, expected=[*labels], actual=found)]
        )

    def assert_sent(self, *names: str) -> Self:
        """Its steps have sent events with these names."""
        __tracebackhide__ = True
        return self._check(Expectations(status=self.view.status, events_sent=names))

    def assert_waiting(self, step: str | None = None) -> Self:
        """It waits, for time or for something from outside, in `step` if that is given."""
        __tracebackhide__ = True
        places: list[JSONValue] = [wait.step_name or wait.kind for wait in self.view.waiting_for]
        passed = step in places if step is not None else bool(places)
        return self._fail_on(
            [Check(name="waiting", passed=passed, expected=step or "a wait", actual={"waits": places})]
        )

    def _check(self, expect: Expectations) -> Self:
        __tracebackhide__ = True
        return self._fail_on(check_run(self.view, expect, events_sent=self.sent))

    def _fail_on(self, checks: Sequence[Check]) -> Self:
        __tracebackhide__ = True
        failed = [check for check in checks if not check.passed]
        if failed:
            raise AssertionError(failure_text(failed, self.view, self.notes))
        return self

    def __repr__(self) -> str:
        return f"<run {self.id} of {self.view.function_slug} {self.status}: {', '.join(self.steps)}>"


class StepResult:
    """A step of a run; each assertion returns it, for the next one."""

    def __init__(self, run: RunResult, view: StepView) -> None:
        self._run = run
        self.view = view
        self.label = view.label

    @property
    def output(self) -> JSONValue:
        """What it returned."""
        return self.view.output

    @property
    def error(self) -> JSONObject | None:
        """Its newest error: name, message, stack."""
        return self.view.error or (self.view.failures[-1].error if self.view.failures else None)

    @property
    def attempts(self) -> int:
        """How often it was tried."""
        return self.view.attempts

    @property
    def status(self) -> str:
        """QUEUED, RUNNING, WAITING, COMPLETED, FAILED or CANCELLED."""
        return self.view.status.value

    def assert_output(self, output: Any) -> Self:
        """It returned this."""
        __tracebackhide__ = True
        return self._check(StepExpectation(output=Value(output)))

    def assert_attempts(self, attempts: int) -> Self:
        """It was tried so often."""
        __tracebackhide__ = True
        return self._check(StepExpectation(attempts=attempts))

    def assert_error(self, error: str) -> Self:
        """It failed, at last or in between, and `error` is part of "Name: message"."""
        __tracebackhide__ = True
        return self._check(StepExpectation(error=error))

    def assert_status(self, status: str) -> Self:
        """It has this status."""
        __tracebackhide__ = True
        return self._check(StepExpectation(status=type(self.view.status)(status)))

    def assert_timed_out(self, *, has_timed_out: bool = True) -> Self:
        """It waited in vain, or did not."""
        __tracebackhide__ = True
        return self._check(StepExpectation(has_timed_out=has_timed_out))

    def _check(self, expect: StepExpectation) -> Self:
        __tracebackhide__ = True
        self._run._check(Expectations(status=self._run.view.status, steps={self.label: expect}))  # noqa: SLF001
        return self


def _value(output: Any) -> Value | None:
    return None if output is _ANY else Value(output)
