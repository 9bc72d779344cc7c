"""TypeScript: options that change how runs go: cancellation, timeouts, checkpointing, streaming."""

from __future__ import annotations

import pytest
from support.typescript import Lab

from durable_engine import RunStatus, StepStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

DAY_S = 86_400

# An SDK that holds results back and cannot check them in drops the failure that comes after them.
BUFFERING = pytest.mark.parametrize(
    "way",
    [
        "off",
        "on",
        "buffered",
        "interval",
        "short-lived",
    ],
)


@pytest.mark.parametrize("function", ["cancel-match", "cancel-if"])
async def test_an_event_that_matches_cancels_the_run(ts_lab: Lab, function: str) -> None:
    run = await ts_lab.run(function, id=7)
    await ts_lab.send("ts/cancel", {"id": 8, "sure": True})
    assert (await ts_lab.settle(run.id)).status is RunStatus.RUNNING

    await ts_lab.send("ts/cancel", {"id": 7, "sure": True})
    run = await ts_lab.settle(run.id)
    assert run.status is RunStatus.CANCELLED
    assert run.waiting_for == ()
    assert run.steps[-1].status is StepStatus.CANCELLED

    run = await ts_lab.advance(2 * DAY_S, run.id)
    assert run.status is RunStatus.CANCELLED
    assert "after" not in (await ts_lab.journal(run.id)).ran


async def test_a_cancellation_tells_the_world_and_is_no_failure(ts_lab: Lab) -> None:
    run = await ts_lab.run("cancel-in-a-group")
    await ts_lab.send("ts/cancel")
    run = await ts_lab.advance(2 * DAY_S, run.id)

    assert run.status is RunStatus.CANCELLED
    assert (await ts_lab.journal(run.id)).ran == ["a", "cancelled ts-cancel-in-a-group"]


async def test_a_run_cancelled_during_a_call_does_nothing_after_the_step_that_runs(ts_lab: Lab) -> None:
    run = await ts_lab.run("cancels-itself")
    assert run.status is RunStatus.CANCELLED
    run = await ts_lab.advance(DAY_S, run.id)

    assert run.status is RunStatus.CANCELLED
    assert sorted((await ts_lab.journal(run.id)).ran) == ["cancelled ts-cancels-itself", "first"]


async def test_a_cancellation_can_have_a_time_limit(ts_lab: Lab) -> None:
    early = await ts_lab.run("cancel-for-an-hour")
    await ts_lab.send("ts/cancel")
    assert (await ts_lab.settle(early.id)).status is RunStatus.CANCELLED

    late = await ts_lab.run("cancel-for-an-hour")
    await ts_lab.advance(3_601, late.id)
    await ts_lab.send("ts/cancel")
    run = await ts_lab.advance(DAY_S, late.id)
    assert (run.status, run.output) == (RunStatus.COMPLETED, "after")


async def test_a_run_that_is_not_cancelled_completes(ts_lab: Lab) -> None:
    run = await ts_lab.run("cancel-match", id=7)
    run = await ts_lab.advance(DAY_S, run.id)

    assert (run.status, run.output) == (RunStatus.COMPLETED, "after")
    await ts_lab.send("ts/cancel", {"id": 7})
    assert (await ts_lab.settle(run.id)).status is RunStatus.COMPLETED


async def test_a_run_that_starts_too_late_is_cancelled(ts_lab: Lab) -> None:
    in_a_minute = ts_lab.clock.now_ms() + 60_000
    (run_id,) = await ts_lab.send("ts/start-timeout", ts_ms=in_a_minute)
    run = await ts_lab.advance(61, run_id)

    assert run.status is RunStatus.CANCELLED
    assert (await ts_lab.journal(run_id)).ran == ["cancelled ts-start-timeout"]


async def test_a_run_that_starts_in_time_is_not_cancelled(ts_lab: Lab) -> None:
    assert await ts_lab.output("start-timeout") == "only"


async def test_a_run_that_takes_too_long_is_cancelled_even_in_its_sleep(ts_lab: Lab) -> None:
    run = await ts_lab.run("finish-timeout", time="1d")
    run = await ts_lab.advance(3_601, run.id)
    assert run.status is RunStatus.CANCELLED

    await ts_lab.advance(2 * DAY_S, run.id)
    assert (await ts_lab.journal(run.id)).ran == ["before", "cancelled ts-finish-timeout"]


async def test_a_run_that_ends_in_time_completes(ts_lab: Lab) -> None:
    run = await ts_lab.run("finish-timeout", time="30m")
    run = await ts_lab.advance(1_800, run.id)
    assert (run.status, run.output) == (RunStatus.COMPLETED, "after")

    run = await ts_lab.advance(DAY_S, run.id)
    assert run.status is RunStatus.COMPLETED


@pytest.fixture(params=["off", "on", "buffered", "interval", "short-lived"])
def checkpointing(request: pytest.FixtureRequest) -> str:
    """One of the ways to set the option; see `functions/options.mjs`."""
    return f"checkpointing-{request.param}"


