"""Tool mock_step: let something stand in for a step."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine import NewDouble
from durable_engine.durations import parse_duration_ms
from durable_engine.scenarios.document import read_outcomes
from mcp_server.backend import EngineBackend
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import CHANGES
from mcp_server.render.doubles import mock_answer
from mcp_server.results.doubles import MockStepResult
from mcp_server.strict import define_tool

Function = Annotated[str, Field(max_length=512, description='Id from list_functions, e.g. "shop-order".')]
StepId = Annotated[str, Field(max_length=1_000, description='Id in the code, e.g. "charge"; none: own call.')]
Outcomes = Annotated[
    list[dict[str, Any]],
    Field(max_length=100, description='Used in turn, the last again and again, e.g. [{"result": 1}].'),
]
Index = Annotated[int, Field(ge=0, description="Which repeat in a loop, e.g. 0.")]
Times = Annotated[int, Field(ge=1, description="How often, before the real step runs again, e.g. 1.")]
OneRun = Annotated[str, Field(max_length=64, description='Only this open run, e.g. "01J…".')]
Expires = Annotated[str, Field(max_length=20, description='1h unless given, up to 24h, e.g. "30m".')]


def make(backend: EngineBackend) -> Tool:
    """Build the tool."""

    async def mock_step(
        function_id: Function,
        outcomes: Outcomes,
        step_id: StepId | None = None,
        index: Index | None = None,
        times: Times | None = None,
        run_id: OneRun | None = None,
        expires: Expires | None = None,
    ) -> Annotated[CallToolResult, MockStepResult]:
        """Mock a step in all runs of a function, or break its call; a mocked step's code never runs.

        An outcome is {"result": any}, {"error": {"message", "retriable"}}, {"event": {"data"}}, {"timeout":
        true} or {"fault": "reply_lost"} (faults as in test_function). Returns the mock, and whether any run
        had such a step. Next: clear_mocks when done.
        """
        with as_tool_errors():
            double = NewDouble(
                function=function_id, step=step_id, outcomes=read_outcomes(outcomes), index=index, times=times
            )
            lasts_ms = None if expires is None else parse_duration_ms(expires)
            added = await backend.doubles.add(double, run_id=run_id, lasts_ms=lasts_ms)
            seen = await backend.doubles.seen_steps(added.function_id)
            known = await backend.inventory()
        slug = next((entry.slug for entry in known.functions if entry.id == added.function_id), function_id)
        return mock_answer(added, slug, seen)

    return define_tool(mock_step, title="Mock step", annotations=CHANGES)
