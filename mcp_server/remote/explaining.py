"""Asks a server elsewhere for what explanations rest on."""

from __future__ import annotations

import asyncio
from typing import Final

from durable_engine.model.explanation import Explanation
from durable_engine.model.function import Function
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.views import Inventory, RunView, StepView
from mcp_server.nearest import nearest_names
from mcp_server.remote.api import Api
from mcp_server.remote.errors import RemoteError
from mcp_server.remote.event_reasons import ToldOfEvent, explain_event
from mcp_server.remote.events import Events
from mcp_server.remote.functions import Functions
from mcp_server.remote.open_runs import explain_open
from mcp_server.remote.probing import ServerKind
from mcp_server.remote.reasons import Told, ended
from mcp_server.remote.run_views import view_of
from mcp_server.remote.runs import Runs
from mcp_server.remote.started import Started
from mcp_server.remote.unstarted import decisions, listeners_of, unreported

_DEEPEST: Final = 3
"""Invoked runs that are looked into, one below the other."""
_MOST_BESIDE: Final = 2
_NEAREST: Final = 3


class Explaining:
    """Satisfies `mcp_server.backend.Explainer`, with causes that the API makes certain."""

    def __init__(self, api: Api, runs: Runs, started: Started, events: Events, functions: Functions) -> None:
        self._api = api
        self._runs = runs
        self._started = started
        self._events = events
        self._functions = functions

    async def run(self, run_id: str) -> Explanation:
        """Explain a run; raises as `Started.get`."""
        return await self._run(run_id, depth=0)

    async def _run(self, run_id: str, *, depth: int) -> Explanation:
        view = await self._started.get(run_id)
        told = Told(
            view=view,
            function=_function_of(view, await self._known_functions()),
            is_stepcue=(await self._api.known()).kind is ServerKind.STEPCUE,
            below=await self._below(view, depth=depth),
        )
        return ended(told) if view.status.is_terminal else explain_open(told)

    async def _known_functions(self) -> Inventory | None:
        """Return all functions; None where they cannot be read: a run is explained without them."""
        try:
            return await self._functions.recent()
        except RemoteError:
            return None

    async def _below(self, view: RunView, *, depth: int) -> dict[str, Explanation]:
        """Return why the runs are where they are on which this one hangs, as far as they can be read."""
        ids = [step.child_run_id for step in view.steps if step.child_run_id and _hangs_on(step)]
        if depth >= _DEEPEST:
            return {}
        found = await asyncio.gather(
            *(self._run(run_id, depth=depth + 1) for run_id in ids[:_MOST_BESIDE]), return_exceptions=True
        )
        return {
            run_id: explanation
            for run_id, explanation in zip(ids, found, strict=False)
            if isinstance(explanation, Explanation)
        }

    async def event(self, event_id: str) -> Explanation:
        """Explain an event; raises as `Events.find`."""
        event = await self._events.find(event_id)
        inventory = await self._functions.recent()
        runs = await self._runs.of_event(event.id)
        missed = await decisions(self._api, event.id)
        listeners = listeners_of(inventory, event.name)
        functions = inventory.functions if inventory else ()
        names = {trigger.event for one in functions for trigger in one.triggers if trigger.event}
        now_ms = max(self._api.now_ms(), event.received_ms)
        return explain_event(
            ToldOfEvent(
                event=event,
                now_ms=now_ms,
                started=tuple(
                    view_of(run, {}, event, word=run.status.value, now_ms=now_ms, max_attempts=None)
                    for run in runs
                ),
                missed=(*missed, *unreported(runs, missed, listeners)),
                has_functions=inventory is None or bool(functions),
                apps=inventory.apps if inventory else (),
                nearest=tuple(nearest_names(event.name, sorted(names), limit=_NEAREST)),
            )
        )


def _hangs_on(step: StepView) -> bool:
    return step.kind is StepKind.INVOKE and step.status in {StepStatus.WAITING, StepStatus.FAILED}


def _function_of(view: RunView, inventory: Inventory | None) -> Function | None:
    functions = inventory.functions if inventory else ()
    return next((one for one in functions if one.slug == view.function_slug), None)
