"""What lists of runs and events say of batches, delays, long names and runs that were run again."""

import datetime
import json

import inngest
import pytest
from mcp_scripted import ask, refused
from support.sdk_app import ENGINE_ORIGIN, lab, new_client

from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(docs):
    client = new_client()

    @client.create_function(
        fn_id="batch",
        trigger=[inngest.TriggerEvent(event="b/one"), inngest.TriggerEvent(event="b/two")],
        batch_events=inngest.Batch(max_size=2, timeout=datetime.timedelta(seconds=60)),
    )
    async def batch(ctx):
        return len(ctx.events)

    @client.create_function(fn_id="plain", trigger=inngest.TriggerEvent(event="b/plain"))
    async def plain(ctx):
        return 1

    async with lab(client, [batch, plain]) as shop:
        shop.server = build_server(shop.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        yield shop


def named(advice, argument):
    """Return the value that a call in an advice gives to an argument."""
    start = advice.rindex(f"{argument}=") + len(argument) + 1
    return json.JSONDecoder().raw_decode(advice[start:])[0]


async def test_a_run_that_an_event_joined_is_found_by_the_event(shop):
    for name in ("b/one", "b/two"):
        await ask(shop.server, "send_event", {"name": name})
    await shop.engine.settle()
    answer = await ask(shop.server, "list_runs", {"eventName": "b/two"})
    found = await ask(shop.server, "list_runs", {"eventId": named(answer["next"], "eventId")})

    assert answer["runs"] == []
    assert "joined" in answer["message"]
    assert [run["functionId"] for run in found["runs"]] == ["lab-batch"]


async def test_a_delay_that_is_over_is_not_told_as_one(shop):
    for name in ("b/one", "b/two"):
        await ask(shop.server, "send_event", {"name": name})
        before = (await ask(shop.server, "list_events", {"name": "b/one"}))["events"][0]
        assert ("notStarted" in before) is (name == "b/one")
        await shop.engine.settle()


async def test_the_call_for_the_next_page_has_the_same_filter(shop):
    name = "b/plain  with   spaces " + "and a long tail " * 12
    for _ in range(2):
        await ask(shop.server, "send_event", {"name": name})
    first = await ask(shop.server, "list_events", {"name": name, "limit": 1})
    again = {key: named(first["next"], key) for key in ("name", "cursor")}
    second = await ask(shop.server, "list_events", again)

    assert first["events"][0]["eventId"] != second["events"][0]["eventId"]


async def test_the_newest_run_of_an_event_is_the_one_to_look_at(shop):
    sent = await ask(shop.server, "send_event", {"name": "b/plain", "wait": 5})
    again = await ask(shop.server, "rerun", {"runId": sent["runIds"][0]})
    answer = await ask(shop.server, "list_events", {"name": "b/plain"})

    assert f'runId="{again["runId"]}"' in answer["next"]


async def test_a_refusal_names_tools_as_they_are_written(shop):
    text = await refused(shop.server, "list_runs", {"eventId": "nope"})

    assert "list_events finds events." in text
    assert "List_events" not in text


async def test_a_refusal_names_only_tools_that_are_offered(shop, docs):
    narrow = build_server(shop.engine, docs, config=ServerConfig(tools=frozenset({"explain"})))
    text = await refused(narrow, "explain", {"eventId": "nope"})

    assert text.startswith("No event 'nope'.")
    assert "list_events" not in text
