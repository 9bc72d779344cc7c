"""Where snapshots are kept: in a folder next to the data file, or in memory where the engine's state is.

All of it blocks, and runs on the thread that writes.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from durable_engine.errors import StorageError
from durable_engine.model.snapshot import SNAPSHOT_NAME

_SUFFIX: Final = ".db"
_UNFINISHED: Final = ".part"
_COMPANIONS: Final = ("", "-journal", "-wal", "-shm")


class SnapshotStore(Protocol):
    """Databases by name. Raises `OSError` and `sqlite3.Error` for what the disk and the files do."""

    def names(self) -> list[str]:
        """Return the names of all snapshots, sorted."""
        ...

    @contextmanager
    def keeping(self, name: str) -> Iterator[sqlite3.Connection]:
        """Yield an empty database that becomes the snapshot after the block, if that does not raise."""
        ...

    @contextmanager
    def opened(self, name: str) -> Iterator[sqlite3.Connection]:
        """Yield a snapshot, to be read only."""
        ...

    @contextmanager
    def scratch(self) -> Iterator[sqlite3.Connection]:
        """Yield an empty database that is gone after the block."""
        ...

    def size(self, name: str) -> int:
        """Return how many bytes a snapshot takes."""
        ...

    def drop(self, name: str) -> None:
        """Remove a snapshot."""
        ...


class SnapshotFolder:
    """One file for each snapshot, for nobody else to read; made complete before it gets its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the names of all snapshots."""
        stems = (path.stem for path in self._folder.glob(f"*{_SUFFIX}"))
        return sorted(stem for stem in stems if SNAPSHOT_NAME.fullmatch(stem))

    @contextmanager
    def keeping(self, name: str) -> Iterator[sqlite3.Connection]:
        """Yield a new file under another name, which it loses when all of it is on the disk."""
        with self._new_file() as path:
            with closing(_connect(str(path))) as connection:
                yield connection
                connection.execute("PRAGMA journal_mode = DELETE")  # all of it in one file
            path.replace(self._path(name))

    @contextmanager
    def opened(self, name: str) -> Iterator[sqlite3.Connection]:
        """Yield a file that cannot be changed."""
        with closing(_connect(f"{self._path(name).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            yield connection

    @contextmanager
    def scratch(self) -> Iterator[sqlite3.Connection]:
        """Yield a file: the state may be larger than the memory."""
        with self._new_file() as path, closing(_connect(str(path))) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            yield connection

    def size(self, name: str) -> int:
        """Return the size of a file."""
        return self._path(name).stat().st_size

    def drop(self, name: str) -> None:
        """Remove a file."""
        self._path(name).unlink(missing_ok=True)

    @contextmanager
    def _new_file(self) -> Iterator[Path]:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for path in self._folder.glob(f"*{_UNFINISHED}*"):  # of a process that died
            path.unlink(missing_ok=True)
        number, name = tempfile.mkstemp(dir=self._folder, suffix=_UNFINISHED)  # mode 0600
        os.close(number)
        try:
            yield Path(name)
        finally:
            for companion in _COMPANIONS:
                with suppress(OSError):
                    Path(f"{name}{companion}").unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"


class SnapshotMemory:
    """Databases in memory, gone with the process as the state is."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def names(self) -> list[str]:
        """Return the names of all snapshots."""
        return sorted(self._kept)

    @contextmanager
    def keeping(self, name: str) -> Iterator[sqlite3.Connection]:
        """Yield a new database and keep it."""
        with self.scratch() as connection:
            yield connection
            self._kept[name] = connection.serialize()

    @contextmanager
    def opened(self, name: str) -> Iterator[sqlite3.Connection]:
        """Yield a copy of a database that was kept."""
        with self.scratch() as connection:
            connection.deserialize(self._kept[name])
            yield connection

    @contextmanager
    def scratch(self) -> Iterator[sqlite3.Connection]:
        """Yield a new database."""
        with closing(_connect(":memory:")) as connection:
            yield connection

    def size(self, name: str) -> int:
        """Return how much is kept."""
        return len(self._kept[name])

    def drop(self, name: str) -> None:
        """Forget a database."""
        self._kept.pop(name, None)


def store_for(data_file: Path | None) -> SnapshotStore:
    """Return where the snapshots of a state are kept: beside its file, or in memory if it is there."""
    if data_file is None:
        return SnapshotMemory()
    return SnapshotFolder(data_file.with_name(f"{data_file.name}.snapshots"))


@contextmanager
def faults_of_disk(doing: str) -> Iterator[None]:
    """Say in words that the disk or a file failed, and that the state is as it was."""
    try:
        yield
    except (sqlite3.Error, OSError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise StorageError(
            f"Stepcue could not {doing}: {reason}. Nothing was changed.",
            hint="See that the disk has room and the data file's folder can be written, then call again.",
        ) from None


def _connect(path: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, uri=uri)
    connection.row_factory = sqlite3.Row
    return connection
