"""Table `retention_mark`: how far runs and events had come when; and what is known of what was pruned."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from durable_engine.durations import format_duration
from durable_engine.errors import RunPrunedError
from durable_engine.ids import is_ulid, ulid_ms
from durable_engine.model.retention import KEPT_IN_ANY_CASE, Limits
from durable_engine.storage.setting_table import SettingTable

_NEWEST_ORDER: Final = """
SELECT ended_order FROM run WHERE ended_order IS NOT NULL ORDER BY ended_order DESC LIMIT 1 OFFSET ?
"""
_NEWEST_EVENT: Final = "SELECT coalesce(max(rowid), 0) FROM event"
_LAST_MARK: Final = "SELECT wall_ms, ended_order, event_row FROM retention_mark ORDER BY wall_ms DESC LIMIT 1"
_REACHED: Final = """
SELECT wall_ms, ended_order, event_row FROM retention_mark WHERE wall_ms <= ? ORDER BY wall_ms DESC LIMIT 1
"""
_FIRST_MARK: Final = "SELECT min(wall_ms) FROM retention_mark WHERE wall_ms > ?"
_MARK: Final = "INSERT INTO retention_mark (wall_ms, ended_order, event_row) VALUES (?, ?, ?)"
_UNMARK: Final = "DELETE FROM retention_mark WHERE wall_ms > ?"
_FORGET_MARKS: Final = "DELETE FROM retention_mark WHERE wall_ms < ?"
_OLDEST_RUN: Final = "SELECT min(received_ms) FROM run"
_KEEP_MS: Final = "retention_keep_ms"
_MAX_BYTES: Final = "retention_max_bytes"
_COUNT: Final = "pruned_runs"
_LAST_WALL_MS: Final = "pruned_wall_ms"
_RUNS_MS: Final = "pruned_runs_upto_ms"
_EVENTS_MS: Final = "pruned_events_upto_ms"
"""The latest time that is part of the id of a run, or an event, that was pruned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far something has come: the run that ended last by then, and the event that came last."""

    ended_order: int
    event_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of runs that were pruned: how many, when the last ones (real time), and the limits."""

    count: int
    wall_ms: int
    limits: Limits


class RetentionTable:
    """Marks of time, and what is deleted by them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._settings = SettingTable(connection)

    def past(self) -> Past:
        """Return what is known of what was pruned."""
        number = self._settings.number
        limits = Limits(keep_ms=number(_KEEP_MS) or None, max_bytes=number(_MAX_BYTES) or None)
        return Past(count=number(_COUNT), wall_ms=number(_LAST_WALL_MS), limits=limits)

    def pruned_run_ms(self, text: str) -> int | None:
        """Return the time in the id of a run that is not there, if it may have been pruned."""
        return _time_upto(text, self._settings.number(_RUNS_MS))

    def pruned_event_ms(self, text: str) -> int | None:
        """Return the time in the id of an event that is not there, if it may have been pruned."""
        return _time_upto(text, max(map(self._settings.number, (_RUNS_MS, _EVENTS_MS))))

    def limit(self, limits: Limits) -> None:
        """Remember what is pruned by, for whoever asks for something that is gone."""
        if self.past().limits != limits:
            self._settings.set_number(_KEEP_MS, limits.keep_ms or 0)
            self._settings.set_number(_MAX_BYTES, limits.max_bytes or 0)

    def mark(self, *, wall_ms: int, interval_ms: int) -> int | None:
        """Note how far all is now, unless nothing is new, or that was noted less than `interval_ms` ago.

        Returns when it can be noted then. Marks of a time to come go: somebody has set the clock back.
        """
        self._connection.execute(_UNMARK, (wall_ms,))
        now = self.newest()
        last = self._connection.execute(_LAST_MARK).fetchone()
        if last is not None and (last[1], last[2]) == (now.ended_order, now.event_row):
            return None
        if last is not None and last[0] + interval_ms > wall_ms:
            return int(last[0]) + interval_ms
        self._connection.execute(_MARK, (wall_ms, now.ended_order, now.event_row))
        return None

    def newest(self, *, but: int = 0) -> Reach:
        """Return how far all is now; `but` so many ended runs less."""
        run = self._connection.execute(_NEWEST_ORDER, (but,)).fetchone()
        event = self._connection.execute(_NEWEST_EVENT).fetchone()
        return Reach(ended_order=0 if run is None else run[0], event_row=event[0])

    def reached(self, wall_ms: int) -> Reach:
        """Return how far all was at a moment, or at the mark before it; marks before that are forgotten."""
        row = self._connection.execute(_REACHED, (wall_ms,)).fetchone()
        if row is None:
            return Reach(ended_order=0, event_row=0)
        self._connection.execute(_FORGET_MARKS, (row[0],))
        kept = self.newest(but=KEPT_IN_ANY_CASE).ended_order
        return Reach(ended_order=min(row[1], kept), event_row=row[2])

    def next_mark_ms(self, wall_ms: int) -> int | None:
        """Return the moment of the first mark after `wall_ms`."""
        first: int | None = self._connection.execute(_FIRST_MARK, (wall_ms,)).fetchone()[0]
        return first

    def oldest_ms(self) -> int | None:
        """Return when the oldest run was received."""
        oldest: int | None = self._connection.execute(_OLDEST_RUN).fetchone()[0]
        return oldest

    def note_runs(self, gone: Sequence[str], *, now_ms: int, wall_ms: int) -> None:
        """Keep what tells later that an id is that of a run which was pruned; its events came before it."""
        if gone:
            self._note(_RUNS_MS, gone, now_ms=now_ms)
            self._settings.set_number(_COUNT, self._settings.number(_COUNT) + len(gone))
            self._settings.set_number(_LAST_WALL_MS, wall_ms)

    def note_events(self, gone: Sequence[str], *, now_ms: int) -> None:
        """Keep what tells later that an id is that of an event which was pruned."""
        if gone:
            self._note(_EVENTS_MS, gone, now_ms=now_ms)

    def _note(self, name: str, gone: Sequence[str], *, now_ms: int) -> None:
        # Apps may choose ids of times to come.
        times = [ms for ms in map(ulid_ms, gone) if ms <= now_ms]
        self._settings.set_number(name, max(self._settings.number(name), *times, 0))


def _time_upto(text: str, upto_ms: int) -> int | None:
    at_ms = ulid_ms(text) if is_ulid(text) else None
    return at_ms if at_ms is not None and at_ms <= upto_ms else None


def pruned_run(run_id: str, past: Past) -> RunPrunedError:
    """Return the error that says that a run is not kept any more, and by what rule."""
    return RunPrunedError(
        f"No run {run_id!r} any more: {_rule(past.limits)} {past.count} ended runs were pruned, "
        f"the last ones at {datetime.fromtimestamp(past.wall_ms / 1_000, UTC):%Y-%m-%d %H:%M} UTC.",
        hint="list_runs shows the runs that are kept; --keep-runs and --max-data-size of Stepcue keep more.",
    )


def _rule(limits: Limits) -> str:
    rules = []
    if limits.keep_ms is not None:
        rules.append(f"{format_duration(limits.keep_ms)} after their end")
    if limits.max_bytes is not None:
        rules.append(f"oldest first when all data takes more than {limits.max_bytes >> 20} MB")
    return f"runs are pruned {', or '.join(rules)}." if rules else "runs were pruned by earlier settings."