async def test_checkpointing_changes_no_result(ts_lab: Lab, checkpointing: str) -> None:
    assert await ts_lab.output(f"none-{checkpointing}") == "nothing to do"

    for function in ("five", "slow"):
        run = await ts_lab.finish(f"{function}-{checkpointing}")
        assert run.output == ["a", "b", "c", "d", "e"]
        assert [step.name for step in run.steps] == ["a", "b", "c", "d", "e"]
        assert all(step.status is StepStatus.COMPLETED for step in run.steps)
        assert (await ts_lab.journal(run.id)).ran == ["a", "b", "c", "d", "e"]


async def test_checkpointing_with_a_sleep(ts_lab: Lab, checkpointing: str) -> None:
    run = await ts_lab.run(f"sleeps-{checkpointing}")
    assert [wait.until_ms for wait in run.waiting_for] == [ts_lab.clock.now_ms() + 3_600_000]
    run = await ts_lab.advance(3_600, run.id)

    assert run.output == ["a", "b", "c"]
    assert (await ts_lab.journal(run.id)).ran == ["a", "b", "c"]


async def test_checkpointing_with_a_wait(ts_lab: Lab, checkpointing: str) -> None:
    run = await ts_lab.run(f"waits-{checkpointing}")
    assert [wait.kind for wait in run.waiting_for] == ["event"]
    await ts_lab.send("ts/go-on", {"n": 1})
    run = await ts_lab.settle(run.id)

    assert run.output == ["a", {"n": 1}, "b"]
    assert (await ts_lab.journal(run.id)).ran == ["a", "b"]


async def test_checkpointing_with_parallel_steps(ts_lab: Lab, checkpointing: str) -> None:
    run = await ts_lab.finish(f"parallel-{checkpointing}")

    assert run.output == ["a", "b", "c", "d"]
    ran = (await ts_lab.journal(run.id)).ran
    assert (ran[0], sorted(ran[1:3]), ran[3:]) == ("a", ["b", "c"], ["d"])


@BUFFERING
async def test_checkpointing_with_a_step_that_is_retried(ts_lab: Lab, way: str) -> None:
    run = await ts_lab.finish(f"flaky-checkpointing-{way}")

    assert run.output == ["a", "b", "c"]
    assert (await ts_lab.journal(run.id)).ran == ["a", "b", "b", "b", "c"]
    assert len(run.steps[1].failures) == 2


async def test_checkpointing_with_an_error_outside_steps(ts_lab: Lab, checkpointing: str) -> None:
    run = await ts_lab.finish(f"flaky-function-{checkpointing}")

    assert (run.status, run.output) == (RunStatus.COMPLETED, ["a", "b", "c"])
    assert (await ts_lab.journal(run.id)).ran == ["a", "b", "c"]


@BUFFERING
async def test_checkpointing_with_a_step_that_fails_and_is_caught(ts_lab: Lab, way: str) -> None:
    run = await ts_lab.finish(f"caught-checkpointing-{way}")

    assert run.output == ["a", "declined", "undo"]
    assert [step.status.value for step in run.steps] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert (await ts_lab.journal(run.id)).ran == ["a", "b", "undo"]


async def test_checkpointing_with_a_run_that_fails_keeps_its_steps(ts_lab: Lab, checkpointing: str) -> None:
    run = await ts_lab.run(f"fails-{checkpointing}")

    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["message"] == "after two steps"
    assert [(step.name, step.status.value) for step in run.steps] == [("a", "COMPLETED"), ("b", "COMPLETED")]
    assert (await ts_lab.journal(run.id)).ran == ["a", "b"]


@pytest.mark.parametrize("way", ["on", "buffered", "interval"])
async def test_checkpointing_runs_consecutive_steps_in_one_call(ts_lab: Lab, way: str) -> None:
    run = await ts_lab.finish(f"five-checkpointing-{way}")
    assert (await ts_lab.journal(run.id)).calls == 1


async def test_without_checkpointing_each_step_is_a_call(ts_lab: Lab) -> None:
    run = await ts_lab.finish("five-checkpointing-off")
    assert (await ts_lab.journal(run.id)).calls == 6


async def test_a_streaming_app_answers_like_any_other(ts_lab: Lab) -> None:
    assert await ts_lab.output("ts-streaming/none", n=1) == {"echo": {"n": 1}}
    assert await ts_lab.output("ts-streaming/three") == [1, 2]
    assert (await ts_lab.output("ts-streaming/values"))[4] == 'čaj "\\" 🐎\u2028\u0000'


async def test_a_streaming_app_can_fail_and_be_retried(ts_lab: Lab) -> None:
    run = await ts_lab.finish("ts-streaming/flaky", failures=2)
    assert run.output == "ok"
    assert (await ts_lab.journal(run.id)).counts == {"before": 1, "fetch": 3}

    run = await ts_lab.finish("ts-streaming/no-retries-outside")
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["message"] == "declined"

    run_id = await ts_lab.start("ts-streaming/retry-after", ms=600_000)
    delay_s, run = await ts_lab.next_due(run_id)
    assert (delay_s, run.output) == (600, "ok")

    run = await ts_lab.run("ts-streaming/non-retriable-outside")
    assert (run.status, run.failures[0].attempt) == (RunStatus.FAILED, 0)
