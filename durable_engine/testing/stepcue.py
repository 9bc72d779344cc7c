"""An engine as a test sees it: synchronous, and with time that is skipped."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

from durable_engine.durations import parse_date_ns, parse_duration_ms
from durable_engine.engine import Engine
from durable_engine.errors import DurableEngineError, InvalidInputError, NotFoundError
from durable_engine.model.double import Double, NewDouble
from durable_engine.model.event import NewEvent
from durable_engine.model.json_value import JSONValue
from durable_engine.model.plan import Conditions
from durable_engine.model.records import RunFilter
from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.model import Scenario, Verdict
from durable_engine.scenarios.runner import events_sent, run_scenario
from durable_engine.scenarios.telling import failure_text
from durable_engine.testing.given import Events, Faults, Mocks, outcomes_of, scenario_of
from durable_engine.testing.loop_thread import LoopThread
from durable_engine.testing.results import RunResult
from durable_engine.time_control import Advance

T = TypeVar("T")
Time = Literal["skip", "real"]
DEFAULT_TIMEOUT_S: Final = 30.0
_MOST_RUNS: Final = 100
_NS_PER_MS: Final = 1_000_000


class Stepcue:
    """An engine with nothing in it, behind it the app under test.

    Steps run for real, in the app, unless a mock stands in for them. Time is skipped: a run never waits for
    sleeps, time-outs and retries. All calls return when the runs have ended, or when nothing moves them any
    more, after `timeout` seconds at the latest. What cannot be is a DurableEngineError.
    """

    def __init__(self, engine: Engine, loop: LoopThread, *, origin: str) -> None:
        self.origin = origin
        """Where the engine listens, as INNGEST_DEV has it."""
        self.engine = engine
        """The engine itself; its coroutines belong into `call`."""
        self._loop = loop

    def test(  # noqa: PLR0913 - each is optional
        self,
        function: str | None = None,
        *,
        event: str | None = None,
        data: Mapping[str, Any] | None = None,
        user: Mapping[str, Any] | None = None,
        app: str | None = None,
        mocks: Mocks = None,
        faults: Faults = None,
        events: Events = (),
        expect: Mapping[str, Any] | None = None,
        time: Time = "skip",
        timeout: float = DEFAULT_TIMEOUT_S,
    ) -> RunResult:
        """Invoke a function, or send the event that starts it, and return its run.

        `mocks`: results of steps, or what else happens instead of them (`MockError`, `MockEvent`,
        `MockTimeout`, a list of these for one attempt after the other). `faults`: what goes wrong with the
        calls of steps. `events`: what is sent while the run waits. `expect`: what is checked at once, as in a
        scenario; without it, nothing is.
        """
        __tracebackhide__ = True
        try:
            scenario = scenario_of(
                mocks,
                faults,
                functionId=function,
                event=event,
                data=data,
                user=user,
                appId=app,
                events=list(events),
                expect=expect,
                time=time,
                timeout=timeout,
            )
        except InvalidInputError as error:
            raise _short(error) from None
        return self._carried_out(scenario, checks=expect is not None)

    def scenario(self, document: Mapping[str, Any]) -> RunResult:
        """Carry out a test in its JSON form, as `stepcue test` reads it; fails unless all of it passes."""
        __tracebackhide__ = True
        try:
            scenario = read_scenario(document)
        except InvalidInputError as error:
            raise _short(error) from None
        return self._carried_out(scenario, checks=True)

    def send(
        self,
        name: str,
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - what the event calls it
        mocks: Mocks = None,
        time: Time = "skip",
        timeout: float = DEFAULT_TIMEOUT_S,
    ) -> list[RunResult]:
        """Send an event; return the runs that it started. With time "real" they wait for `advance`."""
        event = NewEvent(name=name, data=dict(data or {}), user=dict(user or {}), id=id)
        doubles = scenario_of(mocks, None, event=name).doubles
        under = Conditions(skips_time=time == "skip")
        receipt = self.call(self.engine.send_event(event, under=under, doubles=doubles))
        return self._runs([run.run_id for run in receipt.started], timeout)

    def invoke(
        self,
        function: str,
        data: Mapping[str, Any] | None = None,
        *,
        mocks: Mocks = None,
        time: Time = "skip",
        timeout: float = DEFAULT_TIMEOUT_S,
    ) -> RunResult:
        """Start one function directly; return its run. With time "real" it waits for `advance`."""
        scenario = scenario_of(mocks, None, functionId=function)
        receipt = self.call(
            self.engine.invoke_function(
                function,
                data=dict(data or {}),
                under=Conditions(skips_time=time == "skip"),
                doubles=scenario.doubles,
            )
        )
        (run,) = self._runs([started.run_id for started in receipt.started], timeout)
        return run

    def signal(self, name: str, data: JSONValue = None) -> str | None:
        """Send a signal; return the id of the run that waited for it, if one did."""
        run_id = self.call(self.engine.control.send_signal(name, data))
        self.settle()
        return run_id

    def advance(
        self, by: str | None = None, *, to: str | None = None, timeout: float = DEFAULT_TIMEOUT_S
    ) -> Advance:
        """Move the engine's time by a duration ("3d") or to a date: all that comes due happens, in order."""
        return self.call(
            self.engine.time.advance(
                by_ms=None if by is None else parse_duration_ms(by),
                to_ms=None if to is None else parse_date_ns(to) // _NS_PER_MS,
                patience_s=timeout,
            )
        )

    def mock(
        self, function: str, step: str, outcome: Any, *, index: int | None = None, times: int | None = None
    ) -> Double:
        """Let a mock stand in for a step in all runs of a function, to the end of the test."""
        double = NewDouble(
            outcomes=outcomes_of(outcome), step=step, index=index, times=times, function=function
        )
        return self.call(self.engine.doubles.add(double))

    def clear_mocks(self, function: str | None = None, step: str | None = None) -> None:
        """Remove mocks that stand."""
        self.call(self.engine.doubles.clear(function, step=step))

    def run(self, run: str | RunResult, *, timeout: float = DEFAULT_TIMEOUT_S) -> RunResult:
        """Return a run as it is now, once it has ended or nothing moves it."""
        run_id = run if isinstance(run, str) else run.id
        self.call(self.engine.get_run(run_id))
        (found,) = self._runs([run_id], timeout)
        return found

    def runs(self, function: str | None = None) -> list[RunResult]:
        """Return the newest runs, of a function or of all, the oldest of them first."""
        self.settle()
        page = self.call(
            self.engine.records.runs(RunFilter(function=function) if function else None, limit=_MOST_RUNS)
        )
        return [self.run(record.id) for record in reversed(page.runs)]

    @property
    def functions(self) -> list[str]:
        """Ids of the functions that the app serves."""
        return sorted(function.slug for function in self.call(self.engine.inventory()).functions)

    def settle(self) -> None:
        """Return once nothing is due any more: all runs have ended, or wait."""
        self.call(self.engine.settle())

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out a coroutine of the engine."""
        __tracebackhide__ = True
        try:
            return self._loop.run(work)
        except DurableEngineError as error:
            if isinstance(error, NotFoundError):
                error.add_note(f"Functions of the app: {', '.join(self.functions)}.")
            raise _short(error) from None

    def _carried_out(self, scenario: Scenario, *, checks: bool) -> RunResult:
        __tracebackhide__ = True
        verdict: Verdict = self.call(run_scenario(self.engine, scenario))
        failed = [check for check in verdict.checks if not check.passed]
        if failed and (checks or verdict.run is None):
            raise AssertionError(failure_text(failed, verdict.run, verdict.notes))
        assert verdict.run is not None  # noqa: S101 - a check failed otherwise
        (result,) = self._results([verdict.run.id], {verdict.run.id: verdict.run}, verdict.notes)
        return result

    def _runs(self, run_ids: Sequence[str], timeout: float) -> list[RunResult]:
        found = self.call(self.engine.wait_for_runs(run_ids, timeout_s=timeout, or_idle=True))
        return self._results(run_ids, found)

    def _results(
        self, run_ids: Sequence[str], views: Mapping[str, Any], notes: Sequence[str] = ()
    ) -> list[RunResult]:
        return [
            RunResult(views[run_id], sent=self.call(events_sent(self.engine, views[run_id])), notes=notes)
            for run_id in run_ids
        ]


def _short(error: DurableEngineError) -> DurableEngineError:
    """Return an error that shows the line of the test, not the way through the engine."""
    if error.hint:
        error.add_note(error.hint)
    return error.with_traceback(None)
