"""What a bridge passes on besides tools: prompts, resources, completions, and what clients listen for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

import anyio
from mcp.client.subscriptions import Subscription, SubscriptionLost
from mcp.server import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.types import (
    ClientRequest,
    CompleteRequest,
    CompleteResult,
    GetPromptRequest,
    GetPromptResult,
    ListPromptsRequest,
    ListPromptsResult,
    ListResourcesRequest,
    ListResourcesResult,
    ListResourceTemplatesRequest,
    ListResourceTemplatesResult,
    ReadResourceRequest,
    ReadResourceResult,
    Result,
    SubscriptionFilter,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

R = TypeVar("R", bound=Result)


class Passed(Protocol):
    """The server that is asked."""

    async def ask(self, request: ClientRequest, answer: type[R]) -> R:
        """Return the answer to a request as it came."""
        ...

    def listen(self, wanted: SubscriptionFilter) -> AbstractAsyncContextManager[Subscription]:
        """Listen for changes while entered."""
        ...


def handlers(upstream: Passed) -> dict[str, Any]:
    """Return the handlers of a low-level server that ask `upstream`, by their names as its options."""

    def passing(
        request: Callable[..., Any], answer: type[R]
    ) -> Callable[[ServerRequestContext[Any], Any], Awaitable[R]]:
        async def handle(_context: ServerRequestContext[Any], params: Any) -> R:
            return await upstream.ask(request(params=params), answer)

        return handle

    async def listen(
        context: ServerRequestContext[Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        bus = InMemorySubscriptionBus()
        here = ListenHandler(bus)

        async def forward(told: Subscription) -> None:
            try:
                async for event in told:
                    await bus.publish(event)
            except SubscriptionLost:
                pass  # the client is to listen again, as after an end that was meant
            here.close()

        async with upstream.listen(params.notifications) as told, anyio.create_task_group() as tasks:
            tasks.start_soon(forward, told)
            result = await here(context, params)
            tasks.cancel_scope.cancel()
        return result

    return {
        "on_list_prompts": passing(ListPromptsRequest, ListPromptsResult),
        "on_get_prompt": passing(GetPromptRequest, GetPromptResult),
        "on_list_resources": passing(ListResourcesRequest, ListResourcesResult),
        "on_list_resource_templates": passing(ListResourceTemplatesRequest, ListResourceTemplatesResult),
        "on_read_resource": passing(ReadResourceRequest, ReadResourceResult),
        "on_completion": passing(CompleteRequest, CompleteResult),
        "on_subscriptions_listen": listen,
    }
