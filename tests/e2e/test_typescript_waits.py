"""TypeScript: waiting for events and invoking other functions."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from support.typescript import Lab

from durable_engine import RunStatus, StepKind, StepStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]


def iso(at_ms: int) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1_000, datetime.UTC).isoformat()


async def test_an_event_that_matches_wakes_the_run_with_the_whole_event(ts_lab: Lab) -> None:
    run = await ts_lab.run("wait", id=7, options={"match": "data.id", "timeout": "7d"})
    (wait,) = run.waiting_for
    assert (wait.kind, wait.event_name) == ("event", "ts/approved")
    assert wait.expression == "event.data.id == async.data.id"

    await ts_lab.send("ts/approved", {"id": 8})
    await ts_lab.send("ts/approved", {})
    assert (await ts_lab.settle(run.id)).status is RunStatus.RUNNING
    await ts_lab.send("ts/approved", {"id": 7, "by": "Ann"})
    run = await ts_lab.settle(run.id)

    assert run.output == {"name": "ts/approved", "data": {"id": 7, "by": "Ann"}, "hasId": True}
    assert (await ts_lab.journal(run.id)).ran == ["after"]


async def test_an_expression_decides_which_event_wakes_the_run(ts_lab: Lab) -> None:
    expression = "async.data.amount > event.data.limit && async.data.kind in ['a', 'b']"
    run = await ts_lab.run("wait", limit=10, options={"if": expression, "timeout": "1h"})
    for data in ({"amount": 10, "kind": "a"}, {"amount": 11, "kind": "c"}):
        await ts_lab.send("ts/approved", data)
        assert (await ts_lab.settle(run.id)).status is RunStatus.RUNNING

    await ts_lab.send("ts/approved", {"amount": 10.5, "kind": "b"})
    assert (await ts_lab.settle(run.id)).output["data"] == {"amount": 10.5, "kind": "b"}


@pytest.mark.parametrize(("given", "seconds"), [("7d", 7 * 86_400), (60_000, 60), ("2 hours", 7_200)])
async def test_a_wait_that_times_out_gives_null(ts_lab: Lab, given: Any, seconds: float) -> None:
    run = await ts_lab.run("wait", options={"timeout": given})
    run = await ts_lab.advance(seconds - 0.5, run.id)
    assert run.status is RunStatus.RUNNING
    run = await ts_lab.advance(0.5, run.id)

    assert (run.status, run.output) == (RunStatus.COMPLETED, None)
    assert run.steps[0].has_timed_out
    await ts_lab.send("ts/approved")
    assert (await ts_lab.settle(run.id)).output is None
    assert (await ts_lab.journal(run.id)).ran == ["after"]


async def test_a_wait_can_end_at_a_date(ts_lab: Lab) -> None:
    until_ms = ts_lab.clock.now_ms() + 3_600_000
    run = await ts_lab.run("wait", isDate=True, options={"timeout": iso(until_ms)})
    assert [wait.until_ms for wait in run.waiting_for] == [until_ms]

    run = await ts_lab.advance(3_600, run.id)
    assert (run.status, run.output) == (RunStatus.COMPLETED, None)


async def test_one_event_ends_all_waits_that_it_fits(ts_lab: Lab) -> None:
    run = await ts_lab.run("wait-twice")
    assert len(run.waiting_for) == 2
    await ts_lab.send("ts/approved", {"n": 1})

    assert (await ts_lab.settle(run.id)).output == [{"n": 1}, {"n": 1}]


async def test_a_wait_in_a_loop_takes_one_event_each_time(ts_lab: Lab) -> None:
    run = await ts_lab.run("wait-in-a-loop")
    for n in (1, 2):
        await ts_lab.send("ts/next", {"n": n})
        await ts_lab.settle(run.id)
    run = await ts_lab.advance(3_600, run.id)

    assert run.output == [1, 2, None]


async def test_a_wait_planned_with_the_step_that_sends_its_event_is_met(ts_lab: Lab) -> None:
    run = await ts_lab.finish("wait-for-own-event")

    assert run.output == {"n": 1}
    assert not run.steps[0].has_timed_out


@pytest.mark.parametrize("target", ["function", "id", "id in the same app"])
async def test_a_function_can_be_invoked_and_its_result_comes_back(ts_lab: Lab, target: str) -> None:
    run = await ts_lab.finish("invoke", target=target, data={"n": 21})

    assert run.output == {"doubled": 42, "event": "inngest/function.invoked"}
    (step,) = run.steps
    assert (step.name, step.kind, step.status) == ("ask", StepKind.INVOKE, StepStatus.COMPLETED)
    (child_id,) = run.child_run_ids
    child = await ts_lab.engine.get_run(child_id)
    assert (child.parent_run_id, child.function_slug) == (run.id, "ts-child")


async def test_a_child_without_a_result_gives_null(ts_lab: Lab) -> None:
    assert await ts_lab.output("invoke", data={}) is None


async def test_several_invocations_at_once_each_get_their_own_result(ts_lab: Lab) -> None:
    output = await ts_lab.output("invoke-many")
    assert [child["doubled"] for child in output] == [2, 4, 6]


async def test_invoking_an_unknown_function_fails_the_step(ts_lab: Lab) -> None:
    output = await ts_lab.output("invoke", target="nobody", data={})

    assert output["caught"] == "Error"
    assert "could not find function with ID: ts-nobody" in output["message"]


async def test_a_failing_child_fails_the_step(ts_lab: Lab) -> None:
    output = await ts_lab.output("invoke", data={"fail": True})
    assert output == {"caught": "Error", "message": "child failed", "isStepError": True}


async def test_a_failing_child_that_nobody_catches_fails_the_parent(ts_lab: Lab) -> None:
    run = await ts_lab.finish("invoke-uncaught")

    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["message"] == "child failed"


async def test_an_invocation_that_times_out_fails_and_the_child_goes_on(ts_lab: Lab) -> None:
    run = await ts_lab.run("invoke", timeout="1h", data={"n": 1, "nap": "2h"})
    run = await ts_lab.advance(3_600, run.id)

    assert run.output["caught"] == "InngestInvokeTimeoutError"
    (child_id,) = run.child_run_ids
    assert (await ts_lab.engine.get_run(child_id)).status is RunStatus.RUNNING
    assert (await ts_lab.advance(3_600, child_id)).output["doubled"] == 2
    assert (await ts_lab.settle(run.id)).output["caught"] == "InngestInvokeTimeoutError"


async def test_a_child_may_take_its_time(ts_lab: Lab) -> None:
    run = await ts_lab.run("invoke", data={"n": 1, "nap": "30d"})
    assert [wait.kind for wait in run.waiting_for] == ["invoke"]

    run = await ts_lab.advance(30 * 86_400, run.id)
    assert run.output["doubled"] == 2
