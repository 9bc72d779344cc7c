"""What prompts, resources and completions look up on a server elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from durable_engine.model.function import Function
from durable_engine.model.records import RunFilter
from durable_engine.model.status import StepKind
from mcp_server.remote.errors import RemoteError
from mcp_server.remote.functions import Functions
from mcp_server.remote.runs import Runs
from mcp_server.remote.traces import steps_of

_SEEN_RUNS: Final = 5
"""Traces that are read to know the steps of a function."""
_NEWEST: Final = 50


class RemoteLookups:
    """Satisfies `mcp_server.lookups.Lookups`; what is only offered to choose from never fails."""

    def __init__(self, runs: Runs, functions: Functions) -> None:
        self._runs = runs
        self._functions = functions

    async def function(self, reference: str) -> Function:
        """Return a function; raises as `Functions.find`."""
        return await self._functions.find(reference)

    async def functions(self) -> Sequence[Function]:
        """Return the functions that were synced not long ago; none where they cannot be listed."""
        try:
            inventory = await self._functions.recent()
        except RemoteError:  # the list of resources has others
            return []
        return [one for one in inventory.functions if not one.is_archived] if inventory else []

    async def seen_steps(self, function: Function) -> Mapping[str, StepKind]:
        """Return the steps in the traces of the newest runs of a function."""
        wanted = RunFilter(function=function.slug, app=function.app_name)
        page = await self._runs.page(wanted, cursor=None, limit=_SEEN_RUNS)
        roots = await asyncio.gather(*(self._runs.root(run.id) for run in page.runs))
        return {step.name: step.kind for root in reversed(roots) for step in steps_of(root)}

    async def newest_run_ids(self, limit: int) -> Sequence[str]:
        """Return the ids of the newest runs, 50 at most; none where they cannot be listed."""
        try:
            page = await self._runs.page(RunFilter(), cursor=None, limit=min(limit, _NEWEST))
        except RemoteError:  # who types goes on without them
            return []
        return [run.id for run in page.runs]
