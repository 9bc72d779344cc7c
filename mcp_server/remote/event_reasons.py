"""What an event did on a server elsewhere: the runs that it reports, and who listens to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from durable_engine.explain.events import CAUSES, started_evidence
from durable_engine.explain.names import difference
from durable_engine.explain.pages import PAGES
from durable_engine.explain.words import advice, ago, quoted
from durable_engine.model.decision import Control
from durable_engine.model.event import INTERNAL_PREFIX, Event, NotStarted
from durable_engine.model.explanation import (
    Action,
    ActionKind,
    Cause,
    Evidence,
    Explanation,
    Forecast,
    FunctionVerdict,
)
from durable_engine.model.views import AppView, RunView

_SHOWN: Final = 5
_NO_WAITS: Final = "whether a run waited for it, the server does not say"
_TO_DO: Final = {
    Cause.NO_FUNCTION_LISTENS: "correct the name where it is sent, or the trigger in the app",
    Cause.NO_APP_SYNCED: "sync an app with this server",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldOfEvent:
    """What a server tells of an event: the runs that it started, and who listens to it now.

    `missed` are functions without a run, and why, as far as that is known; `nearest` are names of triggers
    like that of the event.
    """

    event: Event
    now_ms: int
    started: tuple[RunView, ...] = ()
    missed: tuple[NotStarted, ...] = ()
    has_functions: bool = True
    apps: tuple[AppView, ...] = ()
    nearest: tuple[str, ...] = ()


def explain_event(told: ToldOfEvent) -> Explanation:
    """Explain an event: what it did as far as that is told, or why it has no run."""
    verdicts = tuple(map(_verdict, told.missed))
    cause, message = _did(told, verdicts)
    name = quoted(told.event.name)
    return Explanation(
        cause=cause,
        message=f"Event {name} ({ago(told.event.received_ms, told.now_ms)}) {message}.",
        now_ms=told.now_ms,
        evidence=_evidence(told, cause),
        happens_next=_next(told, verdicts),
        what_to_do=_what_to_do(told, cause),
        docs=PAGES[cause],
        event=told.event,
        started=told.started,
        functions=verdicts,
    )


def _verdict(missed: NotStarted) -> FunctionVerdict:
    control = next((one for one in Control if one.value == missed.control), None)
    return FunctionVerdict(
        function_slug=missed.function_slug,
        cause=CAUSES.get(control, Cause.UNREPORTED) if control is not None else Cause.UNREPORTED,
        message=missed.reason,
        until_ms=missed.until_ms,
        run_id=missed.run_id,
    )


def _did(told: ToldOfEvent, verdicts: tuple[FunctionVerdict, ...]) -> tuple[Cause, str]:
    if told.started:
        runs = "1 run" if len(told.started) == 1 else f"{len(told.started)} runs"
        also = f"; of {len(verdicts)} more that listen no run is reported" if verdicts else ""
        return Cause.STARTED_RUNS, f"started {runs}{also}"
    if verdicts:
        first = verdicts[0]
        more = f" (and {len(verdicts) - 1} more)" if verdicts[1:] else ""
        return first.cause, f"has no run of {quoted(first.function_slug)}: {first.message}{more}"
    if told.event.name.startswith(INTERNAL_PREFIX):
        return Cause.ENGINE_EVENT, "is of the server itself, and no function that is synced listens to it"
    if not told.has_functions:
        return Cause.NO_APP_SYNCED, "has no run: no function is synced with the server"
    return Cause.NO_FUNCTION_LISTENS, f"has no run: no function listens to this name; {_NO_WAITS}"


def _evidence(told: ToldOfEvent, cause: Cause) -> tuple[Evidence, ...]:
    found = started_evidence(told.started)
    if cause is Cause.NO_FUNCTION_LISTENS:
        found += [
            Evidence(kind="near-trigger", text=f"the trigger {quoted(name)} {how}")
            for name in told.nearest
            if (how := difference(told.event.name, name)) is not None
        ]
    if cause in {Cause.NO_FUNCTION_LISTENS, Cause.NO_APP_SYNCED}:
        broken = [app for app in told.apps if app.error]
        found += [Evidence(kind="app", text=f"{app.name or app.url}: {app.error}") for app in broken]
    return tuple(found[: 2 * _SHOWN])


def _next(told: ToldOfEvent, verdicts: tuple[FunctionVerdict, ...]) -> Forecast:
    timed = next((one for one in verdicts if one.until_ms is not None), None)
    if timed is not None and timed.cause in {Cause.DEBOUNCED, Cause.BATCHED}:
        return Forecast(text=f"{quoted(timed.function_slug)} starts", at_ms=timed.until_ms)
    if any(not run.status.is_terminal for run in told.started):
        return Forecast(text="its runs go on")
    if any(one.cause is Cause.UNREPORTED for one in verdicts):
        return Forecast(text="its functions start if they are to, which the server reports then")
    return Forecast(text="nothing: what an event does is decided when it comes", is_by_itself=False)


def _what_to_do(told: ToldOfEvent, cause: Cause) -> tuple[Action, ...]:
    found: list[Action] = []
    open_runs = [run for run in told.started if not run.status.is_terminal] or list(told.started)
    found += [Action(kind=ActionKind.EXPLAIN_RUN, run_id=run.id) for run in open_runs[:1]]
    found += [advice(_TO_DO[cause])] if cause in _TO_DO else []
    if cause is Cause.UNREPORTED:
        found += [
            advice(f'list_runs eventId="{told.event.id}": runs may be reported a moment late'),
            advice("compare the event's data with the trigger's condition (list_functions shows it)"),
        ]
    return tuple(found)
