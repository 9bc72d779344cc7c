"""Tool advance_time: let sleeps, time-outs, retries and schedules come due now."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine.durations import parse_date_ns, parse_duration_ms
from durable_engine.errors import InvalidDurationError
from mcp_server.arguments import RunId, Timeout
from mcp_server.backend import EngineBackend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import ACTS
from mcp_server.render.time import advance_answer
from mcp_server.results.time import AdvanceResult
from mcp_server.strict import define_tool

By = Annotated[
    str, Field(min_length=1, max_length=40, description='How far, at most 366 days, e.g. "3d12h".')
]
To = Annotated[
    str,
    Field(
        min_length=1,
        max_length=40,
        description='Or until when, e.g. "2027-01-31T09:00:00Z"; with runId also "end".',
    ),
]
_NS_PER_MS = 1_000_000


def make(backend: EngineBackend) -> Tool:
    """Build the tool."""

    async def advance_time(
        by: By | None = None, to: To | None = None, run_id: RunId | None = None, timeout: Timeout = 30
    ) -> Annotated[CallToolResult, AdvanceResult]:
        """Move time forward: sleeps, wait time-outs, retries, debounces, batches and schedules come due, in
        order.

        Without runId the whole engine's clock moves and stays ahead; with runId only that run and those it
        invoked skip time: by `by`, until `to`, or to what it waits for next. The app's own clock stays real.

        Returns the new time, what happened in due order, and what is due next. Next: get_run_status.
        """
        with as_tool_errors():
            by_ms = None if by is None else parse_duration_ms(by)
            to_ms = None if to is None or to == "end" else _date_ms(to)
            if run_id is None:
                if (by is None) == (to is None):
                    raise ToolError(
                        'Give `by`, e.g. "1d", or `to`, a date; with a runId alone that run skips to what it '
                        "waits for next."
                    )
                if to == "end":
                    raise ToolError('to="end" needs a runId: the engine has no end. Give `by` or a date.')
                moved = await backend.time.advance(by_ms=by_ms, to_ms=to_ms, patience_s=timeout)
                return advance_answer(moved, run=None)
            if by is not None and to is not None:
                raise ToolError("Give by or to, not both.")
            moved = await backend.time.skip(
                run_id, by_ms=by_ms, to_ms=to_ms, to_end=to == "end", patience_s=timeout
            )
            return advance_answer(moved, run=await backend.get_run(run_id))

    return define_tool(advance_time, title="Advance time", annotations=ACTS)


def _date_ms(text: str) -> int:
    try:
        return parse_date_ns(text) // _NS_PER_MS
    except InvalidDurationError as fault:
        raise ToolError(f"`to` cannot be read: {fault}. A duration belongs into `by`.") from fault
