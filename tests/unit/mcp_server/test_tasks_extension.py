"""The extension with tasks of another kind: some ask, some break the protocol, some need tasks."""

import pytest
from conformance.task_fixtures import FixtureTasks, task_tools
from mcp import Client, MCPError
from mcp.types import INTERNAL_ERROR, MISSING_REQUIRED_CLIENT_CAPABILITY, ElicitResult
from support.task_client import Created, about, begin, get, task_client

from mcp_server.config import ServerConfig
from mcp_server.strict import StrictServer
from mcp_server.tasks.extension import TasksExtension
from mcp_server.tasks.runs import RunTasks

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(backend):
    source = FixtureTasks(RunTasks(backend, ServerConfig(), []))
    return StrictServer("fixtures", tools=task_tools(), extensions=[TasksExtension(source)])


async def until(client, task_id, status):
    """Ask until the task, which works in this loop, has come that far."""
    while (task := await get(client, task_id))["status"] != status:
        pass
    return task


async def test_questions_of_a_task_are_shown_until_each_is_answered(server):
    async with task_client(server) as client:
        task_id = (await begin(client, "multi_input"))["taskId"]
        asked = await until(client, task_id, "input_required")
        await about(client, "tasks/update", task_id, inputResponses={"first": "A", "nobody": "asked"})
        left = await get(client, task_id)
        await about(client, "tasks/update", task_id, inputResponses={"second": "B"})
        done = await until(client, task_id, "completed")

    assert set(asked["inputRequests"]) == {"first", "second"}
    assert asked["inputRequests"]["first"]["method"] == "elicitation/create"
    assert (left["status"], set(left["inputRequests"])) == ("input_required", {"second"})
    assert done["result"]["content"][0]["text"] == "A, B"
    assert "inputRequests" not in done


async def test_a_fault_of_the_protocol_fails_the_task_and_an_error_of_the_tool_completes_it(server):
    async with task_client(server) as client:
        broken = (await begin(client, "protocol_error_job"))["taskId"]
        refused = (await begin(client, "failing_job"))["taskId"]
        failed = await until(client, broken, "failed")
        completed = await until(client, refused, "completed")

    assert failed["error"] == {"code": INTERNAL_ERROR, "message": "This job breaks the protocol."}
    assert "result" not in failed
    assert completed["result"]["isError"] is True
    assert completed["result"]["content"][0]["text"] == "This job always fails."


async def test_a_tool_that_needs_tasks_refuses_who_has_none(server):
    async with Client(server) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("failing_job", {})
        plain = await client.call_tool("slow_compute", {"seconds": 0})

    assert caught.value.code == MISSING_REQUIRED_CLIENT_CAPABILITY
    assert plain.content[0].text == " took 0.0 s"


async def test_what_is_asked_before_the_task_comes_without_one(server):
    name = ElicitResult(action="accept", content={"name": "Alice"})

    async with task_client(server) as client:
        first = await client.session.call_tool("test_tool_with_task", {}, allow_input_required=True)
        second = await client.session.call_tool(
            "test_tool_with_task",
            {},
            input_responses={"user_name": name},
            request_state=first.request_state,
            allow_claimed=True,
        )
        done = await until(client, second.model_dump()["taskId"], "completed")

    assert first.result_type == "input_required"
    assert isinstance(second, Created)
    assert "Alice" in done["result"]["content"][0]["text"]
