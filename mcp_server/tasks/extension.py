"""The extension itself: who may have a task, and the methods about tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp.types import HEADER_MISMATCH, INVALID_PARAMS, CallToolRequestParams

from mcp_server.aliases import tool_meant
from mcp_server.clean import one_line
from mcp_server.tasks.wire import IDENTIFIER, REVISIONS, Task, TaskParams, UpdateParams

T = TypeVar("T")
_SHOWN_ID: Final = 100


class UnknownTaskError(Exception):
    """No task has this id; `str()` is the id."""


class TaskSource(Protocol):
    """Where tasks come from. It keeps them itself: the extension remembers nothing."""

    @property
    def tools(self) -> frozenset[str]:
        """Names of the tools whose calls may become tasks."""
        ...

    @property
    def required(self) -> frozenset[str]:
        """Names of those that only clients may call who know tasks."""
        ...

    async def call(
        self, params: CallToolRequestParams, answer: Callable[[], Awaitable[HandlerResult]]
    ) -> Task | HandlerResult:
        """Serve a call of a client who knows tasks: with what `answer()` returns, or with a task.

        A task can be found before it is returned.
        """
        ...

    async def get(self, task_id: str) -> Task:
        """Return a task as it is now.

        Raises:
            UnknownTaskError: there is none.
        """
        ...

    async def update(self, task_id: str, responses: Mapping[str, Any]) -> None:
        """Take what a client answers to requests of the task; unknown keys mean nothing. Raises as `get`."""
        ...

    async def cancel(self, task_id: str) -> None:
        """Cancel a task; one that has ended stays as it is. Raises as `get`."""
        ...


class TasksExtension(Extension):
    """Offers the tasks of one source to clients that declare the extension, each request anew."""

    identifier = IDENTIFIER

    def __init__(self, source: TaskSource) -> None:
        self._source = source

    def methods(self) -> list[MethodBinding]:
        """Return the methods about tasks; there are none to list them or to wait for one."""
        return [
            MethodBinding("tasks/get", TaskParams, self._get, REVISIONS),
            MethodBinding("tasks/update", UpdateParams, self._update, REVISIONS),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, REVISIONS),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Serve a call by a task, where the tool and the client may have one.

        Raises:
            MCPError: the tool needs a client that knows tasks.
        """
        if params.name in self._source.required:
            _require(ctx)
        name = tool_meant(params.name, self._source.tools) if _knows_tasks(ctx) else None
        if name is None:
            return await call_next(ctx)

        async def answer() -> HandlerResult:
            return await call_next(ctx)

        served = await self._source.call(params.model_copy(update={"name": name}), answer)
        return served.created() if isinstance(served, Task) else served

    async def _get(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        _check(ctx, params)
        return (await _known(params, self._source.get(params.task_id))).detailed()

    async def _update(self, ctx: ServerRequestContext[Any, Any], params: UpdateParams) -> HandlerResult:
        _check(ctx, params)
        await _known(params, self._source.update(params.task_id, params.input_responses))
        return {"resultType": "complete"}

    async def _cancel(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        _check(ctx, params)
        await _known(params, self._source.cancel(params.task_id))
        return {"resultType": "complete"}


def _check(ctx: ServerRequestContext[Any, Any], params: TaskParams) -> None:
    """Refuse a request whose routing header names another task, then one of a client without tasks."""
    headers = getattr(ctx.request, "headers", None)  # stdio has none
    if headers is not None and decode_header_value(headers.get(MCP_NAME_HEADER)) != params.task_id:
        raise MCPError(
            HEADER_MISMATCH, f"The header {MCP_NAME_HEADER} must be the taskId of the request's params."
        )
    _require(ctx)


def _require(ctx: ServerRequestContext[Any, Any]) -> None:
    require_client_extension(ctx, IDENTIFIER)


def _knows_tasks(ctx: ServerRequestContext[Any, Any]) -> bool:
    capabilities = ctx.session.client_capabilities
    declared = capabilities.extensions if capabilities else None
    return ctx.protocol_version in REVISIONS and IDENTIFIER in (declared or {})


async def _known(params: TaskParams, asked: Awaitable[T]) -> T:
    try:
        return await asked
    except UnknownTaskError:
        raise MCPError(
            INVALID_PARAMS,
            f"There is no task {one_line(params.task_id, _SHOWN_ID)!r}: a task goes when its run does, by "
            "reset_engine or restore_engine.",
        ) from None
