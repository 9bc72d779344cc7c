"""Take events and direct starts from callers: check them, store them, and say what they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from durable_engine.clock import Clock
from durable_engine.errors import InvalidEventError, InvalidInputError
from durable_engine.ids import new_ulid
from durable_engine.ingest import IDEMPOTENCY_MS, existing_runs
from durable_engine.intake import MAX_EVENTS, accept
from durable_engine.lifecycle.start import start_run
from durable_engine.model.changes import Changes
from durable_engine.model.event import Event, EventReceipt, NewEvent, StartedRun
from durable_engine.model.function import Function
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement, invoked_event, repair_stalled
from durable_engine.signals import Signals
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

_INVOKE_KEY: Final = "inngest/invoke:"
"""Keeps keys of direct starts apart from the ids of events, which are kept in the same table."""


class Reception:
    """Accepts what callers send, each request in one transaction."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        signals: Signals,
        registry: Callable[[], Registry],
        *,
        max_event_bytes: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._signals = signals
        self._registry = registry
        self._max_bytes = max_event_bytes

    async def send(self, events: Sequence[NewEvent], *, seed: str | None) -> list[EventReceipt]:
        """Accept events, all of them or none.

        Raises:
            InvalidEventError: one is malformed, reserved or too large, or there are too many.
        """
        if len(events) > MAX_EVENTS:
            raise InvalidEventError(f"{len(events)} events in one request; at most {MAX_EVENTS} are allowed")
        now_ms = self._clock.now_ms()
        accepted = [
            accept(event, now_ms=now_ms, seed=seed, position=position, max_bytes=self._max_bytes)
            for position, event in enumerate(events)
        ]
        ended: list[str] = []

        def take(tables: Tables) -> list[EventReceipt]:
            return [self._ingest(tables, event, ended, now_ms=now_ms) for event in accepted]

        receipts = await self._database.transact(take)
        self._signals.runs_ended(ended)
        self._signals.work_changed()
        return receipts

    async def invoke(
        self,
        function: str,
        *,
        app: str | None,
        data: Mapping[str, object] | None,
        user: Mapping[str, object] | None,
        key: str | None,
    ) -> EventReceipt:
        """Start one function, whatever triggers it; for 24 h the same `key` starts it only once.

        Raises:
            FunctionNotFoundError, AppNotFoundError: as `Registry.find`.
            InvalidInputError: it is a durable endpoint.
            InvalidEventError: `data` cannot be an event's data.
        """
        found = self._registry().find(function, app=app)
        if found.is_endpoint:
            raise InvalidInputError(
                f"{found.slug!r} is a durable endpoint: a request to the app itself starts it.",
                hint=f"Send a request to {found.url}.",
            )
        now_ms = self._clock.now_ms()
        checked = accept(
            NewEvent(name="checked", data=dict(data or {}), user=dict(user or {})),
            now_ms=now_ms,
            max_bytes=self._max_bytes,
        )
        event = invoked_event(found, checked.data, checked.user, now_ms=now_ms, event_id=new_ulid(now_ms))
        start_key = None if key is None else f"{_INVOKE_KEY}{key}"

        def start(tables: Tables) -> EventReceipt:
            known = None if start_key is None else _started_before(tables, found, start_key, now_ms=now_ms)
            if known is not None:
                return known
            changes = Changes(events=[event])
            run = start_run(changes, found, event, now_ms=now_ms)
            if start_key is not None:
                changes.start_keys.append((found.id, start_key, run.id, now_ms + IDEMPOTENCY_MS))
            settled = Settlement(tables, self._registry(), now_ms=now_ms).apply(changes)
            return EventReceipt(event=event, started=tuple(settled.started))

        receipt = await self._database.transact(start)
        self._signals.work_changed()
        return receipt

    def _ingest(self, tables: Tables, event: Event, ended: list[str], *, now_ms: int) -> EventReceipt:
        """Store one event; the ids of runs that it ends are added to `ended`."""
        registry = self._registry()
        known = tables.events.find(event.id)
        if known is not None:
            started = existing_runs(tables, registry, event.id)
            return EventReceipt(event=known, is_known=True, started=started)
        settled = self._settled(tables, registry, event, now_ms=now_ms)
        ended += settled.ended
        return EventReceipt(
            event=event,
            started=tuple(settled.started),
            resumed=tuple(dict.fromkeys(settled.resumed)),
            cancelled=tuple(settled.cancelled),
            not_started=tuple(settled.not_started),
        )

    def _settled(self, tables: Tables, registry: Registry, event: Event, *, now_ms: int) -> Settled:
        settled = Settlement(tables, registry, now_ms=now_ms).ingest(event)
        repair_stalled(tables, registry, settled.resumed, settled, now_ms=now_ms)
        return settled


def _started_before(tables: Tables, function: Function, key: str, *, now_ms: int) -> EventReceipt | None:
    run_id = tables.runs.started_by_key(function.id, key, now_ms=now_ms)
    run = None if run_id is None else tables.runs.get(run_id)
    if run is None:
        return None
    started = StartedRun(
        run_id=run.id,
        function_slug=function.slug,
        status=run.status,
        due_ms=run.queued_ms,
        existed=True,
    )
    return EventReceipt(event=tables.events.get(run.event_id), is_known=True, started=(started,))
