"""Tool rerun: run a run again, as it was or with something edited."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine import Edits, StepOutcome
from mcp_server.arguments import MAX_WAIT_S
from mcp_server.backend import Backend
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import ACTS
from mcp_server.render.reruns import Repeat, rerun_answer
from mcp_server.render.sentences import was_started
from mcp_server.results.reruns import Edited, RerunResult
from mcp_server.strict import define_tool
from mcp_server.waiting import RunWaiter

Repeated = Annotated[str, Field(max_length=64, description='Run to repeat, e.g. "01JD4Z9Q…".')]
FromStep = Annotated[
    str,
    Field(max_length=512, description='Step to begin with, e.g. "charge" or "charge:1".'),
]
Input = Annotated[list[Any], Field(description="Arguments for fromStep (TypeScript), e.g. [20].")]
Output = Annotated[
    dict[str, Any],
    Field(
        description="Outcome of fromStep instead of running it, e.g. "
        '{"result": 5}, {"error": "declined"}, {"timeout": true}.'
    ),
]
Data = Annotated[dict[str, Any], Field(description='Other event data, e.g. {"orderId": "o-2"}.')]
Wait = Annotated[int, Field(ge=0, le=MAX_WAIT_S, description="Seconds to wait for its end, e.g. 20.")]


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""
    waiter = RunWaiter(backend, interval_s=config.progress_interval_s)

    async def rerun(
        run_id: Repeated,
        context: Context[Any, Any],
        from_step: FromStep | None = None,
        input: Input | None = None,  # noqa: A002 - the name of the argument in the contract
        output: Output | None = None,
        data: Data | None = None,
        wait: Wait = 20,
    ) -> Annotated[CallToolResult, RerunResult]:
        """Repeat a run as a new run: from the start, from a step on, or as if a step had ended otherwise.

        Steps before fromStep keep their results, the others run. Returns the new runId, status, output, what
        was taken over and edited. Next: compare_runs.
        """
        edits = Edits(
            from_step=from_step,
            given=input,
            outcome=None if output is None else _outcome(output),
            data=data,
        )
        with as_tool_errors():
            receipt = await backend.control.repeating.repeat(run_id, edits)
        edited = None
        if receipt.edited_step is not None or data is not None:
            edited = Edited(
                step_input=receipt.edited_step if input is not None else None,
                step_output=receipt.edited_step if output is not None else None,
                event_data=True if data is not None else None,
            )
        repeat = Repeat(receipt=receipt, edited=edited, from_step=from_step)
        with as_tool_errors(was_started(receipt.run_id)):
            runs = await waiter.wait([receipt.run_id], timeout_s=wait, context=context, about=repeat)
            run = runs.get(receipt.run_id) or await backend.get_run(receipt.run_id)
        return rerun_answer(repeat, run, origin=config.engine_url)

    return define_tool(rerun, title="Rerun", annotations=ACTS)


def _outcome(output: dict[str, Any]) -> StepOutcome:
    if output == {"timeout": True}:
        return StepOutcome(has_timed_out=True)
    if output.keys() == {"event"} and isinstance(output["event"], dict):  # as a mock has it
        return StepOutcome(result=output["event"].get("data"))
    if output.keys() == {"result"}:
        return StepOutcome(result=output["result"])
    error = output.get("error")
    if output.keys() == {"error"} and isinstance(error, str):
        return StepOutcome(error={"message": error})
    if output.keys() == {"error"} and isinstance(error, dict):
        return StepOutcome(error=error)
    raise ToolError(
        'output must have exactly one key: {"result": 5}, {"error": {"name": "CardError", "message": "x"}} '
        'or, for a wait or an invoke, {"timeout": true}. The result of waitForEvent is the event\'s data.'
    )
