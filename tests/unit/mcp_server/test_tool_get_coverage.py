"""The tool get_coverage, on runs of the real SDK in a real engine."""

import datetime
import json

import inngest
import pytest
from mcp_scripted import a_function, ask, refused
from support.sdk_app import ENGINE_ORIGIN, lab, new_client

from durable_engine import Branch, Coverage, Gap, GapKind, RunStatus, StepCoverage, StepKind
from mcp_server.config import ServerConfig
from mcp_server.render.budget import fits
from mcp_server.render.coverage import coverage_answer
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(docs):
    client = new_client()

    async def tell(ctx):
        return None

    @client.create_function(
        fn_id="order", retries=0, trigger=inngest.TriggerEvent(event="t/order"), on_failure=tell
    )
    async def order(ctx):
        async def body():
            if ctx.event.data.get("fails"):
                raise ValueError("no card")

        await ctx.step.run("charge", body)
        await ctx.step.wait_for_event("call", event="t/call", timeout=datetime.timedelta(hours=1))

    async with lab(client, [order]) as shop:
        shop.server = build_server(shop.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        yield shop


async def test_a_function_without_runs_has_nothing_covered(shop):
    answer = await ask(shop.server, "get_coverage", {"functionId": "lab-order"})

    assert (answer["overall"]["runs"], answer["steps"], answer["neverSeen"]) == (0, [], [])
    assert answer["next"].startswith('invoke_function functionId="lab-order"')
    assert "suggestions" not in answer


async def test_the_next_test_is_the_one_that_shows_most(shop):
    run_id = await shop.start("t/order")
    await shop.settle(run_id)
    await shop.send("t/call")
    await shop.settle(run_id)
    answer = await ask(shop.server, "get_coverage", {"functionId": "order"})

    assert [step["stepName"] for step in answer["steps"]] == ["charge", "call"]
    assert answer["overall"]["outcomes"] == [{"name": "COMPLETED", "count": 1}]
    assert answer["branches"][0] == {"after": "(start)", "came": "charge", "runs": 1}
    assert answer["branches"][-1] == {"after": "call", "came": "(end)", "runs": 1}
    assert {gap["kind"] for gap in answer["neverSeen"]} == {
        "runFailed",
        "failureHandler",
        "stepFailed",
        "waitTimedOut",
    }
    mock = '{"stepId": "charge", "error": {"message": "boom", "retriable": false}}'
    assert answer["next"] == (
        f'test_function functionId="lab-order" mocks=[{mock}] shows it fail and a failed run and the failure '
        "handler."
    )
    assert answer["next"] == answer["suggestions"][0]
    assert 'mocks=[{"stepId": "call", "timeout": true}]' in answer["suggestions"][1]
    assert "no recorded run came to" in answer["notes"][0]


async def test_a_suggested_test_can_be_made_as_it_stands_and_fills_the_gap(shop):
    run_id = await shop.start("t/order")
    await shop.settle(run_id)
    await shop.send("t/call")
    await shop.settle(run_id)
    for _ in range(2):
        suggested = (await ask(shop.server, "get_coverage", {"functionId": "lab-order"}))["next"]
        mocks = json.loads(suggested.partition("mocks=")[2].partition(" shows")[0])
        await ask(shop.server, "test_function", {"functionId": "lab-order", "mocks": mocks})

    answer = await ask(shop.server, "get_coverage", {"functionId": "lab-order"})
    assert answer["neverSeen"] == []
    assert "suggestions" not in answer
    doubled = {step["stepName"]: step.get("doubled") for step in answer["steps"]}
    assert doubled == {"charge": 1, "call": 1}


async def test_what_was_tested_is_suggested_no_more(shop):
    for fails in (True, False):
        run_id = await shop.start("t/order", {"fails": fails})
        await shop.settle(run_id)
    await shop.pass_time(3_700)
    answer = await ask(shop.server, "get_coverage", {"functionId": "lab-order", "since": "24h"})

    assert [gap["kind"] for gap in answer["neverSeen"]] == ["waitSatisfied"]
    assert answer["overall"]["failureHandlerRuns"] == 1
    assert answer["suggestions"] == [
        'test_function functionId="lab-order" with events=[...], sent while it waits, shows "call" go on.'
    ]


async def test_bad_arguments_are_refused_with_what_is_allowed(shop):
    assert "lab-order" in await refused(shop.server, "get_coverage", {"functionId": "lab-oder"})
    arguments = {"functionId": "lab-order", "since": "yesterday"}
    assert "yesterday" in await refused(shop.server, "get_coverage", arguments)


def test_the_coverage_of_a_very_large_function_stays_within_its_budget():
    names = [f"{number}-{'x' * 500}" for number in range(1_000)]
    found = Coverage(
        function=a_function(),
        runs=200,
        has_more=True,
        outcomes={RunStatus.COMPLETED: 200},
        steps=tuple(StepCoverage(name=name, kind=StepKind.RUN, runs=200, completed=200) for name in names),
        branches=tuple(Branch(before=name, after=name, runs=1) for name in names),
        gaps=tuple(Gap(kind=GapKind.STEP_FAILED, subject=name) for name in names),
        failed_outside_steps=0,
        handler_runs=0,
        cancelled_by={},
        triggers=dict.fromkeys(names, 1),
        controls={},
    )
    answer = coverage_answer(found)

    assert fits(answer)
    assert answer.structured_content["overall"]["olderRuns"]
    assert "more than are shown" in answer.structured_content["truncated"]
