"""Pausing functions, which a Stepcue offers and Inngest has in its dashboard only."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durable_engine.errors import FunctionNotFoundError
from durable_engine.model.function import Function
from durable_engine.model.json_value import JSONObject
from mcp_server.remote.api import Api, in_path
from mcp_server.remote.errors import AbsentError, NotOfferedError
from mcp_server.remote.functions import Functions, function_of, short_id
from mcp_server.remote.probing import Capabilities, ServerKind
from mcp_server.remote.writes import check_write

NO_PAUSES: Final = "Only a Stepcue pauses functions over its API; Inngest has that in its dashboard only."
WHERE: Final = "Pause or resume it there; nothing was changed."


def can_pause(known: Capabilities | None) -> bool:
    """Whether a server can pause functions, as far as is known."""
    return known is not None and known.kind is ServerKind.STEPCUE


class Pausing:
    """Pauses functions, and lets them go on."""

    def __init__(self, api: Api, functions: Functions) -> None:
        self._api = api
        self._functions = functions

    async def pause(self, reference: str, *, app: str | None = None, cancels_runs: bool = False) -> Function:
        """Pause the function that is meant, and return it.

        Raises:
            WritesRefusedError: nobody allowed that for this server.
            NotOfferedError: the server cannot pause functions.
            AppNotFoundError, FunctionNotFoundError: as `Functions.find`.
            RemoteError: the server does not do it.
        """
        return await self._order("Pausing a function", "pause", reference, app, {"cancelRuns": cancels_runs})

    async def resume(self, reference: str, *, app: str | None = None) -> Function:
        """End the pause of the function that is meant, and return it; raises as `pause`."""
        return await self._order("Resuming a function", "resume", reference, app, {})

    async def _order(
        self, what: str, verb: str, reference: str, app: str | None, body: JSONObject
    ) -> Function:
        await check_write(self._api, what)
        if not can_pause(await self._api.known()):
            raise NotOfferedError(NO_PAUSES, hint=WHERE)
        function = await self._functions.find(reference, app=app)
        path = f"/apps/{in_path(function.app_name)}/functions/{in_path(short_id(function))}/{verb}"
        try:
            data = await self._api.post(path, body, doubt="Call again: a second time changes nothing more.")
        except AbsentError as error:
            raise FunctionNotFoundError(f"The server does not know {function.slug!r} any more.") from error
        finally:
            self._functions.forget()
        now = function_of(data, function.app_name, function.url, self._api.now_ms())
        return replace(function, paused_ms=now.paused_ms)
