"""The tool test_function through a real client, on the real SDK."""

import datetime

import inngest
import pytest
from mcp_scripted import ask, refused
from support.sdk_app import ENGINE_ORIGIN, lab, new_client
from support.wall import wall_ms

from durable_engine import ManualClock
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server(docs):
    client = new_client()

    @client.create_function(fn_id="onboard", trigger=inngest.TriggerEvent(event="t/signup"), retries=1)
    async def onboard(ctx):
        async def mail():
            raise ConnectionError("no smtp here")

        await ctx.step.sleep("three-days", datetime.timedelta(days=3))
        found = await ctx.step.wait_for_event("survey", event="t/answer", timeout=datetime.timedelta(days=4))
        await ctx.step.run("mail", mail)
        return found and found.data

    async with lab(client, [onboard], clock=ManualClock(wall_ms(), wall=wall_ms)) as it:
        yield build_server(it.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))


async def test_a_passing_test_says_so_first_and_that_time_was_virtual(server):
    answer = await ask(
        server,
        "test_function",
        {
            "event": "t/signup",
            "mocks": [{"stepId": "mail", "result": "sent"}],
            "events": [{"name": "t/answer", "data": {"stars": 5}, "after": "4d"}],
            "expect": {"output": {"stars": 5}, "steps": {"survey": {"timedOut": False}}},
        },
    )
    assert answer["passed"]
    assert answer["message"].startswith("Test passed (3 checks). Run ")
    assert "of virtual time (" in answer["message"]
    assert answer["virtualDuration"].startswith("4d")
    assert answer["realDuration"].endswith("s")
    assert answer["mocked"] == "Mocked or with injected faults: result for step 'mail'."
    assert [step["stepName"] for step in answer["steps"]] == ["three-days", "survey", "mail"]


async def test_a_failing_test_leads_to_the_first_failing_fact(server):
    answer = await ask(
        server, "test_function", {"functionId": "onboard", "expect": {"output": None, "notRan": ["mail"]}}
    )
    assert not answer["passed"]
    assert answer["message"].startswith("Test failed: 3 of 3 checks failed. First: status is 'FAILED', not")
    assert "ConnectionError: no smtp here" in answer["firstFailure"]
    assert answer["error"]["message"] == "no smtp here"
    assert [check["check"] for check in answer["checks"]] == ["status", "output", "not ran 'mail'"]
    assert answer["next"].startswith(f'explain runId="{answer["runId"]}"')


async def test_a_mistake_in_the_test_names_the_place_and_starts_nothing(server):
    text = await refused(server, "test_function", {"functionId": "onboard", "mocks": [{"stepID": "mail"}]})
    assert "mocks[0].stepID is no field here. Did you mean 'stepId'? Allowed: stepId, index" in text
    text = await refused(server, "test_function", {})
    assert "it takes a functionId to invoke, or an event to send" in text
    text = await refused(server, "test_function", {"functionId": "onbord"})
    assert "lab-onboard" in text


async def test_an_event_that_starts_nothing_is_a_failed_test(server):
    answer = await ask(server, "test_function", {"event": "t/sign-up"})
    assert not answer["passed"]
    assert "no function listens to 't/sign-up'" in answer["message"]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"name": "inngest/function.finished"}, "events[0] cannot be sent: event name is reserved"),
        ({"name": " "}, "events[0] cannot be sent: event name is empty"),
        ({"name": "t/a", "data": {"x": "y" * 4_000_000}}, "events[0] cannot be sent: Event is over"),
    ],
)
async def test_a_planned_event_keeps_to_the_rules_for_events(server, event, words):
    text = await refused(server, "test_function", {"event": "t/signup", "events": [event]})
    assert words in text, text


async def test_an_answer_with_very_many_checks_keeps_its_size_and_shows_those_that_failed(server):
    arguments = {
        "event": "t/signup",
        "mocks": [{"stepId": "mail", "result": "sent"}],
        "expect": {"notRan": [f"other-{index}" for index in range(3_000)], "ran": ["a" * 100_000, "absent"]},
    }
    answer = await ask(server, "test_function", arguments)
    assert len(str(answer)) < 30_000
    assert not answer["passed"]
    assert "2 of 3003 checks failed" in answer["message"]
    assert [check["passed"] for check in answer["checks"][:3]] == [False, False, True]
    assert "checks are left out, those that passed first" in answer["truncated"]
