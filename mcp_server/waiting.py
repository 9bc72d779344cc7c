"""Waiting while telling the caller that time passes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from mcp.server.mcpserver import Context

from durable_engine import RunView
from mcp_server.backend import Backend

T = TypeVar("T")


async def with_progress(
    work: Coroutine[Any, Any, T],
    *,
    what: str,
    timeout_s: float,
    interval_s: float,
    context: Context[Any, Any],
) -> T:
    """Return what `work` does, reporting progress each `interval_s`; when the caller gives up, it ends.

    `what` says what is waited for, and `timeout_s` how long that may take.
    """
    working = asyncio.ensure_future(work)
    elapsed_s = 0.0
    try:
        while not (await asyncio.wait({working}, timeout=interval_s))[0]:
            elapsed_s += interval_s
            words = f"Waiting for {what} to end: {elapsed_s:.0f} s of at most {timeout_s:.0f} s"
            await context.report_progress(elapsed_s, timeout_s, words)
        return working.result()
    finally:
        if not working.done():
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


class RunWaiter:
    """Waits on the backend's own wake-up; the interval only paces the progress reports."""

    def __init__(self, backend: Backend, *, interval_s: float) -> None:
        self._backend = backend
        self._interval_s = interval_s

    async def wait(
        self, run_ids: Sequence[str], *, timeout_s: float, context: Context[Any, Any]
    ) -> Mapping[str, RunView]:
        """Return the runs once all have ended, or as they are after `timeout_s` seconds.

        Ids of no run are missing from the answer.
        """
        return await with_progress(
            self._backend.wait_for_runs(run_ids, timeout_s=timeout_s),
            what="1 run" if len(run_ids) == 1 else f"{len(run_ids)} runs",
            timeout_s=timeout_s,
            interval_s=self._interval_s,
            context=context,
        )
