"""Handles: what a caller holds on runs that it does not stay for, kept in the history of one of them.

Nothing else remembers a handle, so it lasts as long as its run: over a restart, and into snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durable_engine.cancelling import BY_REQUEST, cancellation
from durable_engine.model.handle import Handle
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject
from durable_engine.model.run import Run
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables
from durable_engine.transactions import Transactions

_KINDS: Final = frozenset({HistoryKind.HANDLE_GIVEN, HistoryKind.HANDLE_DROPPED})


class Handles:
    """Gives handles, finds and drops them; each change is a transaction of its own."""

    def __init__(self, database: Database, transactions: Transactions) -> None:
        self._database = database
        self._transactions = transactions

    async def give(self, handle_id: str, run_id: str, facts: JSONObject) -> None:
        """Keep `facts` under `handle_id` with a run.

        Raises:
            RunNotFoundError: no such run.
        """

        def change(tables: Tables, _: Registry, now_ms: int) -> Settled:
            run = tables.runs.known(run_id)
            _note(tables, run, HistoryKind.HANDLE_GIVEN, {"id": handle_id, "facts": facts}, now_ms=now_ms)
            return Settled()

        await self._transactions.commit(change)

    async def find(self, handle_id: str, run_id: str) -> Handle | None:
        """Return the handle of this id that is kept with a run; None when there is none."""
        return await self._database.read(lambda tables: _find(tables, handle_id, run_id))

    async def drop(self, handle_id: str, run_id: str, *, of: Sequence[str], cancels_run: bool) -> None:
        """Note that nobody holds the handle any more, and cancel its run if asked to, both or neither.

        Nothing changes when it was dropped before, when all runs that it is held on, `of`, have ended, and
        when there is no such handle.
        """

        def change(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            handle = _find(tables, handle_id, run_id)
            held = filter(None, map(tables.runs.find, of))
            if handle is None or handle.dropped_ms is not None:
                return Settled()
            if all(run.status.is_terminal for run in held):
                return Settled()
            run = tables.runs.known(run_id)
            _note(tables, run, HistoryKind.HANDLE_DROPPED, {"id": handle_id}, now_ms=now_ms)
            if not cancels_run:
                return Settled()
            changes = cancellation(tables, registry, run, reason=BY_REQUEST, now_ms=now_ms)
            return Settlement(tables, registry, now_ms=now_ms).apply(changes)

        await self._transactions.commit(change)


def _note(tables: Tables, run: Run, kind: HistoryKind, detail: JSONObject, *, now_ms: int) -> None:
    entry = HistoryEntry(run_id=run.id, at_ms=run.at(now_ms), kind=kind, detail=detail)
    tables.history.append(entry)


def _find(tables: Tables, handle_id: str, run_id: str) -> Handle | None:
    entries = {
        entry.kind: entry
        for entry in tables.history.of_run(run_id, _KINDS)
        if entry.detail["id"] == handle_id
    }
    given, dropped = entries.get(HistoryKind.HANDLE_GIVEN), entries.get(HistoryKind.HANDLE_DROPPED)
    if given is None:
        return None
    return Handle(
        id=handle_id,
        run_id=run_id,
        facts=given.detail["facts"],
        given_ms=given.at_ms,
        dropped_ms=None if dropped is None else dropped.at_ms,
    )
