"""The complete state of an engine, kept under a name to come back to; times in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAX_SNAPSHOTS: Final = 20
SNAPSHOT_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotView:
    """A snapshot: the engine's time in it, the real time at which it was taken, its size in bytes.

    `fault` says what is wrong with one that cannot be read; its times are 0 then.
    """

    name: str
    engine_ms: int
    taken_ms: int
    size: int
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSummary:
    """What a state holds: runs by status, events, timers and retries to come, starts to come (debounces,
    batches, ticks of schedules), and standing doubles.
    """

    runs: Mapping[str, int]
    events: int
    timers: int
    starts: int
    doubles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A snapshot that was taken, what is in it, and all that there are now. `replaced` an older one."""

    snapshot: SnapshotView
    summary: StateSummary
    snapshots: tuple[SnapshotView, ...]
    replaced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedAgain:
    """An app that was synced again after the state was replaced.

    `is_changed`: its functions are others than in the snapshot. `error` says why it could not be synced.
    """

    name: str
    url: str
    is_changed: bool
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A state that took the place of another one: a snapshot, or an empty one (`snapshot` is None).

    `shift_ms` is how far the engine's clock is ahead of the real one, negative for behind. `lost` are the
    newest of the `lost_count` runs that exist no more. `dropped` snapshots went with a reset.
    """

    snapshot: SnapshotView | None
    summary: StateSummary
    engine_ms: int
    shift_ms: int
    lost: tuple[str, ...]
    lost_count: int
    apps: tuple[SyncedAgain, ...] = ()
    dropped: tuple[str, ...] = ()
