"""Stories about the limits of Inngest: what is just allowed, and what the first thing beyond is told."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import NewEvent, RunStatus, RunView
from durable_engine.errors import InvalidEventError

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
MAX_EVENT_BYTES = 3 * MIB
MAX_STEPS = 1_000
DAY = datetime.timedelta(days=1)
SDK = {"x-inngest-sdk": "inngest-py:v0.5.19", "x-inngest-req-version": "2"}


def _now(it: Lab) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(it.clock.now_ms() / 1_000, tz=datetime.UTC)


def _function(client: inngest.Inngest, body: Callable[[inngest.Context], Any], **config: Any) -> Any:
    @client.create_function(fn_id="limit", trigger=inngest.TriggerEvent(event="t/limit"), **config)
    async def limit(ctx: inngest.Context) -> Any:
        return await body(ctx)

    return limit


def _nap(ctx: inngest.Context) -> Any:
    """Return one of many sleeps that are over at once: the cheapest step there is."""
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return lambda: ctx.step.sleep_until("nap", past)


def _failed(run: RunView, name: str, *words: str) -> None:
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["name"] == name
    for word in words:
        assert word in run.error["message"]


# --- steps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [MAX_STEPS, MAX_STEPS + 1])
async def test_a_run_has_a_thousand_steps_and_not_one_more(steps: int) -> None:
    client, ran = new_client(), Counter[str]()

    async def body(ctx: inngest.Context) -> Any:
        async def count(name: str) -> str:
            ran[name] += 1
            return name

        await ctx.group.parallel((_nap(ctx),) * (MAX_STEPS - 1))
        last = await ctx.step.run("the thousandth", count, "the thousandth")
        return last if steps == MAX_STEPS else await ctx.step.run("too much", count, "too much")

    async with lab(client, [_function(client, body)]) as it:
        run = await it.settle(await it.start("t/limit"))

        assert ran["the thousandth"] == 1
        assert len(run.steps) == MAX_STEPS
        if steps == MAX_STEPS:
            assert run.output == "the thousandth"
        else:
            _failed(run, "InngestErrFunctionOverflowed", "1000 steps", "'too much'")


@pytest.mark.parametrize("steps", [MAX_STEPS, MAX_STEPS + 1])
async def test_a_group_has_a_thousand_steps_and_not_one_more(steps: int) -> None:
    client = new_client()

    async def body(ctx: inngest.Context) -> Any:
        return len(await ctx.group.parallel((_nap(ctx),) * steps))

    async with lab(client, [_function(client, body)]) as it:
        run = await it.settle(await it.start("t/limit"))

        if steps == MAX_STEPS:
            assert run.output == MAX_STEPS
        else:
            _failed(run, "InngestErrFunctionOverflowed", "1000 steps", "'nap'")
            assert run.steps == ()


# --- time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("over_ms", [0, 1])
async def test_a_sleep_lasts_366_days_and_not_a_millisecond_longer(over_ms: int) -> None:
    client, until = new_client(), list[datetime.datetime]()
    function = _function(client, lambda ctx: ctx.step.sleep_until("winter", until[0]))

    async with lab(client, [function]) as it:
        until.append(_now(it) + 366 * DAY + datetime.timedelta(milliseconds=over_ms))
        run_id = await it.start("t/limit")
        run = await it.settle(run_id)
        if over_ms:
            _failed(run, "InngestErrTimeoutTooLong", "366 days", "'winter'")
        else:
            assert run.status is RunStatus.RUNNING
            assert (await it.advance(366 * 86_400, run_id)).status is RunStatus.COMPLETED


@pytest.mark.parametrize("days", [366, 367])
@pytest.mark.parametrize("kind", ["event", "invoke"])
async def test_a_wait_lasts_366_days_and_not_longer(kind: str, days: int) -> None:
    client = new_client()

    async def body(ctx: inngest.Context) -> Any:
        if kind == "event":
            return await ctx.step.wait_for_event("ever", event="t/never", timeout=days * DAY)
        try:
            return await ctx.step.invoke_by_id("ever", function_id="child", timeout=days * DAY)
        except inngest.StepError as error:
            return error.name

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="t/child"))
    async def child(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("hold", event="t/never", timeout=366 * DAY)
        await ctx.step.sleep("more", datetime.timedelta(hours=1))

    async with lab(client, [_function(client, body), child]) as it:
        run_id = await it.start("t/limit")
        run = await it.settle(run_id)
        if days > 366:
            _failed(run, "InngestErrTimeoutTooLong", "366 days", "'ever'")
            assert run.child_run_ids == ()
        else:
            run = await it.advance(366 * 86_400, run_id)
            assert run.status is RunStatus.COMPLETED
            assert run.output == (None if kind == "event" else "InngestInvokeTimeoutError")


async def test_a_run_that_a_limit_ended_has_failed_like_any_other_and_is_handled() -> None:
    client, handled = new_client(), list[Any]()

    async def on_failure(ctx: inngest.Context) -> None:
        handled.append(ctx.event.data["error"])

    function = _function(client, lambda ctx: ctx.step.sleep("winter", 400 * DAY), on_failure=on_failure)
    async with lab(client, [function]) as it:
        run = await it.settle(await it.start("t/limit"))

        assert run.error is not None
        assert handled == [{"error": "NonRetriableError", **run.error}]


# --- events ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["n" * 256, "\U0001f600" * 256], ids=["ascii", "emoji"])
async def test_an_event_name_has_256_characters_and_not_one_more(name: str) -> None:
    client = new_client()
    async with lab(client, [_function(client, lambda ctx: ctx.step.sleep("s", 1_000))]) as it:
        assert (await it.api.post("/e/k", json={"name": name})).status_code == 200
        response = await it.api.post("/e/k", json={"name": name + "n"})

        assert response.status_code == 400
        assert "257 characters long; at most 256" in response.json()["error"]


async def test_a_request_has_five_thousand_events_and_not_one_more() -> None:
    client = new_client()

    async def send(ctx: inngest.Context) -> Any:
        events = [inngest.Event(name="t/many", data={"n": n}) for n in range(int(str(ctx.event.data["n"])))]
        return len(await ctx.step.send_event("fan out", events))

    async with lab(client, [_function(client, send, retries=0)]) as it:
        run = await it.settle(await it.start("t/limit", {"n": 5_000}))
        assert run.output == 5_000
        run = await it.settle(await it.start("t/limit", {"n": 5_001}))
        _failed(run, "SendEventsError", "5001 events", "at most 5000")


def _event_of(size: int) -> NewEvent:
    """Return an event of so many bytes, as JSON without spaces."""
    empty = NewEvent(name="t/big", data={"x": ""}, id="e", ts_ms=1_800_000_000_000)
    fixed = {"data": empty.data, "id": "e", "name": empty.name, "ts": empty.ts_ms, "user": {}}
    frame = len(json.dumps(fixed, separators=(",", ":")))
    return NewEvent(name="t/big", data={"x": "x" * (size - frame)}, id="e", ts_ms=1_800_000_000_000)


async def test_an_event_has_three_mebibytes_and_not_one_byte_more() -> None:
    client = new_client()
    async with lab(client, [_function(client, lambda ctx: ctx.step.sleep("s", 1_000))]) as it:
        await it.engine.send_event(_event_of(MAX_EVENT_BYTES))
        with pytest.raises(InvalidEventError, match=f"Max {MAX_EVENT_BYTES} bytes / Size 3145729 bytes"):
            await it.engine.send_event(_event_of(MAX_EVENT_BYTES + 1))


async def test_an_event_of_almost_three_mebibytes_reaches_its_function_whole() -> None:
    client = new_client()

    async def body(ctx: inngest.Context) -> Any:
        async def size() -> int:
            return len(str(ctx.event.data["x"]))

        return await ctx.step.run("size", size)

    async with lab(client, [_function(client, body)]) as it:
        run = await it.settle(await it.start("t/limit", {"x": "x" * (MAX_EVENT_BYTES - 500)}))
        assert run.output == MAX_EVENT_BYTES - 500


async def test_an_event_that_is_too_large_fails_the_step_that_sends_it_with_both_sizes() -> None:
    client = new_client()

    async def send(ctx: inngest.Context) -> Any:
        try:
            return await ctx.step.send_event("tell", inngest.Event(name="t/x", data={"x": "x" * 3 * MIB}))
        except inngest.StepError as error:
            return error.message

    async with lab(client, [_function(client, send, retries=0)]) as it:
        run = await it.settle(await it.start("t/limit"))
        assert f"Max {MAX_EVENT_BYTES} bytes" in run.output
        assert run.steps[0].name == "tell"


# --- sizes of steps and runs -------------------------------------------------------------------------


def _asks_child(client: inngest.Inngest, size: int) -> list[Any]:
    async def body(ctx: inngest.Context) -> Any:
        return await ctx.step.invoke_by_id("ask", function_id="child", data={"x": "x" * size})

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="t/child"))
    async def child(ctx: inngest.Context) -> Any:
        return len(str(ctx.event.data["x"]))

    return [_function(client, body, retries=0), child]


async def test_an_invoke_may_be_given_almost_four_mebibytes() -> None:
    client, size = new_client(), 4 * MIB - 1_000
    async with lab(client, _asks_child(client, size)) as it:
        assert (await it.settle(await it.start("t/limit"))).output == size


async def test_an_invoke_that_is_given_more_than_four_mebibytes_fails_by_name_and_limit() -> None:
    client = new_client()
    async with lab(client, _asks_child(client, 4 * MIB)) as it:
        run = await it.settle(await it.start("t/limit"))

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert "'ask'" in run.error["message"]
        assert "4 MiB" in run.error["message"]


def _steps_of(*sizes: int) -> Callable[[httpx.Request], httpx.Response]:
    """Answer as an app whose steps return so many bytes of JSON one after the other, and then `done`."""
    told = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal told
        if told == len(sizes):
            return httpx.Response(200, json="done", headers=SDK)
        told += 1
        op = {"op": "StepRun", "id": f"{told:040}", "userland": {"id": f"part {told}"}}
        return httpx.Response(206, json=[op | {"data": "x" * (sizes[told - 1] - 2)}], headers=SDK)

    return answer


async def _run_of(*sizes: int) -> RunView:
    client = new_client()
    async with lab(client, [_function(client, lambda ctx: ctx.step.sleep("s", 1_000))]) as it:
        it.network.answer = _steps_of(*sizes)
        return await it.settle(await it.start("t/limit"))


ALMOST_FOUR = 4 * MIB - 20_000


async def test_a_step_may_return_almost_four_mebibytes_and_a_run_hold_almost_32() -> None:
    run = await _run_of(*[ALMOST_FOUR] * 8)
    assert run.output == "done"


async def test_a_step_that_returns_more_than_four_mebibytes_fails_the_run_by_name_and_limit() -> None:
    run = await _run_of(1, 4 * MIB + 1)
    _failed(run, "StepOutputTooLargeError", "part 2", "4 MiB")


async def test_a_run_that_holds_more_than_32_mebibytes_fails_by_name_and_limit() -> None:
    run = await _run_of(*[ALMOST_FOUR] * 8, MIB, 1)
    _failed(run, "InngestErrStateOverflowed", "part 9", "32 MiB")
