"""Debounce: one run for a series of events, once no further one has come for a while.

Each event restarts the period. The run gets the newest event, which is the one with the highest `ts`.
`timeout` counts from the first event of the series, so that a series without end starts runs all the same.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.deploys import deploy
from support.event_record import kinds, record
from support.sdk_app import Lab, lab, new_client

from durable_engine import NewEvent

pytestmark = pytest.mark.anyio

MINUTE = datetime.timedelta(minutes=1)
OPTIONS = inngest.Debounce(period=MINUTE)


def _indexer(
    client: inngest.Inngest, seen: list[Any], debounce: inngest.Debounce | None = OPTIONS
) -> inngest.Function[Any]:
    @client.create_function(
        fn_id="index", trigger=inngest.TriggerEvent(event="t/edited"), debounce=debounce, retries=0
    )
    async def index(ctx: inngest.Context) -> Any:
        seen.append(ctx.event.data.get("n"))
        return ctx.event.data.get("n")

    return index


async def _edit(it: Lab, number: int, data: dict[str, Any] | None = None, **more: Any) -> str:
    """Send an event that starts nothing yet; return its id."""
    event = NewEvent(name="t/edited", data={"n": number, **(data or {})}, **more)
    receipt = await it.engine.send_event(event)
    assert receipt.started == ()
    return receipt.event.id


async def test_a_run_starts_when_no_event_has_come_for_the_period() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        await _edit(it, 1)
        await it.pass_time(59.999)
        assert seen == []
        await it.pass_time(0.001)
        assert seen == [1]

        await it.pass_time(600)
        assert seen == [1]
        await _edit(it, 2)
        await it.pass_time(60)
        assert seen == [1, 2]


async def test_each_event_restarts_the_period_and_the_newest_is_the_one_that_runs() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        for number in range(1, 6):
            await _edit(it, number)
            await it.pass_time(59)
        assert seen == []
        await it.pass_time(1)
        assert seen == [5]


async def test_newest_is_the_event_with_the_highest_ts_even_when_it_came_first() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        now_ms = it.clock.now_ms()
        await _edit(it, 1, ts_ms=now_ms - 2_000)
        await _edit(it, 2, ts_ms=now_ms - 1_000)
        await _edit(it, 3, ts_ms=now_ms - 3_000)
        await it.pass_time(60)
        assert seen == [2]


async def test_an_older_event_restarts_the_period_all_the_same() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        await _edit(it, 1)
        await it.pass_time(30)
        await _edit(it, 2, ts_ms=it.clock.now_ms() - 60_000)
        await it.pass_time(59)
        assert seen == []
        await it.pass_time(1)
        assert seen == [1]


async def test_of_events_with_the_same_ts_the_last_one_runs() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        events = [NewEvent(name="t/edited", data={"n": number}) for number in (1, 2, 3)]
        receipts = await it.engine.send_events(events)
        assert [receipt.not_started[0].decision for receipt in receipts] == ["delay", "merge", "merge"]
        await it.pass_time(60)
        assert seen == [3]


async def test_the_timeout_counts_from_the_first_event() -> None:
    client, seen = new_client(), list[Any]()
    debounce = inngest.Debounce(period=MINUTE, timeout=datetime.timedelta(seconds=150))
    async with lab(client, [_indexer(client, seen, debounce)]) as it:
        for number in range(1, 7):  # one event every 40 seconds, which is never a minute of quiet
            await _edit(it, number)
            await it.pass_time(40)
        assert seen == [4]  # 150 s after the first; the series that then began goes on
        await it.pass_time(60)
        assert seen == [4, 6]


async def test_each_value_of_the_key_has_a_series_of_its_own() -> None:
    client, seen = new_client(), list[Any]()
    debounce = inngest.Debounce(period=MINUTE, key="event.data.page")
    async with lab(client, [_indexer(client, seen, debounce)]) as it:
        await _edit(it, 1, {"page": "home"})
        await it.pass_time(30)
        await _edit(it, 2, {"page": "help"})
        await it.pass_time(10)
        await _edit(it, 3, {"page": "home"})
        await it.pass_time(50)
        assert seen == [2]
        await it.pass_time(10)
        assert seen == [2, 3]


async def test_the_receipt_and_the_record_of_each_event_tell_what_it_waits_for_and_then_its_run() -> None:
    client, seen = new_client(), list[Any]()
    debounce = inngest.Debounce(period=MINUTE, timeout=datetime.timedelta(seconds=90), key="event.data.page")
    async with lab(client, [_indexer(client, seen, debounce)]) as it:
        began_ms = it.clock.now_ms()
        first = await _edit(it, 1, {"page": "home"})
        await it.pass_time(45)
        second = await _edit(it, 2, {"page": "home"})

        (delay,), (merge,) = await record(it, first), await record(it, second)
        waits = 'its debounce waits for 1m without another event for event.data.page = "home"'
        assert (delay.decision.kind, delay.decision.reason) == ("delay", waits)
        assert delay.decision.until_ms == began_ms + 60_000
        assert merge.decision.kind == "merge"
        assert merge.decision.reason == (
            f"{waits}; this is event 2 of those, and one run starts for all, "
            "at the latest 1m 30s after the first"
        )
        assert merge.decision.until_ms == began_ms + 90_000
        assert (delay.decision.run_id, merge.decision.run_id) == (None, None)

        await it.pass_time(45)
        ((_, run_id),) = await kinds(it, first)
        assert await kinds(it, second) == [("merge", run_id)]
        assert (await it.engine.get_run(str(run_id))).output == 2


async def test_an_event_that_is_repeated_with_its_id_counts_like_any_other() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        await _edit(it, 1, id="edit-1")
        await it.pass_time(60)
        await _edit(it, 2, id="edit-1")
        await it.pass_time(60)
        assert seen == [1, 2]


async def test_a_debounced_start_survives_a_restart_and_comes_late_when_its_time_has_passed(
    tmp_path: Path,
) -> None:
    client, seen, data_file = new_client(), list[Any](), tmp_path / "engine.db"
    functions = [_indexer(client, seen)]
    async with lab(client, functions, data_file=data_file) as it:
        clock = it.clock
        await _edit(it, 1)
        await it.pass_time(30)
    async with lab(client, functions, data_file=data_file, clock=clock) as it:
        await it.pass_time(29)
        assert seen == []
        await it.pass_time(1)
        assert seen == [1]
        await _edit(it, 2)
    await clock.advance(3_600)
    async with lab(client, functions, data_file=data_file, clock=clock) as it:
        await it.engine.settle()
        assert seen == [1, 2]


async def test_a_function_that_is_gone_when_the_time_comes_is_not_started() -> None:
    client, seen = new_client(), list[Any]()

    @client.create_function(fn_id="other", trigger=inngest.TriggerEvent(event="t/other"))
    async def other(ctx: inngest.Context) -> None: ...

    async with lab(client, [_indexer(client, seen)]) as it:
        event_id = await _edit(it, 1)
        await deploy(it, client, [other])
        await it.pass_time(60)
        assert seen == []
        assert [kind for kind, _ in await kinds(it, event_id)] == ["delay", "drop"]
        assert (await record(it, event_id))[-1].decision.reason == "its app does not have it any more"


async def test_a_function_that_is_paused_when_the_time_comes_is_not_started() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        event_ids = [await _edit(it, 1), await _edit(it, 2)]
        await it.engine.pause_function("index")
        await it.pass_time(60)
        await it.engine.resume_function("index")
        await it.pass_time(60)
        assert seen == []
        for event_id in event_ids:
            assert "it is paused" in (await record(it, event_id))[-1].decision.reason


async def test_a_direct_start_with_a_key_keeps_it_until_its_run_starts_and_after() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        await it.engine.invoke_function("index", data={"n": 1}, key="once")
        await it.pass_time(60)
        receipt = await it.engine.invoke_function("index", data={"n": 2}, key="once")
        await it.pass_time(60)
        assert seen == [1]
        assert receipt.is_known


async def test_a_pause_that_is_over_when_the_time_comes_changes_nothing() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        await _edit(it, 1)
        await it.engine.pause_function("index")
        await it.pass_time(30)
        await it.engine.resume_function("index")
        await it.pass_time(30)
        assert seen == [1]


async def test_events_that_wait_still_start_their_run_when_a_sync_takes_the_debounce_away() -> None:
    client, seen = new_client(), list[Any]()
    async with lab(client, [_indexer(client, seen)]) as it:
        await _edit(it, 1)
        await deploy(it, client, [_indexer(client, seen, None)])
        await it.settle(await it.start("t/edited", {"n": 2}))
        assert seen == [2]
        await it.pass_time(60)
        assert seen == [2, 1]


def _asking(client: inngest.Inngest, index: inngest.Function[Any]) -> inngest.Function[Any]:
    @client.create_function(fn_id="parent", retries=0, trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        try:
            return await ctx.step.invoke("ask", function=index, data={"n": ctx.event.data["n"]})
        except inngest.StepError as error:
            return error.message

    return parent


async def test_a_step_that_invokes_a_debounced_function_waits_for_its_run() -> None:
    client, seen = new_client(), list[Any]()
    index = _indexer(client, seen)
    async with lab(client, [index, _asking(client, index)]) as it:
        parent = await it.start("t/parent", {"n": 1})
        assert (await it.settle(parent)).waiting_for[0].kind == "invoke"
        await it.pass_time(60)
        run = await it.engine.get_run(parent)
        assert (run.output, seen) == (1, [1])
        (child_id,) = run.child_run_ids
        assert (await it.engine.get_run(child_id)).parent_run_id == parent


async def test_an_event_that_takes_the_place_of_an_invocation_ends_the_step_with_an_error() -> None:
    client, seen = new_client(), list[Any]()
    index = _indexer(client, seen)
    async with lab(client, [index, _asking(client, index)]) as it:
        parent = await it.start("t/parent", {"n": 1})
        await it.pass_time(30)
        await _edit(it, 2)
        run = await it.settle(parent)
        assert run.output == (
            "the invoked function was not started: a newer event took its place in the debounce"
        )
        await it.pass_time(60)
        assert seen == [2]


async def test_an_invocation_that_comes_after_a_newer_event_ends_with_an_error_too() -> None:
    client, seen = new_client(), list[Any]()
    index = _indexer(client, seen)
    async with lab(client, [index, _asking(client, index)]) as it:
        await _edit(it, 2, ts_ms=it.clock.now_ms() + 5_000)
        run = await it.settle(await it.start("t/parent", {"n": 1}))
        assert run.output == (
            "the invoked function was not started: a newer event has its place in the debounce"
        )
        await it.pass_time(60)
        assert seen == [2]


async def test_a_step_whose_debounced_function_is_gone_ends_with_an_error() -> None:
    client, seen = new_client(), list[Any]()
    index = _indexer(client, seen)
    async with lab(client, [index, _asking(client, index)]) as it:
        parent = await it.start("t/parent", {"n": 1})
        await it.settle(parent)
        await it.engine.pause_function("index")
        await it.pass_time(60)
        run = await it.engine.get_run(parent)
        assert run.output == (
            "the invoked function was not started: it is paused; events that come meanwhile start no runs"
        )


async def test_a_debounced_run_starts_although_the_run_that_invoked_it_was_cancelled() -> None:
    client, seen = new_client(), list[Any]()
    index = _indexer(client, seen)
    async with lab(client, [index, _asking(client, index)]) as it:
        parent = await it.start("t/parent", {"n": 1})
        await it.settle(parent)
        await it.engine.control.cancel(parent)
        await it.pass_time(60)
        assert seen == [1]


async def test_a_debounced_run_starts_although_the_step_that_invoked_it_has_timed_out() -> None:
    client, seen = new_client(), list[Any]()
    index = _indexer(client, seen)

    @client.create_function(fn_id="parent", retries=0, trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        try:
            return await ctx.step.invoke("ask", function=index, data={"n": 1}, timeout=MINUTE / 2)
        except inngest.StepError as error:
            return error.name

    async with lab(client, [index, parent]) as it:
        run_id = await it.start("t/parent")
        await it.pass_time(30)
        assert (await it.engine.get_run(run_id)).output == "InngestInvokeTimeoutError"
        await it.pass_time(30)
        assert seen == [1]
