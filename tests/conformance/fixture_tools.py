"""Tools that the conformance suite calls by name; strict as the product's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Annotated, Any, Final

from conformance.fixture_contents import CHOICES, MODERN_SCHEMA, PIXEL, SILENCE, USER, WITH_DEFAULTS
from mcp import MCPDeprecationWarning
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

from mcp_server.kinds import READ_ONLY
from mcp_server.strict import define_tool

Ctx = Context[Any, Any]
TOOLS: Final[list[Tool]] = []


def fixture(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make a tool of the function as the product makes its own, but without structured answers."""
    tool = define_tool(fn, title=fn.__name__, annotations=READ_ONLY)
    tool.fn_metadata = tool.fn_metadata.model_copy(update={"output_model": None, "output_schema": None})
    TOOLS.append(tool)
    return fn


def says(*content: ContentBlock | str) -> CallToolResult:
    """Return a result of these parts."""
    parts = [TextContent(text=part) if isinstance(part, str) else part for part in content]
    return CallToolResult(content=parts)


def embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    """Return a resource as part of an answer."""
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


@fixture
async def test_simple_text() -> CallToolResult:
    """Return text."""
    return says("This is a simple text response for testing.")


@fixture
async def test_image_content() -> CallToolResult:
    """Return an image."""
    return says(ImageContent(data=PIXEL, mime_type="image/png"))


@fixture
async def test_audio_content() -> CallToolResult:
    """Return a sound."""
    return says(AudioContent(data=SILENCE, mime_type="audio/wav"))


@fixture
async def test_embedded_resource() -> CallToolResult:
    """Return a resource."""
    return says(embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."))


@fixture
async def test_multiple_content_types() -> CallToolResult:
    """Return text, an image and a resource."""
    return says(
        "Multiple content types test:",
        ImageContent(data=PIXEL, mime_type="image/png"),
        embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    )


@fixture
async def test_error_handling() -> CallToolResult:
    """Fail as a tool."""
    raise ToolError("This tool intentionally returns an error for testing")


@fixture
async def test_tool_with_progress(ctx: Ctx) -> CallToolResult:
    """Report progress three times."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
    return says("Reported 100 of 100.")


@fixture
async def test_tool_with_logging(ctx: Ctx) -> CallToolResult:
    """Send three log messages."""
    await _log(ctx, "Tool execution started", "Tool processing data", "Tool execution completed")
    return says("Logged three messages.")


@fixture
async def test_logging_tool(ctx: Ctx) -> CallToolResult:
    """Send a log message, which only reaches clients that asked for logs."""
    await _log(ctx, "Nobody asked for this")
    return says("Logged a message.")


async def _log(ctx: Ctx, *messages: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        for message in messages:
            await ctx.info(message)


@fixture
async def test_sampling(
    ctx: Ctx, prompt: Annotated[str, Field(description="For the model.")]
) -> CallToolResult:
    """Ask the client's model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        answer = await ctx.session.create_message(
            [SamplingMessage(role="user", content=TextContent(text=prompt))],
            max_tokens=100,
            related_request_id=ctx.request_id,
        )
    return says(f"LLM response: {answer.content}")


async def _ask(ctx: Ctx, message: str, schema: dict[str, Any]) -> CallToolResult:
    answer = await ctx.session.elicit(message, schema, related_request_id=ctx.request_id)
    return says(f"User response: action={answer.action}, content={answer.content}")


@fixture
async def test_elicitation(
    ctx: Ctx, message: Annotated[str, Field(description="For the user.")]
) -> CallToolResult:
    """Ask the user for a name and an address."""
    return await _ask(ctx, message, USER)


@fixture
async def test_elicitation_sep1034_defaults(ctx: Ctx) -> CallToolResult:
    """Ask the user with defaults."""
    return await _ask(ctx, "Is this right?", WITH_DEFAULTS)


@fixture
async def test_elicitation_sep1330_enums(ctx: Ctx) -> CallToolResult:
    """Ask the user to choose."""
    return await _ask(ctx, "Which ones?", CHOICES)


@fixture
async def test_missing_capability() -> CallToolResult:
    """Refuse as a tool that needs a capability which the client did not declare."""
    raise MCPError(
        code=MISSING_REQUIRED_CLIENT_CAPABILITY,
        message="This tool needs sampling.",
        data={"requiredCapabilities": {"sampling": {}}},
    )


@fixture
async def test_trigger_tool_change(ctx: Ctx) -> CallToolResult:
    """Tell that the list of tools changed."""
    await ctx.notify_tools_changed()
    return says("Told.")


@fixture
async def test_trigger_prompt_change(ctx: Ctx) -> CallToolResult:
    """Tell that the list of prompts changed."""
    await ctx.notify_prompts_changed()
    return says("Told.")


@fixture
async def test_x_mcp_header(
    region: Annotated[str, Field(description="Also a header.", json_schema_extra={"x-mcp-header": "Region"})],
) -> CallToolResult:
    """Take an argument that clients repeat as a header."""
    return says(f"Region {region}.")


@fixture
async def json_schema_2020_12_tool() -> CallToolResult:
    """Tool with JSON Schema 2020-12 features."""
    return says("Valid.")


TOOLS[-1].parameters = MODERN_SCHEMA
