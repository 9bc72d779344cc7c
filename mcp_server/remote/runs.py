"""Runs: one with its trace, the runs of an event, and pages of lists."""

from __future__ import annotations

import asyncio
from typing import Final

from durable_engine.errors import FunctionNotFoundError, RunNotFoundError
from durable_engine.http_api.times import rfc3339
from durable_engine.model.json_value import JSONObject
from durable_engine.model.records import RunFilter, RunPage, RunRecord
from durable_engine.model.views import Inventory, RunView
from mcp_server.nearest import nearest_names
from mcp_server.remote.api import Api, in_path
from mcp_server.remote.connection import Query
from mcp_server.remote.cursors import Cursors, Place
from mcp_server.remote.errors import (
    AbsentError,
    FaultyAnswerError,
    NotOfferedError,
    RejectedError,
    RemoteError,
)
from mcp_server.remote.events import Events
from mcp_server.remote.functions import Functions
from mcp_server.remote.pages import Page, read_page
from mcp_server.remote.reading import an_object, objects
from mcp_server.remote.run_views import record_of, record_of_v1, view_of
from mcp_server.remote.traces import root_of

_MOST_OF_EVENT: Final = 40
"""Runs of an event on a page."""
_MOST_ROWS: Final = 50
"""Runs on a page of other lists: they fit one answer, so that none has to be cut where no cursor goes on."""
_MOST_LOOKED: Final = 5
"""Pages looked at for one page of runs that fit, where the server cannot filter them itself."""


