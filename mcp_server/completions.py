"""Completions: ids and paths that fit what was typed, for arguments of prompts and variables of templates."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from mcp.types import Completion

from docs_index import DocsIndex, DocsIndexError
from mcp_server.lookups import Lookups

MAX_VALUES = 100
"""What the protocol allows in one answer."""

_NEWEST_RUNS = 1_000
_MAX_TYPED = 200


class Completer:
    """Looks up what may be meant. An argument is known by its name, wherever it stands."""

    def __init__(self, lookups: Lookups, docs: DocsIndex) -> None:
        self._lookups = lookups
        self._docs = docs

    async def complete(self, argument: str, typed: str) -> Completion:
        """Return the known values that contain `typed`, those that begin with it first.

        Runs are newest first, the rest is in its own order. Case does not count. Other arguments have no
        completions.
        """
        known = await self._known(argument)
        wanted = typed.strip().lower()[:_MAX_TYPED]
        fitting = [value for value in known if wanted in value.lower()]
        fitting.sort(key=lambda value: not value.lower().startswith(wanted))
        return Completion(values=fitting[:MAX_VALUES], total=len(fitting), has_more=len(fitting) > MAX_VALUES)

    async def _known(self, argument: str) -> Iterable[str]:
        if argument == "runId":
            return await self._lookups.newest_run_ids(_NEWEST_RUNS)
        if argument == "functionId":
            return [function.slug for function in await self._lookups.functions()]
        if argument == "path":
            return await asyncio.to_thread(self._paths)
        return []

    def _paths(self) -> list[str]:
        paths: list[str] = []
        cursor: str | None = None
        while True:
            try:
                page = self._docs.list(limit=200, cursor=cursor)
            except DocsIndexError:  # pages changed in between, or cannot be read: what is known will do
                return paths
            paths += [entry.path for entry in page.pages]
            cursor = page.next_cursor
            if cursor is None:
                return paths
