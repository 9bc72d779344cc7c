"""Carry a test out: start, wait, and hold the run against what is expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Final, Protocol

from durable_engine.errors import EventNotFoundError, InvalidInputError
from durable_engine.model.double import NewDouble
from durable_engine.model.event import Event, EventReceipt, NewEvent, sent_ids
from durable_engine.model.function import Function
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.plan import Conditions, PlannedEvent
from durable_engine.model.status import StepKind
from durable_engine.model.views import RunView
from durable_engine.scenarios.checking import check_run
from durable_engine.scenarios.model import Check, Scenario, Verdict
from durable_engine.time_control import TimeControl

_FROM_OUTSIDE: Final = frozenset({"event", "signal", "invoke", "paused"})
"""Waits that nothing ends by itself, where time is skipped."""


class Recorded(Protocol):
    """What is looked up of events and functions."""

    async def event(self, event_id: str) -> Event:
        """Return an event."""
        ...

    def function(self, reference: str, *, app: str | None = None) -> Function:
        """Return a function."""
        ...


class Bench(Protocol):
    """What a test needs of an engine; `Engine` has it."""

    async def send_event(
        self, event: NewEvent, *, under: Conditions, doubles: Sequence[NewDouble]
    ) -> EventReceipt:
        """Accept one event."""
        ...

    async def invoke_function(
        self,
        function: str,
        *,
        app: str | None,
        data: JSONObject,
        user: JSONObject,
        under: Conditions,
        doubles: Sequence[NewDouble],
    ) -> EventReceipt:
        """Start one function directly."""
        ...

    async def wait_for_runs(
        self, run_ids: Sequence[str], *, timeout_s: float, or_idle: bool
    ) -> Mapping[str, RunView]:
        """Return runs once they have ended or nothing moves any more, or as they are after a while."""
        ...

    @property
    def records(self) -> Recorded:
        """Looks up events and functions."""
        ...

    @property
    def time(self) -> TimeControl:
        """Moves time."""
        ...


async def run_scenario(engine: Bench, scenario: Scenario) -> Verdict:
    """Carry out a test.

    Raises:
        InvalidInputError: neither an event nor a function is given, or a double cannot be used.
        NotFoundError: the function, or its app, is unknown.
        InvalidEventError: the event is malformed.
    """
    receipt = await _start(engine, scenario)
    run_id, others = await _run_meant(engine, scenario, receipt)
    if run_id is None:
        return Verdict(
            checks=(_not_started(scenario, receipt),), event_id=receipt.event.id, other_run_ids=others
        )
    runs = await engine.wait_for_runs([run_id], timeout_s=scenario.timeout_s, or_idle=scenario.skips_time)
    run = runs[run_id]
    checks = check_run(run, scenario.expect, events_sent=await events_sent(engine, run))
    planned = await engine.time.planned(run_id)
    return Verdict(
        checks=tuple(checks),
        run=run,
        event_id=receipt.event.id,
        other_run_ids=others,
        is_at_rest=scenario.skips_time and _is_at_rest(run),
        notes=tuple(_notes(run, planned)),
    )


def _is_at_rest(run: RunView) -> bool:
    """Whether neither time nor a turn moves the run on."""
    kinds = {wait.kind for wait in run.waiting_for}
    return not run.status.is_terminal and bool(kinds) and kinds <= _FROM_OUTSIDE


async def _start(engine: Bench, scenario: Scenario) -> EventReceipt:
    conditions = Conditions(skips_time=scenario.skips_time, events=scenario.events)
    if scenario.event is not None:
        if scenario.function is not None:
            engine.records.function(scenario.function, app=scenario.app)  # raises before anything is sent
        event = NewEvent(name=scenario.event, data=scenario.data, user=scenario.user)
        return await engine.send_event(event, under=conditions, doubles=scenario.doubles)
    if scenario.function is None:
        raise InvalidInputError("A test needs a function to invoke or an event to send.")
    return await engine.invoke_function(
        scenario.function,
        app=scenario.app,
        data=scenario.data,
        user=scenario.user,
        under=conditions,
        doubles=scenario.doubles,
    )


async def _run_meant(
    engine: Bench, scenario: Scenario, receipt: EventReceipt
) -> tuple[str | None, tuple[str, ...]]:
    """Return the run that the expectations are about, and the others."""
    started = [run.run_id for run in receipt.started]
    slugs = {run.function_slug: run.run_id for run in receipt.started}
    if scenario.function is not None:
        meant = slugs.get(engine.records.function(scenario.function, app=scenario.app).slug)
    else:
        meant = started[0] if len(started) == 1 else None
    return meant, tuple(run_id for run_id in started if run_id != meant)


def _not_started(scenario: Scenario, receipt: EventReceipt) -> Check:
    expected = scenario.function or "one function"
    actual: list[JSONValue] = [run.function_slug for run in receipt.started]
    reasons = "; ".join(f"{missed.function_slug}: {missed.reason}" for missed in receipt.not_started)
    if receipt.started and scenario.function is None:
        reasons = "the event started several functions: name the one that is meant with functionId"
    elif not reasons:
        reasons = f"no function listens to {receipt.event.name!r}"
    return Check(name="started", passed=False, expected=expected, actual=actual, difference=reasons)


async def events_sent(engine: Bench, run: RunView) -> list[str]:
    """Return the names of the events that the run's own steps have sent."""
    names: list[str] = []
    for step in run.steps:
        if step.kind not in {StepKind.SEND_EVENT, StepKind.RUN}:
            continue
        for event_id in sent_ids(step.output):
            with suppress(EventNotFoundError):  # a mock may have made it up
                names.append((await engine.records.event(event_id)).name)
    return names


def _notes(run: RunView, planned: Sequence[PlannedEvent]) -> list[str]:
    names = list(dict.fromkeys(step.name for step in run.steps))
    notes = []
    for double in run.unused_doubles:
        what = f"step {double.step!r}" if double.step else "the function's own call"
        near = get_close_matches(double.step or "", names, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        notes.append(f"The double for {what} was never used: the run did not come to it.{meant}")
    for event in planned:
        if event.sent_ms is None:
            what = "Signal" if event.is_signal else "Event"
            notes.append(f"{what} {event.name!r} was never sent: {_what_was_missing(event)}.")
    return notes


def _what_was_missing(event: PlannedEvent) -> str:
    if event.after_step is not None:
        return f"step {event.after_step!r} never ended"
    return "the run never waited for it" if event.after_ms is None else "the run ended before that time"
