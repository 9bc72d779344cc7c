"""TypeScript: which calls may be open at once: concurrency, priority, paused functions."""

from __future__ import annotations

import pytest
from support.gate import Gate
from support.typescript import Lab

from durable_engine import RunStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

DAY_S = 86_400
HOUR_S = 3_600


async def start(lab: Lab, gate: Gate, function: str, name: str, **data: object) -> str:
    """Start a function of which each step waits at the gate as `name` or `name.step`."""
    return await lab.start(f"flow/{function}", name=name, gate=gate.origin, **data)


async def held(lab: Lab, gate: Gate, function: str, name: str, **data: object) -> str:
    """Start a function whose first call has to wait; return what it waits for."""
    receipt = await lab.deliver(f"flow/{function}", {"name": name, "gate": gate.origin, **data})
    (run,) = receipt.started
    return run.held or "nothing"


async def test_no_more_calls_are_open_than_the_limit_allows(flow_lab: Lab, flow_gate: Gate) -> None:
    first = [await start(flow_lab, flow_gate, "two", name) for name in ("a", "b")]
    await flow_gate.somebody(2)
    reason = await held(flow_lab, flow_gate, "two", "c")
    assert reason == "its concurrency limit of 2 calls is reached"
    late = [await start(flow_lab, flow_gate, "two", name) for name in ("d", "e")]

    await flow_gate.let("b")
    assert await flow_gate.somebody(2) == ["a", "c"]
    assert (await flow_lab.engine.get_run(late[0])).status is RunStatus.QUEUED
    await flow_gate.open()

    assert [(await flow_lab.settle(run_id)).output for run_id in (*first, *late)] == ["a", "b", "d", "e"]
    assert flow_gate.most == 2


async def test_a_concurrency_of_0_is_no_limit(flow_lab: Lab, flow_gate: Gate) -> None:
    runs = [await start(flow_lab, flow_gate, "unlimited", name) for name in "abc"]
    assert sorted(await flow_gate.somebody(3)) == ["a", "b", "c"]
    await flow_gate.open()
    assert [(await flow_lab.settle(run_id)).output for run_id in runs] == ["a", "b", "c"]


async def test_each_value_of_a_concurrency_key_has_a_limit_of_its_own(flow_lab: Lab, flow_gate: Gate) -> None:
    await start(flow_lab, flow_gate, "keyed", "a1", user="a")
    await start(flow_lab, flow_gate, "keyed", "b1", user="b")
    assert sorted(await flow_gate.somebody(2)) == ["a1", "b1"]
    reason = await held(flow_lab, flow_gate, "keyed", "a2", user="a")
    assert reason == 'its concurrency limit of 1 call for event.data.user = "a" is reached'

    await flow_gate.let("a1")
    assert sorted(await flow_gate.somebody(2)) == ["a2", "b1"]
    await flow_gate.open()
    await flow_lab.engine.settle()
    assert flow_gate.most == 2


async def test_two_limits_hold_together_and_one_of_them_is_shared(flow_lab: Lab, flow_gate: Gate) -> None:
    await start(flow_lab, flow_gate, "two-limits", "a1", user="a")
    await flow_gate.somebody()
    reason = await held(flow_lab, flow_gate, "two-limits", "a2", user="a")
    assert reason == 'its concurrency limit of 1 call for event.data.user = "a" is reached'

    await start(flow_lab, flow_gate, "shares", "other")
    assert await flow_gate.somebody(2) == ["a1", "other"]
    reason = await held(flow_lab, flow_gate, "two-limits", "b1", user="b")
    assert reason == 'the account\'s concurrency limit of 2 calls for "shared" = "shared" is reached'

    await flow_gate.let("other")
    assert await flow_gate.somebody(2) == ["a1", "b1"]
    await flow_gate.open()
    await flow_lab.engine.settle()
    assert (flow_gate.most, sorted(flow_gate.passed)) == (2, ["a1", "a2", "b1", "other"])


@pytest.mark.parametrize(("function", "calls"), [("one-call", 1), ("three-calls", 4)])
async def test_the_steps_of_a_run_hold_a_slot_in_one_call_or_in_several(
    flow_lab: Lab, flow_gate: Gate, function: str, calls: int
) -> None:
    runs = [await start(flow_lab, flow_gate, function, name) for name in ("first", "second")]
    for step in ("a", "b", "c"):
        # The older run goes first with each of its calls.
        assert await flow_gate.somebody() == [f"first.{step}"]
        assert (await flow_lab.engine.get_run(runs[1])).status is RunStatus.QUEUED
        await flow_gate.let(f"first.{step}")
    assert await flow_gate.somebody() == ["second.a"]
    await flow_gate.open()

    for run_id in runs:
        assert (await flow_lab.settle(run_id)).output == ["a", "b", "c"]
        assert (await flow_lab.journal(run_id)).calls == calls
    assert flow_gate.most == 1


async def test_a_run_that_sleeps_holds_no_slot(flow_lab: Lab, flow_gate: Gate) -> None:
    first = await start(flow_lab, flow_gate, "naps", "first")
    second = await start(flow_lab, flow_gate, "naps", "second")
    assert await flow_gate.somebody() == ["first.before"]
    await flow_gate.let("first.before")
    assert await flow_gate.somebody() == ["second.before"]
    assert [wait.kind for wait in (await flow_lab.engine.get_run(first)).waiting_for] == ["sleep"]

    await flow_gate.open()
    await flow_lab.engine.settle()
    await flow_lab.pass_time(HOUR_S)
    assert [(await flow_lab.settle(run_id)).output for run_id in (first, second)] == ["after", "after"]
    assert flow_gate.passed == ["first.before", "second.before", "first.after", "second.after"]
    assert flow_gate.most == 1


