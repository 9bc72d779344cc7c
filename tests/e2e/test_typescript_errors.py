"""TypeScript: what fails, how often it is tried again, what the function can catch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.typescript import Lab

from durable_engine import RunStatus, RunView, StepStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

BACKOFF_S = (15, 30, 60, 120)
JITTER_S = 30


def error_of(run: RunView) -> dict[str, Any]:
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    return dict(run.error)


async def test_a_failing_step_is_tried_again_with_the_documented_delays(ts_lab: Lab) -> None:
    run_id = await ts_lab.start("flaky", failures=4)
    for attempt, backoff_s in enumerate(BACKOFF_S, start=1):
        run = await ts_lab.settle(run_id)
        (wait,) = run.waiting_for
        assert (wait.kind, wait.step_name) == ("retry", "fetch")
        assert run.steps[1].attempts == attempt
        delay_s, run = await ts_lab.next_due(run_id)
        assert backoff_s <= delay_s <= backoff_s + JITTER_S

    assert (run.status, run.output) == (RunStatus.COMPLETED, "ok")
    assert [failure.error["message"] for failure in run.steps[1].failures] == [
        f"not yet, {time}" for time in (1, 2, 3, 4)
    ]
    assert (await ts_lab.journal(run_id)).counts == {"before": 1, "fetch": 5}


async def test_a_step_that_never_works_fails_the_run_after_five_attempts(ts_lab: Lab) -> None:
    run = await ts_lab.finish("flaky", failures=99)

    assert error_of(run)["message"] == "not yet, 5"
    assert (run.steps[1].status, run.steps[1].attempts) == (StepStatus.FAILED, 5)
    assert (await ts_lab.journal(run.id)).counts == {"before": 1, "fetch": 5}


async def test_an_error_outside_steps_is_retried_and_steps_keep_their_results(ts_lab: Lab) -> None:
    run = await ts_lab.finish("flaky-function", failures=2)

    assert (run.status, run.output) == (RunStatus.COMPLETED, "after")
    assert (await ts_lab.journal(run.id)).ran == ["before", "after"]
    assert [failure.error["message"] for failure in run.failures][-1] == "not yet"


async def test_an_error_outside_steps_fails_the_run_after_five_attempts(ts_lab: Lab) -> None:
    run = await ts_lab.finish("flaky-function", failures=99)

    assert error_of(run)["message"] == "not yet"
    assert [failure.attempt for failure in run.failures] == [0, 1, 2, 3, 4]


async def test_a_step_that_failed_for_good_can_be_caught_and_rolled_back(ts_lab: Lab) -> None:
    run = await ts_lab.finish("rollback")

    released, caught = run.output
    assert released == "release"
    assert caught["message"] == "declined"
    assert caught["isStepError"]
    assert caught["cause"] == "no money"
    assert [step.status.value for step in run.steps] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert (await ts_lab.journal(run.id)).counts == {"reserve": 1, "charge": 2, "release": 1}


@pytest.mark.parametrize("function", ["no-retries", "no-retries-outside"])
async def test_without_retries_the_first_error_ends_the_run(ts_lab: Lab, function: str) -> None:
    run = await ts_lab.run(function)

    error = error_of(run)
    assert error["message"] == "declined"
    assert "CardError" in error["stack"]


async def test_a_non_retriable_error_in_a_step_can_be_caught(ts_lab: Lab) -> None:
    run = await ts_lab.run("non-retriable-caught")

    after, caught = run.output
    assert after == "after"
    assert caught["message"] == "no such file"
    assert (await ts_lab.journal(run.id)).ran == ["parse", "after"]


async def test_a_non_retriable_error_in_a_step_ends_the_run_at_once(ts_lab: Lab) -> None:
    run = await ts_lab.run("non-retriable-uncaught")

    assert error_of(run)["message"] == "no such file"
    assert run.steps[0].status is StepStatus.FAILED
    assert (await ts_lab.journal(run.id)).ran == ["parse"]


async def test_a_non_retriable_error_outside_steps_ends_the_run_at_once(ts_lab: Lab) -> None:
    run = await ts_lab.run("non-retriable-outside")

    assert error_of(run)["message"] == "no such customer"
    assert (await ts_lab.journal(run.id)).calls == 1


@pytest.mark.parametrize("is_date", [False, True])
@pytest.mark.parametrize("function", ["retry-after", "retry-after-outside"])
async def test_a_retry_after_error_sets_the_delay(ts_lab: Lab, function: str, is_date: bool) -> None:  # noqa: FBT001
    run_id = await ts_lab.start(function, ms=600_000, isDate=is_date)
    delay_s, run = await ts_lab.next_due(run_id)

    assert abs(delay_s - 600) < 60  # a date is of the SDK's own, real clock
    assert (run.status, run.output) == (RunStatus.COMPLETED, "ok")


@pytest.mark.parametrize("value", ["bigint", "circle"])
@pytest.mark.parametrize("function", ["not-serializable-step", "not-serializable-result"])
async def test_a_result_that_is_no_json_never_hangs(ts_lab: Lab, function: str, value: str) -> None:
    run = await ts_lab.run(function, value=value)

    is_lenient = ts_lab.app.version == "v3" or (function, value) == ("not-serializable-step", "circle")
    if not is_lenient:
        assert "JSON" in error_of(run)["message"] or "BigInt" in error_of(run)["message"]
    elif value == "bigint":
        assert (run.status, run.output) == (RunStatus.COMPLETED, None)
    else:
        assert "[Circular ~" in run.output["self"]


@pytest.mark.parametrize(
    ("function", "words"),
    [("throws-text", "just text"), ("throws-text-outside", "just text"), ("throws-object", "42")],
)
async def test_what_is_thrown_need_not_be_an_error(ts_lab: Lab, function: str, words: str) -> None:
    assert words in json.dumps(error_of(await ts_lab.finish(function)))


async def test_a_caught_error_leaves_the_other_steps_alone(ts_lab: Lab) -> None:
    run = await ts_lab.finish("catch-and-go-on")

    assert run.output == [1, "second", 3]
    assert (await ts_lab.journal(run.id)).ran == ["try 1", "try 2", "try 3"]


async def test_a_failure_handler_runs_once_with_the_failed_runs_event_and_error(ts_lab: Lab) -> None:
    run = await ts_lab.run("doomed", order=42)
    assert error_of(run)["message"] == "declined"

    body, handled = (await ts_lab.journal(run.id)).ran
    assert body == "charge"
    function_id, data, _, message = json.loads(handled)
    assert (function_id, data, message) == ("ts-doomed", {"order": 42}, "declined")


async def test_a_failure_handler_that_fails_does_not_start_itself(ts_lab: Lab) -> None:
    run = await ts_lab.run("doomed-twice")
    await ts_lab.advance(3_600, run.id)

    assert (await ts_lab.journal(run.id)).ran == ["handler"]
