"""From a run to a test that repeats it: the document of the test, and what people should know of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from durable_engine.errors import ConflictError, InvalidInputError
from durable_engine.exporting.conditions import doubles_of, events_of, recorded_mock, stands_in
from durable_engine.exporting.volatile import Volatility
from durable_engine.model.double import HAS_CALL
from durable_engine.model.event import FUNCTION_INVOKED
from durable_engine.model.json_value import JSONObject, JSONValue, to_json
from durable_engine.model.recording import Recording
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.views import RunView, StepView
from durable_engine.scenarios.checking import error_text

_MOST_STEPS: Final = 100
_MOST_MOCKS: Final = 100
_MOST_OUTPUT: Final = 4_000
_MOST_ERROR: Final = 200
_MOST_NAMED: Final = 20
_HAS_OUTPUT: Final = HAS_CALL | {StepKind.INVOKE, StepKind.WAIT_FOR_SIGNAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatingTest:
    """A test in its JSON form, with its expectations; `notes` are sentences about it."""

    run_id: str
    function: str
    name: str
    document: JSONObject
    notes: tuple[str, ...] = ()


def repeat(recording: Recording, *, mocks_all: bool = False) -> RepeatingTest:
    """Return a test that starts what was started, under the same conditions, and expects what came of it.

    With `mocks_all` the recorded results stand in for the code of all steps.

    Raises:
        ConflictError: the run has not ended.
        InvalidInputError: no test can repeat it; the message says why.
    """
    run = recording.run
    _check(recording)
    document, notes = _start(run)
    mocks, faults = doubles_of(recording)
    if mocks_all:
        mocks += _recorded_mocks(run, mocks)
    known = to_json([document, mocks, [planned.data for planned in recording.planned]])
    volatility = Volatility(
        known=known,
        from_ms=run.queued_ms - run.skipped_ms,
        until_ms=run.ended_ms or run.now_ms,
        ids=_ids(run),
    )
    events = events_of(recording, volatility, mocks)
    volatility.known += to_json(events)
    given = {"mocks": mocks[:_MOST_MOCKS], "faults": faults, "events": events}
    document |= {name: value for name, value in given.items() if value}
    mocked = {mock["stepId"] for mock in mocks if stands_in(mock)}
    expect = _Expecting(recording, volatility, mocked, mocks_all=mocks_all)
    document["expect"] = expect.document()
    notes += [*_what_runs(run, mocks, mocked, mocks_all=mocks_all), *expect.notes]
    return RepeatingTest(
        run_id=run.id,
        function=run.function_slug,
        name=f"{run.function_slug} {run.status.value.lower()}",
        document=document,
        notes=tuple(notes),
    )


def _check(recording: Recording) -> None:
    run = recording.run
    if not run.status.is_terminal:
        raise ConflictError(
            f"Run {run.id} is {run.status.value}: only what has ended can be repeated and compared.",
            hint=f'Let it end: advance_time runId="{run.id}" to="end" skips time, poll_run_status waits.',
        )
    if run.is_endpoint:
        raise InvalidInputError("A request to the app started this run, and a test cannot send that.")
    if len(run.event_ids) > 1:
        raise InvalidInputError(
            f"A batch of {len(run.event_ids)} events started this run; a test sends one.",
            hint="Send one event, with test_function for example, and export that run.",
        )
    by_timeout = "timeouts." in (run.cancelled or "")
    if run.status is RunStatus.CANCELLED and not (by_timeout or recording.cancelled_by or recording.planned):
        raise InvalidInputError(
            f"Run {run.id} was cancelled {run.cancelled or 'by request'}, which a test cannot repeat.",
            hint="Export a run that ended by itself, or that an event of cancelOn cancelled.",
        )


def _start(run: RunView) -> tuple[JSONObject, list[str]]:
    event = run.event
    data = {key: value for key, value in event.data.items() if key != "_inngest"}
    document: JSONObject = {"functionId": run.function_slug}
    notes: list[str] = []
    if not event.name.startswith("inngest/"):
        document["event"] = event.name
    elif event.name != FUNCTION_INVOKED:
        notes.append(f"The run was started by {event.name!r}, which tests cannot send: this one invokes it.")
    if data:
        document["data"] = data
    if event.user:
        document["user"] = event.user
    if run.original_run_id is not None:
        notes.append(f"The run repeats run {run.original_run_id}; what it took over from there is mocked.")
    return document, notes


def _ids(run: RunView) -> frozenset[str]:
    return frozenset({run.id, *run.event_ids, run.event.id, run.event.public_id, *run.child_run_ids})


def _recorded_mocks(run: RunView, mocks: list[JSONObject]) -> list[JSONObject]:
    """Return mocks with the recorded results of the steps that have none."""
    taken = {mock["stepId"] for mock in mocks if mock.get("index") is None}
    taken_at = {(mock["stepId"], mock.get("index")) for mock in mocks}
    repeated = {step.name for step in run.steps if step.index}
    return [
        recorded_mock(step, is_repeated=step.name in repeated)
        for step in run.steps
        if step.kind in HAS_CALL | {StepKind.INVOKE}
        and step.status in {StepStatus.COMPLETED, StepStatus.FAILED}
        and step.name not in taken
        and (step.name, step.index) not in taken_at
    ]


def _what_runs(run: RunView, mocks: list[JSONObject], mocked: set[str], *, mocks_all: bool) -> Iterator[str]:
    real = [step.label for step in run.steps if step.kind in HAS_CALL and step.name not in mocked]
    if real:
        advice = "" if mocks_all else ' (export_test mock="all" replaces them by what they returned)'
        yield f"Runs for real: {_listed(real)}{advice}."
    if mocked:
        yield f"Mocked: {_listed(sorted(mocked))}."
    if mocks_all and run.status is RunStatus.FAILED and not any(step.error for step in run.steps):
        yield "The code that raised the error runs for real: its step, if it was in one, is not on record."
    if len(mocks) > _MOST_MOCKS:
        yield f"Only the first {_MOST_MOCKS} steps are mocked, the most that a test can mock."


class _Expecting:
    """What to expect of the run; `notes` say what is left out."""

    def __init__(
        self, recording: Recording, volatility: Volatility, mocked: set[str], *, mocks_all: bool
    ) -> None:
        self._recording = recording
        self._run = recording.run
        self._volatility = volatility
        self._mocked = mocked
        self._mocks_all = mocks_all
        self.notes: list[str] = []

    def document(self) -> JSONObject:
        """Return the expectations."""
        run = self._run
        expect: JSONObject = {"status": run.status.value}
        if run.status is RunStatus.COMPLETED:
            expect |= self._output(run.output, "$")
        elif run.status is RunStatus.FAILED:
            expect["error"] = self._error(run.error)
        steps = {step.label: self._step(step) for step in run.steps[:_MOST_STEPS]}
        expect["ran"] = [step.label for step in run.steps]
        expect["steps"] = {label: wanted for label, wanted in steps.items() if wanted}
        sent = dict.fromkeys(event.name for event in self._recording.events_sent)
        if sent and not self._mocks_all:
            expect["eventsSent"] = list(sent)
        if run.steps[_MOST_STEPS:]:
            self.notes.append(f"Only the first {_MOST_STEPS} of {len(run.steps)} steps are compared.")
        found = self._volatility.found
        if found:
            named = [f"{path} ({reason})" for path, reason in list(found.items())[:_MOST_NAMED]]
            more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
            self.notes.append(f"Compared by their shape only: {', '.join(named)}{more}.")
        return {name: value for name, value in expect.items() if value or name == "output"}

    def _step(self, step: StepView) -> JSONObject:
        label = step.label
        wanted: JSONObject = {}
        if step.kind in {StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL} and step.status.is_terminal:
            if step.status is StepStatus.COMPLETED:
                wanted["timedOut"] = step.has_timed_out
            return wanted
        if step.kind not in _HAS_OUTPUT or step.status not in {StepStatus.COMPLETED, StepStatus.FAILED}:
            return wanted
        is_mocked = step.name in self._mocked
        if step.status is StepStatus.FAILED:
            wanted |= {"status": step.status.value, "error": self._error(step.error)}
        elif not is_mocked:
            wanted |= self._output(step.output, label)
        if (step.doubled and step.attempts > 1) or not (step.failures or is_mocked):
            wanted["attempts"] = step.attempts
        elif step.failures and not is_mocked:
            self.notes.append(f"Step {label!r} took {step.attempts} attempts, which is not compared.")
        return {name: value for name, value in wanted.items() if value or name != "attempts"}

    def _output(self, output: JSONValue, where: str) -> JSONObject:
        if len(to_json(output)) > _MOST_OUTPUT:
            what = "The run's output" if where == "$" else f"The output of step {where!r}"
            self.notes.append(f"{what} is over {_MOST_OUTPUT:,} characters and not compared.")
            return {}
        return {"output": self._volatility.stable(output, where)}

    def _error(self, error: JSONObject | None) -> str:
        """Return what is the same each time of an error: name and message, or only the name."""
        text = (error_text(error) or "").partition("\n")[0][:_MOST_ERROR]
        return f"{(error or {}).get('name') or 'Error'}: " if self._volatility.reason(text) else text


def _listed(labels: list[str]) -> str:
    shown = ", ".join(repr(label) for label in labels[:_MOST_NAMED])
    return f"{shown} and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else shown
