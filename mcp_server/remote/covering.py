"""What the traces of the newest runs of a function show, on a server elsewhere."""

from __future__ import annotations

import asyncio
from typing import Final

from durable_engine.coverage.gaps import find_gaps
from durable_engine.coverage.tally import Tally
from durable_engine.durations import parse_since_ms
from durable_engine.ids import is_ulid, ulid_ms
from durable_engine.model.coverage import Coverage, GapKind
from durable_engine.model.event import SCHEDULED_TIMER, Event
from durable_engine.model.json_value import JSONObject
from durable_engine.model.records import RunFilter, RunRecord
from durable_engine.model.views import RunView
from mcp_server.remote.api import Api
from mcp_server.remote.functions import Functions
from mcp_server.remote.run_views import view_of
from mcp_server.remote.runs import Runs
from mcp_server.remote.traces import tells_times

MAX_RUNS: Final = 50
"""A request for each of them."""
_AT_ONCE: Final = 6
_UNTOLD: Final = frozenset(
    {
        GapKind.CANCEL_ON,
        GapKind.TIMEOUT,
        GapKind.FAILURE_HANDLER,
        GapKind.FLOW_CONTROL,
        GapKind.WAIT_TIMED_OUT,
    }
)
"""What no trace shows for certain, so that it cannot be said to be missing."""


class Coverages:
    """Satisfies `mcp_server.backend.Coverages`."""

    def __init__(self, api: Api, runs: Runs, functions: Functions) -> None:
        self._api = api
        self._runs = runs
        self._functions = functions
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def of(self, function: str, *, app: str | None = None, since: str | None = None) -> Coverage:
        """Return what the newest runs of a function have shown.

        Runs without a trace are not counted, and a note says how many there are.

        Raises:
            InvalidDurationError: `since` is neither a date nor a duration.
            FunctionNotFoundError: no such function.
            RemoteError: the server cannot be asked.
        """
        now_ms = self._api.now_ms()
        from_ms = None if since is None else parse_since_ms(since, now_ms=now_ms)
        if await self._functions.recent() is None:
            await self._functions.inventory()  # says why there is no list of functions
        found = await self._functions.find(function, app=app)
        wanted = RunFilter(function=found.slug, app=found.app_name, from_ms=from_ms)
        runs, has_more = await self._newest(wanted)
        views = await asyncio.gather(*(self._view(run) for run in runs))
        tally, untraced = Tally(), 0
        for view in views:
            if view.are_steps_known and tells_times(view.steps):
                tally.add(view)
            else:
                untraced += 1
        gaps = find_gaps(found, tally, has_handler=False)
        return Coverage(
            function=found,
            runs=tally.runs,
            has_more=has_more,
            outcomes=tally.outcomes,
            steps=tally.steps(),
            branches=tally.branches(),
            gaps=tuple(gap for gap in gaps if gap.kind not in _UNTOLD),
            failed_outside_steps=tally.failed_outside_steps,
            handler_runs=0,
            cancelled_by={},
            triggers=tally.triggers,
            controls={},
            untraced=untraced,
        )

    async def _newest(self, wanted: RunFilter) -> tuple[list[RunRecord], bool]:
        """Return the newest runs, and whether there are older ones."""
        found: list[RunRecord] = []
        cursor: str | None = None
        while len(found) < MAX_RUNS:
            page = await self._runs.page(wanted, cursor=cursor, limit=MAX_RUNS - len(found))
            found += page.runs
            cursor = page.next_cursor
            if cursor is None or not page.runs:
                break
        return found, cursor is not None

    async def _view(self, run: RunRecord) -> RunView:
        async with self._free:
            root = await self._runs.root(run.id)
        return view_of(
            run, root, _event(run), word=run.status.value, now_ms=self._api.now_ms(), max_attempts=None
        )


def _event(run: RunRecord) -> Event:
    """Return as much of its event as coverage looks at."""
    data: JSONObject = {"cron": run.cron} if run.cron else {}
    at_ms = ulid_ms(run.event_id) if is_ulid(run.event_id) else run.queued_ms
    name = run.event_name or (SCHEDULED_TIMER if run.cron else "")
    return Event(
        id=run.event_id, public_id=run.event_id, name=name, data=data, user={}, ts_ms=at_ms, received_ms=at_ms
    )
