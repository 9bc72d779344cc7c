"""What is on record about a run, for a test that repeats it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from durable_engine.clock import Clock
from durable_engine.inspection import view_run
from durable_engine.model.double import Double
from durable_engine.model.event import Event, sent_ids
from durable_engine.model.json_value import parse_stored
from durable_engine.model.recording import Recording
from durable_engine.model.status import StepKind
from durable_engine.model.views import RunView
from durable_engine.registry import Registry
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

_MOST_CHILDREN: Final = 50
_EVENT_ID: Final = re.compile(r"\(([0-9A-Z]{26})\), as cancelOn")


class Recordings:
    """Reads the newest committed state; changes nothing."""

    def __init__(self, database: Database, clock: Clock, registry: Callable[[], Registry]) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry

    async def of_run(self, run_id: str) -> Recording:
        """Return what is on record about a run.

        Raises:
            RunNotFoundError: no such run.
        """
        now_ms = self._clock.now_ms()
        return await self._database.read(lambda tables: _recording(tables, self._registry(), run_id, now_ms))


def _recording(tables: Tables, registry: Registry, run_id: str, now_ms: int) -> Recording:
    stored = tables.runs.known(run_id)
    run = view_run(tables, registry, stored, now_ms=now_ms)
    children = tuple(_children(tables, registry, run, now_ms))
    given = (double for scope in (run.id, run.event.id) for double in tables.doubles.of_scope(scope))
    doubles = [*given, *_stood(tables, run, now_ms)]
    return Recording(
        run=run,
        children=children,
        doubles=tuple((registry.by_id(double.function_id).slug, double) for double in doubles),
        planned=tuple(tables.timelines.planned(run_id)),
        signals={key: signal for view in (run, *children) for key, signal in _signals(tables, view)},
        events_sent=tuple(_events_sent(tables, run)),
        cancelled_by=_cancelled_by(tables, run),
    )


def _children(tables: Tables, registry: Registry, run: RunView, now_ms: int) -> Iterator[RunView]:
    """Yield the runs below this one, nearer ones first."""
    todo, count = list(run.child_run_ids), 0
    while todo and count < _MOST_CHILDREN:
        stored = tables.runs.find(todo.pop(0))
        if stored is not None:
            count += 1
            child = view_run(tables, registry, stored, now_ms=now_ms)
            todo += child.child_run_ids
            yield child


def _stood(tables: Tables, run: RunView, now_ms: int) -> list[Double]:
    used = {use.double_id for use in run.doubles if use.is_standing}
    return [double for double in tables.doubles.standing(now_ms=now_ms) if double.id in used] if used else []


def _signals(tables: Tables, run: RunView) -> Iterator[tuple[tuple[str, str], str]]:
    for step in tables.steps.all(run.id):
        if step.kind is StepKind.WAIT_FOR_SIGNAL:
            detail = parse_stored(step.detail) or {}
            yield (run.id, step.ref.id), str(detail.get("signal", ""))


def _events_sent(tables: Tables, run: RunView) -> Iterator[Event]:
    """Yield what the run's own steps have sent."""
    for step in run.steps:
        if step.kind in {StepKind.SEND_EVENT, StepKind.RUN}:
            yield from filter(None, map(tables.events.find, sent_ids(step.output)))


def _cancelled_by(tables: Tables, run: RunView) -> Event | None:
    found = _EVENT_ID.search(run.cancelled or "")
    return None if found is None else tables.events.find(found.group(1))
