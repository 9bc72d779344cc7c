"""Prompts, resources, completions and the older subscriptions that the conformance suite looks for."""

from __future__ import annotations

import base64
import json
from typing import Any

from conformance.fixture_contents import PIXEL, STRING
from conformance.fixture_questions import elicits, unanswered
from conformance.fixture_tools import Ctx, embedded
from mcp.server import ServerRequestContext
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    Completion,
    EmptyResult,
    ImageContent,
    InputRequiredResult,
    RequestParams,
    SetLevelRequestParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)

from mcp_server.strict import StrictServer


def add_offers(server: StrictServer) -> None:
    """Add what the suite looks for to a server of the product."""
    _add_resources(server)
    _add_prompts(server)
    _add_older_handlers(server)


def _add_resources(server: StrictServer) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    async def static_text() -> str:
        """A text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    async def static_binary() -> bytes:
        """An image."""
        return base64.b64decode(PIXEL)

    @server.resource("test://watched-resource", mime_type="text/plain")
    async def watched_resource() -> str:
        """A resource to subscribe to."""
        return "Watched."

    @server.resource("test://template/{id}/data", mime_type="application/json")
    async def template_data(id: str) -> str:  # noqa: A002 - the suite names it
        """A resource with a parameter."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def _add_prompts(server: StrictServer) -> None:
    @server.prompt()
    async def test_simple_prompt() -> str:
        """A prompt without arguments."""
        return "This is a simple prompt for testing."

    @server.prompt()
    async def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """A prompt with arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803
        """A prompt with a resource in it."""
        resource = embedded(resourceUri, "text/plain", "Embedded resource content for testing.")
        return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]

    @server.prompt()
    async def test_prompt_with_image() -> list[UserMessage]:
        """A prompt with an image in it."""
        image = ImageContent(data=PIXEL, mime_type="image/png")
        return [UserMessage(image), UserMessage("Please analyze the image above.")]

    @server.prompt()
    async def test_input_required_result_prompt(ctx: Ctx) -> Any:
        """A prompt that asks first."""
        missing = unanswered(
            ctx, {"user_context": elicits("What context should the prompt use?", context=STRING)}
        )
        return InputRequiredResult(input_requests=missing) if missing else "Use that context."

    @server.completion()
    async def complete(*_: object) -> Completion:
        return Completion(values=["test-1", "test-2"], total=2, has_more=False)


def _add_older_handlers(server: StrictServer) -> None:
    """Answer what revisions before 2026-07-28 require of servers that offer it, and the product does not."""

    async def accept(_context: ServerRequestContext[Any], _params: RequestParams) -> EmptyResult:
        return EmptyResult()

    for method, params in (
        ("logging/setLevel", SetLevelRequestParams),
        ("resources/subscribe", SubscribeRequestParams),
        ("resources/unsubscribe", UnsubscribeRequestParams),
    ):
        server._lowlevel_server.add_request_handler(method, params, accept)
