"""Every exception the engine raises for its callers.

Failures of user code are values (`Reply`, `StepError`), never exceptions. The tree::

    DurableEngineError                 .hint: the next thing to do, one sentence
    ├─ ConfigError                     at start, names the setting
    ├─ InvalidInputError               the caller sent something that cannot be used
    │  ├─ InvalidEventError            .event_ids: what the same request had accepted before
    │  ├─ InvalidFunctionError
    │  ├─ InvalidExpressionError       .position: offset into the expression
    │  ├─ InvalidDurationError
    │  └─ InvalidCronError
    ├─ NotFoundError                   .nearest: valid names close to the one asked for
    │  ├─ RunNotFoundError
    │  │  └─ RunPrunedError
    │  ├─ EventNotFoundError
    │  ├─ FunctionNotFoundError
    │  ├─ SnapshotNotFoundError
    │  └─ AppNotFoundError
    ├─ ConflictError
    │  ├─ IllegalTransitionError
    │  ├─ StaleCallError
    │  ├─ StillCalledError             .run_ids: whose apps have not answered
    │  ├─ SnapshotExistsError
    │  └─ RunAlreadyEndedError
    ├─ SyncError                       an app could not be synced
    ├─ ReplayError                     an app did not answer a replay as it should
    ├─ StorageError
    │  ├─ DataFileBusyError            another engine holds the data file
    │  ├─ DataFileDamagedError         the data file is damaged
    │  ├─ DiskFullError                there is no room for more
    │  └─ SchemaVersionError           the data file is newer than this program
    └─ EngineClosedError
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_MAX_CHARS: Final = 3_000
"""Messages quote what callers sent, which may be a megabyte."""


class DurableEngineError(Exception):
    """Base of all errors of the engine; `str()` is one sentence for the caller, cut where it is very long."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message if len(message) <= _MAX_CHARS else f"{message[:_MAX_CHARS]}…")
        self.hint = hint


class ConfigError(DurableEngineError):
    """A setting cannot be used; the message names it."""


class InvalidInputError(DurableEngineError):
    """The caller sent something that cannot be used."""


class InvalidEventError(InvalidInputError):
    """An event is malformed, reserved or too large."""


class InvalidFunctionError(InvalidInputError):
    """A synced function's configuration cannot be used."""


class InvalidExpressionError(InvalidInputError):
    """A CEL expression does not compile.

    `position` is the 0-based offset of the fault in the expression, or None when unknown.
    """

    def __init__(self, message: str, *, position: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.position = position


class InvalidDurationError(InvalidInputError):
    """A duration or date string cannot be read."""


class InvalidCronError(InvalidInputError):
    """A cron schedule cannot be read, or never fires; the message goes on a sentence about it."""


class NotFoundError(DurableEngineError):
    """Something named by the caller does not exist; `nearest` lists valid names close to it."""

    def __init__(self, message: str, *, nearest: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.nearest = tuple(nearest)


class RunNotFoundError(NotFoundError):
    """No run has this id."""


class RunPrunedError(RunNotFoundError):
    """The run had ended and is not kept any more."""


class EventNotFoundError(NotFoundError):
    """No event has this id."""


class FunctionNotFoundError(NotFoundError):
    """No synced function has this slug, id or name."""


class AppNotFoundError(NotFoundError):
    """No synced app has this name or URL."""


class SnapshotNotFoundError(NotFoundError):
    """No snapshot has this name."""


class ConflictError(DurableEngineError):
    """The request contradicts the present state."""


class IllegalTransitionError(ConflictError):
    """A state change that the state table does not allow: a bug of ours."""


class StaleCallError(ConflictError):
    """A call to an app does not count any more: its run has ended, or the call was made again."""


class StillCalledError(ConflictError):
    """Calls to apps are open that did not end in time; `run_ids` are a few of their runs."""

    def __init__(self, message: str, *, run_ids: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.run_ids = tuple(run_ids)


class SnapshotExistsError(ConflictError):
    """A snapshot has this name already, or there are too many."""


class RunAlreadyEndedError(ConflictError):
    """The run has ended, so it cannot be changed any more."""


class SyncError(DurableEngineError):
    """An app could not be synced; the message says what its endpoint answered."""


class ReplayError(DurableEngineError):
    """The code of an app could not be replayed; the message says what it answered."""


class StorageError(DurableEngineError):
    """The data file cannot be used."""


class DataFileBusyError(StorageError):
    """Another engine holds the data file."""


class DataFileDamagedError(StorageError):
    """The data file is damaged, or no database at all; it is left as it is."""


class DiskFullError(StorageError):
    """There is no room for more on the disk; what was to be stored is not."""


class SchemaVersionError(StorageError):
    """The data file was written by a newer version of this program."""


class EngineClosedError(DurableEngineError):
    """The engine is shutting down and takes no new work."""
