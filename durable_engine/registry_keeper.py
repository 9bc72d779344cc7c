"""Keeps the registry: stores what a sync said, then replaces the snapshot everybody reads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from durable_engine.clock import Clock
from durable_engine.crons import plan_crons
from durable_engine.errors import StorageError
from durable_engine.model.flow import NO_FLOW_CONTROL
from durable_engine.model.function import App, Function
from durable_engine.placing import place_anew
from durable_engine.registry import Registry, same_endpoint
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

logger = logging.getLogger(__name__)
T = TypeVar("T")


class RegistryKeeper:
    """The one place that changes which apps and functions are known."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        changed: Callable[[], None],
        functions_changed: Callable[[], None],
    ) -> None:
        """`changed` is called when there may be other work than before, `functions_changed` when other
        functions are known, or they are configured otherwise.
        """
        self._database = database
        self._clock = clock
        self._changed = changed
        self._functions_changed = functions_changed
        self.registry = Registry()
        self.registrations = 0
        """How many times an app has registered since the start."""

    async def ready(self) -> None:
        """Return when nobody is replacing state and time: for who asks for the time before a change."""
        await self._database.ready()

    async def load(self) -> None:
        """Read what earlier syncs left in the data file; ticks that nobody kept meanwhile are skipped."""

        def load(tables: Tables) -> None:
            functions = read_registry(tables).functions
            plan_crons(tables, functions, now_ms=self._clock.now_ms(), skips_missed=True)

        await self._change(load)

    async def register(self, app: App, functions: Sequence[Function]) -> bool:
        """Store an app with exactly these functions; False when nothing but the time is new.

        Another app that was synced from the same endpoint is gone: the endpoint now serves this one.
        """
        self.registrations += 1

        def write(tables: Tables) -> bool:
            known = tables.registry.apps()
            for other in known:
                if other.id != app.id and same_endpoint(other.url) == same_endpoint(app.url):
                    tables.registry.remove(other)
            if (app.id, app.checksum) in {(other.id, other.checksum) for other in known}:
                tables.registry.save_app(app)
                return False
            before = {function.id: function.flow for function in tables.registry.functions()}
            tables.registry.save(app, functions)
            now_ms = self._clock.now_ms()
            for function in functions:
                place_anew(tables, function, before.get(function.id, NO_FLOW_CONTROL), now_ms=now_ms)
            plan_crons(tables, read_registry(tables).functions, now_ms=now_ms)
            return True

        is_new = await self._change(write)
        if is_new:
            self._changed()
            logger.info("synced app %s: %d functions from %s", app.name, len(functions), app.url)
        return is_new

    async def learn(self, app: App, function: Function) -> None:
        """Add a function to what is known of an app; nothing happens when it is known."""
        if self.registry.has(function):
            return
        # There may be one for each path of an app: reading all of them again would cost more each time.
        await self._change(
            lambda tables: tables.registry.add(app, function),
            after=lambda _: self.registry.with_function(app, function),
        )
        logger.info("durable endpoint %s at %s", function.name, app.url)

    async def note_sync(self, url: str, *, error: str | None, now_ms: int) -> None:
        """Record how the newest sync of the app at `url` went."""

        def write(tables: Tables) -> None:
            app = Registry(tables.registry.apps()).app_at(url)
            if app is not None:
                last_sync_ms = app.last_sync_ms if error else now_ms
                tables.registry.save_app(replace(app, sync_error=error, last_sync_ms=last_sync_ms))

        await self._change(write)

    async def note_pause(
        self, function: Function, *, paused_ms: int | None, besides: Callable[[Tables], None]
    ) -> None:
        """Record since when a function is paused, None if not any more, and what goes with it."""

        def write(tables: Tables) -> None:
            tables.registry.pause(function.id, paused_ms)
            besides(tables)

        await self._change(write)
        self._changed()

    async def remove(self, app: App) -> None:
        """Forget an app; its runs stay readable."""

        def write(tables: Tables) -> None:
            tables.registry.remove(app)
            plan_crons(tables, read_registry(tables).functions, now_ms=self._clock.now_ms())

        await self._change(write)

    async def _change(
        self, work: Callable[[Tables], T], *, after: Callable[[Tables], Registry] | None = None
    ) -> T:
        """Change what is stored, and with it the snapshot that transactions look up.

        Both on their thread, so that no transaction comes between, also when nobody waits for this any more.
        """
        await self.ready()
        before = self.registry

        def write(tables: Tables) -> T:
            result = work(tables)
            self.registry = (after or read_registry)(tables)
            return result

        try:
            result = await self._database.transact(write)
        except StorageError:  # it was undone
            self.registry = before
            raise
        if self.registry.functions != before.functions:
            self._functions_changed()
        return result


def read_registry(tables: Tables) -> Registry:
    """Return the apps and functions that are stored."""
    return Registry(tables.registry.apps(), tables.registry.functions())
