"""A client that knows tasks: raw, so that tests see what went over the wire."""

from typing import Any, Literal

from mcp import Client
from mcp.client.extension import ClientExtension, ResultClaim
from mcp.types import CallToolResult, Request, Result
from pydantic import ConfigDict

TASKS = "io.modelcontextprotocol/tasks"


class Created(Result):
    """Any answer to a call that is a task."""

    model_config = ConfigDict(extra="allow")
    result_type: Literal["task"] = "task"


class Answer(Result):
    """Any answer to a method about tasks."""

    model_config = ConfigDict(extra="allow")


class TaskRequest(Request[dict[str, Any], str]):
    """A request about a task."""

    name_param = "taskId"


async def _never(_claimed: Created, _context: Any) -> CallToolResult:
    raise AssertionError("tests take the task itself")


class KnowsTasks(ClientExtension):
    """Declares the extension."""

    identifier = TASKS

    def claims(self) -> list[ResultClaim[Created]]:
        """Take tasks in the place of results."""
        return [ResultClaim(result_type="task", model=Created, resolve=_never)]


def task_client(target: Any, **options: Any) -> Client:
    """Return a client of the newest revision that declares the extension."""
    return Client(target, mode="2026-07-28", extensions=[KnowsTasks()], **options)


async def begin(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool that must answer with a task."""
    answer = await client.session.call_tool(tool, arguments, allow_claimed=True)
    assert isinstance(answer, Created), answer
    return answer.model_dump(by_alias=True, mode="json")


async def about(client: Client, method: str, task_id: str, **params: Any) -> dict[str, Any]:
    """Send a request about a task."""
    request = TaskRequest(method=method, params={"taskId": task_id, **params})
    answer = await client.session.send_request(request, Answer)
    return answer.model_dump(by_alias=True, mode="json", exclude_unset=True)


async def get(client: Client, task_id: str) -> dict[str, Any]:
    """Return a task as it is now."""
    return await about(client, "tasks/get", task_id)
