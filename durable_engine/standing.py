"""Why the calls of a run wait for their turn: what holds them, how many are before them, and until when."""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine.durations import format_duration
from durable_engine.flow_control.lanes import first_to_hold
from durable_engine.model.decision import Control
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.lane import GateState
from durable_engine.model.queue_item import QueueItem
from durable_engine.model.run import Run
from durable_engine.model.slot import SlotKind, kind_of
from durable_engine.storage.tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A call that is due and waits. `reason` is the end of a sentence: "it waits: ...".

    `kind` is that of `WaitingFor`: `concurrency`, `throttle`, `slot` or `paused`. `until_ms` is when it is
    made at the earliest, where that depends on time alone.
    """

    kind: str
    reason: str
    since_ms: int
    step_id: str | None = None
    until_ms: int | None = None
    gate: GateState | None = None
    """The limit of its function that holds it, if one does."""
    share: int | None = None
    """The share of the engine's slots that has no room for it, if that is what holds it."""


def standings(tables: Tables, run_id: str, *, now_ms: int) -> list[Standing]:
    """Return what holds the calls of a run that are due, in due order."""
    return [
        standing
        for item in tables.queue.of_run(run_id)
        if item.ready_ms is not None and (standing := _standing(tables, item, now_ms=now_ms)) is not None
    ]


def held_words(tables: Tables, run_id: str, *, now_ms: int) -> str | None:
    """Return what holds the first call of a run that was started in this transaction."""
    run = tables.runs.get_lean(run_id)
    if run is None or run.lane_id is None:
        return None
    tables.line_up(now_ms=now_ms)
    standing = next(iter(standings(tables, run_id, now_ms=now_ms)), None)
    if standing is None or standing.until_ms is None:
        return None if standing is None else standing.reason
    return f"{standing.reason}; it starts in {format_duration(standing.until_ms - now_ms)} at the earliest"


def note_held(tables: Tables, item: QueueItem, run: Run, *, by: str, now_ms: int) -> None:
    """Keep in the history of a run what held a call until now; the view of the run tells of it as a hold."""
    tables.history.append(
        HistoryEntry(
            run_id=item.run_id,
            at_ms=run.at(now_ms),
            kind=HistoryKind.HELD,
            step_id=item.step_id,
            detail={"by": by, "since_ms": None if item.ready_ms is None else run.at(item.ready_ms)},
        )
    )


def _standing(tables: Tables, item: QueueItem, *, now_ms: int) -> Standing | None:
    since_ms = item.ready_ms or now_ms
    if item.is_leased:
        return None
    if item.lane_id is None:
        reason = "its function is paused; it goes on when the function is resumed"
        return Standing(kind="paused", reason=reason, since_ms=since_ms, step_id=item.step_id)
    ahead = tables.queue.ahead_of(item)
    held = first_to_hold(tables.lanes.gates(item.lane_id), ahead=ahead, now_ms=now_ms)
    if held is None:
        share = tables.slots.awaited(item.lane_id)
        if share is None or kind_of(share) is SlotKind.TIMER:
            return None
        what = "requests" if kind_of(share) is SlotKind.REQUEST else "calls"
        whose = "app" if share == item.lane_id else "function"
        reason = f"Stepcue has as many {what} open as it makes at once{_before(ahead, whose)}"
        return Standing(kind="slot", reason=reason, since_ms=since_ms, step_id=item.step_id, share=share)
    rule = held.gate.rule
    used_up = "has no start left now" if rule.control is Control.THROTTLE else "is reached"
    return Standing(
        kind=rule.control.value,
        reason=f"{rule.words} {used_up}{_before(ahead, 'function')}",
        since_ms=since_ms,
        step_id=item.step_id,
        until_ms=held.until_ms,
        gate=held.gate,
    )


def _before(ahead: int, whose: str) -> str:
    return (
        f"; {ahead} of its {whose}'s calls {'are' if ahead > 1 else 'is'} in line before it" if ahead else ""
    )
