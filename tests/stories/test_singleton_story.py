"""Singleton: one run of a function at a time, for each value of its key.

`skip` does not start a second run, `cancel` starts it and cancels the first. A run counts from the moment it
is queued until it has ended: one that is delayed, asleep or between two attempts counts too.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Literal

import inngest
import pytest
from support.event_record import record
from support.sdk_app import Lab, lab, new_client

from durable_engine import NewEvent, RunStatus
from durable_engine.model.event import NotStarted

pytestmark = pytest.mark.anyio

HOUR = 3_600


def _import(
    client: inngest.Inngest, mode: Literal["skip", "cancel"], key: str | None = None, **options: Any
) -> inngest.Function[Any]:
    @client.create_function(
        fn_id="import",
        trigger=inngest.TriggerEvent(event="t/import"),
        singleton=inngest.Singleton(mode=mode, key=key),
        **options,
    )
    async def importing(ctx: inngest.Context) -> Any:
        if ctx.event.data.get("fail"):
            raise ValueError("no connection")
        await ctx.step.sleep("nap", datetime.timedelta(hours=1))
        return ctx.event.data.get("n")

    return importing


async def _skipped(it: Lab, data: dict[str, Any] | None = None) -> NotStarted:
    """Send an event that starts nothing; return why."""
    receipt = await it.engine.send_event(NewEvent(name="t/import", data=data or {}))
    assert receipt.started == ()
    (refused,) = receipt.not_started
    assert (refused.decision, refused.control) == ("drop", "singleton")
    return refused


async def _status(it: Lab, run_id: str) -> RunStatus:
    return (await it.engine.get_run(run_id)).status


async def test_skip_starts_no_second_run_until_the_first_has_ended() -> None:
    client = new_client()
    async with lab(client, [_import(client, "skip")]) as it:
        first = await it.start("t/import", {"n": 1})
        await it.pass_time(HOUR / 2)
        refused = await _skipped(it, {"n": 2})
        assert refused.run_id == first
        assert refused.reason == f"it is a singleton, and its run {first} has not ended"

        await it.pass_time(HOUR)
        assert (await it.engine.get_run(first)).output == 1
        third = await it.start("t/import", {"n": 3})
        assert (await it.advance(HOUR + 60, third)).output == 3


async def test_cancel_starts_the_second_run_and_cancels_the_first_with_the_reason() -> None:
    client = new_client()
    async with lab(client, [_import(client, "cancel")]) as it:
        first = await it.start("t/import", {"n": 1})
        await it.pass_time(HOUR / 2)
        receipt = await it.engine.send_event(NewEvent(name="t/import", data={"n": 2}))
        (second,) = receipt.started
        assert receipt.cancelled == (first,)

        run = await it.engine.get_run(first)
        assert run.status is RunStatus.CANCELLED
        assert run.cancelled == f"by its newer run {second.run_id}, as the function is a singleton"
        assert (await it.advance(HOUR + 60, second.run_id)).output == 2


@pytest.mark.parametrize("mode", ["skip", "cancel"])
async def test_each_value_of_the_key_is_a_singleton_of_its_own(mode: Literal["skip", "cancel"]) -> None:
    client = new_client()
    async with lab(client, [_import(client, mode, "event.data.shop")]) as it:
        runs = [await it.start("t/import", {"shop": shop}) for shop in ("a", "b", None)]
        await it.engine.settle()
        assert [await _status(it, run_id) for run_id in runs] == [RunStatus.RUNNING] * 3

        receipt = await it.engine.send_event(NewEvent(name="t/import", data={"shop": "b"}))
        if mode == "skip":
            assert receipt.not_started[0].reason.startswith('it is a singleton for event.data.shop = "b"')
        else:
            assert receipt.cancelled == (runs[1],)


@pytest.mark.parametrize("mode", ["skip", "cancel"])
async def test_a_run_that_is_queued_for_later_counts(mode: Literal["skip", "cancel"]) -> None:
    client = new_client()
    async with lab(client, [_import(client, mode)]) as it:
        delayed = await it.start("t/import", {"n": 1}, ts_ms=it.clock.now_ms() + HOUR * 1_000)
        await it.engine.settle()
        assert await _status(it, delayed) is RunStatus.QUEUED
        if mode == "skip":
            assert (await _skipped(it)).run_id == delayed
        else:
            await it.start("t/import", {"n": 2})
            assert await _status(it, delayed) is RunStatus.CANCELLED
            await it.pass_time(2 * HOUR)
            assert it.network.calls == 2  # the newer run alone


async def test_a_run_between_two_attempts_counts() -> None:
    client = new_client()
    async with lab(client, [_import(client, "skip", retries=1)]) as it:
        failing = await it.start("t/import", {"fail": True})
        await it.engine.settle()
        assert (await it.engine.get_run(failing)).waiting_for[0].kind == "retry"
        assert (await _skipped(it)).run_id == failing

        await it.pass_time(60)
        assert await _status(it, failing) is RunStatus.FAILED
        await it.start("t/import")


async def test_a_run_that_waits_for_its_turn_counts() -> None:
    client = new_client()
    throttle = inngest.Throttle(limit=1, period=datetime.timedelta(hours=3))
    async with lab(client, [_import(client, "skip", "event.data.shop", throttle=throttle)]) as it:
        await it.start("t/import", {"shop": "a"})
        waits = await it.start("t/import", {"shop": "b"})
        await it.pass_time(2 * HOUR)
        assert await _status(it, waits) is RunStatus.QUEUED
        assert (await _skipped(it, {"shop": "b"})).run_id == waits


async def test_of_events_in_one_request_skip_runs_the_first_and_cancel_the_last() -> None:
    events = [NewEvent(name="t/import", data={"n": number}) for number in (1, 2, 3)]
    client = new_client()
    async with lab(client, [_import(client, "skip")]) as it:
        receipts = await it.engine.send_events(events)
        assert [len(receipt.started) for receipt in receipts] == [1, 0, 0]
        assert (await it.advance(HOUR + 60, receipts[0].started[0].run_id)).output == 1

    client = new_client()
    async with lab(client, [_import(client, "cancel")]) as it:
        receipts = await it.engine.send_events(events)
        runs = [receipt.started[0].run_id for receipt in receipts]
        assert [receipt.cancelled for receipt in receipts] == [(), (runs[0],), (runs[1],)]
        assert (await it.advance(HOUR + 60, runs[2])).output == 3
        assert it.network.calls == 2


async def test_a_run_that_was_cancelled_by_hand_makes_room() -> None:
    client = new_client()
    async with lab(client, [_import(client, "skip")]) as it:
        first = await it.start("t/import")
        await it.engine.settle()
        await it.engine.control.cancel(first)
        await it.start("t/import")


async def test_a_run_that_is_replaced_while_its_call_is_open_loses_its_answer() -> None:
    client = new_client()
    labs: list[Lab] = []

    @client.create_function(
        fn_id="import",
        trigger=inngest.TriggerEvent(event="t/import"),
        singleton=inngest.Singleton(mode="cancel"),
    )
    async def importing(ctx: inngest.Context) -> Any:
        if ctx.event.data["n"] == 1:
            await labs[0].send("t/import", {"n": 2})
        return ctx.event.data["n"]

    async with lab(client, [importing]) as it:
        labs.append(it)
        run = await it.settle(await it.start("t/import", {"n": 1}))
        assert (run.status, run.output) == (RunStatus.CANCELLED, None)


@pytest.mark.parametrize("mode", ["skip", "cancel"])
async def test_a_step_whose_singleton_is_skipped_or_replaced_ends_with_an_error(
    mode: Literal["skip", "cancel"],
) -> None:
    client = new_client()
    importing = _import(client, mode)

    @client.create_function(fn_id="parent", retries=0, trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        try:
            return await ctx.step.invoke("ask", function=importing, data={"n": 1})
        except inngest.StepError as error:
            return error.message

    async with lab(client, [importing, parent]) as it:
        runs = [await it.start("t/parent")]
        await it.engine.settle()
        runs.append(await it.start("t/parent"))
        await it.pass_time(HOUR + 60)
        first, second = [(await it.engine.get_run(run_id)).output for run_id in runs]
    if mode == "skip":
        assert first == 1
        assert "the invoked function was not started: it is a singleton, and its run" in second
    else:
        assert second == 1
        assert first == "function cancelled"


async def test_a_singleton_is_one_after_a_restart_too(tmp_path: Path) -> None:
    client, data_file = new_client(), tmp_path / "engine.db"
    functions = [_import(client, "skip")]
    async with lab(client, functions, data_file=data_file) as it:
        clock = it.clock
        first = await it.start("t/import", {"n": 1})
        await it.engine.settle()
    async with lab(client, functions, data_file=data_file, clock=clock) as it:
        assert (await _skipped(it)).run_id == first
        assert (await it.advance(HOUR + 60, first)).output == 1
        await it.start("t/import")


async def test_the_record_of_a_skipped_event_names_the_run_in_its_way() -> None:
    client = new_client()
    async with lab(client, [_import(client, "skip")]) as it:
        first = await it.start("t/import")
        receipt = await it.engine.send_event(NewEvent(name="t/import"))
        (entry,) = await record(it, receipt.event.id)
        assert (entry.decision.kind, entry.decision.run_id) == ("drop", first)


async def test_a_repeated_run_starts_beside_one_that_is_open() -> None:
    client = new_client()
    async with lab(client, [_import(client, "skip")]) as it:
        first = await it.start("t/import", {"n": 1})
        await it.advance(HOUR + 60, first)
        second = await it.start("t/import", {"n": 2})
        again = await it.engine.control.rerun(first)
        await it.pass_time(HOUR + 60)
        assert [(await it.engine.get_run(run_id)).output for run_id in (second, again)] == [2, 1]
