"""Tool cancel_run: end a run now."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult

from durable_engine import RunStatus, RunView, StepStatus
from durable_engine.errors import RunAlreadyEndedError, RunNotFoundError
from mcp_server.arguments import RunId
from mcp_server.backend import Backend
from mcp_server.errors import as_tool_errors, describe
from mcp_server.kinds import CHANGES
from mcp_server.render.cancels import cancel_answer
from mcp_server.render.sentences import event_hint
from mcp_server.results.lists import CancelRunResult
from mcp_server.strict import define_tool


def make(backend: Backend) -> Tool:
    """Build the tool."""

    async def cancel_run(run_id: RunId) -> Annotated[CallToolResult, CancelRunResult]:
        """Cancel one queued or running workflow run for good; runs that it invoked go on. To stop every run
        of a function use pause_function.

        Returns the state after, and openCalls: steps that were being executed, which run to their end for
        nothing. A run that has completed or failed is refused. Next: rerun.
        """
        with as_tool_errors():
            try:
                run = await backend.get_run(run_id)  # which names the nearest ids
                calls = await backend.control.cancel(run_id)
            except RunNotFoundError as error:
                raise ToolError(f"{describe(error)}{event_hint([run_id])}") from error
            except RunAlreadyEndedError:
                return await _ended_before(backend, run_id)
        with as_tool_errors(
            f'Run {run_id} was cancelled; get_run_status runId="{run_id}" shows it. How it is cannot be said:'
        ):
            run = await backend.get_run(run_id)
            answer = partial(cancel_answer, run, await _open_children(backend, run), calls=calls)
            return answer(fails_parent=await _fails_parent(backend, run))

    return define_tool(cancel_run, title="Cancel run", annotations=CHANGES)


async def _ended_before(backend: Backend, run_id: str) -> CallToolResult:
    run = await backend.get_run(run_id)
    if run.status is RunStatus.CANCELLED:
        return cancel_answer(run, await _open_children(backend, run), was_cancelled=True)
    raise ToolError(
        f"Run {run.id} cannot be cancelled: it has ended and is {run.status.value}. "
        f'get_run_status runId="{run.id}" shows how; nothing was changed.'
    )


async def _fails_parent(backend: Backend, run: RunView) -> bool:
    if run.parent_run_id is None:
        return False
    parent = await backend.get_run(run.parent_run_id)
    return any(step.child_run_id == run.id and step.status is StepStatus.FAILED for step in parent.steps)


async def _open_children(backend: Backend, run: RunView) -> list[RunView]:
    if not run.child_run_ids:
        return []
    children = await backend.wait_for_runs(run.child_run_ids, timeout_s=0)
    return [child for child in children.values() if not child.status.is_terminal]
