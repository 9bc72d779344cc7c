"""Tests of functions over HTTP, for any language: the verdict as JSON, and what is refused."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import RealClock

pytestmark = pytest.mark.anyio
TEST = "/stepcue/v1/test"
ADVANCE = "/stepcue/v1/time/advance"


@pytest.fixture(name="it")
async def one_lab() -> AsyncIterator[Lab]:
    client = new_client()

    @client.create_function(fn_id="nap", trigger=inngest.TriggerEvent(event="t/nap"))
    async def nap(ctx: inngest.Context) -> Any:
        async def charge() -> Any:
            return ctx.event.data.get("amount")

        amount = await ctx.step.run("charge", charge)
        await ctx.step.sleep("night", datetime.timedelta(days=2))
        return amount

    async with lab(client, [nap], clock=RealClock()) as it:
        yield it


async def test_a_test_that_passes(it: Lab) -> None:
    answer = await it.api.post(
        TEST, json={"event": "t/nap", "data": {"amount": 3}, "expect": {"output": 3, "ran": ["night"]}}
    )
    assert answer.status_code == 200
    body = answer.json()
    assert (body["passed"], body["failure"], body["status"], body["output"]) == (True, None, "COMPLETED", 3)
    assert [(step["step"], step["kind"]) for step in body["steps"]] == [("charge", "RUN"), ("night", "SLEEP")]
    assert body["skippedMs"] > 86_400_000
    assert [check["check"] for check in body["checks"]] == ["status", "output", "ran 'night'"]


async def test_a_test_that_fails_says_where(it: Lab) -> None:
    document = {
        "functionId": "lab-nap",
        "mocks": [{"stepId": "charge", "result": {"a": [1, 2]}}],
        "expect": {"output": {"a": [1, 3]}},
    }
    body = (await it.api.post(TEST, json=document)).json()
    assert body["passed"] is False
    assert body["failure"].startswith("output is not as expected: $.a[1] is 2, not 3")
    (wrong,) = [check for check in body["checks"] if not check["passed"]]
    assert (wrong["expected"], wrong["actual"]) == ({"a": [1, 3]}, {"a": [1, 2]})
    assert body["steps"][0]["double"] == "result"


async def test_what_starts_nothing_is_a_verdict_without_a_run(it: Lab) -> None:
    body = (await it.api.post(TEST, json={"event": "t/none"})).json()
    assert body["passed"] is False
    assert "no function listens to 't/none'" in body["failure"]
    assert "runId" not in body


async def test_large_values_are_cut(it: Lab) -> None:
    document = {"event": "t/nap", "data": {"amount": "x" * 200_000}}
    body = (await it.api.post(TEST, json=document)).json()
    assert body["passed"] is True
    assert len(body["output"]["truncated"]) == 100_000


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[]", 400, "it must be an object"),
        (b"", 400, "it must be an object"),
        (b'{"event": "a", "mock": []}', 400, "mock is no field here. Did you mean 'mocks'?"),
        (b'{"functionId": "lab-nobody"}', 404, "No function"),
        (b'{"event": "inngest/x"}', 400, "reserved"),
        (b'{"event": "t/nap", "mocks": [{"stepId": "charge", "timeout": true}]}', 200, "DoubleMismatchError"),
        (b'{"event": "' + b"a" * 34_000_000 + b'"}', 413, "over 32 MiB"),
    ],
)
async def test_a_document_that_cannot_be_read_is_refused(
    it: Lab, body: bytes, status: int, words: str
) -> None:
    answer = await it.api.post(TEST, content=body)
    assert answer.status_code == status, answer.text
    assert words in answer.text


async def test_pages_of_others_may_not_test(it: Lab) -> None:
    answer = await it.api.post(TEST, json={"event": "t/nap"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    answer = await it.api.post(TEST, json={"event": "t/nap"}, headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert (await it.api.get(TEST)).status_code == 405


async def test_time_moves(it: Lab) -> None:
    run_id = await it.start("t/nap")
    await it.settle(run_id)
    body = (await it.api.post(ADVANCE, json={"by": "3d"})).json()
    assert body["complete"] is True
    assert body["movedMs"] >= 3 * 86_400_000
    assert body["happened"] == 2
    assert (await it.engine.get_run(run_id)).status == "COMPLETED"
    for wrong in ({}, {"by": "soon"}, {"by": 3}, {"until": "x"}, {"to": "2001-01-01T00:00:00Z"}, [1]):
        answer = await it.api.post(ADVANCE, json=wrong)
        assert answer.status_code == 400, wrong
