"""Runs whose next call waits for its turn, or is open or due now."""

from __future__ import annotations

from typing import Final

from durable_engine.explain.facts import OpenCall, RunFacts, TakenSlots
from durable_engine.explain.retries import attempt_words, failed_attempts
from durable_engine.explain.words import advice, error_evidence, move_clock, quoted, span
from durable_engine.model.explanation import Action, ActionKind, Cause, Evidence, Explanation, Forecast
from durable_engine.model.status import RunStatus
from durable_engine.model.views import WaitingFor

_APPS: Final = 5
"""Apps that are told with the number of their open calls."""


def by_concurrency(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """A limit of calls at once is reached."""
    gate = facts.gate
    holders = () if gate is None else gate.holders
    others = [Evidence(kind="holder", text=f"run {run_id} holds a slot", run_id=run_id) for run_id in holders]
    if gate is not None and gate.running > len(holders):
        text = f"{gate.running} calls are open behind this limit"
        others.append(Evidence(kind="holder", text=text))
    return Explanation(
        cause=Cause.HELD_BY_CONCURRENCY,
        message=f"Its next call is due and waits for its turn: {wait.reason or 'a concurrency limit'}.",
        now_ms=facts.view.now_ms,
        evidence=(Evidence(kind="gate", text=wait.reason or ""), *others),
        happens_next=Forecast(text="its call is made when one of the open calls ends"),
        what_to_do=(
            *(Action(kind=ActionKind.EXPLAIN_RUN, run_id=run_id) for run_id in holders[:1]),
            advice("raise the concurrency limit of the function, or cancel what holds the slots"),
        ),
    )


def by_throttle(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """No start is left in the period of a throttle."""
    return Explanation(
        cause=Cause.HELD_BY_THROTTLE,
        message=f"It is due and waits for a start: {wait.reason or 'a throttle'}.",
        now_ms=facts.view.now_ms,
        evidence=(Evidence(kind="gate", text=wait.reason or ""),),
        happens_next=Forecast(text="it starts, at the earliest", at_ms=wait.until_ms),
        what_to_do=(
            *move_clock(facts.view.now_ms, wait.until_ms),
            advice("raise the throttle's limit or burst"),
        ),
    )


def by_slots(facts: RunFacts, wait: WaitingFor) -> Explanation:
    """As many calls are open as the engine makes at once."""
    taken = facts.taken or TakenSlots(apps=())
    found = [
        Evidence(kind="app", text=f"app {quoted(app)} has {count} open {'call' if count == 1 else 'calls'}")
        for app, count in taken.apps[:_APPS]
    ]
    found += [
        Evidence(kind="holder", text=f"run {run_id} has one", run_id=run_id) for run_id in taken.holders
    ]
    whose = f"app {quoted(taken.apps[0][0])}" if taken.apps else "the app"
    if not found:
        text = "the open calls are of runs that were cancelled: they end when the app answers"
        found.append(Evidence(kind="holder", text=text))
    cure = f"if the calls of {whose} hang, restart it: they fail then, and those of open runs are tried again"
    if taken.are_requests:
        cure = "see why the servers that those steps ask do not answer"
    return Explanation(
        cause=Cause.WAITING_FOR_SLOT,
        message=f"Its next call is due and waits for a free slot: {wait.reason}.",
        now_ms=facts.view.now_ms,
        evidence=tuple(found),
        happens_next=Forecast(text="its call is made when one of the open calls ends"),
        what_to_do=(
            *(Action(kind=ActionKind.EXPLAIN_RUN, run_id=run_id) for run_id in taken.holders[:1]),
            advice(cure),
        ),
    )


def paused(facts: RunFacts) -> Explanation:
    """The function is paused: calls that become due are put aside."""
    function, now_ms = facts.function, facts.view.now_ms
    since = "" if function.paused_ms is None else f" for {span(function.paused_ms, now_ms)}"
    return Explanation(
        cause=Cause.FUNCTION_PAUSED,
        message=f"Function {quoted(function.slug)} is paused{since}: no call of its runs is made.",
        now_ms=now_ms,
        evidence=(Evidence(kind="function", text=f"{quoted(function.slug)} is paused{since}"),),
        happens_next=Forecast(
            text="nothing until the function is resumed; after 7 days of pause the run is cancelled",
            at_ms=facts.pause_ends_ms,
            is_by_itself=False,
        ),
        what_to_do=(Action(kind=ActionKind.RESUME_FUNCTION, function_slug=function.slug),),
    )


def archived(facts: RunFacts, rest: Explanation) -> Explanation:
    """The app does not have the function any more; `rest` is where the run is otherwise."""
    function = facts.function
    state = "its app is not synced any more"
    if facts.app is not None:
        state = f"its app at {facts.app.url} does not have it any more"
        state += f"; its last sync failed: {facts.app.error}" if facts.app.error else ""
    return Explanation(
        cause=Cause.FUNCTION_ARCHIVED,
        message=f"Function {quoted(function.slug)} is not synced any more, so the run can hardly end well. "
        f"{rest.message}",
        now_ms=facts.view.now_ms,
        evidence=(Evidence(kind="function", text=state), *rest.evidence),
        happens_next=rest.happens_next,
        what_to_do=(
            advice(f"put {quoted(function.slug)} back into the app's list of functions, or start that app"),
            *rest.what_to_do,
        ),
    )


def in_flight(facts: RunFacts) -> Explanation:
    """The app is being called, or the server that a step asks."""
    now_ms = facts.view.now_ms
    first, *more = sorted(facts.calls, key=lambda call: call.since_ms)
    others = f", with {len(more)} more open" if more else ""
    # Not those that an earlier call has made good.
    failed = [failure for failure in failed_attempts(facts) if failure.attempt + 1 == first.attempt]
    evidence = [_call(call, now_ms) for call in (first, *more)]
    if failed:
        evidence += error_evidence(failed[-1].error)
        evidence.append(Evidence(kind="attempt", text=f"{attempt_words(facts, failed[-1])} failed before"))
    whom = "the server that it asks" if first.is_gateway else "the app"
    time = f"for about {span(first.since_ms, now_ms)}{others}"
    return Explanation(
        cause=Cause.CALL_IN_FLIGHT,
        message=f"The call for {_whose(first)} is open {time}: {whom} has not answered yet.",
        now_ms=now_ms,
        evidence=tuple(evidence),
        happens_next=Forecast(text=f"{whom} answers, or the call fails and is tried again"),
        what_to_do=(advice(f"if it takes too long, see in the log of {whom} what it is doing"),),
    )


def _call(call: OpenCall, now_ms: int) -> Evidence:
    since = span(call.since_ms, now_ms)
    text = f"call for {_whose(call)}, attempt {call.attempt + 1}, open for about {since}"
    return Evidence(kind="call", text=text)


def _whose(call: OpenCall) -> str:
    return "the function" if call.step_name is None else f"step {quoted(call.step_name)}"


def due(facts: RunFacts) -> Explanation:
    """Its next call is about to be made."""
    what = "first" if facts.view.status is RunStatus.QUEUED else "next"
    return Explanation(
        cause=Cause.CALL_DUE,
        message=f"Its {what} call is due and is about to be made.",
        now_ms=facts.view.now_ms,
        happens_next=Forecast(text="the app is called", at_ms=facts.view.now_ms),
        what_to_do=(advice("ask again in a moment"),),
    )
