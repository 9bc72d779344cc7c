"""Starting one function directly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from durable_engine.errors import FunctionNotFoundError, InvalidInputError
from durable_engine.ids import is_ulid, new_ulid
from durable_engine.model.decision import Control
from durable_engine.model.event import FUNCTION_INVOKED, Event, EventReceipt, NotStarted, StartedRun
from durable_engine.model.function import Function
from durable_engine.model.json_value import JSONObject
from durable_engine.model.status import RunStatus
from mcp_server.clean import in_json
from mcp_server.remote.api import Api, in_path
from mcp_server.remote.errors import AbsentError, FaultyAnswerError, RejectedError
from mcp_server.remote.functions import Functions, short_id
from mcp_server.remote.probing import ServerKind
from mcp_server.remote.reading import an_object, text
from mcp_server.remote.started import Started
from mcp_server.remote.writes import check_write

_CONTROLS: Final[Mapping[str, Control]] = {
    "rate_limited": Control.RATE_LIMIT,
    "function_debounced": Control.DEBOUNCE,
}
"""What a code of a refusal says kept the function from starting."""
_ULID: Final = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
_OUR_WORDS: Final = re.compile(r"The function (was not started|does not start at once): ")
"""How a Stepcue begins to say what was decided."""


class Invoking:
    """Starts functions."""

    def __init__(self, api: Api, functions: Functions, started: Started) -> None:
        self._api = api
        self._functions = functions
        self._started = started

    async def invoke(
        self,
        reference: str,
        *,
        app: str | None = None,
        data: Mapping[str, object] | None = None,
        user: Mapping[str, object] | None = None,
    ) -> EventReceipt:
        """Start the function that is meant; the event of the receipt has no id, as the server tells none.

        Each order has a key of its own, so that it is carried out once however often it is sent.

        Raises:
            WritesRefusedError: nobody allowed that for this server.
            AppNotFoundError, FunctionNotFoundError: as `Functions.find`.
            InvalidInputError: the server takes no `user`.
            RemoteError: the server does not do it; the hint says where it may have done so all the same.
        """
        await check_write(self._api, "Invoking a function")
        function = await self._functions.find(reference, app=app)
        body: JSONObject = {"data": dict(data or {}), "idempotencyKey": new_ulid(self._api.now_ms())}
        if user:
            if (await self._api.known()).kind is not ServerKind.STEPCUE:
                raise InvalidInputError(
                    "An Inngest server takes no user with an invocation.",
                    hint="Leave user out, or send_event with it to what triggers the function.",
                )
            body["user"] = dict(user)
        event = self._event(body)
        run_id: str | None = None
        try:
            run_id = await self._order(function, body)
        except RejectedError as refusal:
            if refusal.status == 422:
                return EventReceipt(event=event, not_started=(_decided(function, refusal),))
            run_id = _run_in(refusal) if refusal.status == 409 else None
            if run_id is None:
                raise
        self._started.note(run_id, function, event)
        status, now_ms = RunStatus.QUEUED.value, self._api.now_ms()
        run = StartedRun(run_id=run_id, function_slug=function.slug, status=status, due_ms=now_ms)
        return EventReceipt(event=event, started=(run,))

    async def _order(self, function: Function, body: JSONObject) -> str:
        path = f"/apps/{in_path(function.app_name)}/functions/{in_path(short_id(function))}/invoke"
        doubt = (
            f"A run may have been started, which list_runs functionId={in_json(function.slug)} would show."
        )
        try:
            data = await self._api.post(path, body, is_safe=True, doubt=doubt)
        except AbsentError as error:
            self._functions.forget()
            raise FunctionNotFoundError(
                f"The server does not know function {function.slug!r} any more.",
                hint="Call list_functions for what is synced now.",
            ) from error
        run_id = text(data, "runId", "run_id")
        if run_id is None:
            raise FaultyAnswerError("The server took the invocation and named no run.", hint=doubt)
        return run_id

    def _event(self, body: JSONObject) -> Event:
        now_ms = self._api.now_ms()
        data, user = an_object(body["data"]), an_object(body.get("user"))
        return Event(
            id="", public_id="", name=FUNCTION_INVOKED, data=data, user=user, ts_ms=now_ms, received_ms=now_ms
        )


def _run_in(refusal: RejectedError) -> str | None:
    """Return the run that an earlier order with the same key has started."""
    told = text(refusal.data, "runId", "run_id") or ""
    if is_ulid(told):
        return told
    # A run that is named for another reason is not ours.
    is_about_keys = "idempoten" in f"{refusal.code} {refusal.said}".lower()
    found = _ULID.search(refusal.said) if is_about_keys else None
    return found[0] if found else None


def _decided(function: Function, refusal: RejectedError) -> NotStarted:
    control = _CONTROLS.get(refusal.code)
    ours = _OUR_WORDS.match(refusal.said)
    is_later = control is Control.DEBOUNCE or (ours is not None and ours[1].startswith("does not"))
    reason = refusal.said[ours.end() :] if ours else refusal.said
    return NotStarted(
        function_slug=function.slug,
        reason=reason.rstrip(".") or refusal.code.replace("_", " ") or "the server gave no reason",
        decision="delay" if is_later else "drop",
        control=None if control is None else control.value,
    )
