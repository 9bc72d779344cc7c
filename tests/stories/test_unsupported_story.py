"""Stories about features that are missing, as apps on the real SDK meet them."""

from __future__ import annotations

from typing import Any

import inngest
import pytest
from inngest.experimental import realtime
from support.sdk_app import lab, new_client

from durable_engine import RunStatus

pytestmark = pytest.mark.anyio


async def test_a_function_that_publishes_in_realtime_goes_on_as_on_an_inngest_server() -> None:
    client = new_client()

    @client.create_function(fn_id="talk", trigger=inngest.TriggerEvent(event="t/talk"), retries=0)
    async def talk(ctx: inngest.Context) -> str:
        async def inside() -> None:
            await realtime.publish(client, "user:1", "status", {"step": 2})

        await realtime.publish(client, "user:1", "status", {"step": 1})
        await ctx.step.run("publish", inside)
        return "told nobody"

    async with lab(client, [talk]) as it:
        run = await it.settle(await it.start("t/talk"))

        assert run.output == "told nobody"
        (use,) = (await it.engine.inventory()).unsupported
        assert use.feature == "realtime.publish"
        assert use.count == 3
        assert run.notes == ()  # the Python SDK does not say which run publishes


async def test_a_subscription_token_fails_with_a_sentence_that_reaches_the_run() -> None:
    client = new_client()

    @client.create_function(fn_id="ask", trigger=inngest.TriggerEvent(event="t/ask"), retries=0)
    async def ask(ctx: inngest.Context) -> Any:
        return await realtime.get_subscription_token(client, "user:1", ["status"])

    async with lab(client, [ask]) as it:
        run = await it.settle(await it.start("t/ask"))

        assert run.status is RunStatus.FAILED
        assert "Realtime is not supported by Stepcue yet" in (run.error or {})["message"]
