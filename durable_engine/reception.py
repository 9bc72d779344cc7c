"""Take events and direct starts from callers: check them, store them, and say what they did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from durable_engine.clock import Clock
from durable_engine.doubles.giving import give
from durable_engine.errors import InvalidEventError, InvalidInputError
from durable_engine.ids import new_ulid
from durable_engine.ingest import existing_runs, unmet_waits
from durable_engine.inspection import as_not_started, existing_run, not_started
from durable_engine.intake import MAX_EVENTS, accept
from durable_engine.model.changes import Changes
from durable_engine.model.double import NewDouble
from durable_engine.model.event import Event, EventReceipt, NewEvent
from durable_engine.model.function import Function
from durable_engine.model.plan import AS_USUAL, Conditions
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement, invoked_event
from durable_engine.standing import held_words
from durable_engine.starting import Start, consider
from durable_engine.storage.tables import Tables
from durable_engine.transactions import Transactions

_AT_ONCE: Final = 20
"""Events that are checked in one go: they may have megabytes each."""
_INVOKE_KEY: Final = "inngest/invoke:"
"""Keeps keys of direct starts apart from the ids of events, which are kept in the same table."""


class Reception:
    """Accepts what callers send, each request in one transaction."""

    def __init__(
        self,
        clock: Clock,
        transactions: Transactions,
        registry: Callable[[], Registry],
        *,
        max_bytes: int,
    ) -> None:
        self._clock = clock
        self._transactions = transactions
        self._registry = registry
        self._max_bytes = max_bytes

    async def send(
        self,
        events: Sequence[NewEvent],
        *,
        seed: str | None,
        explains: bool,
        source: str,
        under: Conditions = AS_USUAL,
        doubles: Sequence[NewDouble] = (),
    ) -> list[EventReceipt]:
        """Accept events, all of them or none. `explains`: the receipts say what keeps runs waiting, too.

        `source` says how they came, as in `Event.source`. `under` are conditions for the runs that they
        start, and `doubles` stand in for their steps.

        Raises:
            InvalidEventError: one is malformed, reserved or too large, or there are too many.
            InvalidInputError: a double cannot be used, or there is no new run for it.
            FunctionNotFoundError: a double is for an unknown function.
        """
        if len(events) > MAX_EVENTS:
            raise InvalidEventError(f"{len(events)} events in one request; at most {MAX_EVENTS} are allowed")
        is_checked = len(events) > _AT_ONCE
        if is_checked:
            await self._check(events)
        await self._transactions.ready()
        now_ms = self._clock.now_ms()
        max_bytes = None if is_checked else self._max_bytes
        checked = (
            accept(event, now_ms=now_ms, seed=seed, position=position, max_bytes=max_bytes)
            for position, event in enumerate(events)
        )
        accepted = [replace(event, source=source) for event in checked]
        receipts: list[EventReceipt] = []

        def take(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            whole = Settled()
            receipts.clear()
            for event in accepted:
                settled, receipt = _ingest(
                    tables, registry, event, explains=explains, under=under, now_ms=now_ms
                )
                receipts.append(receipt)
                give(tables, registry, doubles, receipt, now_ms=now_ms)
                whole.add(settled)
            return whole

        # A program that sends many events waits; a tool that sends one explains it to somebody who does.
        await self._transactions.commit(take, bulk=0 if explains else len(accepted))
        return receipts

    async def _check(self, events: Sequence[NewEvent]) -> None:
        """Check many events a few at a time: that takes long, and others have to have their turn."""
        for position, event in enumerate(events):
            accept(event, now_ms=self._clock.now_ms(), max_bytes=self._max_bytes)
            if position % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def invoke(
        self,
        function: str,
        *,
        app: str | None,
        data: Mapping[str, object] | None,
        user: Mapping[str, object] | None,
        key: str | None,
        under: Conditions = AS_USUAL,
        doubles: Sequence[NewDouble] = (),
    ) -> EventReceipt:
        """Start one function, whatever triggers it; for 24 h the same `key` starts it only once.

        `doubles` are for its run; raises for them as `send`.

        Raises:
            FunctionNotFoundError, AppNotFoundError: as `Registry.find`.
            InvalidInputError: it is a durable endpoint.
            InvalidEventError: `data` cannot be an event's data.
        """
        await self._transactions.ready()
        found = _startable(self._registry().find(function, app=app))
        event = self._event_for(found, NewEvent(name="checked", data=dict(data or {}), user=dict(user or {})))
        start_key = None if key is None else f"{_INVOKE_KEY}{key}"
        receipts: list[EventReceipt] = []

        def start(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            known = _started_before(tables, registry, found, start_key, now_ms=now_ms)
            if known is not None:
                give(tables, registry, doubles, known, now_ms=now_ms)
                receipts.append(known)
                return Settled()
            changes = Changes(events=[event])
            asked = Start(
                function=registry.by_id(found.id),
                event=event,
                now_ms=now_ms,
                is_direct=True,
                start_key=start_key,
                under=under,
            )
            consider(tables, changes, asked)
            settled = Settlement(tables, registry, now_ms=now_ms).apply(changes)
            _prepare(tables, settled, under)
            receipts.append(_with_holds(tables, _receipt(event, settled), now_ms=now_ms))
            give(tables, registry, doubles, receipts[0], now_ms=now_ms)
            return settled

        await self._transactions.commit(start)
        return receipts[0]

    def _event_for(self, function: Function, given: NewEvent) -> Event:
        """Return the event that the run of a function sees which is started directly."""
        now_ms = self._clock.now_ms()
        checked = accept(given, now_ms=now_ms, max_bytes=self._max_bytes)
        return invoked_event(function, checked.data, checked.user, now_ms=now_ms, event_id=new_ulid(now_ms))


def _startable(function: Function) -> Function:
    if function.is_endpoint:
        raise InvalidInputError(
            f"{function.slug!r} is a durable endpoint: a request to the app itself starts it.",
            hint=f"Send a request to {function.url}.",
        )
    return function


def _prepare(tables: Tables, settled: Settled, under: Conditions) -> None:
    """Let the runs that were started take place under conditions."""
    for run in settled.started if under.events else ():
        tables.timelines.plan(run.run_id, under.events)


def _ingest(
    tables: Tables, registry: Registry, event: Event, *, explains: bool, under: Conditions, now_ms: int
) -> tuple[Settled, EventReceipt]:
    known = tables.events.find(event.id)
    if known is not None:
        started = existing_runs(tables, registry, event.id)
        missed = not_started(tables, event.id)
        return Settled(), EventReceipt(event=known, is_known=True, started=started, not_started=missed)
    if tables.runs.started_by_key("", event.id, now_ms=now_ms) is not None:  # it was pruned meanwhile
        return Settled(), EventReceipt(event=event, is_known=True)
    settled = Settlement(tables, registry, now_ms=now_ms).ingest(event, under=under)
    _prepare(tables, settled, under)
    receipt = _receipt(event, settled)
    if not explains:
        return settled, receipt
    is_heard = settled.started or settled.resumed or settled.cancelled
    unmet = () if is_heard else unmet_waits(tables, event, now_ms=now_ms)
    return settled, _with_holds(tables, replace(receipt, unmet=unmet), now_ms=now_ms)


def _receipt(event: Event, settled: Settled) -> EventReceipt:
    """Say what the event did, and what was decided about it: not what other events of the transaction did."""
    return EventReceipt(
        event=event,
        started=tuple(settled.started),
        resumed=tuple(dict.fromkeys(settled.resumed)),
        cancelled=tuple(settled.cancelled),
        not_started=tuple(as_not_started(entry) for entry in settled.decisions if entry.event_id == event.id),
    )


def _with_holds(tables: Tables, receipt: EventReceipt, *, now_ms: int) -> EventReceipt:
    """Say what keeps the runs that were started waiting for their turn."""
    started = (replace(run, held=held_words(tables, run.run_id, now_ms=now_ms)) for run in receipt.started)
    return replace(receipt, started=tuple(started))


def _started_before(
    tables: Tables, registry: Registry, function: Function, key: str | None, *, now_ms: int
) -> EventReceipt | None:
    run_id = None if key is None else tables.runs.started_by_key(function.id, key, now_ms=now_ms)
    run = None if run_id is None else tables.runs.get(run_id)
    if run is None:
        return None
    started = existing_run(registry, run)
    return EventReceipt(event=tables.events.get(run.event_id), is_known=True, started=(started,))
