"""Tables `app` and `function`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any, Final

from durable_engine.model.flow import (
    Batch,
    Concurrency,
    Debounce,
    FlowControl,
    RateLimit,
    Scope,
    Singleton,
    SingletonMode,
    Throttle,
)
from durable_engine.model.function import App, CancelOn, Function, Trigger
from durable_engine.model.json_value import JSONObject, parse_json, to_json

_SAVE_APP: Final = """
INSERT INTO app (id, name, url, sdk, framework, checksum, last_sync_ms, sync_error)
VALUES (:id, :name, :url, :sdk, :framework, :checksum, :last_sync_ms, :sync_error)
ON CONFLICT (id) DO UPDATE SET url = excluded.url, sdk = excluded.sdk, framework = excluded.framework,
    checksum = excluded.checksum, last_sync_ms = excluded.last_sync_ms, sync_error = excluded.sync_error
"""
_ARCHIVE: Final = "UPDATE function SET is_archived = 1 WHERE app_name = ?"
_SAVE_FUNCTION: Final = """
INSERT INTO function (id, slug, name, app_name, url, triggers, retries, cancels, start_timeout_ms,
    finish_timeout_ms, flow, config, is_archived)
VALUES (:id, :slug, :name, :app_name, :url, :triggers, :retries, :cancels, :start_timeout_ms,
    :finish_timeout_ms, :flow, :config, 0)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, app_name = excluded.app_name, url = excluded.url,
    triggers = excluded.triggers, retries = excluded.retries, cancels = excluded.cancels,
    start_timeout_ms = excluded.start_timeout_ms, finish_timeout_ms = excluded.finish_timeout_ms,
    flow = excluded.flow, config = excluded.config, is_archived = 0
"""
_APPS: Final = (
    "SELECT id, name, url, sdk, framework, checksum, last_sync_ms, sync_error FROM app ORDER BY name"
)
_FUNCTIONS: Final = """
SELECT id, slug, name, app_name, url, triggers, retries, cancels, start_timeout_ms, finish_timeout_ms,
    flow, paused_ms, config, is_archived
FROM function ORDER BY slug
"""
_PAUSE: Final = "UPDATE function SET paused_ms = ? WHERE id = ?"
_DELETE_APP: Final = "DELETE FROM app WHERE id = ?"
_FLOW_PARTS: Final[dict[str, type[Any]]] = {
    "throttle": Throttle,
    "rate_limit": RateLimit,
    "debounce": Debounce,
    "batch": Batch,
    "singleton": Singleton,
}


class RegistryTable:
    """What the last syncs said. Functions are archived, never deleted: their runs refer to them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def save(self, app: App, functions: Iterable[Function]) -> None:
        """Store an app with exactly these functions; those it no longer has are archived."""
        self.save_app(app)
        self._connection.execute(_ARCHIVE, (app.name,))
        self._connection.executemany(_SAVE_FUNCTION, map(_row, functions))

    def add(self, app: App, function: Function) -> None:
        """Store an app and one function of it besides those it has."""
        self.save_app(app)
        self._connection.execute(_SAVE_FUNCTION, _row(function))

    def save_app(self, app: App) -> None:
        """Store what is known of an app itself."""
        self._connection.execute(_SAVE_APP, asdict(app))

    def remove(self, app: App) -> None:
        """Forget an app and archive its functions."""
        self._connection.execute(_DELETE_APP, (app.id,))
        self._connection.execute(_ARCHIVE, (app.name,))

    def pause(self, function_id: str, paused_ms: int | None) -> None:
        """Record since when a function is paused, or that it is not any more; a sync does not change that."""
        self._connection.execute(_PAUSE, (paused_ms, function_id))

    def apps(self) -> list[App]:
        """Return all apps."""
        return [App(**row) for row in map(dict, self._connection.execute(_APPS))]

    def functions(self) -> list[Function]:
        """Return all functions, the archived ones too."""
        functions = []
        for row in map(dict, self._connection.execute(_FUNCTIONS)):
            row["triggers"] = tuple(Trigger(**trigger) for trigger in parse_json(row["triggers"]))
            row["cancels"] = tuple(CancelOn(**cancel) for cancel in parse_json(row["cancels"]))
            row["flow"] = _read_flow(parse_json(row["flow"]))
            row["config"] = parse_json(row["config"])
            row["is_archived"] = bool(row["is_archived"])
            functions.append(Function(**row))
        return functions


def _row(function: Function) -> dict[str, object]:
    return {
        "id": function.id,
        "slug": function.slug,
        "name": function.name,
        "app_name": function.app_name,
        "url": function.url,
        "triggers": to_json([asdict(trigger) for trigger in function.triggers]),
        "retries": function.retries,
        "cancels": to_json([asdict(cancel) for cancel in function.cancels]),
        "start_timeout_ms": function.start_timeout_ms,
        "finish_timeout_ms": function.finish_timeout_ms,
        "flow": to_json(asdict(function.flow)),
        "config": to_json(function.config),
    }


def _read_flow(stored: JSONObject) -> FlowControl:
    parts = {name: value for name, value in stored.items() if value is not None}
    for name, kind in _FLOW_PARTS.items():
        if name in parts:
            parts[name] = kind(**parts[name])
    entries = [{**entry, "scope": Scope(entry["scope"])} for entry in parts.get("concurrency", ())]
    parts["concurrency"] = tuple(Concurrency(**entry) for entry in entries)
    if "singleton" in parts:
        mode = SingletonMode(stored["singleton"]["mode"])
        parts["singleton"] = replace(parts["singleton"], mode=mode)
    return FlowControl(**parts)
