"""Tool run_fault_matrix: break each call of a function once, in each way."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.matrix import DEFAULT_KINDS, run_matrix
from durable_engine.scenarios.model import Scenario
from mcp_server.arguments import EventData, FunctionId, RunId, Timeout
from mcp_server.backend import EngineBackend
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import ACTS
from mcp_server.render.matrix import matrix_answer
from mcp_server.results.matrix import MatrixResult
from mcp_server.strict import define_tool
from mcp_server.waiting import with_progress

Kinds = Annotated[
    list[
        Literal[
            "step_error",
            "step_fails",
            "unreachable",
            "call_timeout",
            "slow_reply",
            "reply_lost",
            "reply_twice",
            "request_twice",
            "restart",
        ]
    ],
    Field(min_length=1, description='Only these faults, e.g. ["reply_lost", "restart"].'),
]
Mocks = Annotated[
    list[dict[str, Any]],
    Field(max_length=100, description="As in test_function, e.g. [{stepId, result}]."),
]
Events = Annotated[
    list[dict[str, Any]],
    Field(max_length=100, description="As in test_function, e.g. [{name, data}]."),
]


def make(backend: EngineBackend, config: ServerConfig) -> Tool:
    """Build the tool."""

    async def run_fault_matrix(
        context: Context[Any, Any],
        function_id: FunctionId | None = None,
        *,
        run_id: RunId | None = None,
        data: EventData | None = None,
        mocks: Mocks | None = None,
        events: Events | None = None,
        kinds: Kinds | None = None,
        timeout: Timeout = 50,
    ) -> Annotated[CallToolResult, MatrixResult]:
        """Run a function again and again in skipped time, one call broken in one way each time: which steps
        are not safe to run twice, and does the run recover?

        Give functionId with data, or a runId to take both from. Unmocked steps run for real each time: mock
        what must not happen.

        Returns the steps that gave another result when they ran twice, and a row per fault. Next:
        get_run_status of a row.
        """
        if (function_id is None) == (run_id is None):
            raise ToolError("Give functionId or runId, one of both.")
        with as_tool_errors():
            scenario = read_scenario(
                {
                    "functionId": function_id or "as the run",
                    "data": data or {},
                    "mocks": mocks or [],
                    "events": events or [],
                }
            )
            if run_id is not None:
                scenario = await _like_run(backend, run_id, scenario, data)
            work = run_matrix(backend, scenario, kinds=kinds or DEFAULT_KINDS, timeout_s=timeout)
            matrix = await with_progress(
                work,
                what="the runs",
                timeout_s=timeout,
                interval_s=config.progress_interval_s,
                context=context,
            )
        return matrix_answer(matrix)

    return define_tool(run_fault_matrix, title="Run fault matrix", annotations=ACTS)


async def _like_run(
    backend: EngineBackend, run_id: str, scenario: Scenario, data: dict[str, Any] | None
) -> Scenario:
    """Let the function be invoked with what a run got: an event would start others that listen to it, too."""
    run = await backend.get_run(run_id)
    given = {key: value for key, value in run.event.data.items() if key != "_inngest"}
    return replace(
        scenario, function=run.function_slug, data=given if data is None else data, user=run.event.user
    )
