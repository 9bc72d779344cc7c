"""Batching: one run for several events, as soon as the batch is full or its time is up.

A batch is full with `max_size` events, or with 10 MiB of them; its time counts from its first event. The
function finds all of them in `ctx.events`, in the order in which they came, and the first in `ctx.event`.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import httpx
import inngest
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from support.deploys import deploy
from support.event_record import kinds, record
from support.sdk_app import APP_URL, Lab, lab, new_client

from durable_engine import NewEvent, RunStatus

pytestmark = pytest.mark.anyio

TIMEOUT = datetime.timedelta(seconds=30)
MIB = 1024 * 1024


class Ledger:
    """A batched function, and what it was called with."""

    def __init__(self, client: inngest.Inngest, max_size: int = 3, *, then: Any = None, **batch: Any) -> None:
        self.batches: list[list[Any]] = []

        @client.create_function(
            fn_id="ledger",
            trigger=inngest.TriggerEvent(event="t/paid"),
            batch_events=inngest.Batch(max_size=max_size, timeout=TIMEOUT, **batch),
            retries=0,
        )
        async def ledger(ctx: inngest.Context) -> Any:
            numbers = [event.data.get("n") for event in ctx.events]
            assert ctx.event.data.get("n") == numbers[0]
            self.batches.append(numbers)
            return await then(ctx) if then is not None else numbers

        self.function = ledger


async def _pay(it: Lab, number: int, data: dict[str, Any] | None = None, **more: Any) -> str:
    """Send an event; return its id."""
    event = NewEvent(name="t/paid", data={"n": number, **(data or {})}, **more)
    return (await it.engine.send_event(event)).event.id


async def _run_of(it: Lab, event_id: str) -> str:
    """Return the id of the one run that the REST API finds for an event."""
    response = await it.api.get(f"/v1/events/{event_id}/runs")
    (run,) = response.json()["data"]
    return str(run["run_id"])


async def test_a_full_batch_starts_at_once_with_its_events_in_the_order_in_which_they_came() -> None:
    client = new_client()
    ledger = Ledger(client)
    async with lab(client, [ledger.function]) as it:
        for number in range(1, 8):
            await _pay(it, number)
            await it.pass_time(1)
        assert ledger.batches == [[1, 2, 3], [4, 5, 6]]
        await it.pass_time(30)
        assert ledger.batches == [[1, 2, 3], [4, 5, 6], [7]]


async def test_a_batch_starts_when_its_time_is_up_which_counts_from_its_first_event() -> None:
    client = new_client()
    ledger = Ledger(client)
    async with lab(client, [ledger.function]) as it:
        await _pay(it, 1)
        await it.pass_time(20)
        await _pay(it, 2)
        await it.pass_time(9.999)
        assert ledger.batches == []
        await it.pass_time(0.001)
        assert ledger.batches == [[1, 2]]


async def test_a_batch_of_one_event_is_a_list_of_one() -> None:
    client = new_client()
    alone, always = Ledger(client), Ledger(client, 1)
    async with lab(client, [alone.function]) as it:
        await _pay(it, 1)
        await it.pass_time(30)
        assert alone.batches == [[1]]
    async with lab(client, [always.function]) as it:
        await it.start("t/paid", {"n": 2})
        await it.engine.settle()
        assert always.batches == [[2]]


async def test_events_of_one_request_fill_batches_in_their_order() -> None:
    client = new_client()
    ledger = Ledger(client, 100)
    async with lab(client, [ledger.function]) as it:
        receipts = await it.engine.send_events(
            [NewEvent(name="t/paid", data={"n": number}) for number in range(250)]
        )
        assert [place for place, receipt in enumerate(receipts) if receipt.started] == [99, 199]
        await it.pass_time(30)
        assert ledger.batches == [list(range(100)), list(range(100, 200)), list(range(200, 250))]


async def test_each_value_of_the_key_has_a_batch_and_a_time_of_its_own() -> None:
    client = new_client()
    ledger = Ledger(client, 2, key="event.data.to")
    async with lab(client, [ledger.function]) as it:
        await _pay(it, 1, {"to": "ann"})
        await it.pass_time(10)
        await _pay(it, 2, {"to": "bob"})
        await _pay(it, 3)
        await it.pass_time(15)
        await _pay(it, 4, {"to": "bob"})
        await it.pass_time(5)
        assert ledger.batches == [[2, 4], [1]]
        await it.pass_time(10)
        assert ledger.batches == [[2, 4], [1], [3]]


async def test_an_event_that_does_not_meet_the_condition_runs_alone_and_at_once() -> None:
    client = new_client()
    ledger = Ledger(client, 2, if_exp="event.data.plan == 'free'")
    async with lab(client, [ledger.function]) as it:
        await _pay(it, 1, {"plan": "free"})
        await it.settle(await it.start("t/paid", {"n": 2, "plan": "paid"}))
        assert ledger.batches == [[2]]
        await _pay(it, 3, {"plan": "free"})
        await it.engine.settle()
        assert ledger.batches == [[2], [1, 3]]


async def test_an_event_that_would_make_a_batch_larger_than_ten_mebibytes_begins_the_next_one() -> None:
    client = new_client()
    ledger = Ledger(client, 100)
    async with lab(client, [ledger.function]) as it:
        ids = [await _pay(it, number, {"text": "x" * int(2.4 * MIB)}) for number in range(5)]
        await it.engine.settle()
        assert ledger.batches == [[0, 1, 2, 3]]
        assert await _run_of(it, ids[3]) == await _run_of(it, ids[0])
        await it.pass_time(30)
        assert ledger.batches == [[0, 1, 2, 3], [4]]
        assert await _run_of(it, ids[4]) != await _run_of(it, ids[0])


async def test_events_that_are_too_large_for_one_request_are_fetched_by_the_sdk() -> None:
    client, sizes = new_client(), list[int]()

    def measured(app: ASGIApp) -> ASGIApp:
        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] == "POST":
                sizes.append(int(dict(scope["headers"])[b"content-length"]))
            await app(scope, receive, send)

        return call

    async def counts(ctx: inngest.Context) -> Any:
        return await ctx.step.run("count", lambda: len(ctx.events))

    ledger = Ledger(client, 4, then=counts)
    async with lab(client, [ledger.function], wrap=measured) as it:
        ids = [await _pay(it, number, {"text": "x" * 2 * MIB}) for number in range(4)]
        await it.engine.settle()
        run = await it.engine.get_run(await _run_of(it, ids[0]))
        assert (run.status, run.output) == (RunStatus.COMPLETED, 4)
        assert ledger.batches == [[0, 1, 2, 3]] * 2
        assert len(sizes) == 2
        assert max(sizes) < 3 * MIB  # only the first event is in the requests


async def test_a_run_in_progress_hands_out_all_its_events() -> None:
    client = new_client()

    async def sleeps(ctx: inngest.Context) -> None:
        await ctx.step.sleep("nap", datetime.timedelta(hours=1))

    ledger = Ledger(client, 3, then=sleeps)
    async with lab(client, [ledger.function]) as it:
        ids = [await _pay(it, number) for number in range(3)]
        await it.engine.settle()
        response = await it.api.get(f"/v0/runs/{await _run_of(it, ids[0])}/batch")
        assert [event["data"]["n"] for event in response.json()] == [0, 1, 2]
        assert [event["id"] for event in response.json()] == ids


async def test_the_run_of_a_batch_is_found_by_each_of_its_events() -> None:
    client = new_client()
    ledger = Ledger(client)
    async with lab(client, [ledger.function]) as it:
        ids = [await _pay(it, number) for number in range(3)]
        other = await _pay(it, 3)
        await it.engine.settle()
        assert len({await _run_of(it, event_id) for event_id in ids}) == 1
        response = await it.api.get(f"/v1/events/{other}/runs")
        assert response.json()["data"] == []


async def test_the_record_of_each_event_tells_of_its_batch_and_then_of_its_run() -> None:
    client = new_client()
    ledger = Ledger(client, 3, key="event.data.to")
    async with lab(client, [ledger.function]) as it:
        began_ms = it.clock.now_ms()
        first, second = [await _pay(it, number, {"to": "ann"}) for number in (1, 2)]
        (delay,), (merge,) = await record(it, first), await record(it, second)
        assert (delay.decision.kind, merge.decision.kind) == ("delay", "merge")
        assert merge.decision.reason == (
            'its batch for event.data.to = "ann" has 2 of 3 events; it starts when it is full, '
            "or 30s after its first event"
        )
        assert [entry.decision.until_ms for entry in (delay, merge)] == [began_ms + 30_000] * 2

        (run_id,) = await it.send("t/paid", {"n": 3, "to": "ann"})
        assert await kinds(it, first) == [("delay", run_id)]
        assert await kinds(it, second) == [("merge", run_id)]


async def test_an_id_that_was_seen_before_joins_the_batch_like_any_other() -> None:
    client = new_client()
    ledger = Ledger(client)
    async with lab(client, [ledger.function]) as it:
        for number in range(1, 7):
            await _pay(it, number, id="same")
        await it.engine.settle()
        assert ledger.batches == [[1, 2, 3], [4, 5, 6]]


async def test_a_function_that_is_started_directly_runs_alone_and_leaves_the_batch_as_it_is() -> None:
    client = new_client()
    ledger = Ledger(client, 2)

    @client.create_function(fn_id="parent", retries=0, trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        return await ctx.step.invoke("ask", function=ledger.function, data={"n": 20})

    async with lab(client, [ledger.function, parent]) as it:
        await _pay(it, 1)
        assert (await it.engine.invoke_function("ledger", data={"n": 10})).started
        run = await it.settle(await it.start("t/parent"))
        assert run.output == [20]
        assert ledger.batches == [[10], [20]]
        await _pay(it, 2)
        await it.engine.settle()
        assert ledger.batches == [[10], [20], [1, 2]]


async def test_the_events_about_the_end_of_a_run_list_all_its_events() -> None:
    client = new_client()
    heard: dict[str, Any] = {}

    async def fails(ctx: inngest.Context) -> None:
        raise ValueError("no")

    @client.create_function(
        fn_id="watch",
        trigger=[
            inngest.TriggerEvent(event="inngest/function.finished"),
            inngest.TriggerEvent(event="inngest/function.failed"),
        ],
    )
    async def watch(ctx: inngest.Context) -> None:
        heard[ctx.event.name] = ctx.event.data

    ledger = Ledger(client, 3, then=fails)
    async with lab(client, [ledger.function, watch]) as it:
        for number in range(3):
            await _pay(it, number)
        await it.pass_time(1)
        assert set(heard) == {"inngest/function.finished", "inngest/function.failed"}
        for data in heard.values():
            assert [event["data"]["n"] for event in data["events"]] == [0, 1, 2]
            assert data["event"]["data"]["n"] == 0


async def test_a_run_that_is_repeated_gets_all_its_events_again() -> None:
    client = new_client()
    ledger = Ledger(client)
    async with lab(client, [ledger.function]) as it:
        ids = [await _pay(it, number) for number in range(3)]
        await it.engine.settle()
        again = await it.engine.control.rerun(await _run_of(it, ids[0]))
        run = await it.settle(again)
        assert run.output == [0, 1, 2]
        assert ledger.batches == [[0, 1, 2]] * 2


async def test_a_batch_survives_a_restart_and_comes_late_when_its_time_has_passed(tmp_path: Path) -> None:
    client, data_file = new_client(), tmp_path / "engine.db"
    ledger = Ledger(client)
    async with lab(client, [ledger.function], data_file=data_file) as it:
        clock = it.clock
        await _pay(it, 1)
        await it.pass_time(10)
    async with lab(client, [ledger.function], data_file=data_file, clock=clock) as it:
        await _pay(it, 2)
        await _pay(it, 3)
        await _pay(it, 4)
        await it.engine.settle()
        assert ledger.batches == [[1, 2, 3]]
    await clock.advance(3_600)
    async with lab(client, [ledger.function], data_file=data_file, clock=clock) as it:
        await it.engine.settle()
        assert ledger.batches == [[1, 2, 3], [4]]


async def test_a_batch_whose_function_is_paused_when_its_time_is_up_is_dropped() -> None:
    client = new_client()
    ledger = Ledger(client)
    async with lab(client, [ledger.function]) as it:
        ids = [await _pay(it, number) for number in (1, 2)]
        await it.engine.pause_function("ledger")
        await it.pass_time(30)
        await it.engine.resume_function("ledger")
        await it.pass_time(30)
        assert ledger.batches == []
        for event_id in ids:
            assert [kind for kind, _ in await kinds(it, event_id)][-1] == "drop"


async def _register(it: Lab, ledger: Ledger, options: dict[str, Any]) -> httpx.Response:
    """Register the function with more options than the SDK would let it have."""
    config: Any = ledger.function.get_config(APP_URL).main.to_dict()
    body = {"url": APP_URL, "appName": "lab", "sdk": "py:v0.5.19", "functions": [config | options]}
    return await it.api.post("/fn/register", json=body)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cancel", [{"event": "t/refunded"}]),
        ("debounce", {"period": "10s"}),
        ("singleton", {"mode": "skip"}),
        ("priority", {"run": "event.data.n"}),
    ],
)
async def test_what_cannot_be_combined_with_batching_is_refused_at_sync(option: str, value: Any) -> None:
    client = new_client()
    ledger = Ledger(client)
    async with lab(client, [ledger.function]) as it:
        response = await _register(it, ledger, {option: value})
        assert response.status_code == 400
        assert f"'lab-ledger' has batchEvents and {option}, which cannot be combined" in response.text


async def test_a_batch_asks_neither_a_rate_limit_nor_an_idempotency_key() -> None:
    client = new_client()
    ledger = Ledger(client, 2)
    options = {"rateLimit": {"limit": 1, "period": "1h"}, "idempotency": "event.data.to"}
    async with lab(client, [ledger.function]) as it:
        response = await _register(it, ledger, options)
        assert response.status_code == 200
        for number in (1, 2, 3, 4):
            await _pay(it, number, {"to": "ann"})
        await it.engine.settle()
        assert ledger.batches == [[1, 2], [3, 4]]


async def test_a_sync_that_changes_the_size_or_takes_batching_away_keeps_what_was_collected() -> None:
    client = new_client()
    wide, narrow = Ledger(client, 50), Ledger(client, 2)
    alone: list[int] = []

    @client.create_function(fn_id="ledger", trigger=inngest.TriggerEvent(event="t/paid"))
    async def single(ctx: inngest.Context) -> None:
        alone.append(int(str(ctx.event.data["n"])))

    async with lab(client, [wide.function]) as it:
        for number in range(3):
            await _pay(it, number)
        await deploy(it, client, [narrow.function])
        await _pay(it, 3)
        await it.engine.settle()
        assert narrow.batches == [[0, 1, 2, 3]]

        await _pay(it, 4)
        await deploy(it, client, [single])
        await _pay(it, 5)
        await it.pass_time(30)
        assert alone == [5, 4]