class Runs:
    """Reads runs."""

    def __init__(self, api: Api, events: Events, functions: Functions) -> None:
        self._api = api
        self._events = events
        self._functions = functions
        self._cursors = Cursors()

    async def get(self, run_id: str) -> RunView:
        """Return one run with its steps.

        Raises:
            RunNotFoundError: the server knows no such run.
            RemoteError: it cannot be asked.
        """
        if (await self._api.known()).v2 is None:
            return await self._get_v1(run_id)
        (run, root), functions = await asyncio.gather(self._run_and_trace(run_id), self._recent())
        record = record_of(run)
        event = await self._events.of_run(record.event_id, record.event_name, root, record.queued_ms)
        known = {function.slug: function for function in functions.functions} if functions else {}
        function = known.get(record.function_slug)
        return view_of(
            record,
            root,
            event,
            word=run.get("status"),
            now_ms=self._api.now_ms(),
            max_attempts=None if function is None else function.max_attempts,
        )

    async def _recent(self) -> Inventory | None:
        """Return all functions; None where they cannot be read: a run is shown without them."""
        try:
            return await self._functions.recent()
        except RemoteError:
            return None

    async def look(self, run_id: str) -> RunRecord:
        """Return one run without its steps; raises as `get`."""
        if (await self._api.known()).v2 is None:
            return record_of_v1(await self._v1(run_id))
        return record_of(await self._run(run_id))

    async def of_event(self, event_id: str) -> list[RunRecord]:
        """Return the runs that the server reports of an event so far; none for an event not yet known."""
        try:
            if (await self._api.known()).v2 is None:
                data = await self._api.v1(f"/events/{in_path(event_id)}/runs")
                return list(map(record_of_v1, objects(data)))
            page = await read_page(
                self._api,
                f"/events/{in_path(event_id)}/runs",
                {"limit": _MOST_OF_EVENT, "includeOutput": "true"},
            )
        except AbsentError:
            return []
        return list(map(record_of, page.entries))

    async def page(self, wanted: RunFilter, *, cursor: str | None, limit: int) -> RunPage:
        """Return a page of runs, newest first.

        What the server does not filter is filtered here, on a few pages: the page may then hold fewer runs
        than fit, and its cursor leads on.

        Raises:
            FunctionNotFoundError: the filter names a function that is not synced.
            InvalidInputError: no list here has this cursor.
            RemoteError: the server cannot be asked.
        """
        path, query, most = await self._where(wanted)
        place: Place | None = Place() if cursor is None else self._cursors.find(cursor)
        found: list[RunRecord] = []
        # What is filtered here is asked for in large pages, the rest as it is wanted.
        size = most if wanted.event_name or wanted.event_id else min(limit, most)
        for _ in range(_MOST_LOOKED):
            if place is None or len(found) >= min(limit, most):
                break
            page = await self._read(path, {**query, "limit": size}, place.cursor)
            place = _gather(found, page, place, wanted, min(limit, most))
        return RunPage(runs=tuple(found), next_cursor=None if place is None else self._cursors.give(place))

    async def _read(self, path: str, query: Query, cursor: str | None) -> Page:
        try:
            return await read_page(self._api, path, query, cursor=cursor)
        except AbsentError:
            if path.startswith("/events/"):
                return Page(())
            raise

    async def _where(self, wanted: RunFilter) -> tuple[str, Query, int]:
        """Return the path of a list, what to ask of it, and how many runs a page of it may have."""
        query: dict[str, str | int | list[str]] = {"includeOutput": "true", "order": "desc"}
        if wanted.event_id is not None:
            return f"/events/{in_path(wanted.event_id)}/runs", query, _MOST_OF_EVENT
        if wanted.statuses:
            query["status"] = sorted(status.value for status in wanted.statuses)
        if wanted.from_ms is not None:
            query["from"] = rfc3339(wanted.from_ms)
        if wanted.until_ms is not None:
            query["until"] = rfc3339(wanted.until_ms)
        if wanted.function is not None:
            app, short = await self._named(wanted.function, wanted.app)
            return f"/apps/{in_path(app)}/functions/{in_path(short)}/runs", query, _MOST_ROWS
        if wanted.app is not None:
            query["appId"] = wanted.app
        return "/runs", query, _MOST_ROWS

    async def _named(self, reference: str, app: str | None) -> tuple[str, str]:
        """Return the app of a function and its id without that; `reference` is a slug, short id or name."""
        inventory = await self._functions.recent()
        functions = [one for one in inventory.functions if app in {None, one.app_name}] if inventory else []
        for form in (0, 1, 2):
            for one in functions:
                short = one.slug.removeprefix(f"{one.app_name}-")
                if reference == (one.slug, short, one.name)[form]:
                    return one.app_name, short
        raise FunctionNotFoundError(
            f"No function {reference[:100]!r}{'' if app is None else f' of app {app[:100]!r}'}.",
            nearest=nearest_names(reference, [one.slug for one in functions]),
        )

    async def _run_and_trace(self, run_id: str) -> tuple[JSONObject, JSONObject]:
        run, root = await asyncio.gather(self._run(run_id), self._root(run_id), return_exceptions=True)
        if isinstance(run, BaseException):
            raise run
        if isinstance(root, BaseException):
            raise root
        return run, root

    async def _run(self, run_id: str) -> JSONObject:
        try:
            envelope = await self._api.v2(f"/runs/{in_path(run_id)}", {"includeOutput": "true"})
        except (AbsentError, RejectedError) as error:
            raise _no_run(run_id) from error
        run = an_object(envelope.get("data"))
        if not run:
            raise _no_run(run_id)
        return {"id": run_id, **run}

    async def _root(self, run_id: str) -> JSONObject:
        """Return the root span; an empty one where the server has no trace of the run, or none yet."""
        try:
            envelope = await self._api.v2(f"/runs/{in_path(run_id)}/trace", {"includeOutput": "true"})
        except (AbsentError, RejectedError, NotOfferedError, FaultyAnswerError):
            return {}
        return root_of(an_object(envelope.get("data")))

    async def _get_v1(self, run_id: str) -> RunView:
        run = await self._v1(run_id)
        record = record_of_v1(run)
        event = await self._events.of_run(record.event_id, "", {}, record.queued_ms)
        now_ms = self._api.now_ms()
        return view_of(record, {}, event, word=run.get("status"), now_ms=now_ms, max_attempts=None)

    async def _v1(self, run_id: str) -> JSONObject:
        try:
            run = an_object(await self._api.v1(f"/runs/{in_path(run_id)}"))
        # A server was seen to answer 500 for a run that it does not know.
        except (AbsentError, RejectedError, FaultyAnswerError) as error:
            raise _no_run(run_id) from error
        if not run:
            raise _no_run(run_id)
        return {"run_id": run_id, **run}


def _gather(found: list[RunRecord], page: Page, place: Place, wanted: RunFilter, limit: int) -> Place | None:
    """Add the runs of a page that fit, up to `limit`, and return where to go on; None at the end."""
    for number, entry in enumerate(page.entries[place.skip :], place.skip + 1):
        record = record_of(entry)
        if _fits(record, wanted):
            found.append(record)
        if len(found) >= limit and number < len(page.entries):
            return Place(place.cursor, number)
    return None if page.cursor is None or page.cursor == place.cursor else Place(page.cursor)


def _fits(record: RunRecord, wanted: RunFilter) -> bool:
    """Whether a run is one that was asked for, whatever the server took of the filter."""
    return (
        (not wanted.statuses or record.status in wanted.statuses)
        and (wanted.app is None or record.app_name in {wanted.app, ""})
        and (wanted.event_name is None or record.event_name == wanted.event_name)
        and (wanted.from_ms is None or record.queued_ms >= wanted.from_ms)
        and (wanted.until_ms is None or record.queued_ms < wanted.until_ms)
        and (wanted.function is None or wanted.event_id is None or wanted.function in _names(record))
    )


def _names(record: RunRecord) -> set[str]:
    short = record.function_slug.removeprefix(f"{record.app_name}-")
    return {record.function_slug, short, record.function_name}


def _no_run(run_id: str) -> RunNotFoundError:
    return RunNotFoundError(f"No run {run_id[:100]!r}.")
