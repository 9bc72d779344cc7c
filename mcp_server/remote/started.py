"""Runs that were started from here, which a server may show a moment after it has said so."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Final

from durable_engine.errors import RunNotFoundError
from durable_engine.model.event import Event
from durable_engine.model.function import Function
from durable_engine.model.status import RunStatus
from durable_engine.model.views import RunView
from mcp_server.remote.api import Api
from mcp_server.remote.runs import Runs

YOUNG_MS: Final = 300_000
"""For how long a run that the server has started and does not show counts as one that is still to appear."""
_KEPT: Final = 300
_NOTE: Final = "The server has said that it started this run, and does not show it yet."


class Started:
    """Remembers runs until the server shows them."""

    def __init__(self, api: Api, runs: Runs) -> None:
        self._api = api
        self._runs = runs
        self._young: OrderedDict[str, tuple[int, RunView]] = OrderedDict()

    def note(
        self, run_id: str, function: Function, event: Event, *, original_run_id: str | None = None
    ) -> None:
        """Remember a run that the server has just started."""
        wall_ms, now_ms = self._api.connection.clock.wall_ms(), self._api.now_ms()
        view = RunView(
            id=run_id,
            status=RunStatus.QUEUED,
            function_slug=function.slug,
            function_name=function.name,
            app_name=function.app_name,
            event=event,
            queued_ms=now_ms,
            now_ms=now_ms,
            max_attempts=function.max_attempts,
            original_run_id=original_run_id,
            notes=(_NOTE,),
            is_elsewhere=True,
        )
        self._young[run_id] = (wall_ms, view)
        if len(self._young) > _KEPT:
            self._young.popitem(last=False)

    def is_young(self, run_id: str) -> bool:
        """Whether the run was started a short while ago, and has not been seen since."""
        noted = self._young.get(run_id)
        return noted is not None and self._api.connection.clock.wall_ms() - noted[0] < YOUNG_MS

    async def get(self, run_id: str) -> RunView:
        """Return a run; one that is still to appear as far as it is known. Raises as `Runs.get`."""
        try:
            view = await self._runs.get(run_id)
        except RunNotFoundError:
            if not self.is_young(run_id):
                raise
            return replace(self._young[run_id][1], now_ms=self._api.now_ms())
        self._young.pop(run_id, None)
        return view
