"""Functions and apps of API v2, of all apps of the environment."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import Final

from durable_engine.errors import AppNotFoundError, FunctionNotFoundError, NotFoundError
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
_LONGEST: Final = 100
"""Characters of a name that a sentence repeats."""


class Functions:
    """Reads what is synced; `recent` is content with what was read half a minute ago."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._read: tuple[int, Inventory] | None = None
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def inventory(self) -> Inventory:
        """Return all functions of all apps, as they are now; raises as `Api.v2`."""
        began_ms = self._api.connection.clock.wall_ms()
        apps = (await read_all(self._api, "/apps", {"limit": _PAGE}, since_ms=began_ms)).entries
        lists = await asyncio.gather(*(self._functions_of(app, began_ms) for app in apps))
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
        """Return the function with this slug, slug without the app, or name, in this order.

        Where the server lists no functions, whatever is asked for of an app is taken to be there.

        Raises:
            AppNotFoundError: no app named `app` is synced.
            FunctionNotFoundError: nothing fits, or a short form fits several functions.
            RemoteError: the server cannot be asked.
        """
        inventory = await self.recent()
        if inventory is None and app is not None:
            return _unlisted(reference.strip(), app)
        inventory = inventory or await self.inventory()  # which says why there is none
        try:
            return function_named(inventory, reference, app)
        except NotFoundError:  # it may have been synced since the last look
            return function_named(await self.inventory(), reference, app)

    def forget(self) -> None:
        """Let the next question be answered by the server, not by what was read before."""
        self._read = None

    async def _functions_of(self, app: JSONObject, since_ms: int) -> list[Function]:
        app_id = text(app, "id", "name")
        if app_id is None:
            return []
        async with self._free:
            try:
                path = f"/apps/{in_path(app_id)}/functions"
                page = await read_all(self._api, path, {"limit": _PAGE}, since_ms=since_ms)
            except AbsentError:  # removed since the list of apps was read
                return []
        url = text(an_object(app.get("latestSync")), "url") or ""
        now_ms = self._api.now_ms()
        return [function_of(entry, app_id, redacted_url(url), now_ms) for entry in page.entries]


def whole_slug(app_id: str, function_id: str) -> str:
    """Return the id of a function with that of its app in front, which API v2 leaves out."""
    if not app_id or function_id.startswith(f"{app_id}-"):
        return function_id
    return f"{app_id}-{function_id}"


def short_id(function: Function) -> str:
    """Return the id of a function without that of its app, as paths of API v2 have it."""
    return function.slug.removeprefix(f"{function.app_name}-")


def function_named(inventory: Inventory, reference: str, app: str | None) -> Function:
    """Return the function that is meant; raises `NotFoundError` as `Functions.find`."""
    wanted, apps = reference.strip(), [view.name or view.url for view in inventory.apps]
    apps += [one.app_name for one in inventory.functions]
    if app is not None and app not in {*apps, *(view.url for view in inventory.apps)}:
        raise AppNotFoundError(
            f"No app named {app[:_LONGEST]!r} is synced.",
            nearest=nearest_names(app, dict.fromkeys(apps)),
            hint="Leave the app out, or use one of the synced apps.",
        )
    functions = [one for one in inventory.functions if app in {None, one.app_name, one.url}]
    for form in (attrgetter("slug"), short_id, attrgetter("name")):
        fitting = [one for one in functions if form(one) == wanted]
        fitting = [one for one in fitting if not one.is_archived] or fitting
        if len(fitting) > 1:
            slugs = [one.slug for one in fitting]
            raise FunctionNotFoundError(
                f"{wanted[:_LONGEST]!r} fits several functions: {', '.join(slugs)[:500]}.",
                nearest=slugs,
                hint="Use one of these full ids.",
            )
        if fitting:
            return fitting[0]
    raise FunctionNotFoundError(
        f"No function {wanted[:_LONGEST]!r}{'' if app is None else f' of app {app[:_LONGEST]!r}'}.",
        nearest=nearest_names(wanted, [one.slug for one in functions]),
        hint="Use an id from list_functions.",
    )


def _unlisted(reference: str, app: str) -> Function:
    slug = whole_slug(app, reference)
    return Function(id=slug, slug=slug, name=slug, app_name=app, url="", triggers=())


def function_of(entry: JSONObject, app_id: str, url: str, now_ms: int) -> Function:
    """Return a function of API v2; `url` is that of its app, `now_ms` the time there."""
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
        # Inngest does not say since when; it is so at the time of this answer.
        paused_ms=(moment(entry, "pausedAt") or now_ms) if has(entry, "isPaused") else None,
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
