"""Table `setting`: what the engine has to remember of itself."""

from __future__ import annotations

import sqlite3
from typing import Final

CLOCK_SHIFT_MS: Final = "clock_shift_ms"
"""How far the engine's time is ahead of the real one, in milliseconds; negative after a restore."""

_GET: Final = "SELECT value FROM setting WHERE name = ?"
_SET: Final = "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)"


class SettingTable:
    """Numbers by name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def number(self, name: str) -> int:
        """Return a number, 0 where none was set."""
        row = self._connection.execute(_GET, (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def set_number(self, name: str, value: int) -> None:
        """Remember a number."""
        self._connection.execute(_SET, (name, str(value)))
