"""Read what the recorded runs of a function have shown: newest first, and not more than an answer needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from durable_engine.clock import Clock
from durable_engine.coverage.gaps import find_gaps
from durable_engine.coverage.tally import Tally
from durable_engine.durations import parse_since_ms
from durable_engine.inspection import view_run
from durable_engine.model.coverage import Coverage
from durable_engine.model.event import FUNCTION_FAILED
from durable_engine.model.function import Function
from durable_engine.model.records import RunFilter
from durable_engine.registry import Registry
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

MAX_RUNS: Final = 200
_AT_ONCE: Final = 20
"""Runs read at a time, so that others are not held up."""
_MAX_BYTES: Final = 64 * 1024 * 1024


class Covering:
    """Reads the newest committed state; changes nothing."""

    def __init__(self, database: Database, clock: Clock, registry: Callable[[], Registry]) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry

    async def of(
        self, function: str, *, app: str | None = None, since: str | None = None, most: int = MAX_RUNS
    ) -> Coverage:
        """Return what the newest runs of a function have shown.

        `function` is as in `Engine.invoke_function`. `since` leaves out runs that were queued before a date,
        or longer ago than a duration. At most `most` runs are looked at, fewer if they are large.

        Raises:
            InvalidDurationError: `since` is neither a date nor a duration.
            FunctionNotFoundError: nothing fits, or a short form fits several functions.
            AppNotFoundError: `app` is not synced.
        """
        found = self._registry().find(function, app=app)
        since_ms = 0 if since is None else parse_since_ms(since, now_ms=self._clock.now_ms())
        wanted = RunFilter(from_ms=since_ms)
        ids = await self._database.read(
            lambda tables: tables.run_lists.ids(wanted, functions=[found.id], after=None, limit=most + 1)
        )
        tally, size = Tally(), 0
        for start in range(0, min(len(ids), most), _AT_ONCE):
            chunk = ids[start : min(start + _AT_ONCE, most)]
            size += await self._database.read(partial(self._count, tally, chunk))
            if size > _MAX_BYTES:
                break
        decided = await self._database.read(
            lambda tables: tables.decisions.counts(found.id, since_ms=since_ms)
        )
        for control, times in decided.items():
            tally.decided(control, times)
        return Coverage(
            function=found,
            runs=tally.runs,
            has_more=len(ids) > tally.runs,
            outcomes=tally.outcomes,
            steps=tally.steps(),
            branches=tally.branches(),
            gaps=find_gaps(found, tally, has_handler=self._has_handler(found)),
            failed_outside_steps=tally.failed_outside_steps,
            handler_runs=tally.handler_runs,
            cancelled_by=tally.cancelled_by,
            triggers=tally.triggers,
            controls=tally.controls,
        )

    def _count(self, tally: Tally, run_ids: Sequence[str], tables: Tables) -> int:
        """Count these runs; returns the size of their results."""
        now_ms, size = self._clock.now_ms(), 0
        for run in filter(None, map(tables.runs.get, run_ids)):
            tally.add(view_run(tables, self._registry(), run, now_ms=now_ms))
            size += run.state_bytes
        return size

    def _has_handler(self, function: Function) -> bool:
        """Whether a synced function is there for the failures of this one."""
        quoted = f"'{function.slug}'"
        return any(
            trigger.event == FUNCTION_FAILED and quoted in (trigger.expression or "")
            for other in self._registry().functions
            for trigger in other.triggers
            if not other.is_archived
        )