async def test_parallel_steps_of_one_run_keep_to_the_limit(flow_lab: Lab, flow_gate: Gate) -> None:
    run_id = await start(flow_lab, flow_gate, "parallel", "run")
    assert len(await flow_gate.somebody(2)) == 2
    await flow_gate.open()

    assert (await flow_lab.settle(run_id)).output == ["a", "b", "c"]
    assert flow_gate.most == 2
    assert (await flow_lab.journal(run_id)).counts == {"a": 1, "b": 1, "c": 1}


async def test_a_run_that_is_cancelled_in_a_call_holds_its_slot_until_the_call_ends(
    flow_lab: Lab, flow_gate: Gate
) -> None:
    first = await start(flow_lab, flow_gate, "cancelled", "first")
    second = await start(flow_lab, flow_gate, "cancelled", "second")
    assert await flow_gate.somebody() == ["first.a"]
    await flow_lab.send("flow/cancel", {"name": "first"})
    assert (await flow_lab.engine.get_run(first)).status is RunStatus.CANCELLED
    assert (await flow_lab.engine.get_run(second)).status is RunStatus.QUEUED
    await flow_gate.let("first.a")
    assert await flow_gate.somebody() == ["second.a"]
    await flow_gate.open()

    assert (await flow_lab.settle(second)).output == ["a", "b", "c"]
    # The SDK hears of the cancellation when it reports the step that was under way.
    assert sorted((await flow_lab.journal(first)).ran) == ["a", "cancelled flow-cancelled"]
    assert flow_gate.passed == ["first.a", "second.a", "second.b", "second.c"]


async def test_a_higher_priority_goes_before_older_runs(flow_lab: Lab, flow_gate: Gate) -> None:
    await start(flow_lab, flow_gate, "priority", "first")
    await flow_gate.somebody()
    for name, plan in (("free", "free"), ("plain", None), ("paid", "paid")):
        await start(flow_lab, flow_gate, "priority", name, plan=plan)
    await flow_gate.open()
    await flow_lab.engine.settle()
    assert flow_gate.passed == ["first", "paid", "plain"]

    await flow_lab.pass_time(60)
    assert flow_gate.passed == ["first", "paid", "plain", "free"]


@pytest.mark.parametrize(("function", "ran"), [("one-call", ["a", "b", "c"]), ("three-calls", ["a"])])
async def test_a_call_that_is_open_ends_although_its_function_is_paused(
    flow_lab: Lab, flow_gate: Gate, function: str, ran: list[str]
) -> None:
    run_id = await start(flow_lab, flow_gate, function, "run")
    assert await flow_gate.somebody() == ["run.a"]
    await flow_lab.engine.pause_function(f"flow-{function}")
    await flow_gate.open()
    await flow_lab.engine.settle()
    await flow_lab.pass_time(DAY_S)
    assert (await flow_lab.journal(run_id)).ran == ran

    await flow_lab.engine.resume_function(f"flow-{function}")
    assert (await flow_lab.settle(run_id)).output == ["a", "b", "c"]
    assert (await flow_lab.journal(run_id)).ran == ["a", "b", "c"]


async def test_a_paused_function_starts_no_runs_and_those_that_sleep_go_on_when_it_is_resumed(
    flow_lab: Lab,
) -> None:
    run_id = await flow_lab.start("flow/naps", name="run")
    await flow_lab.settle(run_id)
    await flow_lab.engine.pause_function("flow-naps")
    dropped = await flow_lab.deliver("flow/naps", {"name": "dropped"})
    assert dropped.started == ()
    (decision,) = dropped.not_started
    assert (decision.decision, decision.control) == ("drop", "pause")
    assert decision.reason == "it is paused; events that come meanwhile start no runs"

    await flow_lab.pass_time(2 * HOUR_S)
    assert (await flow_lab.journal(run_id)).ran == ["before"]
    await flow_lab.engine.resume_function("flow-naps")
    assert (await flow_lab.settle(run_id)).output == "after"
    assert (await flow_lab.run("flow/naps", name="next")).status is RunStatus.RUNNING


async def test_a_pause_uses_up_no_start_of_a_throttle(flow_lab: Lab) -> None:
    runs = [
        await flow_lab.start("flow/throttle", name=name, user="u") for name in ("first", "second", "third")
    ]
    await flow_lab.pass_time(30)
    await flow_lab.engine.pause_function("flow-throttle")
    await flow_lab.pass_time(60)
    await flow_lab.engine.resume_function("flow-throttle")
    await flow_lab.pass_time(100)

    queued_ms = (await flow_lab.settle(runs[0])).queued_ms
    started = [(await flow_lab.settle(run_id)).started_ms for run_id in runs]
    assert started == [queued_ms, queued_ms + 90_000, queued_ms + 150_000]


async def test_what_rests_for_7_days_is_cancelled(flow_lab: Lab) -> None:
    run_id = await flow_lab.start("flow/naps", name="run")
    await flow_lab.settle(run_id)
    await flow_lab.engine.pause_function("flow-naps")
    await flow_lab.pass_time(7 * DAY_S - 1)
    assert (await flow_lab.settle(run_id)).status is RunStatus.RUNNING
    await flow_lab.pass_time(1)

    run = await flow_lab.settle(run_id)
    assert (run.status, run.cancelled) == (
        RunStatus.CANCELLED,
        "because its function has been paused for 7 days",
    )
    assert (await flow_lab.journal(run_id)).ran == ["before", "cancelled flow-naps"]
