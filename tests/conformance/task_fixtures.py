"""Tools that the conformance suite calls to get tasks, served by the product's own extension.

For a server with them: put `task_tools()` among the tools that `mcp_server.server.build_server` offers, and
call `install()` before it builds one. The tasks of these tools live in this process; those of the product's
own tools stay what they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from mcp.server.context import HandlerResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    TextContent,
)

from mcp_server import server
from mcp_server.kinds import READ_ONLY
from mcp_server.strict import define_tool
from mcp_server.tasks.extension import TaskSource
from mcp_server.tasks.runs import RunTasks
from mcp_server.tasks.wire import Task

_AT_MS: Final = 1_790_000_000_000
_TASKED: Final = frozenset(
    {
        "slow_compute",
        "failing_job",
        "protocol_error_job",
        "confirm_delete",
        "multi_input",
        "test_tool_with_task",
    }
)


class Job:
    """A call that goes on after its request was answered, and may ask its client something."""

    def __init__(self, answer: Callable[[], Awaitable[HandlerResult]]) -> None:
        self.questions: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, Any] = {}
        self._all_answered = asyncio.Event()
        self._work = asyncio.create_task(self._run(answer))

    async def ask(self, **questions: ElicitRequest) -> Mapping[str, Any]:
        """Return the answers of the client, once there is one to each question."""
        self.questions = {
            key: question.model_dump(by_alias=True, mode="json", exclude_none=True)
            for key, question in questions.items()
        }
        await self._all_answered.wait()
        return self._answers

    def take(self, responses: Mapping[str, Any]) -> None:
        """Take answers to questions that are open."""
        for key in self.questions.keys() & responses.keys():
            self._answers[key] = responses[key]
            del self.questions[key]
        if self._answers and not self.questions:
            self._all_answered.set()

    def cancel(self) -> None:
        """End it, if it has not ended."""
        self._work.cancel()

    def task(self, job_id: str) -> Task:
        """Return what the client sees of it."""
        common: dict[str, Any] = {
            "id": job_id,
            "created_ms": _AT_MS,
            "updated_ms": _AT_MS,
            "poll_ms": 100,
        }
        if self._work.cancelled() or self._work.cancelling():
            return Task(status="cancelled", message="Cancelled.", **common)
        if not self._work.done():
            if self.questions:
                asked = dict(self.questions)
                return Task(status="input_required", message="Asks.", input_requests=asked, **common)
            return Task(status="working", message="Works.", **common)
        error = self._work.exception()
        if isinstance(error, MCPError):
            fault = {"code": error.error.code, "message": error.error.message}
            return Task(status="failed", message="Failed.", error=fault, **common)
        result = self._work.result()
        assert isinstance(result, CallToolResult)
        return Task(status="completed", message="Done.", result=result, **common)

    async def _run(self, answer: Callable[[], Awaitable[HandlerResult]]) -> HandlerResult:
        _JOB.set(self)
        return await answer()


_JOB: ContextVar[Job] = ContextVar("job")


class FixtureTasks:
    """The jobs of this process, and whatever another source has."""

    def __init__(self, others: TaskSource) -> None:
        self._others = others
        self._jobs: dict[str, Job] = {}
        self.tools = others.tools | _TASKED
        self.required = others.required | {"failing_job", "test_tool_with_task"}

    async def call(
        self, params: CallToolRequestParams, answer: Callable[[], Awaitable[HandlerResult]]
    ) -> Task | HandlerResult:
        """Begin a job; a tool that asks before it begins one is asked first."""
        if params.name not in _TASKED:
            return await self._others.call(params, answer)
        if params.name == "test_tool_with_task" and not params.input_responses:
            return await answer()
        job_id = f"job-{len(self._jobs)}"
        job = self._jobs[job_id] = Job(answer)
        return job.task(job_id)

    async def get(self, task_id: str) -> Task:
        """Return a task."""
        job = self._jobs.get(task_id)
        return await self._others.get(task_id) if job is None else job.task(task_id)

    async def update(self, task_id: str, responses: Mapping[str, Any]) -> None:
        """Take answers."""
        job = self._jobs.get(task_id)
        if job is None:
            await self._others.update(task_id, responses)
        else:
            job.take(responses)

    async def cancel(self, task_id: str) -> None:
        """Cancel a task."""
        job = self._jobs.get(task_id)
        if job is None:
            await self._others.cancel(task_id)
        else:
            job.cancel()


def _says(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=text)])


def _asks(message: str) -> ElicitRequest:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "confirm": {"type": "boolean"}}}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


async def greet(name: str) -> CallToolResult:
    """Greet, and never by a task."""
    return _says(f"Hello, {name}!")


async def slow_compute(seconds: float = 0, label: str = "") -> CallToolResult:
    """Take some seconds."""
    await asyncio.sleep(seconds)  # the suite says how long, and looks at the task meanwhile
    return _says(f"{label} took {seconds} s")


async def failing_job() -> CallToolResult:
    """Fail as a tool does."""
    raise ToolError("This job always fails.")


async def protocol_error_job() -> CallToolResult:
    """Fail as the protocol does."""
    raise MCPError(INTERNAL_ERROR, "This job breaks the protocol.")


async def confirm_delete(filename: str) -> CallToolResult:
    """Ask one question while it works."""
    answers = await _JOB.get().ask(confirm=_asks(f"Delete {filename}?"))
    return _says(f"{filename}: {answers['confirm']}")


async def multi_input() -> CallToolResult:
    """Ask two questions at once while it works."""
    answers = await _JOB.get().ask(first=_asks("First?"), second=_asks("Second?"))
    return _says(f"{answers['first']}, {answers['second']}")


async def test_tool_with_task(context: Context[Any, Any]) -> CallToolResult:
    """Ask before the task begins."""
    answers = context.input_responses
    if not answers:
        return InputRequiredResult(input_requests={"user_name": _asks("Name?")})  # type: ignore[return-value]
    return _says(f"Hello, {answers['user_name']}")


def task_tools() -> list[Tool]:
    """Return the tools of the task scenarios, as strict as the product's own."""
    functions = [
        greet,
        slow_compute,
        failing_job,
        protocol_error_job,
        confirm_delete,
        multi_input,
        test_tool_with_task,
    ]
    tools = [define_tool(function, title=function.__name__, annotations=READ_ONLY) for function in functions]
    for tool in tools:
        tool.fn_metadata = tool.fn_metadata.model_copy(update={"output_model": None, "output_schema": None})
    return tools


def install() -> None:
    """Let servers that are built from now on have the jobs beside the product's own tasks."""

    def with_jobs(*arguments: Any) -> FixtureTasks:
        return FixtureTasks(RunTasks(*arguments))

    server.RunTasks = with_jobs  # type: ignore[assignment, misc]
