"""The REST APIs of a server that was probed: paths, envelopes, and the server's own time."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from durable_engine.model.json_value import JSONObject, JSONValue
from mcp_server.remote.connection import Connection, Query
from mcp_server.remote.errors import NotOfferedError
from mcp_server.remote.probing import Capabilities, environment_name, kind_of, probe
from mcp_server.remote.reading import an_object, moment


class Api:
    """Asks API v2 and v1. It probes the server before the first question, and again if that failed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._known: Capabilities | None = None
        self._probing = asyncio.Lock()
        self._ahead_ms = 0

    @property
    def environment(self) -> str:
        """Which environment answers speak of, for people."""
        return environment_name(self.connection.target, self._known)

    @property
    def probed(self) -> Capabilities | None:
        """What is known of the server, if it has answered."""
        return self._known

    async def known(self) -> Capabilities:
        """Return what the server is and can; raises as `probe`."""
        if self._known is None:
            async with self._probing:
                self._known = self._known or await probe(self.connection)
        return self._known

    def now_ms(self) -> int:
        """Return the server's time, as far as its answers have told it."""
        return self.connection.clock.now_ms() + self._ahead_ms

    async def confirmed(self) -> Capabilities:
        """Return what the server is and can, as `known`, after a look whether it still is of that kind.

        Another one may have taken its address meanwhile.
        """
        known = await self.known()
        if await kind_of(self.connection) is not known.kind:
            self._known = None
        return await self.known()

    async def v2(self, path: str, query: Query | None = None) -> JSONObject:
        """Return the whole envelope at a path of API v2, such as `/runs`; raises as `Connection.ask`."""
        return await self._v2("GET", path, query)

    async def post(
        self, path: str, body: JSONValue = None, *, is_safe: bool = False, doubt: str = ""
    ) -> JSONObject:
        """Return the data of what a path of API v2 answers to an order; arguments and errors as `ask`."""
        order = await self._v2(
            "POST", path, None, body={} if body is None else body, is_safe=is_safe, doubt=doubt
        )
        return an_object(order.get("data"))

    async def delete_v1(self, path: str, *, doubt: str = "") -> None:
        """Delete what is at a path of API v1; raises as `Connection.ask`."""
        await self.known()
        await self.connection.ask("DELETE", f"/v1{path}", doubt=doubt)

    async def _v2(self, method: str, path: str, query: Query | None, **more: Any) -> JSONObject:
        prefix = (await self.known()).v2
        if prefix is None:
            raise NotOfferedError(
                f"{self.connection.target.shown_url} has no API v2, which this needs.",
                hint="Use a newer Inngest server; nothing was changed.",
            )
        answer = await self.connection.ask(method, f"{prefix}{path}", query=query, **more)
        envelope = an_object(answer.body)
        self._note_time(moment(an_object(envelope.get("metadata")), "fetchedAt"))
        return envelope

    async def v1(self, path: str, query: Query | None = None) -> JSONValue:
        """Return the data at a path of API v1, such as `/events`; raises as `Connection.ask`."""
        await self.known()
        return an_object(await self.connection.get(f"/v1{path}", query)).get("data")

    def _note_time(self, fetched_ms: int | None) -> None:
        if fetched_ms is not None:
            self._ahead_ms = fetched_ms - self.connection.clock.now_ms()


def in_path(name: str) -> str:
    """Return a name as a part of a path; one of dots alone would lead elsewhere."""
    return quote(name, safe="", errors="replace") if name.strip(".") else name.replace(".", "%2E")
