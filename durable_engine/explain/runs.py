"""Why a run is where it is: the one cause that matters most, and what else there is to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from durable_engine.explain import held, retries, waits
from durable_engine.explain.ends import ended
from durable_engine.explain.facts import RunFacts
from durable_engine.explain.pages import PAGES
from durable_engine.explain.words import quoted, span
from durable_engine.model.explanation import Evidence, Explanation, Forecast
from durable_engine.model.views import WaitingFor

_BY_WEIGHT: Final[dict[str, Callable[[RunFacts, WaitingFor], Explanation]]] = {
    "retry": retries.retrying,
    "concurrency": held.by_concurrency,
    "throttle": held.by_throttle,
    "slot": held.by_slots,
    "signal": waits.for_signal,
    "event": waits.for_event,
    "invoke": lambda facts, wait: waits.for_run(facts, wait, explain_run),
    "sleep": waits.sleeping,
    "start": waits.for_start,
    "report": waits.for_report,
    "reply": waits.for_reply,
}
"""What to say of each kind of wait; of several, the first one here is the cause."""
_SHOWN_WAITS: Final = 3


def explain_run(facts: RunFacts) -> Explanation:
    """Explain a run and, where it hangs on others, those that it invoked."""
    view = facts.view
    if view.status.is_terminal:
        found = ended(facts, explain_run)
    elif facts.function.is_paused:
        found = _with_waits(facts, held.paused(facts), view.waiting_for)
    elif facts.function.is_archived:
        found = held.archived(facts, _open(facts))
    else:
        found = _open(facts)
    if facts.deadline_ms is not None and not view.status.is_terminal:
        found = _with_deadline(facts, found, facts.deadline_ms)
    return replace(found, run=view, docs=PAGES[found.cause])


def _open(facts: RunFacts) -> Explanation:
    order = list(_BY_WEIGHT)
    known = [wait for wait in facts.view.waiting_for if wait.kind in _BY_WEIGHT]
    known.sort(key=lambda wait: order.index(wait.kind))
    if facts.calls:
        return _with_waits(facts, held.in_flight(facts), known)
    if not known:
        return held.due(facts)
    return _with_waits(facts, _BY_WEIGHT[known[0].kind](facts, known[0]), known[1:])


def _with_waits(facts: RunFacts, found: Explanation, waits: Sequence[WaitingFor]) -> Explanation:
    also = [_also(facts, wait) for wait in waits if wait.kind != "paused"]
    return replace(found, evidence=(*found.evidence, *also[:_SHOWN_WAITS]))


def _also(facts: RunFacts, wait: WaitingFor) -> Evidence:
    left = "" if wait.until_ms is None else f", {span(facts.view.now_ms, wait.until_ms)} left"
    step = f" in step {quoted(wait.step_name)}" if wait.step_name else ""
    return Evidence(kind="also-waits", text=f"{wait.kind}{step}{left}")


def _with_deadline(facts: RunFacts, found: Explanation, deadline_ms: int) -> Explanation:
    """Tell of the time-out of the function that will cancel the run, which may come before anything else."""
    left = span(facts.view.now_ms, deadline_ms)
    name, has = ("finish", "ended") if facts.view.started_ms is not None else ("start", "started")
    text = f"timeouts.{name} cancels it in {left} unless it has {has} by then"
    coming = found.happens_next
    if not coming.is_by_itself or (coming.at_ms is not None and coming.at_ms > deadline_ms):
        coming = Forecast(text=f"timeouts.{name} cancels it", at_ms=deadline_ms)
    fact = Evidence(kind="deadline", text=text)
    return replace(found, evidence=(*found.evidence, fact), happens_next=coming)
