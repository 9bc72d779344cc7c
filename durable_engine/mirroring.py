"""Start a run that takes the place of one elsewhere: the same event, and doubles for what happened there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from durable_engine.clock import Clock
from durable_engine.doubles.checks import check
from durable_engine.doubles.giving import attach
from durable_engine.errors import InvalidInputError
from durable_engine.intake import accept
from durable_engine.lifecycle.start import run_id_for, start_run
from durable_engine.model.changes import Changes
from durable_engine.model.double import NewDouble
from durable_engine.model.event import MIRROR, Event, NewEvent
from durable_engine.model.function import Function
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.run import Timeline
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.tables import Tables
from durable_engine.transactions import Transactions

MAX_RECORDED: Final = 1_000
"""Steps on record, as many as a run may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What a run is to begin with. `doubles` stand in for its steps, `note` says in its history what it is.

    `event` becomes a new one with this name, data, user and time, and starts nothing else. Nor does the end
    of the run: no failure handler hears of it. Time is skipped up to `until_ms` milliseconds after the start,
    None for as long as there is any to skip.
    """

    function: str
    event: Event
    doubles: Sequence[NewDouble]
    note: str
    until_ms: int | None = None


class Mirroring:
    """Starts runs, each in a transaction of its own."""

    def __init__(self, clock: Clock, transactions: Transactions) -> None:
        self._clock = clock
        self._transactions = transactions

    async def start(self, wanted: Mirrored) -> str:
        """Start a run whose time is skipped and return its id; no flow control holds its start back.

        Raises:
            FunctionNotFoundError: as `Registry.find`.
            InvalidInputError: a double cannot be used, or the function is one that only a request can start.
            InvalidEventError: the event is too large, or no JSON.
        """
        check(wanted.doubles, most=MAX_RECORDED + 1)
        await self._transactions.ready()
        event = _as_new(wanted.event, now_ms=self._clock.now_ms())
        started: list[str] = []

        def change(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            function = _startable(registry.find(wanted.function))
            changes = Changes(events=[event])
            until_ms = None if wanted.until_ms is None else now_ms + wanted.until_ms
            timeline = Timeline(id=run_id_for(event, function, now_ms=now_ms), until_ms=until_ms)
            changes.timelines.append(timeline)
            run = start_run(changes, function, event, now_ms=now_ms, timeline=timeline)
            note = HistoryEntry(
                run_id=run.id, at_ms=now_ms, kind=HistoryKind.NOTE, detail={"text": wanted.note}
            )
            changes.history.append(note)
            settled = Settlement(tables, registry, now_ms=now_ms).apply(changes)
            for double in wanted.doubles:
                attach(tables, double, function_id=function.id, scope=run.id, now_ms=now_ms)
            started.append(run.id)
            return settled

        await self._transactions.commit(change)
        return started[-1]


def _startable(function: Function) -> Function:
    if function.is_endpoint or function.is_archived:
        why = "is a durable endpoint" if function.is_endpoint else "is not synced any more"
        raise InvalidInputError(
            f"Function {function.slug!r} {why}, so that no run of it can be started.",
            hint="Start its app again, or name another function with functionId.",
        )
    return function


def _as_new(event: Event, *, now_ms: int) -> Event:
    """Return an event like one that a server elsewhere has; names of the engine's own are allowed."""
    given = NewEvent(name="checked", data=event.data, user=event.user)
    return replace(
        accept(given, now_ms=now_ms), name=event.name, ts_ms=event.ts_ms or now_ms, v=event.v, source=MIRROR
    )
