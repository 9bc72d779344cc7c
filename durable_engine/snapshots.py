"""Keeps the complete state of the engine under a name, and comes back to it.

The state is replaced as a whole while no call is open and nobody moves time: what arrives meanwhile is
applied before or after, and what was handed out before does not count any more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from durable_engine.clock import Clock
from durable_engine.crons import plan_crons
from durable_engine.errors import InvalidInputError, SnapshotExistsError, SnapshotNotFoundError
from durable_engine.maintenance.app_sync import AppSync
from durable_engine.model.snapshot import (
    MAX_SNAPSHOTS,
    SNAPSHOT_NAME,
    Replaced,
    SnapshotView,
    StateSummary,
    SyncedAgain,
    Taken,
)
from durable_engine.registry import Registry, closest
from durable_engine.registry_keeper import RegistryKeeper, read_registry
from durable_engine.signals import Signals
from durable_engine.stillness import Stillness
from durable_engine.storage import snapshot_state as state
from durable_engine.storage.database import Database
from durable_engine.storage.snapshot_store import SnapshotStore, faults_of_disk
from durable_engine.storage.tables import Tables

_SYNC_S: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swap:
    """What took the place of the state, and what it knows of apps."""

    snapshot: SnapshotView | None
    summary: StateSummary
    registry: Registry
    engine_ms: int
    lost: tuple[str, ...]
    lost_count: int
    dropped: tuple[str, ...] = ()


class Snapshots:
    """The snapshots of one engine."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        stillness: Stillness,
        signals: Signals,
        keeper: RegistryKeeper,
        apps: AppSync,
        store: SnapshotStore,
        *,
        forget: Callable[[], None],
    ) -> None:
        """`forget` drops what others keep in memory of runs."""
        self._database = database
        self._clock = clock
        self._stillness = stillness
        self._signals = signals
        self._keeper = keeper
        self._apps = apps
        self._store = store
        self._forget = forget

    async def take(self, name: str, *, replace: bool = False, timeout_s: float = 30) -> Taken:
        """Keep the complete state, and the engine's time, as `name` (up to 20 of them).

        What is due happens first, for at most half of `timeout_s` seconds; then no call may be open.

        Raises:
            InvalidInputError: the name is none.
            SnapshotExistsError: it is taken, and not to be replaced; or there are 20 others.
            StillCalledError: an app did not answer in time; nothing has changed.
            StorageError: it cannot be written; nothing has changed.
        """
        if not SNAPSHOT_NAME.fullmatch(name):
            raise InvalidInputError(
                f"{name[:80]!r} cannot be the name of a snapshot.",
                hint="A name has 1 to 64 letters, digits, dashes and underscores, such as before-retry.",
            )
        await self._database.transact(lambda _: self._check_room(name, replaces=replace))
        await self._stillness.settled_within(timeout_s / 2)
        work = partial(self._take, name, replaces=replace)
        return await self._stillness.keep_for(work, patience_s=timeout_s / 2)

    async def restore(self, name: str, *, timeout_s: float = 30) -> Replaced:
        """Let the state be as in a snapshot, and the engine's time too; then sync all apps again.

        Waits for open calls, and takes no new work meanwhile. Their late reports do not count afterwards.

        Raises:
            SnapshotNotFoundError: no such snapshot.
            StillCalledError: an app did not answer in `timeout_s` seconds; nothing has changed.
            SchemaVersionError, StorageError: it cannot be read, or not be put in place; nothing has changed.
        """
        await self._database.transact(lambda _: self._check_known(name))
        work = partial(self._replace, partial(self._swap_in, name))
        return await self._stillness.keep_for(work, patience_s=timeout_s)

    async def reset(self, *, keep_snapshots: bool = True, timeout_s: float = 30) -> Replaced:
        """Forget everything but the apps and functions that are synced; time is the real one again.

        Functions that were paused are not any more. Raises as `restore`.
        """
        work = partial(self._replace, partial(self._swap_empty, keeps=keep_snapshots))
        return await self._stillness.keep_for(work, patience_s=timeout_s)

    async def list(self) -> tuple[SnapshotView, ...]:
        """Return all snapshots by name."""
        return await self._database.transact(lambda _: self._views())

    async def drop(self, name: str) -> None:
        """Remove a snapshot.

        Raises:
            SnapshotNotFoundError: no such snapshot.
        """

        def remove(_: Tables) -> None:
            self._check_known(name)
            with faults_of_disk("remove the snapshot"):
                self._store.drop(name)

        await self._database.transact(remove)

    async def _take(self, name: str, *, replaces: bool) -> Taken:
        now_ms, wall_ms = self._clock.now_ms(), self._clock.wall_ms()

        def take(live: sqlite3.Connection) -> Taken:
            replaced = self._check_room(name, replaces=replaces)
            with faults_of_disk("write the snapshot"):
                state.keep(live, self._store, name, now_ms=now_ms, wall_ms=wall_ms)
            return Taken(
                snapshot=state.look_at(self._store, name),
                summary=state.summary(live, now_ms=now_ms),
                snapshots=self._views(),
                replaced=replaced,
            )

        return await self._database.alone(take)

    async def _replace(self, swap: Callable[[sqlite3.Connection, int], _Swap]) -> Replaced:
        before = [app.url for app in self._keeper.registry.apps if app.is_syncable]
        wall_ms = self._clock.wall_ms()
        done = await self._database.alone(lambda live: swap(live, wall_ms), then=self._adapt)
        await self._wake_watchers()
        return Replaced(
            snapshot=done.snapshot,
            summary=done.summary,
            engine_ms=self._clock.now_ms(),
            shift_ms=self._clock.now_ms() - self._clock.wall_ms(),
            lost=done.lost,
            lost_count=done.lost_count,
            apps=() if done.snapshot is None else await self._sync_again(done.registry, before),
            dropped=done.dropped,
        )

    def _swap_in(self, name: str, live: sqlite3.Connection, wall_ms: int) -> _Swap:
        self._check_known(name)
        with self._replacing() as copy:
            state.copy_whole(self._store, name, copy)
            snapshot = state.look_at(self._store, name)
            return _put(live, copy, snapshot, engine_ms=snapshot.engine_ms, wall_ms=wall_ms)

    def _swap_empty(self, live: sqlite3.Connection, wall_ms: int, *, keeps: bool) -> _Swap:
        with self._replacing() as copy:
            state.copy_registry(live, copy)
            plan_crons(Tables(copy), read_registry(Tables(copy)).functions, now_ms=wall_ms)
            done = _put(live, copy, None, engine_ms=wall_ms, wall_ms=wall_ms)
        dropped = () if keeps else tuple(self._store.names())
        for name in dropped:
            with suppress(OSError):  # the next list shows it
                self._store.drop(name)
        return replace(done, dropped=dropped)

    @contextmanager
    def _replacing(self) -> Iterator[sqlite3.Connection]:
        with faults_of_disk("replace the state"), self._store.scratch() as copy:
            yield copy

    async def _adapt(self, done: _Swap) -> None:
        self._keeper.registry = done.registry
        self._forget()
        is_empty = done.snapshot is None
        await self._clock.move_to(self._clock.wall_ms() if is_empty else done.engine_ms)

    async def _wake_watchers(self) -> None:
        """Tell who waits for a run that has ended, or does not exist, in the state that is now."""
        watched = self._signals.watched()

        def over(tables: Tables) -> Iterator[str]:
            for run_id in watched:
                run = tables.runs.get_lean(run_id)
                if run is None or run.status.is_terminal:
                    yield run_id

        self._signals.runs_ended(await self._database.read(lambda tables: tuple(over(tables))))
        self._signals.state_replaced()

    async def _sync_again(self, restored: Registry, before: Iterable[str]) -> tuple[SyncedAgain, ...]:
        """Sync the apps of the snapshot and those known before it: what runs now is their code of today."""
        checksums = {app.id: app.checksum for app in restored.apps}
        outcome = await self._apps.sync_now(before, patience_s=_SYNC_S)
        found = []
        for url, error in outcome.items():
            app = self._keeper.registry.app_at(url)
            is_changed = app is not None and error is None and checksums.get(app.id) != app.checksum
            name = "" if app is None else app.name
            found.append(SyncedAgain(name=name, url=url, is_changed=is_changed, error=error))
        return tuple(found)

    def _views(self) -> tuple[SnapshotView, ...]:
        with faults_of_disk("look at the snapshots"):
            return tuple(state.look_at(self._store, name) for name in self._store.names())

    def _check_known(self, name: str) -> None:
        names = self._store.names()
        if name not in names:
            raise SnapshotNotFoundError(
                f"There is no snapshot {name[:80]!r}.",
                nearest=closest(name[:80], names),
                hint=f"There are: {', '.join(names)}."
                if names
                else "There is none: snapshot_engine takes one.",
            )

    def _check_room(self, name: str, *, replaces: bool) -> bool:
        """Whether there is a snapshot of this name, which may be replaced then."""
        names = self._store.names()
        if name in names:
            if not replaces:
                raise SnapshotExistsError(f"There is a snapshot {name!r} already.")
            return True
        if len(names) >= MAX_SNAPSHOTS:
            raise SnapshotExistsError(
                f"There are {MAX_SNAPSHOTS} snapshots already, the most that are kept: {', '.join(names)}.",
                hint="Give one of these names and replace.",
            )
        return False


def _put(
    live: sqlite3.Connection,
    copy: sqlite3.Connection,
    snapshot: SnapshotView | None,
    *,
    engine_ms: int,
    wall_ms: int,
) -> _Swap:
    """Let a copy take the place of the state; all that there is to know of both is read before."""
    state.make_ready(live, copy, now_ms=engine_ms, wall_ms=wall_ms)
    lost, lost_count = state.lost_runs(live, copy)
    done = _Swap(
        snapshot=snapshot,
        summary=state.summary(copy, now_ms=engine_ms),
        registry=read_registry(Tables(copy)),
        engine_ms=engine_ms,
        lost=tuple(lost),
        lost_count=lost_count,
    )
    state.put_in_place(live, copy)
    return done
