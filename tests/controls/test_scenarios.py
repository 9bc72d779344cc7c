"""Tests of functions in one call: both paths of a workflow that sleeps and waits, with its effects mocked."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client
from support.wall import wall_ms

from durable_engine import ManualClock, RunStatus
from durable_engine.errors import FunctionNotFoundError, InvalidInputError
from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.model import Verdict
from durable_engine.scenarios.runner import run_scenario

pytestmark = pytest.mark.anyio


class Effects(list[str]):
    """What the bodies of steps really did."""


@pytest.fixture(name="effects")
def all_effects() -> Effects:
    return Effects()


@pytest.fixture(name="it")
async def one_lab(effects: Effects) -> AsyncIterator[Lab]:
    client = new_client()

    @client.create_function(fn_id="onboard", trigger=inngest.TriggerEvent(event="t/signup"), retries=3)
    async def onboard(ctx: inngest.Context) -> Any:
        async def charge() -> dict[str, Any]:
            effects.append("charge")
            return {"id": "ch-1", "amount": ctx.event.data["amount"]}

        async def mail() -> str:
            effects.append("mail")
            return "sent"

        paid = await ctx.step.run("charge", charge)
        await ctx.step.sleep("settle", datetime.timedelta(days=3))
        answer = await ctx.step.wait_for_event("survey", event="t/answer", timeout=datetime.timedelta(days=7))
        if answer is None:
            await ctx.step.run("remind", mail)
        else:
            await ctx.step.send_event("thank", inngest.Event(name="t/thanks"))
        return {"paid": paid["amount"], "stars": answer and answer.data["stars"]}

    async with lab(client, [onboard], clock=ManualClock(wall_ms(), wall=wall_ms)) as opened:
        yield opened


async def _run(it: Lab, **document: Any) -> Verdict:
    return await run_scenario(
        it.engine, read_scenario({"event": "t/signup", "data": {"amount": 5}, **document})
    )


CHARGED = {"stepId": "charge", "result": {"id": "mock", "amount": 7}}


async def test_both_paths_are_tested_with_the_mail_mocked(it: Lab, effects: Effects) -> None:
    verdict = await _run(
        it,
        mocks=[CHARGED, {"stepId": "remind", "result": "mocked"}],
        expect={
            "output": {"paid": 7, "stars": None},
            "steps": {"survey": {"timedOut": True}, "remind": {"output": "mocked", "attempts": 1}},
            "ran": ["charge", "settle"],
            "notRan": ["thank"],
        },
    )
    assert verdict.passed, verdict.first_failure
    assert effects == []
    assert verdict.run is not None
    assert verdict.run.skipped_ms > 9 * 86_400_000

    verdict = await _run(
        it,
        mocks=[CHARGED],
        events=[{"name": "t/answer", "data": {"stars": 5}}],
        expect={
            "status": "COMPLETED",
            "output": {"paid": 7.0, "stars": 5},
            "notRan": ["remind"],
            "eventsSent": ["t/thanks"],
        },
    )
    assert verdict.passed, verdict.first_failure
    assert verdict.notes == ()


async def test_the_first_failing_fact_says_where_it_differs(it: Lab, effects: Effects) -> None:
    verdict = await _run(
        it,
        expect={"output": {"paid": 6, "stars": None}, "notRan": ["remind"], "steps": {"no-such": {}}},
    )
    assert not verdict.passed
    failure = verdict.first_failure
    assert failure is not None
    assert (failure.name, failure.difference) == ("output", "$.paid is 5, not 6")
    assert [check.name for check in verdict.checks if not check.passed] == [
        "output",
        "step 'no-such'",
        "not ran 'remind'",
    ]
    assert effects == ["charge", "mail"]


async def test_an_error_is_retried_in_no_time_and_can_be_expected(it: Lab, effects: Effects) -> None:
    verdict = await _run(
        it,
        mocks=[{"stepId": "charge", "error": {"message": "card declined", "name": "CardError"}}],
        expect={"error": "CardError: card", "steps": {"charge": {"status": "FAILED", "attempts": 4}}},
    )
    assert verdict.passed, verdict.first_failure
    verdict = await _run(
        it,
        mocks=[{"stepId": "charge", "sequence": [{"error": "busy"}, {"result": {"amount": 1}}]}],
        expect={"steps": {"charge": {"attempts": 2, "error": "busy"}}},
    )
    assert verdict.passed, verdict.first_failure
    assert effects == ["mail"]


async def test_faults_break_calls(it: Lab, effects: Effects) -> None:
    verdict = await _run(
        it,
        faults=[{"stepId": "charge", "kind": "reply_lost"}],
        expect={"steps": {"charge": {"attempts": 2}}},
    )
    assert verdict.passed, verdict.first_failure
    assert effects == ["charge", "charge", "mail"]


async def test_what_was_never_used_or_sent_is_noted(it: Lab) -> None:
    verdict = await _run(
        it,
        mocks=[{"stepId": "chrage", "result": 1}],
        events=[{"name": "t/else"}, {"name": "t/answer", "data": {}, "afterStep": "thank"}],
    )
    assert verdict.passed
    assert verdict.notes == (
        "The double for step 'chrage' was never used: the run did not come to it. Did you mean 'charge'?",
        "Event 't/else' was never sent: the run never waited for it.",
        "Event 't/answer' was never sent: step 'thank' never ended.",
    )


async def test_a_run_that_sleeps_in_real_time_is_not_said_to_need_the_outside(it: Lab) -> None:
    testing = asyncio.create_task(_run(it, time="real", timeout=5))
    await it.clock.somebody_waits(2)  # the sleep of the run, and the patience of the test
    await it.clock.advance(5)
    verdict = await testing
    assert not verdict.passed
    assert verdict.run is not None
    assert verdict.run.status is RunStatus.RUNNING
    assert not verdict.is_at_rest


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "it takes a functionId to invoke, or an event to send"),
        (
            {"event": "a", "functionID": "x"},
            "functionID is no field here. Did you mean 'functionId'? Allowed: functionId, appId",
        ),
        ({"event": "a", "mocks": [{"stepId": "x"}]}, "mocks[0] give exactly one of result, error"),
        ({"event": "a", "mocks": [{"stepId": "x", "results": 1}]}, "Allowed: stepId, index, times"),
        ({"event": "a", "faults": [{"kind": "boom"}]}, "faults[0].kind"),
        ({"event": "a", "faults": [{"kind": "slow_reply", "delay": "soon"}]}, "is not a duration"),
        ({"event": "a", "events": [{"name": "x", "signal": "y"}]}, "give the name of an event, or a signal"),
        ({"event": "a", "events": [{"name": "x", "data": [1]}]}, "the data of an event is an object"),
        ({"event": "a", "expect": {"status": "DONE"}}, "expect.status"),
        (
            {"event": "a", "expect": {"steps": {"x": {"result": 1}}}},
            "Allowed: status, output, error, attempts",
        ),
        ([], "it must be an object"),
    ],
)
def test_a_test_that_cannot_be_read_names_the_place(document: Any, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_scenario(document)
    assert words in str(caught.value)


async def test_what_starts_no_run_fails_with_the_reason(it: Lab) -> None:
    verdict = await run_scenario(it.engine, read_scenario({"event": "t/unknown"}))
    assert verdict.first_failure is not None
    assert verdict.first_failure.difference == "no function listens to 't/unknown'"
    with pytest.raises(FunctionNotFoundError):
        await run_scenario(it.engine, read_scenario({"event": "t/signup", "functionId": "nobody"}))
