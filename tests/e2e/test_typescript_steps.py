"""TypeScript: steps one after the other, what they return, how they sleep and send events."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any

import pytest
from support.typescript import Lab

from durable_engine import RunStatus, StepKind, StepStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

YEAR_S = 365.25 * 86_400
CATCH_UP_S = 60
"""The SDK stamps the events it sends with its own, real clock, which runs while the engine's stands still."""


async def test_a_function_without_steps_returns_its_result(ts_lab: Lab) -> None:
    assert await ts_lab.output("none", a=[1, None]) == {"echo": {"a": [1, None]}}
    assert await ts_lab.output("nothing") is None


async def test_a_single_step_runs_once(ts_lab: Lab) -> None:
    run = await ts_lab.finish("single")

    assert run.status is RunStatus.COMPLETED
    assert run.output == {"v": 1}
    (step,) = run.steps
    assert (step.name, step.kind, step.status) == ("only", StepKind.RUN, StepStatus.COMPLETED)
    assert step.output == {"v": 1}
    assert (await ts_lab.journal(run.id)).ran == ["only"]


async def test_steps_run_in_order_each_with_the_results_before_it(ts_lab: Lab) -> None:
    run = await ts_lab.finish("three")

    assert run.output == [1, 2]
    assert [step.name for step in run.steps] == ["a", "b", "c"]
    assert (await ts_lab.journal(run.id)).ran == ["a", "b", "c"]


async def test_a_step_id_used_again_is_a_step_of_its_own(ts_lab: Lab) -> None:
    run = await ts_lab.finish("loop")

    assert run.output == [0, 1, 2, 3]
    assert [(step.name, step.index) for step in run.steps] == [("again", index) for index in range(4)]


async def test_a_step_shows_its_id_and_takes_input(ts_lab: Lab) -> None:
    run = await ts_lab.finish("input")

    assert run.output == 5
    assert [(step.name, step.input) for step in run.steps] == [("add", [2, 3])]


async def test_a_run_repeated_from_a_step_with_other_input_runs_that_step_with_it(ts_lab: Lab) -> None:
    first = await ts_lab.finish("input")
    again = await ts_lab.engine.control.rerun(first.id, from_step="add", given=[20, 30])
    run = await ts_lab.settle(again)

    assert (run.status, run.output) == (RunStatus.COMPLETED, 50)
    assert run.original_run_id == first.id


async def test_results_come_back_as_they_were(ts_lab: Lab) -> None:
    assert await ts_lab.output("values") == [
        None,
        None,
        False,
        0,
        'čaj "\\" 🐎\u2028\u0000',
        "1970-01-01T00:00:00.000Z",
        2**53,
        1e-7,
        {"data": {"error": None}},
        {"error": {"name": "Error", "message": "not one"}},
        {"type": "data", "data": 4},
        {"": [[], {}, [None]]},
    ]


async def test_state_too_large_for_a_request_is_fetched_by_the_sdk(ts_lab: Lab) -> None:
    run = await ts_lab.finish("large")

    assert run.status is RunStatus.COMPLETED, run.error
    assert run.output == [2 * 1024 * 1024] * 3
    assert (await ts_lab.journal(run.id)).ran == ["x", "y", "z"]


async def test_a_step_that_returns_more_than_four_mebibytes_fails_the_run_by_name_and_limit(
    ts_lab: Lab,
) -> None:
    run = await ts_lab.run("too-large")

    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["name"] == "StepOutputTooLargeError"
    assert "'big'" in run.error["message"]
    assert (await ts_lab.journal(run.id)).ran == ["small", "big"]


@pytest.mark.parametrize("ts_app", ["v4"], indirect=True)
@pytest.mark.parametrize("steps", [1_000, 1_001])
async def test_a_run_that_reports_its_steps_has_a_thousand_and_not_one_more(ts_lab: Lab, steps: int) -> None:
    run = await ts_lab.run("many", steps=steps)

    assert len(run.steps) == 1_000
    if steps == 1_000:
        assert run.output == "all"
    else:
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "InngestErrFunctionOverflowed"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("1s", 1), ("90 minutes", 5_400), (90_000, 90), ("2.5d", 216_000), ("1y", YEAR_S)],
)
async def test_a_sleep_ends_when_its_time_is_over(ts_lab: Lab, given: Any, seconds: float) -> None:
    run = await ts_lab.run("sleep", time=given)
    assert [(wait.kind, wait.step_name) for wait in run.waiting_for] == [("sleep", "nap")]

    run = await ts_lab.advance(seconds - 0.5, run.id)
    assert run.status is RunStatus.RUNNING
    run = await ts_lab.advance(0.5, run.id)

    assert run.output == "after"
    assert (await ts_lab.journal(run.id)).ran == ["before", "after"]


async def test_a_sleep_of_more_than_a_year_ends_the_run(ts_lab: Lab) -> None:
    run = await ts_lab.run("sleep", time="400d")

    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["name"] == "InngestErrTimeoutTooLong"


@pytest.mark.parametrize("is_date", [True, False])
async def test_a_sleep_until_a_date_ends_then(ts_lab: Lab, is_date: bool) -> None:  # noqa: FBT001
    until_ms = ts_lab.clock.now_ms() + 3_600_000
    until = datetime.datetime.fromtimestamp(until_ms / 1_000, datetime.UTC)
    run = await ts_lab.run("sleep-until", time=until.isoformat(), isDate=is_date)
    assert [wait.until_ms for wait in run.waiting_for] == [until_ms]

    run = await ts_lab.advance(3_600, run.id)
    assert run.output == "after"


async def test_a_sleep_until_the_past_is_over_at_once(ts_lab: Lab) -> None:
    run = await ts_lab.run("sleep-until", time="2020-02-02T20:20:20Z", isDate=True)
    assert run.output == "after"


async def test_events_sent_in_steps_are_sent_once_and_their_ids_returned(ts_lab: Lab) -> None:
    run = await ts_lab.finish("send")
    await ts_lab.advance(CATCH_UP_S, run.id)

    one, many = run.output
    assert (len(one), len(many)) == (1, 2)
    assert len({*one, *many}) == 3
    assert [step.kind for step in run.steps] == [StepKind.SEND_EVENT, StepKind.SEND_EVENT]
    received = (await ts_lab.journal(run.id)).counts
    assert received == Counter({"received 1": 1, "received 2": 1, "received 3": 1})
    page = await ts_lab.engine.records.event_records(limit=100)
    senders = {record.event.id: record.sender for record in page.events}
    assert {sender.run_id for sender in map(senders.get, [*one, *many]) if sender} == {run.id}
    steps = [sender.step_name for sender in map(senders.get, [*one, *many]) if sender]
    assert steps == [run.steps[0].name, run.steps[1].name, run.steps[1].name]


async def test_an_event_with_an_id_starts_a_function_once_however_often_it_is_sent(ts_lab: Lab) -> None:
    run = await ts_lab.finish("send-outside-steps")
    await ts_lab.advance(CATCH_UP_S, run.id)

    assert run.output == [1, "after"]
    assert (await ts_lab.journal(run.id)).counts == Counter({"received 1": 1, "after": 1})


async def test_a_wrapped_model_call_is_a_step_with_its_input(ts_lab: Lab) -> None:
    run = await ts_lab.finish("ai-wrap")

    assert run.output == "kind answer to why?"
    (step,) = run.steps
    assert (step.kind, step.input) == (StepKind.AI, ["why?", {"tone": "kind"}])
