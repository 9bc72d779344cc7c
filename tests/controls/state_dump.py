"""The whole state of an engine, to compare it with that of another moment."""

from __future__ import annotations

from typing import Any

from durable_engine import Engine
from durable_engine.storage.tables import Tables

_FENCES = {"queue_item": "lease", "app": "last_sync_ms"}
"""Columns that are never the same again: what an item was handed out as, and when an app was synced."""


async def dump(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all tables, without what tells one restore from another."""

    def load(tables: Tables) -> dict[str, list[dict[str, Any]]]:
        connection = tables.runs._connection
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: [
                {key: value for key, value in dict(row).items() if key != _FENCES.get(name)}
                for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2')  # noqa: S608
            ]
            for name in names
            if name not in {"setting", "sqlite_sequence"}
        }

    return await engine._database.transact(load)
