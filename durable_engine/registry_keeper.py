"""Keeps the registry: stores what a sync said, then replaces the snapshot everybody reads."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from durable_engine.model.function import App, Function
from durable_engine.registry import Registry, same_endpoint
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

logger = logging.getLogger(__name__)


class RegistryKeeper:
    """The one place that changes which apps and functions are known."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.registry = Registry()
        self.registrations = 0
        """How many times an app has registered since the start."""

    async def load(self) -> None:
        """Read what earlier syncs left in the data file."""
        self.registry = await self._database.read(_snapshot)

    async def register(self, app: App, functions: Sequence[Function]) -> bool:
        """Store an app with exactly these functions; False when nothing but the time is new.

        Another app that was synced from the same endpoint is gone: the endpoint now serves this one.
        """
        self.registrations += 1
        known = next((entry for entry in self.registry.apps if entry.id == app.id), None)
        is_same = known is not None and known.checksum == app.checksum
        replaced = [
            entry
            for entry in self.registry.apps
            if entry.id != app.id and same_endpoint(entry.url) == same_endpoint(app.url)
        ]

        def write(tables: Tables) -> Registry:
            for other in replaced:
                tables.registry.remove(other)
            if is_same:
                tables.registry.save_app(app)
            else:
                tables.registry.save(app, functions)
            return _snapshot(tables)

        self.registry = await self._database.transact(write)
        if not is_same:
            logger.info("synced app %s: %d functions from %s", app.name, len(functions), app.url)
        return not is_same

    async def note_sync(self, url: str, *, error: str | None, now_ms: int) -> None:
        """Record how the newest sync of the app at `url` went."""
        app = self.registry.app_at(url)
        if app is None or (error is None and app.sync_error is None and app.last_sync_ms == now_ms):
            return
        noted = replace(app, sync_error=error, last_sync_ms=app.last_sync_ms if error else now_ms)

        def write(tables: Tables) -> Registry:
            tables.registry.save_app(noted)
            return _snapshot(tables)

        self.registry = await self._database.transact(write)

    async def remove(self, app: App) -> None:
        """Forget an app; its runs stay readable."""

        def write(tables: Tables) -> Registry:
            tables.registry.remove(app)
            return _snapshot(tables)

        self.registry = await self._database.transact(write)


def _snapshot(tables: Tables) -> Registry:
    return Registry(tables.registry.apps(), tables.registry.functions())
