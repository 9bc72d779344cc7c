"""Runs that wait for time, for an event, a signal or another run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from durable_engine.explain.facts import RunFacts, SeenEvents
from durable_engine.explain.meeting import data_that_meets
from durable_engine.explain.names import difference
from durable_engine.explain.words import advice, ago, move_clock, quoted, skip_time, span
from durable_engine.expressions import compile_expression, explain_mismatch
from durable_engine.model.event import Event
from durable_engine.model.explanation import Action, ActionKind, Cause, Evidence, Explanation, Forecast
from durable_engine.model.views import WaitingFor

Explain: TypeAlias = Callable[[RunFacts], Explanation]

_SHOWN_EVENTS: Final = 3


def sleeping(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """A step sleeps."""
    now_ms = facts.view.now_ms
    return Explanation(
        cause=Cause.SLEEPING,
        message=f"It sleeps in step {quoted(wait.step_name)}{_left(facts, wait)}.",
        now_ms=now_ms,
        evidence=(_step(wait),),
        happens_next=Forecast(text="the sleep ends and the function goes on", at_ms=wait.until_ms),
        what_to_do=(skip_time(facts.view),),
    )


def for_event(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """A step waits for an event: what came of that name, and why it did not end the wait."""
    seen = facts.seen.get(wait.step_id or "", SeenEvents())
    name = quoted(wait.event_name)
    reasons = [(event, _mismatch(facts, wait, event)) for event in seen.since]
    unmet = [(event, reason) for event, reason in reasons if reason is not None]
    # One that would have met the condition came in the same moment, before the wait.
    before = [event for event, reason in reasons if reason is None] + list(seen.before)
    cause, why = _why_not_yet(len(unmet), len(before))
    evidence = [_step(wait), Evidence(kind="event", text=f"waits for {name}")]
    if wait.expression is not None:
        evidence.append(Evidence(kind="expression", text=wait.expression))
    evidence += [_not_met(facts, event, reason) for event, reason in unmet[:_SHOWN_EVENTS]]
    if before and not unmet:
        came = ago(before[0].received_ms, facts.view.now_ms)
        text = f"the last one came {came}, before the wait began; only later ones count"
        evidence.append(Evidence(kind="event", text=text, event_id=before[0].id))
    for similar in seen.similar:
        how = difference(wait.event_name or "", similar) or "is like it"
        text = f"an event {quoted(similar)} has come: its name {how}"
        evidence.append(Evidence(kind="similar-event", text=text))
    return Explanation(
        cause=cause,
        message=f"Step {quoted(wait.step_name)} waits for an event {name}: {why}.",
        now_ms=facts.view.now_ms,
        evidence=tuple(evidence),
        happens_next=_times_out(wait),
        what_to_do=(_send(facts, wait), skip_time(facts.view)),
    )


def _why_not_yet(unmet: int, before: int) -> tuple[Cause, str]:
    if unmet:
        came = "one has come" if unmet == 1 else f"the last {unmet} that came"
        verb = ", but does" if unmet == 1 else " do"
        return Cause.EVENT_NOT_MATCHED, f"{came}{verb} not meet its condition"
    if before:
        return Cause.WAITING_FOR_EVENT, "none has come since the wait began"
    return Cause.EVENT_NEVER_SEEN, "none of that name has ever come"


def _mismatch(facts: RunFacts, wait: WaitingFor, event: Event) -> str | None:
    if wait.expression is None:
        return None
    scope = {"event": facts.view.event.as_payload(), "async": event.as_payload()}
    return explain_mismatch(compile_expression(wait.expression), scope, now_ms=facts.view.now_ms)


def _not_met(facts: RunFacts, event: Event, reason: str) -> Evidence:
    came = ago(event.received_ms, facts.view.now_ms)
    text = f"one that came {came} did not match: {reason}"
    return Evidence(kind="not-matched", text=text, event_id=event.id)


def _send(facts: RunFacts, wait: WaitingFor) -> Action:
    data = None
    if wait.event_name is not None:
        expression = None if wait.expression is None else compile_expression(wait.expression)
        data = data_that_meets(expression, facts.view.event, name=wait.event_name, now_ms=facts.view.now_ms)
    text = "with data for which the expression holds (`async` is the event sent)"
    return Action(kind=ActionKind.SEND_EVENT, event_name=wait.event_name, data=data, text=text)


def for_signal(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """A step waits for a signal, which another step may have taken over."""
    signal, step = quoted(wait.signal), quoted(wait.step_name)
    if not wait.is_displaced:
        return Explanation(
            cause=Cause.WAITING_FOR_SIGNAL,
            message=f"Step {step} waits for the signal {signal}.",
            now_ms=facts.view.now_ms,
            evidence=(_step(wait), Evidence(kind="signal", text=f"waits for {signal}")),
            happens_next=_times_out(wait),
            what_to_do=(
                Action(kind=ActionKind.SEND_SIGNAL, signal=wait.signal),
                skip_time(facts.view),
            ),
        )
    notes = [note for note in facts.view.notes if repr(wait.signal) in note]
    return Explanation(
        cause=Cause.SIGNAL_DISPLACED,
        message=f"Step {step} waits for the signal {signal}, but another step has taken that signal over: "
        "it can only time out.",
        now_ms=facts.view.now_ms,
        evidence=(_step(wait), *(Evidence(kind="note", text=note) for note in notes)),
        happens_next=_times_out(wait),
        what_to_do=(
            advice("give each run a signal of its own, or leave out onConflict: replace in the other"),
            skip_time(facts.view),
        ),
    )


def for_run(facts: RunFacts, wait: WaitingFor, explain: Explain) -> Explanation:
    """A step waits for a run that it invoked: the cause lies there, or deeper."""
    child = facts.children.get(wait.run_id or "")
    step = quoted(wait.step_name)
    if child is None:
        return _start_to_come(facts, wait)
    below = explain(child)
    chain = root_of(below)
    evidence = [
        _step(wait),
        Evidence(kind="invoked-run", text=child_words(child, below), run_id=child.view.id),
        *chain,
    ]
    return Explanation(
        cause=Cause.WAITING_FOR_RUN,
        message=f"Step {step} waits for run {child.view.id} of {quoted(child.view.function_slug)}. "
        f"There: {below.message}",
        now_ms=facts.view.now_ms,
        evidence=tuple(evidence),
        happens_next=_below_next(below.happens_next, wait.until_ms),
        what_to_do=(
            Action(kind=ActionKind.EXPLAIN_RUN, run_id=child.view.id),
            *(action for action in below.what_to_do if action.kind is not ActionKind.EXPLAIN_RUN),
        ),
    )


def _below_next(coming: Forecast, until_ms: int | None) -> Forecast:
    """Return what happens next in the invoked run, or that the wait for it times out before."""
    is_late = until_ms is not None and coming.at_ms is not None and coming.at_ms > until_ms
    if until_ms is not None and (is_late or not coming.is_by_itself):
        return Forecast(text="the wait for the invoked run times out, and the step fails", at_ms=until_ms)
    return replace(coming, text=f"in the invoked run: {coming.text}")


def child_words(child: RunFacts, below: Explanation) -> str:
    """Return a line about a run that another one waits for, or that made it fail."""
    function = quoted(child.view.function_slug)
    return f"run {child.view.id} of {function} is {child.view.status}: {below.cause.value}"


def root_of(below: Explanation) -> tuple[Evidence, ...]:
    """Return what the explanation of an invoked run rests on, as part of that of the run above it."""
    kept = ("frame", "error", "invoked-run", "gate", "holder", "expression", "not-matched", "event", "app")
    return tuple(fact for fact in below.evidence if fact.kind in kept)


def _start_to_come(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """The invoked function has not started: its debounce waits, say."""
    function, starts_ms = quoted(wait.function_slug), facts.starts.get(wait.step_id or "")
    return Explanation(
        cause=Cause.WAITING_FOR_START,
        message=f"Step {quoted(wait.step_name)} invoked {function}, whose run has not started yet: a "
        "debounce of that function puts it off.",
        now_ms=facts.view.now_ms,
        evidence=(_step(wait), Evidence(kind="function", text=f"no run of {function} for this step yet")),
        happens_next=Forecast(
            text="the invoked function starts, unless another such event comes first",
            at_ms=starts_ms,
        ),
        what_to_do=(
            *move_clock(facts.view.now_ms, starts_ms),
            advice("shorten the debounce of the invoked function"),
        ),
    )


def for_start(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """The run starts later: its event says so, or its priority."""
    event = facts.view.event
    if event.ts_ms > event.received_ms:
        why = "the `ts` of its event lies in the future"
        text = f"ts is {span(event.received_ms, event.ts_ms)} later than it was sent"
        fact, instead = Evidence(kind="event", text=text), "send the event without `ts` to start at once"
    else:
        why, text = "its priority is negative", f"priority.run is {facts.function.flow.priority}"
        fact, instead = Evidence(kind="priority", text=text), "change the priority of the function"
    return Explanation(
        cause=Cause.QUEUED_FOR_LATER,
        message=f"It has not started{_left(facts, wait, before='and starts')}: {why}.",
        now_ms=facts.view.now_ms,
        evidence=(fact,),
        happens_next=Forecast(text="its first call is made", at_ms=wait.until_ms),
        what_to_do=(skip_time(facts.view), advice(instead)),
    )


def for_report(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """A durable endpoint handles the request that began the run."""
    return Explanation(
        cause=Cause.WAITING_FOR_REPORT,
        message="The app is handling the request that began it, and has not reported more than is known.",
        now_ms=facts.view.now_ms,
        evidence=(Evidence(kind="app", text=f"durable endpoint of app {quoted(facts.view.app_name)}"),),
        happens_next=Forecast(text="the app reports, or is called again", at_ms=wait.until_ms),
        what_to_do=(advice("see in the app's own log what the request is doing"),),
    )


def for_reply(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """An injected fault makes an answer late."""
    whose = "the function" if wait.step_name is None else f"step {quoted(wait.step_name)}"
    left = "later" if wait.until_ms is None else f"in {span(facts.view.now_ms, wait.until_ms)}"
    return Explanation(
        cause=Cause.CALL_IN_FLIGHT,
        message=f"The answer for {whose} is there, but an injected fault (slow_reply) makes it late: "
        f"it counts {left}.",
        now_ms=facts.view.now_ms,
        happens_next=Forecast(text="the answer counts", at_ms=wait.until_ms),
        what_to_do=(skip_time(facts.view),),
    )


def _times_out(wait: WaitingFor) -> Forecast:
    return Forecast(
        text="nothing until what it waits for comes; at the end the wait times out and the function goes on",
        at_ms=wait.until_ms,
        is_by_itself=wait.until_ms is not None,
    )


def _left(facts: RunFacts, wait: WaitingFor, *, before: str = "for another") -> str:
    if wait.until_ms is None:
        return ""
    joint = " in" if before != "for another" else ""
    return f" {before}{joint} {span(facts.view.now_ms, wait.until_ms)}"


def _step(wait: WaitingFor) -> Evidence:
    return Evidence(kind="step", text=f"step {quoted(wait.step_name)}")
