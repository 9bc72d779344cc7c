"""A note beside the data file that says which process holds it. The lock decides; the note only tells who."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class OwnerNote:
    """The file `engine.db.pid`: the id of a process, and the port on which it listens, if it does."""

    def __init__(self, data_file: Path) -> None:
        self._path = Path(f"{data_file}.pid")

    def write(self, port: int | None = None) -> None:
        """Say that it is this process; a disk that is full or read-only keeps the note from being there."""
        words = [os.getpid()] if port is None else [os.getpid(), port]
        with suppress(OSError):
            number = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(number, "w", encoding="ascii") as note:
                note.write(" ".join(map(str, words)))

    def remove(self) -> None:
        """Say nothing any more."""
        with suppress(OSError):
            self._path.unlink()

    def words(self) -> str:
        """Return who holds the file, in brackets and after a space; nothing if that is not known."""
        try:
            pid, _, port = self._path.read_text(encoding="ascii").partition(" ")
        except (OSError, ValueError):
            return ""
        if not (pid.isdecimal() and _is_alive(int(pid))):
            return ""  # of one that was killed; the file was opened by a program that leaves no note
        if int(pid) == os.getpid():
            return " (in this process)"
        return f" (process {pid}, http://127.0.0.1:{port})" if port.isdecimal() else f" (process {pid})"


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
