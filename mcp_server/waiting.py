"""Waiting while telling the caller that time passes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from mcp.server.mcpserver import Context

from durable_engine import RunView
from mcp_server.backend import Backend

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Runs that a tool would have waited for; `about` is what its answer needs besides them."""

    run_ids: tuple[str, ...]
    about: object


@dataclass(slots=True)
class Handover:
    """Waits of a caller who comes back for what takes longer than `grace_s` seconds."""

    grace_s: float
    unfinished: Unfinished | None = None
    """Set by the wait that was broken off; the tool's own answer is then not worth sending."""


_HANDOVER: ContextVar[Handover | None] = ContextVar("handover", default=None)


@contextlib.contextmanager
def handing_over(grace_s: float) -> Iterator[Handover]:
    """Let waits for runs that begin in here break off after `grace_s` seconds, and say what is left."""
    handover = Handover(grace_s)
    token = _HANDOVER.set(handover)
    try:
        yield handover
    finally:
        _HANDOVER.reset(token)


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
        self, run_ids: Sequence[str], *, timeout_s: float, context: Context[Any, Any], about: object = None
    ) -> Mapping[str, RunView]:
        """Return the runs once all have ended, or as they are after `timeout_s` seconds.

        Ids of no run are missing from the answer. A caller who comes back (`handing_over`) gets them as they
        are after its grace, and `about` is kept for the answer then.
        """
        handover = _HANDOVER.get()
        if handover is None or timeout_s <= handover.grace_s:
            return await self._wait(run_ids, timeout_s=timeout_s, context=context)
        runs = await self._wait(run_ids, timeout_s=handover.grace_s, context=context)
        if not all(run.status.is_terminal for run in runs.values()):
            handover.unfinished = Unfinished(tuple(run_ids), about)
        return runs

    async def _wait(
        self, run_ids: Sequence[str], *, timeout_s: float, context: Context[Any, Any]
    ) -> Mapping[str, RunView]:
        return await with_progress(
            self._backend.wait_for_runs(run_ids, timeout_s=timeout_s),
            what="1 run" if len(run_ids) == 1 else f"{len(run_ids)} runs",
            timeout_s=timeout_s,
            interval_s=self._interval_s,
            context=context,
        )
