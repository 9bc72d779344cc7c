"""The bridge of `stepcue mcp` passes on prompts, resources, completions and change notifications."""

import pytest
from mcp import Client
from mcp.server.subscriptions import ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp.types import ResourceTemplateReference
from mcp_listening import listening
from mcp_observed import served

from mcp_server.attach import build_bridge, connect

pytestmark = pytest.mark.anyio


async def test_what_the_server_offers_comes_through_as_it_is(docs, era):
    async with served(docs) as (it, _, server):
        run_id = await it.start("t/wait", {"n": 1})
        await it.engine.settle()
        async with (
            listening(server) as url,
            connect(url) as upstream,
            Client(build_bridge(upstream), mode=era) as bridge,
            Client(url, mode=era) as direct,
        ):
            template = ResourceTemplateReference(type="ref/resource", uri="run://{runId}")
            for client in (bridge, direct):
                prompts = await client.list_prompts()
                prompt = await client.get_prompt("debug_run", {"runId": run_id})
                resources = await client.list_resources()
                templates = await client.list_resource_templates()
                content = await client.read_resource("function://lab-wait")
                completion = await client.complete(template, {"name": "runId", "value": run_id[:4]})
                answers = (prompts, prompt, resources, templates, content, completion)
                if client is bridge:
                    passed = answers
        assert [answer.model_dump(exclude={"meta"}) for answer in passed] == [
            answer.model_dump(exclude={"meta"}) for answer in answers
        ]
        assert run_id in prompt.messages[0].content.text
        assert completion.completion.values == [run_id]


async def test_refusals_come_through_and_a_server_that_is_gone_is_said(docs, era):
    async with served(docs) as (_, _, server):
        async with listening(server) as url, connect(url) as upstream:
            bridge = build_bridge(upstream)
            async with Client(bridge, mode=era) as client:
                with pytest.raises(MCPError) as unknown:
                    await client.read_resource("run://nobody")
        async with Client(bridge, mode=era) as client:
            with pytest.raises(MCPError) as gone:
                await client.list_prompts()

    assert unknown.value.error.data == {"uri": "run://nobody"}
    assert unknown.value.message.startswith("No run 'nobody'.")
    assert gone.value.message.startswith("No Stepcue answers at http://127.0.0.1")


async def test_changes_come_through_and_nothing_is_left_when_the_client_goes(docs):
    async with served(docs) as (it, backend, server):
        run_id = await it.start("t/wait", {"n": 1})
        await it.engine.settle()
        async with (
            listening(server) as url,
            connect(url) as upstream,
            Client(build_bridge(upstream)) as client,
        ):
            async with client.listen(resource_subscriptions=[f"run://{run_id}"]) as told:
                await it.send("t/ok", {"n": 1})
                event = await anext(told)
            await backend.left.wait()

        assert event == ResourceUpdated(f"run://{run_id}")
        assert it.engine._signals._observers == {}
        await it.settle(run_id)


async def test_the_end_of_the_server_ends_the_stream_of_the_client(docs):
    async with (
        served(docs) as (it, _, server),
        listening(server) as url,
        connect(url) as upstream,
        Client(build_bridge(upstream)) as client,
        client.listen(resource_subscriptions=["run://recent"]) as told,
    ):
        it.engine.release_waiters()
        events = [event async for event in told]

    assert events == []
