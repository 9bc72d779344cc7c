"""Concurrency: at most so many calls are open at once, and the others wait in line for their turn."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import inngest
import pytest
from support.deploys import deploy
from support.open_calls import OpenCalls, holds, standing
from support.sdk_app import APP_URL, Lab, lab, new_client

from durable_engine import NewEvent, RunStatus

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)
PER_USER = "event.data.user"


def _limit(
    limit: int, key: str | None = None, scope: Literal["account", "env", "fn"] | None = None
) -> inngest.Concurrency:
    return inngest.Concurrency(limit=limit, key=key, scope=scope)


def _work(
    client: inngest.Inngest,
    calls: OpenCalls,
    *limits: inngest.Concurrency,
    name: str = "work",
    steps: Sequence[str] = (),
) -> inngest.Function[Any]:
    """Return a function that works on what its event names, at once or in steps."""

    @client.create_function(
        fn_id=name, trigger=inngest.TriggerEvent(event=f"t/{name}"), concurrency=list(limits) or None
    )
    async def work(ctx: inngest.Context) -> str:
        what = str(ctx.event.data["name"])
        for step in steps:
            await ctx.step.run(step, lambda step=step: calls.work(f"{what}.{step}"))
        return what if steps else await calls.work(what)

    return work


async def _start_all(it: Lab, *names: str) -> list[str]:
    return [await it.start("t/work", {"name": name, "user": name[0]}) for name in names]


async def _end(it: Lab, calls: OpenCalls, run_ids: Sequence[str]) -> None:
    """Let everything end, and check that all runs did."""
    await calls.end_all()
    await it.engine.settle()
    statuses = {(await it.engine.get_run(run_id)).status for run_id in run_ids}
    assert statuses == {RunStatus.COMPLETED}


async def test_so_many_calls_are_open_at_once_and_the_others_follow_in_the_order_in_which_they_came() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(2))]) as it:
        runs = await _start_all(it, "a", "b", "c", "d")
        await calls.are("a", "b")
        assert (await it.engine.get_run(runs[2])).status is RunStatus.QUEUED
        await calls.end("b")
        await calls.are("a", "c")
        await calls.end("c")
        await calls.are("a", "d")
        await _end(it, calls, runs)

        assert calls.begun == ["a", "b", "c", "d"]
        assert calls.most_open == 2


async def test_runs_that_sleep_or_wait_hold_no_slot() -> None:
    client, calls = new_client(), OpenCalls()

    @client.create_function(
        fn_id="rest", trigger=inngest.TriggerEvent(event="t/rest"), concurrency=[_limit(1)]
    )
    async def rest(ctx: inngest.Context) -> None:
        await ctx.step.run("begin", calls.work, "begin")
        await ctx.step.sleep("nap", HOUR)
        await ctx.step.wait_for_event("wake", event="t/wake", timeout=HOUR)
        await ctx.step.run("end", calls.work, "end")

    async with lab(client, [rest]) as it:
        await calls.end_all()
        runs = [await it.start("t/rest") for _ in range(5)]
        await it.engine.settle()
        assert calls.begun == ["begin"] * 5
        await it.pass_time(3_700)
        waits = [(await it.engine.get_run(run_id)).waiting_for[0].kind for run_id in runs]
        assert waits == ["event"] * 5
        await it.send("t/wake")
        await _end(it, calls, runs)

        assert calls.begun == ["begin"] * 5 + ["end"] * 5
        assert calls.most_open == 1


async def test_a_run_that_waits_for_its_next_attempt_holds_no_slot() -> None:
    client, calls = new_client(), OpenCalls()

    @client.create_function(
        fn_id="fail", trigger=inngest.TriggerEvent(event="t/fail"), concurrency=[_limit(1)], retries=1
    )
    async def fail(ctx: inngest.Context) -> None:
        await calls.work(f"{ctx.event.data['name']}{ctx.attempt}")
        if ctx.attempt == 0:
            raise ConnectionError

    async with lab(client, [fail]) as it:
        await calls.end_all()
        runs = [await it.start("t/fail", {"name": name}) for name in ("a", "b")]
        await it.engine.settle()
        assert calls.begun == ["a0", "b0"]
        await it.pass_time(60)
        await _end(it, calls, runs)
        assert sorted(calls.begun[2:]) == ["a1", "b1"]
        assert calls.most_open == 1


@pytest.mark.parametrize("limit", [1, [1], {"limit": 1}, {"step": [{"limit": 1}]}])
async def test_sdks_write_a_limit_as_a_number_an_object_or_in_a_list(limit: Any) -> None:
    client, calls = new_client(), OpenCalls()
    work = _work(client, calls)
    async with lab(client, [work]) as it:
        config = {**work.get_config(APP_URL).main.to_dict(), "concurrency": limit}  # type: ignore[dict-item]
        await it.engine.register_app(
            {"appName": "lab", "url": APP_URL, "sdk": "js:v4.24.0", "functions": [config]}
        )
        runs = await _start_all(it, "a", "b")
        await _end(it, calls, runs)
        assert calls.most_open == 1


async def test_a_limit_of_zero_is_no_limit() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(0))]) as it:
        runs = await _start_all(it, "a", "b", "c")
        await calls.are("a", "b", "c")
        await _end(it, calls, runs)


async def test_each_value_of_a_key_has_a_limit_of_its_own() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(1, PER_USER))]) as it:
        runs = await _start_all(it, "a1", "a2", "a3", "b1", "c1", "b2")
        await calls.are("a1", "b1", "c1")
        await calls.end("b1")
        await calls.are("a1", "b2", "c1")
        await _end(it, calls, runs)


async def test_keys_that_share_a_limit_take_turns_so_that_a_busy_one_starves_nobody() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(1), _limit(1, PER_USER))]) as it:
        runs = await _start_all(it, "a1", "a2", "a3", "a4", "b1", "b2", "c1")
        await calls.are("a1")
        await _end(it, calls, runs)
        assert calls.begun == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_of_two_limits_both_hold() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(3), _limit(2, PER_USER))]) as it:
        runs = await _start_all(it, "a1", "a2", "a3", "b1", "b2")
        await calls.are("a1", "a2", "b1")
        by_user, by_all = await standing(it, runs[2]), await standing(it, runs[4])
        assert by_user is not None
        assert by_all is not None
        assert by_all.reason == "its concurrency limit of 3 calls is reached"
        await calls.end("b1")
        await calls.are("a1", "a2", "b2")  # a third one of a would be one too many
        await calls.end("a2")
        await calls.are("a1", "a3", "b2")
        await _end(it, calls, runs)


@pytest.mark.parametrize("scope", ["env", "account"])
async def test_functions_share_a_limit_by_the_value_of_its_key_and_each_obeys_its_own_number(
    scope: Literal["env", "account"],
) -> None:
    client, calls = new_client(), OpenCalls()
    strict = _work(client, calls, _limit(1, '"vendor"', scope), name="strict")
    loose = _work(client, calls, _limit(2, "event.data.vendor", scope), name="loose")
    async with lab(client, [strict, loose]) as it:
        runs = [await it.start("t/strict", {"name": name}) for name in ("s1", "s2")]
        runs += [await it.start("t/loose", {"name": n, "vendor": "vendor"}) for n in ("l1", "l2", "l3")]
        await calls.are("s1", "l1")
        await calls.end("s1")
        await calls.are("l1", "l2")  # one open call is too many for the strict one
        await calls.end("l1")
        await calls.are("l2", "l3")
        await calls.end("l2")
        await calls.are("l3")
        await calls.end("l3")
        await calls.are("s2")
        runs.append(await it.start("t/loose", {"name": "other", "vendor": "another"}))
        await calls.are("s2", "other")
        await _end(it, calls, runs)


async def test_functions_do_not_share_limits_of_their_own_with_the_same_key() -> None:
    client, calls = new_client(), OpenCalls()
    functions = [_work(client, calls, _limit(1, '"vendor"'), name=name) for name in ("one", "two")]
    async with lab(client, functions) as it:
        runs = [await it.start(f"t/{name}", {"name": name}) for name in ("one", "two")]
        await calls.are("one", "two")
        await _end(it, calls, runs)


async def test_what_a_run_goes_on_with_comes_before_the_start_of_a_newer_run() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(1), steps=("first", "second"))]) as it:
        runs = await _start_all(it, "a", "b", "c")
        await calls.are("a.first")
        await _end(it, calls, runs)
        assert calls.begun == [f"{run}.{step}" for run in "abc" for step in ("first", "second")]


async def test_the_open_call_of_a_cancelled_run_keeps_its_slot_until_it_returns() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(1))]) as it:
        first, second = await _start_all(it, "a", "b")
        await calls.are("a")
        await it.engine.control.cancel(first)
        assert (await it.engine.get_run(first)).status is RunStatus.CANCELLED
        held = await standing(it, second)
        assert held is not None
        assert held.kind == "concurrency"
        await calls.end("a")
        await calls.are("b")
        await _end(it, calls, [second])
        assert calls.most_open == 1


async def test_a_run_that_is_cancelled_in_line_makes_room_for_the_next() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(1))]) as it:
        first, second, third = await _start_all(it, "a", "b", "c")
        await calls.are("a")
        await it.engine.control.cancel(second)
        await _end(it, calls, [first, third])
        assert calls.begun == ["a", "c"]


async def test_a_sync_with_another_limit_holds_at_once_for_what_is_in_line() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(1))]) as it:
        runs = await _start_all(it, "a", "b", "c", "d", "e")
        await calls.are("a")
        await deploy(it, client, [_work(client, calls, _limit(2))])
        await calls.are("a", "b")

        await deploy(it, client, [_work(client, calls, _limit(1))])
        await calls.end("a")
        await calls.are("b")  # what is open goes on, also beyond the new limit
        held = await standing(it, runs[2])
        assert held is not None
        assert held.reason == "its concurrency limit of 1 call is reached"
        await calls.end("b")
        await calls.are("c")

        await deploy(it, client, [_work(client, calls)])
        await calls.are("c", "d", "e")
        await _end(it, calls, runs)
        assert calls.begun == ["a", "b", "c", "d", "e"]


async def test_of_two_limits_with_one_key_the_stricter_holds_also_after_a_sync() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(1), _limit(5))]) as it:
        runs = await _start_all(it, "a", "b", "c", "d")
        await calls.are("a")
        await deploy(it, client, [_work(client, calls, _limit(2), _limit(5))])
        await calls.are("a", "b")
        await _end(it, calls, runs)
        assert calls.most_open == 2


async def test_a_restart_frees_the_slots_of_calls_that_died_and_the_line_goes_on(tmp_path: Path) -> None:
    client, calls = new_client(), OpenCalls()
    data_file = tmp_path / "engine.db"
    functions = [_work(client, calls, _limit(1))]
    async with lab(client, functions, data_file=data_file) as it:
        runs = await _start_all(it, "a", "b", "c")
        await calls.are("a")
    async with lab(client, functions, data_file=data_file) as it:
        await calls.are("a")
        await _end(it, calls, runs)
        assert calls.begun == ["a", "a", "b", "c"]
        assert calls.most_open == 1


async def test_the_reason_is_told_at_once_while_a_call_is_held_and_afterwards() -> None:
    client, calls = new_client(), OpenCalls()
    async with lab(client, [_work(client, calls, _limit(1, PER_USER))]) as it:
        events = [NewEvent(name="t/work", data={"name": name, "user": "u1"}) for name in ("a", "b", "c")]
        receipts = [await it.engine.send_event(event) for event in events]
        reached = 'its concurrency limit of 1 call for event.data.user = "u1" is reached'
        first, second, third = (receipt.started[0] for receipt in receipts)
        assert first.held is None
        assert second.held is not None
        assert second.held.startswith(reached)

        await calls.are("a")
        held = await standing(it, third.run_id)
        assert held is not None
        assert (held.kind, held.until_ms) == ("concurrency", None)
        assert held.reason == f"{reached}; 1 of its function's calls is in line before it"

        queued_ms = it.clock.now_ms()
        await it.clock.advance(60)
        await _end(it, calls, [run.run_id for run in (first, second, third)])
        assert await standing(it, third.run_id) is None
        assert await holds(it, first.run_id) == []
        for run in (second, third):
            (entry,) = await holds(it, run.run_id)
            assert 'its concurrency limit of 1 call for event.data.user = "u1"' in entry.detail["by"]
            assert (entry.detail["since_ms"], entry.at_ms) == (queued_ms, queued_ms + 60_000)
