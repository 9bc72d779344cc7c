"""Waiting for runs to end while telling the caller that time passes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from mcp.server.mcpserver import Context

from durable_engine import RunView
from mcp_server.backend import Backend


class RunWaiter:
    """Waits on the backend's own wake-up; the interval only paces the progress reports."""

    def __init__(self, backend: Backend, *, interval_s: float) -> None:
        self._backend = backend
        self._interval_s = interval_s

    async def wait(
        self, run_ids: Sequence[str], *, timeout_s: float, context: Context[Any, Any]
    ) -> Mapping[str, RunView]:
        """Return the runs once all have ended, or as they are after `timeout_s` seconds.

        Ids of no run are missing from the answer. When the caller gives up, the wait ends with it.
        """
        waiting = asyncio.ensure_future(self._backend.wait_for_runs(run_ids, timeout_s=timeout_s))
        try:
            await self._report_until_done(waiting, len(run_ids), timeout_s, context)
            return waiting.result()
        finally:
            if not waiting.done():
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await waiting

    async def _report_until_done(
        self,
        waiting: asyncio.Future[Mapping[str, RunView]],
        count: int,
        timeout_s: float,
        context: Context[Any, Any],
    ) -> None:
        what = "1 run" if count == 1 else f"{count} runs"
        elapsed_s = 0.0
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=self._interval_s)
            if done:
                return
            elapsed_s += self._interval_s
            await context.report_progress(
                elapsed_s,
                timeout_s,
                f"Waiting for {what} to end: {elapsed_s:.0f} s of at most {timeout_s:.0f} s",
            )
