"""Sending an event, and finding out what it started, which the server reports later, if at all."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Final

from durable_engine.errors import InvalidEventError
from durable_engine.http_api.events import SEED_HEADER
from durable_engine.ids import seeded_ulid
from durable_engine.intake import as_accepted
from durable_engine.model.event import Event, EventReceipt, NewEvent
from durable_engine.model.function import Function
from durable_engine.model.json_value import JSONObject
from durable_engine.model.records import RunRecord
from mcp_server.remote.api import Api
from mcp_server.remote.connection import EVENT_DOUBT
from mcp_server.remote.errors import FaultyAnswerError, KeyRefusedError, RemoteError
from mcp_server.remote.faults import Answer, checked
from mcp_server.remote.functions import Functions
from mcp_server.remote.probing import ServerKind
from mcp_server.remote.reading import an_object, text, texts
from mcp_server.remote.runs import Runs
from mcp_server.remote.unstarted import decisions, listeners_of, started, unreported
from mcp_server.remote.watching import look_until
from mcp_server.remote.writes import check_write

FIND_S: Final = 6.0
"""For how long runs are looked for, of functions that listen to the event."""
_SEED: Final = re.compile(r"\d{1,15},[A-Za-z0-9+/]+=*")


class Sending:
    """Sends events."""

    def __init__(self, api: Api, runs: Runs, functions: Functions) -> None:
        self._api = api
        self._runs = runs
        self._functions = functions

    async def send(self, event: NewEvent, *, seed: str | None) -> EventReceipt:
        """Send an event and look for its runs until all functions that listen have one, or for `FIND_S`.

        A function without a run by then is named with the decision `unreported`, unless the server says why.

        Raises:
            WritesRefusedError: nobody allowed that for this server.
            InvalidEventError: the server does not take it.
            RemoteError: the server cannot be asked; whether the event was accepted may then be unknown.
        """
        await check_write(self._api, "Sending an event")
        known = await self._api.known()
        listeners = listeners_of(await self._functions.recent(), event.name)
        sent = await self._post(event, _seed(seed, self._api.connection.clock.wall_ms()))
        is_told_at_once = known.kind is ServerKind.STEPCUE or listeners == []
        runs = await self._find(sent.id, listeners, timeout_s=0 if is_told_at_once else FIND_S)
        try:
            missed = await decisions(self._api, sent.id)
        except RemoteError:  # the event is accepted all the same: the caller must learn its id
            missed = ()
        return EventReceipt(
            event=sent,
            started=tuple(map(started, runs)),
            not_started=(*missed, *unreported(runs, missed, listeners)),
        )

    async def _post(self, event: NewEvent, seed: str) -> Event:
        body: JSONObject = {"name": event.name, "data": event.data}
        for key, value in (("user", event.user), ("id", event.id), ("ts", event.ts_ms), ("v", event.v)):
            if value:
                body[key] = value
        connection = self._api.connection
        answer = await connection.post_event([body], {SEED_HEADER: seed})
        now_ms, told = self._api.now_ms(), an_object(answer.body)
        if answer.status >= 300 or text(told, "error") or not told:
            raise self._refused(answer)
        ids = texts(told.get("ids"))
        event_id = ids[0] if ids and ids[0] else seeded_ulid(seed, 0, now_ms=now_ms)
        return as_accepted(event, event_id, now_ms=now_ms)

    def _refused(self, answer: Answer) -> Exception:
        connection = self._api.connection
        told = connection.say(text(an_object(answer.body), "error", "message") or "")
        if answer.status in {401, 403} or (answer.status == 404 and connection.target.event_key is None):
            return KeyRefusedError(
                f"{self._api.environment} does not take the event key{f': {told[:200]}' if told else ''}.",
                hint="Start Stepcue with an event key of that environment, as INNGEST_EVENT_KEY.",
            )
        if told and (400 <= answer.status < 429 or answer.status < 300):
            return InvalidEventError(f"The server refuses the event: {told[:300]}")
        try:
            checked(answer, "POST /e/…", target=connection.target, say=connection.say, doubt=EVENT_DOUBT)
        except RemoteError as error:
            return error
        said = answer.text[:100]
        return FaultyAnswerError(f"{self._api.environment} answers an event with {said}.", hint=EVENT_DOUBT)

    async def _find(
        self, event_id: str, listeners: list[Function] | None, *, timeout_s: float
    ) -> list[RunRecord]:
        found: list[RunRecord] = []
        wanted = None if listeners is None else {function.slug for function in listeners}

        async def look() -> bool:
            try:
                found[:] = await self._runs.of_event(event_id)
            except RemoteError:  # the event is accepted all the same: the caller must learn its id
                return False
            return wanted is not None and wanted <= {run.function_slug for run in found}

        await look_until(self._api.connection.clock, look, timeout_s=timeout_s)
        return found


def _seed(given: str | None, now_ms: int) -> str:
    """Return a seed as SDKs send it: the same one is the same event, so that sending it again is safe."""
    if given is None:
        return f"{now_ms},{base64.b64encode(os.urandom(10)).decode()}"
    if _SEED.fullmatch(given):
        return given
    digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
    return f"{int.from_bytes(digest[10:15], 'big')},{base64.b64encode(digest[:10]).decode()}"
