"""What callers read about many runs and events: lists, page by page, and what belongs to one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from durable_engine.clock import Clock
from durable_engine.errors import EventNotFoundError, InvalidInputError, RunAlreadyEndedError
from durable_engine.fact_finding import find_event
from durable_engine.inspection import not_started, view_run
from durable_engine.model.event import SCHEDULED_TIMER, Event, NotStarted
from durable_engine.model.function import App, Function
from durable_engine.model.history import HistoryKind
from durable_engine.model.json_value import parse_stored
from durable_engine.model.queue_item import QueueItem
from durable_engine.model.records import (
    EventFilter,
    EventPage,
    EventRecordPage,
    RunFilter,
    RunPage,
    RunRecord,
    Span,
)
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus
from durable_engine.outcomes import event_record
from durable_engine.registry import Registry
from durable_engine.spans import root_span
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

MAX_PAGE: Final = 100
DEFAULT_PAGE: Final = 20


class Records:
    """Reads the newest committed state; changes nothing."""

    def __init__(self, database: Database, clock: Clock, registry: Callable[[], Registry]) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry

    def now_ms(self) -> int:
        """Return the engine's time."""
        return self._clock.now_ms()

    async def events(
        self, wanted: EventFilter | None = None, *, cursor: str | None = None, limit: int = DEFAULT_PAGE
    ) -> EventPage:
        """Return a page of at most `limit` (1 to 100) events, newest first.

        Raises:
            InvalidInputError: the cursor is not one of this list, or the limit is out of its range.
        """
        _check_limit(limit)

        def load(tables: Tables) -> EventPage:
            ids = _event_ids(tables, wanted, cursor, limit)
            return EventPage(events=tuple(map(tables.events.get, ids[:limit])), next_cursor=_next(ids, limit))

        return await self._database.read(load)

    async def event_records(
        self, wanted: EventFilter | None = None, *, cursor: str | None = None, limit: int = DEFAULT_PAGE
    ) -> EventRecordPage:
        """Return a page of events with what each of them did; raises as `events`."""
        _check_limit(limit)

        def load(tables: Tables) -> EventRecordPage:
            ids = _event_ids(tables, wanted, cursor, limit)
            events = map(tables.events.get, ids[:limit])
            return EventRecordPage(
                events=tuple(event_record(tables, self._registry(), event) for event in events),
                next_cursor=_next(ids, limit),
            )

        return await self._database.read(load)

    async def event(self, event_id: str) -> Event:
        """Return one event by its ULID.

        Raises:
            EventNotFoundError: no such event.
        """

        def load(tables: Tables) -> Event:
            event = tables.events.find(event_id)
            if event is None:
                raise EventNotFoundError(f"No event {event_id[:100]!r}.", hint=tables.events.hint(event_id))
            return event

        return await self._database.read(load)

    async def find_event(self, reference: str) -> Event:
        """Return one event by its ULID, or by the id its sender gave it, if it came not long ago.

        Raises:
            EventNotFoundError: no such event; `nearest` are ids of recent events.
        """
        return await self._database.read(lambda tables: find_event(tables, reference))

    async def decisions(self, event_id: str) -> tuple[NotStarted, ...]:
        """Return why functions that listen to an event were not started by it at once; raises as `event`."""
        event = await self.event(event_id)
        return await self._database.read(lambda tables: not_started(tables, event.id))

    async def runs(
        self,
        wanted: RunFilter | None = None,
        *,
        cursor: str | None = None,
        limit: int = DEFAULT_PAGE,
        with_output: bool = False,
        with_state: bool = False,
    ) -> RunPage:
        """Return a page of at most `limit` (1 to 100) runs.

        `with_state`: with the error of those that failed, why others were cancelled, and where those stand
        that have not ended.

        Raises:
            AppNotFoundError, FunctionNotFoundError: the filter names something that never was synced.
            InvalidInputError: the cursor is not one of this list, or the limit is out of its range.
        """
        _check_limit(limit)
        wanted = wanted or RunFilter()
        functions = self._registry().ever_known(app=wanted.app, function=wanted.function)
        function_ids = None if functions is None else [function.id for function in functions]

        def load(tables: Tables) -> RunPage:
            try:
                ids = tables.run_lists.ids(wanted, functions=function_ids, after=cursor, limit=limit + 1)
            except LookupError:
                raise _bad_cursor(cursor) from None
            get = tables.runs.get if with_output else tables.runs.get_lean
            records = [self._record(tables, run) for run in filter(None, map(get, ids[:limit]))]
            return RunPage(runs=tuple(records), next_cursor=_next(ids, limit))

        page = await self._database.read(load)
        if not with_state:
            return page
        # One at a time: the steps of a hundred runs must not hold up everybody else.
        states = [await self._database.read(partial(self._with_state, run)) for run in page.runs]
        return replace(page, runs=tuple(states))

    async def newest_run_ids(self, limit: int) -> list[str]:
        """Return the ids of the newest runs, newest first."""
        return await self._database.read(lambda tables: tables.runs.recent_ids(limit))

    async def run(self, run_id: str) -> RunRecord:
        """Return one run without its steps.

        Raises:
            RunNotFoundError: no such run.
        """
        return await self._database.read(lambda tables: self._record(tables, tables.runs.known(run_id)))

    async def state(self, run_id: str) -> tuple[Sequence[str], Mapping[str, str]] | None:
        """Return a run's events and its memos by step id, all as JSON text; None for no run.

        Raises:
            RunAlreadyEndedError: nobody needs that any more.
        """

        def load(tables: Tables) -> tuple[Sequence[str], Mapping[str, str]] | None:
            run = tables.runs.find(run_id)
            if run is None:
                return None
            if run.status.is_terminal:
                raise RunAlreadyEndedError(f"Run {run_id} has ended: it is {run.status}.")
            memos = tables.steps.memos(run_id) | tables.steps.given(run_id)
            return [tables.events.payload(event_id) for event_id in tables.runs.event_ids(run)], memos

        return await self._database.read(load)

    async def jobs(self, run_id: str) -> tuple[QueueItem, ...]:
        """Return the work of a run that is due now or later; raises as `run`."""
        return await self._database.read(
            lambda tables: tuple(tables.queue.of_run(tables.runs.known(run_id).id))
        )

    async def trace(self, run_id: str) -> Span:
        """Return a run as spans, one inside the other; raises as `run`."""
        now_ms = self._clock.now_ms()

        def load(tables: Tables) -> Span:
            view = view_run(tables, self._registry(), tables.runs.known(run_id), now_ms=now_ms)
            children: dict[str, list[str]] = defaultdict(list)
            for child in filter(None, map(tables.runs.get_lean, view.child_run_ids)):
                children[child.parent_step_id or ""].append(child.id)
            return root_span(view, children)

        return await self._database.read(load)

    def apps(self) -> tuple[App, ...]:
        """Return the apps that are synced, by name."""
        return self._registry().apps

    def app(self, reference: str) -> App:
        """Return an app by name or UUID.

        Raises:
            AppNotFoundError: no such app is synced.
        """
        return self._registry().app(reference)

    def functions(self, app: str | None = None) -> tuple[Function, ...]:
        """Return the functions of an app, or of all, by slug; raises as `app`."""
        return self._registry().of_app(app)

    def function(self, reference: str, *, app: str | None = None) -> Function:
        """Return a function by slug, UUID, slug without the app, or name.

        Raises:
            AppNotFoundError: `app` is not synced.
            FunctionNotFoundError: nothing fits, or a short form fits several functions.
        """
        return self._registry().find(reference, app=app)

    def _with_state(self, record: RunRecord, tables: Tables) -> RunRecord:
        if record.status is RunStatus.COMPLETED:
            return record
        run = tables.runs.find(record.id)
        if run is None:  # the state was replaced meanwhile
            return record
        record = self._record(tables, run)  # which may have ended meanwhile
        if run.status is RunStatus.CANCELLED:
            detail = tables.history.detail(run.id, HistoryKind.RUN_CANCELLED) or {}
            return replace(record, cancelled=detail.get("reason"))
        if run.status.is_terminal:
            return record
        now_ms = self._clock.now_ms()
        return replace(record, view=view_run(tables, self._registry(), run, now_ms=now_ms, only_open=True))

    def _record(self, tables: Tables, run: Run) -> RunRecord:
        function = self._registry().by_id(run.function_id)
        event_name = tables.events.name(run.event_id)
        return RunRecord(
            id=run.id,
            status=run.status,
            function_id=function.id,
            function_slug=function.slug,
            function_name=function.name,
            app_name=function.app_name,
            event_id=run.event_id,
            event_name=event_name,
            queued_ms=run.queued_ms,
            received_ms=run.received_ms,
            started_ms=run.started_ms,
            ended_ms=run.ended_ms,
            output=parse_stored(run.output),
            error=parse_stored(run.error),
            parent_run_id=run.parent_run_id,
            original_run_id=run.original_run_id,
            event_ids=tuple(tables.runs.event_ids(run)),
            cron=_cron(tables.events.get(run.event_id)) if event_name == SCHEDULED_TIMER else None,
        )


def _event_ids(tables: Tables, wanted: EventFilter | None, cursor: str | None, limit: int) -> list[str]:
    try:
        return tables.events.newest(wanted or EventFilter(), after=cursor, limit=limit + 1)
    except LookupError:
        raise _bad_cursor(cursor) from None


def _cron(event: Event) -> str | None:
    cron = event.data.get("cron")
    return cron if isinstance(cron, str) else None


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInputError(f"A page holds 1 to {MAX_PAGE} entries, not {limit}.")


def _bad_cursor(cursor: str | None) -> InvalidInputError:
    return InvalidInputError(
        f"The cursor {(cursor or '')[:100]!r} does not belong to this list.",
        hint="Use the cursor of the page before with the same filters, or none for the first page.",
    )


def _next(ids: Sequence[str], limit: int) -> str | None:
    return ids[limit - 1] if len(ids) > limit else None
