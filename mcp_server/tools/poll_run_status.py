"""Tool poll_run_status: wait for runs to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine import RunView
from durable_engine.errors import RunNotFoundError, RunPrunedError
from mcp_server.arguments import Timeout
from mcp_server.backend import Backend
from mcp_server.clean import one_line
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors, describe
from mcp_server.kinds import READ_ONLY
from mcp_server.render.polls import poll_answer
from mcp_server.render.sentences import event_hint
from mcp_server.results.runs import PollResult, UnknownRun
from mcp_server.strict import define_tool
from mcp_server.waiting import RunWaiter

MAX_RUNS = 40
_MAX_NEAREST = 3

OneId = Annotated[str, Field(min_length=1, max_length=64)]
RunIds = Annotated[
    list[OneId],
    Field(
        min_length=1,
        max_length=MAX_RUNS,
        description='Run ids, e.g. ["01JD4Z9Q…"].',
    ),
]
PollInterval = Annotated[
    float,
    Field(
        ge=0,
        description="Ignored, e.g. 1000.",
    ),
]


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""
    waiter = RunWaiter(backend, interval_s=config.progress_interval_s)

    async def poll_run_status(
        run_ids: RunIds,
        context: Context[Any, Any],
        timeout: Timeout = 30,
        poll_interval: PollInterval | None = None,  # noqa: ARG001 - part of the contract, not of the behaviour
    ) -> Annotated[CallToolResult, PollResult]:
        """Wait until workflow runs have ended, and return the status of each.

        It returns as soon as all have ended; on time-out with the state so far, allEnded false, which is no
        error.

        Returns per run status, output or error and what it waits for, counts by status, and unknown ids.
        Next: get_run_status for steps; the same call again to wait longer.
        """
        ids = list(dict.fromkeys(run_ids))
        with as_tool_errors():
            runs = await waiter.wait(ids, timeout_s=timeout, context=context)
            return await answer(backend, ids, runs, timeout_s=timeout, origin=config.engine_url)

    return define_tool(poll_run_status, title="Wait for runs", annotations=READ_ONLY)


async def answer(
    backend: Backend, ids: Sequence[str], found: Mapping[str, RunView], *, timeout_s: int, origin: str
) -> CallToolResult:
    """Build the answer about `ids`, of which `found` are known.

    Raises:
        ToolError: no run has any of the ids.
    """
    runs, unknown = await _complete(backend, ids, found)
    if not runs:
        raise ToolError(f"{_all_unknown(unknown)}{event_hint(ids)}")
    known = [runs[run_id] for run_id in ids if run_id in runs]
    return poll_answer(known, unknown, timeout_s=timeout_s, origin=origin)


async def _complete(
    backend: Backend, ids: Sequence[str], found: Mapping[str, RunView]
) -> tuple[dict[str, RunView], list[UnknownRun]]:
    """Ask for each missing id by itself, which tells the ids near to it."""
    runs = dict(found)
    unknown = []
    for run_id in ids:
        if run_id in runs:
            continue
        try:
            runs[run_id] = await backend.get_run(run_id)
        except RunPrunedError as error:
            if len(ids) == 1:
                raise ToolError(describe(error)) from error
            unknown.append(UnknownRun(run_id=run_id))
        except RunNotFoundError as error:
            unknown.append(
                UnknownRun(run_id=one_line(run_id, 64), nearest=list(error.nearest[:_MAX_NEAREST]) or None)
            )
    return runs, unknown


def _all_unknown(unknown: Sequence[UnknownRun]) -> str:
    nearest = list(dict.fromkeys(near for run in unknown for near in run.nearest or ()))
    ids = ", ".join(run.run_id for run in unknown)
    near = f" Nearest: {', '.join(nearest[:5])}." if nearest else ""
    return f"No run has any of these ids: {ids}.{near} send_event and invoke_function return run ids."
