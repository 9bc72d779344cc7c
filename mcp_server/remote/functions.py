"""Functions and apps of API v2, of all apps of the environment."""

from __future__ import annotations

import asyncio
from typing import Final

from durable_engine.errors import FunctionNotFoundError
from durable_engine.model.function import DEFAULT_RETRIES, CancelOn, Function, Trigger
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.views import AppView, Inventory
from durable_engine.redaction import redacted_url
from mcp_server.nearest import nearest_names
from mcp_server.remote.api import Api, in_path
from mcp_server.remote.errors import AbsentError, NotOfferedError
from mcp_server.remote.pages import read_all
from mcp_server.remote.reading import an_object, has, moment, objects, text, whole
from mcp_server.remote.values import error_in

_AT_ONCE: Final = 4
_KEPT_MS: Final = 30_000
_PAGE: Final = 100
_LONGEST_ERROR: Final = 1_000


class Functions:
    """Reads what is synced; `recent` is content with what was read half a minute ago."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._read: tuple[int, Inventory] | None = None
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def inventory(self) -> Inventory:
        """Return all functions of all apps, as they are now; raises as `Api.v2`."""
        apps = (await read_all(self._api, "/apps", {"limit": _PAGE})).entries
        lists = await asyncio.gather(*map(self._functions_of, apps))
        inventory = Inventory(
            functions=tuple(
                sorted((function for found in lists for function in found), key=lambda one: one.slug)
            ),
            apps=tuple(map(_app, apps)),
            now_ms=self._api.now_ms(),
        )
        self._read = (self._api.connection.clock.wall_ms(), inventory)
        return inventory

    async def recent(self) -> Inventory | None:
        """Return all functions as they were not long ago; None where the server has no list of them."""
        if self._read is not None and self._api.connection.clock.wall_ms() - self._read[0] < _KEPT_MS:
            return self._read[1]
        try:
            return await self.inventory()
        except NotOfferedError:
            return None

    async def find(self, reference: str, *, app: str | None = None) -> Function:
        """Return a function by its slug, its id without that of the app, or its name.

        Raises:
            FunctionNotFoundError: nothing fits, or a short form fits functions of several apps.
            NotOfferedError: the server does not list functions.
        """
        inventory = await self.recent() or await self.inventory()
        known = [one for one in inventory.functions if app in {None, one.app_name}]
        for form in (0, 1, 2):
            fitting = [one for one in known if reference == (one.slug, short_id(one), one.name)[form]]
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                raise FunctionNotFoundError(
                    f"{reference[:100]!r} fits several functions.",
                    nearest=[one.slug for one in fitting],
                    hint="Give the whole id of one of them.",
                )
        raise FunctionNotFoundError(
            f"No function {reference[:100]!r}{'' if app is None else f' of app {app[:100]!r}'}.",
            nearest=nearest_names(reference, [one.slug for one in known]),
        )

    async def _functions_of(self, app: JSONObject) -> list[Function]:
        app_id = text(app, "id", "name")
        if app_id is None:
            return []
        async with self._free:
            try:
                page = await read_all(self._api, f"/apps/{in_path(app_id)}/functions", {"limit": _PAGE})
            except AbsentError:  # removed since the list of apps was read
                return []
        url = text(an_object(app.get("latestSync")), "url") or ""
        now_ms = self._api.now_ms()
        return [_function(entry, app_id, redacted_url(url), now_ms) for entry in page.entries]


def short_id(function: Function) -> str:
    """Return a function's id without that of its app, as paths of API v2 have it."""
    return function.slug.removeprefix(f"{function.app_name}-")


def whole_slug(app_id: str, function_id: str) -> str:
    """Return the id of a function with that of its app in front, which API v2 leaves out."""
    if not app_id or function_id.startswith(f"{app_id}-"):
        return function_id
    return f"{app_id}-{function_id}"


def _function(entry: JSONObject, app_id: str, url: str, now_ms: int) -> Function:
    configuration = an_object(entry.get("configuration"))
    slug = text(entry, "slug") or whole_slug(app_id, text(entry, "id") or "")
    retries = whole(an_object(configuration.get("retries")), "value")
    cancels = tuple(
        CancelOn(event=event, expression=text(cancel, "if"), timeout=text(cancel, "timeout"))
        for cancel in objects(configuration.get("cancelOn"))
        if (event := text(cancel, "event"))
    )
    return Function(
        id=slug,
        slug=slug,
        name=text(entry, "name") or slug,
        app_name=app_id,
        url=url,
        triggers=tuple(filter(None, map(_trigger, objects(entry.get("triggers"))))),
        retries=DEFAULT_RETRIES if retries is None else retries,
        cancels=cancels,
        # Nobody says since when; it is so at the time of this answer.
        paused_ms=now_ms if has(entry, "isPaused") else None,
        config=_config(configuration),
        is_archived=has(entry, "isArchived"),
    )


def _trigger(entry: JSONObject) -> Trigger | None:
    value = text(entry, "value", "event", "cron")
    if value is None:
        return None
    if (text(entry, "type") or "").upper().endswith("CRON") or text(entry, "cron"):
        return Trigger(cron=value)
    return Trigger(event=value, expression=text(entry, "if", "expression"))


def _config(configuration: JSONObject) -> JSONObject:
    """Return the configuration in the words of SDKs; limits that come with a plan are not the function's."""
    config = {key: value for key, value in configuration.items() if key not in {"retries", "cancelOn"}}
    config["cancel"] = list(objects(configuration.get("cancelOn")))
    config["concurrency"] = [
        _limit(limit)
        for limit in objects(configuration.get("concurrency"))
        if not has(an_object(limit.get("limit")), "isPlanLimit")
    ]
    return config


def _limit(limit: JSONObject) -> JSONObject:
    value: JSONValue = limit.get("limit")
    return {**limit, "limit": value.get("value") if isinstance(value, dict) else value}


def _sync_error(sync: JSONObject) -> str | None:
    """Return what the last sync failed with; None for one that did not."""
    told = error_in(sync.get("error"))
    if told is not None:
        return str(told["message"])[:_LONGEST_ERROR]
    has_failed = (text(sync, "status") or "").lower() in {"error", "failed", "failure"}
    return "the server does not say why" if has_failed else None


def _app(entry: JSONObject) -> AppView:
    sync = an_object(entry.get("latestSync"))
    language, number = text(sync, "sdkLanguage") or "", text(sync, "sdkVersion")
    error = _sync_error(sync)
    url = text(sync, "url") or ""
    return AppView(
        url=redacted_url(url),
        name=text(entry, "id", "name"),  # as functions and runs name it
        sdk=f"{language}:v{number.removeprefix('v')}" if number else language,
        framework=text(sync, "framework") or "",
        last_sync_ms=moment(sync, "syncedAt", "createdAt"),
        is_reachable=error is None and not has(entry, "isArchived"),
        error=error,
    )
