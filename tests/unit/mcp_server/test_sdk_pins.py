"""What `strict.py`, `offering.py` and `changes.py` rely on inside the MCP SDK.

A failure here means: read the one that it is about again.
"""

from importlib.metadata import version
from typing import Annotated

import pytest
from mcp import Client
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp.types import CallToolResult, SubscriptionsListenRequestParams
from pydantic import BaseModel, ValidationError

pytestmark = pytest.mark.anyio


class Answer(BaseModel):
    number: int


async def sample(number: int, kind: str = "fine") -> Annotated[CallToolResult, Answer]:
    if kind == "refuse":
        raise ToolError("no")
    if kind == "crash":
        raise KeyError("secret")
    return CallToolResult(content=[], structured_content={"number": number})


def test_the_sdk_is_the_major_version_that_was_read():
    assert version("mcp").split(".")[0] == "2"


def test_a_tool_is_built_from_replaceable_parts():
    tool = Tool.from_function(sample)

    assert isinstance(tool.fn_metadata, FuncMetadata)
    assert issubclass(tool.fn_metadata.arg_model, ArgModelBase)
    assert set(tool.fn_metadata.arg_model.model_fields) == {"number", "kind"}
    assert tool.fn_metadata.output_model is Answer


async def test_replaced_metadata_is_what_a_call_validates_with():
    class Doubling(FuncMetadata):
        def validate_arguments(self, arguments_to_validate):
            return {"number": arguments_to_validate["number"] * 2}

    tool = Tool.from_function(sample)
    tool.fn_metadata = Doubling(
        arg_model=tool.fn_metadata.arg_model, output_model=Answer, output_schema={"type": "object"}
    )
    server = MCPServer("pins", tools=[tool])

    result = await server.call_tool("sample", {"number": 2})

    assert result.structured_content == {"number": 4}
    assert (await server.list_tools())[0].output_schema == {"type": "object"}


@pytest.mark.parametrize(
    ("arguments", "error", "cause"),
    [
        ({"number": "x"}, ToolError, ValidationError),
        ({"number": 1, "kind": "refuse"}, ToolError, ToolError),
        ({"number": 1, "kind": "crash"}, UnexpectedToolError, KeyError),
    ],
)
async def test_a_failed_call_carries_its_cause(arguments, error, cause):
    server = MCPServer("pins", tools=[Tool.from_function(sample)])

    with pytest.raises(error) as caught:
        await server.call_tool("sample", arguments)

    assert type(caught.value) is error
    assert isinstance(caught.value.__cause__, cause)


def test_call_tool_has_the_signature_that_is_overridden():
    names = MCPServer.call_tool.__code__.co_varnames[: MCPServer.call_tool.__code__.co_argcount]

    assert names == ("self", "name", "arguments", "context")
    assert Context.report_progress is not None


async def test_prompts_and_lists_of_resources_pass_the_methods_that_are_overridden():
    class Counting(MCPServer):
        passed: list[str] = []  # noqa: RUF012

        async def get_prompt(self, name, arguments=None, context=None):
            self.passed.append(name)
            return await super().get_prompt(name, arguments, context)

        async def list_resources(self):
            self.passed.append("resources")
            return await super().list_resources()

    async def fill(**given: str) -> str:
        return given["camelCase"]

    server = Counting("pins")
    server.add_prompt(
        Prompt(name="p", arguments=[PromptArgument(name="camelCase")], fn=fill, context_kwarg=None)
    )
    for era in ("auto", "legacy"):
        async with Client(server, mode=era) as client:
            await client.list_resources()
            filled = await client.get_prompt("p", {"camelCase": "x"})
            assert filled.messages[0].content.text == "x"

    assert server.passed == ["resources", "p"] * 2


async def test_the_handler_of_listening_can_be_replaced_and_asked_to_end():
    class Counting(ListenHandler):
        calls = 0

        async def __call__(self, ctx, params):
            self.calls += 1
            return await super().__call__(ctx, params)

    bus = InMemorySubscriptionBus()
    server, handler = MCPServer("pins", subscriptions=bus), Counting(bus)
    server._lowlevel_server.add_request_handler(
        "subscriptions/listen", SubscriptionsListenRequestParams, handler
    )
    async with Client(server) as client, client.listen(resource_subscriptions=["a://b"]) as told:
        await bus.publish(ResourceUpdated("a://b"))
        assert await anext(told) == ResourceUpdated("a://b")
        handler.close()
        assert [event async for event in told] == []

    assert handler.calls == 1
