"""Lists of table `run`: the ids that fit a filter, page by page, each read through an index.

A run is queued, for a list, when the engine took it, in the engine's time: a run whose own time has been
skipped by a month does not stand before one that came later. Runs of the same millisecond are in the order
in which they were stored.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

from durable_engine.model.json_value import to_json
from durable_engine.model.records import RunFilter, RunMoment
from durable_engine.model.status import RunStatus
from durable_engine.storage.retention_table import RetentionTable

_Position: TypeAlias = tuple[int, int]
"""Where a run is in a list: the milliseconds of the moment, and its row."""

_PLACE: Final = "received_ms, rowid FROM run WHERE"
_BACKWARD: Final = """received_ms >= :start_ms AND (received_ms, rowid) < (:end_ms, :end_row)
ORDER BY received_ms DESC, rowid DESC LIMIT :limit"""
_FORWARD: Final = """received_ms < :end_ms AND (received_ms, rowid) > (:start_ms, :start_row)
ORDER BY received_ms, rowid LIMIT :limit"""
# What these leave of an index is read and dropped: they are for few runs, or for a span of time.
_AMONG: Final = """(:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
    AND (:functions IS NULL OR function_id IN (SELECT value FROM json_each(:functions)))
    AND (:event_name IS NULL OR event_name = :event_name)"""
_OF_STATUS: Final = "status = :status AND"
_OF_FUNCTION: Final = f"function_id = :function_id AND {_OF_STATUS}"
_OF_NAME: Final = f"event_name = :event_name AND {_OF_STATUS}"
_IS_OF_EVENT: Final = """event_id = :event_id
    OR id IN (SELECT run_id FROM run_event WHERE run_event.event_id = :event_id)"""
_OF_EVENT: Final = f"({_IS_OF_EVENT}) AND {_AMONG} AND"
_OF_ANY: Final = f"(:event_id IS NULL OR {_IS_OF_EVENT}) AND {_AMONG} AND"

_QUEUED: Final = f"SELECT {_PLACE} {_BACKWARD}"
_QUEUED_BY_STATUS: Final = f"SELECT {_PLACE} {_OF_STATUS} {_BACKWARD}"
_QUEUED_BY_FUNCTION: Final = f"SELECT {_PLACE} {_OF_FUNCTION} {_BACKWARD}"
_QUEUED_BY_NAME: Final = f"SELECT {_PLACE} {_OF_NAME} {_AMONG} AND {_BACKWARD}"
_QUEUED_BY_EVENT: Final = f"SELECT {_PLACE} {_OF_EVENT} {_BACKWARD}"
_STARTED: Final = f"SELECT {_PLACE} {_OF_ANY} {_BACKWARD}".replace("received_ms", "started_ms")
_ENDED: Final = f"SELECT {_PLACE} {_OF_ANY} {_BACKWARD}".replace("received_ms", "ended_ms")

_QUEUED_FORWARD: Final = f"SELECT {_PLACE} {_FORWARD}"
_QUEUED_BY_STATUS_FORWARD: Final = f"SELECT {_PLACE} {_OF_STATUS} {_FORWARD}"
_QUEUED_BY_FUNCTION_FORWARD: Final = f"SELECT {_PLACE} {_OF_FUNCTION} {_FORWARD}"
_QUEUED_BY_NAME_FORWARD: Final = f"SELECT {_PLACE} {_OF_NAME} {_AMONG} AND {_FORWARD}"
_QUEUED_BY_EVENT_FORWARD: Final = f"SELECT {_PLACE} {_OF_EVENT} {_FORWARD}"
_STARTED_FORWARD: Final = f"SELECT {_PLACE} {_OF_ANY} {_FORWARD}".replace("received_ms", "started_ms")
_ENDED_FORWARD: Final = f"SELECT {_PLACE} {_OF_ANY} {_FORWARD}".replace("received_ms", "ended_ms")

_ID: Final = "SELECT id FROM run WHERE rowid = ?"
_MOMENTS: Final = "SELECT rowid, received_ms AS queued_ms, started_ms, ended_ms FROM run WHERE id = ?"
_ALWAYS_MS: Final = 2**62


class RunListTable:
    """Chooses runs. `functions` are UUIDs, None for any; `after` is the run at which the last page ended."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._retention = RetentionTable(connection)

    def ids(
        self, wanted: RunFilter, *, functions: Collection[str] | None, after: str | None, limit: int
    ) -> list[str]:
        """Return up to `limit` ids in the order that the filter asks for.

        Raises:
            LookupError: `after` is no run, or has not come to the moment that the filter is about. One that
                was pruned since counts as of the time that is part of its id.
        """
        start: _Position = (wanted.from_ms or 0, 0)
        end: _Position = (_ALWAYS_MS if wanted.until_ms is None else wanted.until_ms, 0)
        if after is not None and wanted.oldest_first:
            start = max(start, self._position(after, wanted.moment))
        elif after is not None:
            end = min(end, self._position(after, wanted.moment))
        span: dict[str, Any] = {"start_ms": start[0], "end_ms": end[0], "limit": limit}
        span |= {"start_row": start[1]} if wanted.oldest_first else {"end_row": end[1]}
        lists = [self._places(statement, span | values) for statement, values in _parts(wanted, functions)]
        places = islice(heapq.merge(*lists, reverse=not wanted.oldest_first), limit)
        return [self._connection.execute(_ID, (row,)).fetchone()[0] for _, row in places]

    def _places(self, statement: str, values: dict[str, Any]) -> Iterator[_Position]:
        return ((row[0], row[1]) for row in self._connection.execute(statement, values))

    def _position(self, run_id: str, moment: RunMoment) -> _Position:
        row = self._connection.execute(_MOMENTS, (run_id,)).fetchone()
        if row is None and (pruned_ms := self._retention.pruned_run_ms(run_id)) is not None:
            return pruned_ms, 0
        at_ms: int | None = None if row is None else row[f"{moment}_ms"]
        if at_ms is None:
            raise LookupError(run_id)
        return at_ms, row["rowid"]


def _parts(
    wanted: RunFilter, functions: Collection[str] | None
) -> Sequence[tuple[str, dict[str, str | None]]]:
    """Return the statements, with their values, whose results together fit the filter."""
    forward = wanted.oldest_first
    among = {
        "event_id": wanted.event_id,
        "event_name": wanted.event_name,
        "statuses": to_json([status.value for status in wanted.statuses]) if wanted.statuses else None,
        "functions": None if functions is None else to_json(list(functions)),
    }
    if wanted.moment is RunMoment.STARTED:
        return [(_STARTED_FORWARD if forward else _STARTED, among)]
    if wanted.moment is RunMoment.ENDED:
        return [(_ENDED_FORWARD if forward else _ENDED, among)]
    if wanted.event_id is not None:
        return [(_QUEUED_BY_EVENT_FORWARD if forward else _QUEUED_BY_EVENT, among)]
    if wanted.event_name is None and functions is None and not wanted.statuses:
        return [(_QUEUED_FORWARD if forward else _QUEUED, {})]
    if wanted.event_name is not None:
        statement = _QUEUED_BY_NAME_FORWARD if forward else _QUEUED_BY_NAME
    elif functions is not None:
        statement = _QUEUED_BY_FUNCTION_FORWARD if forward else _QUEUED_BY_FUNCTION
    else:
        statement = _QUEUED_BY_STATUS_FORWARD if forward else _QUEUED_BY_STATUS
    # Few functions listen to one name, so that these are not read one by one.
    of_functions = [None] if wanted.event_name is not None or functions is None else functions
    return [
        (statement, among | {"function_id": function_id, "status": status.value})
        for function_id in of_functions
        for status in wanted.statuses or RunStatus
    ]
