"""Lists of API v2, which come in pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from durable_engine.model.json_value import JSONObject
from mcp_server.remote.api import Api
from mcp_server.remote.connection import Query
from mcp_server.remote.errors import UnreachableError
from mcp_server.remote.reading import an_object, has, objects, text

MOST_PAGES: Final = 20
"""Read for one answer: with them come 2,000 entries, and nobody waits for more."""
MOST_S: Final = 25.0
"""After that no further page is asked for: the last one may take as long again, and hosts wait a minute."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries; `cursor` leads to the next ones, None at the end."""

    entries: tuple[JSONObject, ...]
    cursor: str | None = None


async def read_page(api: Api, path: str, query: Query, *, cursor: str | None = None) -> Page:
    """Return one page of a list; raises as `Api.v2`."""
    envelope = await api.v2(path, {**query, "cursor": cursor} if cursor else query)
    page = an_object(envelope.get("page"))
    return Page(tuple(objects(envelope.get("data"))), text(page, "cursor") if has(page, "hasMore") else None)


async def read_all(api: Api, path: str, query: Query, *, since_ms: int) -> Page:
    """Return all entries of a list, up to `MOST_PAGES`; the cursor is set when there are more.

    `since_ms` is when the reading of this and other lists began, in the time of `Clock.wall_ms`.

    Raises:
        UnreachableError: that was longer than `MOST_S` ago.
        RemoteError: as `Api.v2`.
    """
    entries: list[JSONObject] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        if api.connection.clock.wall_ms() - since_ms > MOST_S * 1_000:
            raise UnreachableError(
                f"{api.connection.target.shown_url} did not list all its apps and functions within "
                f"{MOST_S:.0f} s.",
                hint="Call again; list_runs without functionId, list_events and get_run_status do without "
                "that list.",
            )
        page = await read_page(api, path, query, cursor=cursor)
        entries += page.entries
        if page.cursor is None or page.cursor == cursor:
            return Page(tuple(entries))
        cursor = page.cursor
    return Page(tuple(entries), cursor)
