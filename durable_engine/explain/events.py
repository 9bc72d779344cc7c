"""What an event did, and why it did not start each function that one may expect it to start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from durable_engine.explain.facts import EventFacts
from durable_engine.explain.names import difference
from durable_engine.explain.pages import PAGES
from durable_engine.explain.words import advice, ago, quoted, said
from durable_engine.model.decision import Control, EventDecision
from durable_engine.model.event import INTERNAL_PREFIX, Event
from durable_engine.model.explanation import (
    Action,
    ActionKind,
    Cause,
    Evidence,
    Explanation,
    Forecast,
    FunctionVerdict,
)
from durable_engine.model.views import RunView

CAUSES: Final[Mapping[Control, Cause]] = {
    Control.TRIGGER: Cause.EXPRESSION_FALSE,
    Control.EVENT_ID: Cause.EVENT_ID_REPEATED,
    Control.IDEMPOTENCY: Cause.IDEMPOTENCY_KEY_REPEATED,
    Control.RATE_LIMIT: Cause.RATE_LIMITED,
    Control.DEBOUNCE: Cause.DEBOUNCED,
    Control.BATCH: Cause.BATCHED,
    Control.SINGLETON: Cause.SINGLETON_SKIPPED,
    Control.PAUSE: Cause.PAUSED_AT_EVENT,
    Control.REMOVED: Cause.FUNCTION_REMOVED,
}
_WHAT_TO_DO: Final[Mapping[Cause, str]] = {
    Cause.EXPRESSION_FALSE: "send data for which the trigger's expression holds, or change the expression",
    Cause.EVENT_ID_REPEATED: "send it with another id, or with none",
    Cause.IDEMPOTENCY_KEY_REPEATED: "send data with another value of the key, or change the key",
    Cause.RATE_LIMITED: "send it again later, or raise the rate limit",
    Cause.SINGLETON_SKIPPED: 'let that run end first, or use mode "cancel", or a key that tells them apart',
    Cause.FUNCTION_REMOVED: "start its app, or put the function back into its list, and send the event again",
    Cause.SYNCED_LATER: "send the event again: functions are started by events that come after their sync",
}
_SAME_DATA: Final = frozenset(
    {Cause.EVENT_ID_REPEATED, Cause.RATE_LIMITED, Cause.FUNCTION_REMOVED, Cause.SYNCED_LATER}
)
_SENT_AGAIN: Final = _SAME_DATA | {Cause.EXPRESSION_FALSE, Cause.IDEMPOTENCY_KEY_REPEATED}
_TO_COME: Final = frozenset({Cause.DEBOUNCED, Cause.BATCHED})
_NOTHING: Final = Forecast(text="nothing: what an event does is decided when it comes", is_by_itself=False)
_SHOWN: Final = 5


def explain_event(facts: EventFacts) -> Explanation:
    """Explain an event: what it did, or else the first reason why it did nothing."""
    verdicts = _verdicts(facts)
    cause, message = _did(facts, verdicts) or _did_nothing(facts, verdicts)
    return Explanation(
        cause=cause,
        message=f"Event {quoted(facts.event.name)} ({ago(facts.event.received_ms, facts.now_ms)}) {message}.",
        now_ms=facts.now_ms,
        evidence=_evidence(facts, cause),
        happens_next=_next(facts, verdicts),
        what_to_do=_what_to_do(facts, cause, verdicts),
        docs=PAGES[cause],
        event=facts.event,
        started=facts.started,
        ended_waits=tuple(dict.fromkeys(run_id for run_id, _ in facts.ended_waits)),
        cancelled=facts.cancelled,
        functions=verdicts,
    )


def _verdicts(facts: EventFacts) -> tuple[FunctionVerdict, ...]:
    """Return what is on record; the last word about a function counts, as a debounce may end otherwise."""
    newest = {entry.function_slug: _verdict(entry) for entry in facts.decisions}
    started = set(facts.started_functions)
    if not facts.event.name.startswith(INTERNAL_PREFIX):
        later = "it listens to this name now, and did not when the event came"
        gone = "it listened to this name, and it is not synced any more"
        new = [(function, Cause.SYNCED_LATER, later) for function in facts.listeners]
        # Those that were renamed or moved are no news when the event has reached another one.
        if not (newest or started or new):
            new = [(function, Cause.FUNCTION_REMOVED, gone) for function in facts.gone]
        for function, cause, message in new:
            if function.slug not in started | newest.keys():
                verdict = FunctionVerdict(function_slug=function.slug, cause=cause, message=message)
                newest[function.slug] = verdict
    return tuple(
        verdict
        for verdict in newest.values()
        if verdict.function_slug not in started or verdict.cause not in _TO_COME
    )


def _verdict(entry: EventDecision) -> FunctionVerdict:
    decision = entry.decision
    return FunctionVerdict(
        function_slug=entry.function_slug,
        cause=CAUSES[decision.control],
        message=decision.reason,
        until_ms=decision.until_ms,
        run_id=decision.run_id,
    )


def _did(facts: EventFacts, verdicts: tuple[FunctionVerdict, ...]) -> tuple[Cause, str] | None:
    parts: list[tuple[Cause, str]] = []
    if facts.started:
        parts.append((Cause.STARTED_RUNS, f"started {_count(len(facts.started_functions), 'run')}"))
    if facts.ended_waits:
        parts.append((Cause.ENDED_WAITS, f"ended {_count(len(facts.ended_waits), 'wait')}"))
    if facts.cancelled:
        parts.append((Cause.CANCELLED_RUNS, f"cancelled {_count(len(facts.cancelled), 'run')}"))
    if not parts:
        return None
    missed = f" and did not start {_count(len(verdicts), 'function')}" if verdicts else ""
    return parts[0][0], " and ".join(text for _, text in parts) + missed


def _did_nothing(facts: EventFacts, verdicts: tuple[FunctionVerdict, ...]) -> tuple[Cause, str]:
    if verdicts:
        first = verdicts[0]
        more = f" (and {len(verdicts) - 1} more)" if verdicts[1:] else ""
        how = "has not yet started" if first.cause in _TO_COME else "did not start"
        if first.cause in _TO_COME and first.run_id is not None:
            function = quoted(first.function_slug)
            return first.cause, f"became part of run {first.run_id} of {function}, which started later{more}"
        return first.cause, f"{how} {quoted(first.function_slug)}: {first.message}{more}"
    if facts.unmet:
        first_wait = facts.unmet[0]
        what = "would be cancelled by" if first_wait.step_name is None else "waits for"
        return Cause.WAITS_NOT_MET, (
            f"did nothing: run {first_wait.run_id} {what} such an event, but {first_wait.reason}"
        )
    return _unheard(facts)


def _unheard(facts: EventFacts) -> tuple[Cause, str]:
    """Nothing is on record: no function listened, and no run waited."""
    if facts.event.name.startswith(INTERNAL_PREFIX):
        return Cause.ENGINE_EVENT, "is of the engine itself, and nothing listens to it"
    broken = next((app for app in facts.apps if app.error), None)
    if broken is not None and not (facts.has_functions and _differences(facts)):
        why = "no function listens to it" if facts.has_functions else "no function is known"
        synced = f"the app at {broken.url} could not be synced: {said(broken.error)}"
        return Cause.APP_NOT_SYNCED, f"started nothing: {why}, and {synced}"
    if not facts.has_functions:
        return Cause.NO_APP_SYNCED, "started nothing: no app is synced, so there is no function to start"
    return (
        Cause.NO_FUNCTION_LISTENS,
        "started nothing: no function listens to this name, and no run waits for it",
    )


def _differences(facts: EventFacts) -> list[str]:
    known = [("the trigger", name) for name in facts.nearest]
    known += [("the awaited event", name) for name in facts.awaited if name not in facts.nearest]
    pairs = ((what, name, difference(facts.event.name, name)) for what, name in known)
    return [f"{what} {quoted(name)} {how}" for what, name, how in pairs if how is not None]


def _near_triggers(facts: EventFacts) -> list[Evidence]:
    texts = _differences(facts)
    if not texts and facts.nearest:
        texts = [f"no trigger has a name like it; there are {', '.join(map(quoted, facts.nearest))}"]
    return [Evidence(kind="near-trigger", text=text) for text in texts[:_SHOWN]]


def started_evidence(runs: Sequence[RunView]) -> list[Evidence]:
    """Name the first few runs that an event started."""
    return [
        Evidence(
            kind="started",
            text=f"run {run.id} of {quoted(run.function_slug)} is {run.status}",
            run_id=run.id,
        )
        for run in runs[:_SHOWN]
    ]


def _evidence(facts: EventFacts, cause: Cause) -> tuple[Evidence, ...]:
    found = started_evidence(facts.started)
    found += [
        Evidence(kind="ended-wait", text=f"step {quoted(step)} of run {run_id} got it", run_id=run_id)
        for run_id, step in facts.ended_waits[:_SHOWN]
    ]
    found += [
        Evidence(kind="cancelled", text=f"run {run_id} was cancelled by it", run_id=run_id)
        for run_id in facts.cancelled[:_SHOWN]
    ]
    if cause is Cause.EXPRESSION_FALSE:
        found += _triggers(facts)
    if cause in {Cause.NO_FUNCTION_LISTENS, Cause.APP_NOT_SYNCED}:
        found += _near_triggers(facts)
    if cause in {Cause.NO_FUNCTION_LISTENS, Cause.APP_NOT_SYNCED, Cause.NO_APP_SYNCED}:
        broken = [app for app in facts.apps if app.error]
        found += [Evidence(kind="app", text=f"{app.url}: {app.error}") for app in broken[:_SHOWN]]
    if not (facts.started or facts.ended_waits or facts.cancelled):
        found += [
            Evidence(
                kind="not-met", text=f"{wait.step_name or 'cancelOn'}: {wait.reason}", run_id=wait.run_id
            )
            for wait in facts.unmet[:_SHOWN]
        ]
    return tuple(found)


def _triggers(facts: EventFacts) -> list[Evidence]:
    declined = {entry.function_slug for entry in facts.decisions}
    return [
        Evidence(kind="trigger", text=f"{quoted(function.slug)} wants {trigger.expression}")
        for function in facts.listeners
        for trigger in function.triggers
        if function.slug in declined and trigger.expression and trigger.matches_name(facts.event.name)
    ][:_SHOWN]


def _next(facts: EventFacts, verdicts: tuple[FunctionVerdict, ...]) -> Forecast:
    for verdict in verdicts:
        is_to_come = verdict.cause in _TO_COME and verdict.run_id is None
        if is_to_come and verdict.until_ms is not None:
            unless = "or earlier, when the batch is full"
            if verdict.cause is Cause.DEBOUNCED:
                unless = "unless another such event comes first"
            text = f"{quoted(verdict.function_slug)} starts, {unless}"
            return Forecast(text=text, at_ms=verdict.until_ms)
        if verdict.cause is Cause.RATE_LIMITED:
            text = f"nothing; an event like it starts {quoted(verdict.function_slug)} again from then on"
            return Forecast(text=text, at_ms=verdict.until_ms, is_by_itself=False)
    if any(not run.status.is_terminal for run in facts.started):
        return Forecast(text="its runs go on")
    return _NOTHING


def _what_to_do(facts: EventFacts, cause: Cause, verdicts: tuple[FunctionVerdict, ...]) -> tuple[Action, ...]:
    found: list[Action] = []
    open_runs = [run for run in facts.started if not run.status.is_terminal] or list(facts.started)
    found += [Action(kind=ActionKind.EXPLAIN_RUN, run_id=run.id) for run in open_runs[:1]]
    for verdict in verdicts:
        if verdict.run_id is not None:
            found.append(Action(kind=ActionKind.EXPLAIN_RUN, run_id=verdict.run_id))
        if verdict.cause is Cause.PAUSED_AT_EVENT:
            found.append(Action(kind=ActionKind.RESUME_FUNCTION, function_slug=verdict.function_slug))
        elif verdict.cause in _WHAT_TO_DO:
            found.append(advice(_WHAT_TO_DO[verdict.cause]))
            if verdict.cause in _SENT_AGAIN:
                found.append(_send_again(facts.event, with_same_data=verdict.cause in _SAME_DATA))
    if cause is Cause.NO_FUNCTION_LISTENS:
        names = dict.fromkeys([*facts.nearest, *facts.awaited])
        near = [name for name in names if difference(facts.event.name, name) is not None]
        found += [
            Action(
                kind=ActionKind.SEND_EVENT,
                event_name=name,
                data=facts.event.data,
                text="with the same data",
            )
            for name in near[:1]
        ]
        found.append(advice("correct the name, or the trigger in the app; list_functions shows all triggers"))
    if cause is Cause.WAITS_NOT_MET:
        found.append(Action(kind=ActionKind.EXPLAIN_RUN, run_id=facts.unmet[0].run_id))
    if cause in {Cause.NO_APP_SYNCED, Cause.APP_NOT_SYNCED}:
        found.append(advice("start the app with INNGEST_DEV=1, and connect it: stepcue dev -u URL"))
    return tuple(action for place, action in enumerate(found) if action not in found[:place])[:_SHOWN]


def _send_again(event: Event, *, with_same_data: bool) -> Action:
    return Action(
        kind=ActionKind.SEND_EVENT,
        event_name=event.name,
        data=event.data if with_same_data else None,
        text="with the same data" if with_same_data else "with other data",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
