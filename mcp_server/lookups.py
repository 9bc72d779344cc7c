"""What prompts, resources and completions look up: functions, their steps, and ids to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from durable_engine import Function, StepKind
from mcp_server.backend import EngineBackend


class Lookups(Protocol):
    """Looks things up, wherever the workflows run."""

    async def function(self, reference: str) -> Function:
        """Return a function by its slug, its id without that of the app, or its name.

        Raises:
            FunctionNotFoundError: nothing fits, or a short form fits several.
        """
        ...

    async def functions(self) -> Sequence[Function]:
        """Return the functions that are synced now, by slug."""
        ...

    async def seen_steps(self, function: Function) -> Mapping[str, StepKind]:
        """Return the steps that recent runs of a function came to, by name."""
        ...

    async def newest_run_ids(self, limit: int) -> Sequence[str]:
        """Return the ids of the newest runs, newest first."""
        ...


class EngineLookups:
    """Looks things up in the embedded engine."""

    def __init__(self, backend: EngineBackend) -> None:
        self._backend = backend

    async def function(self, reference: str) -> Function:
        """Return a function."""
        return self._backend.records.function(reference)

    async def functions(self) -> Sequence[Function]:
        """Return the functions that are synced now."""
        return self._backend.records.functions()

    async def seen_steps(self, function: Function) -> Mapping[str, StepKind]:
        """Return the steps that recent runs of a function came to."""
        return await self._backend.doubles.seen_steps(function.slug, app=function.app_name)

    async def newest_run_ids(self, limit: int) -> Sequence[str]:
        """Return the ids of the newest runs."""
        return await self._backend.records.newest_run_ids(limit)
