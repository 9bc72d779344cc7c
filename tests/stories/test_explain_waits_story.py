"""Explain, for runs that have not ended: what they wait for, who holds them up, what happens next."""

from __future__ import annotations

import datetime
import json
from typing import Any

import httpx
import inngest
import pytest
from support.explaining import explained, facts, remaining_s
from support.open_calls import OpenCalls
from support.sdk_app import APP_URL, Lab, lab, new_client

from durable_engine import NewEvent, RunStatus
from durable_engine.ids import new_ulid

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)
SDK = {"x-inngest-sdk": "inngest-js:v4.24.0", "x-inngest-req-version": "2"}


def on(name: str, **more: Any) -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=f"t/{name}", **more)


def _nap(client: inngest.Inngest, **options: Any) -> inngest.Function[Any]:
    @client.create_function(fn_id="nap", trigger=on("nap"), **options)
    async def nap(ctx: inngest.Context) -> str:
        await ctx.step.sleep("rest", HOUR)
        return "rested"

    return nap


def _approval(client: inngest.Inngest) -> inngest.Function[Any]:
    @client.create_function(fn_id="approval", trigger=on("order"))
    async def approval(ctx: inngest.Context) -> Any:
        event = await ctx.step.wait_for_event(
            "approved",
            event="shop/order.approved",
            if_exp="async.data.order.id == event.data.id && async.data.ok == true",
            timeout=HOUR,
        )
        return None if event is None else event.data

    return approval


async def _explain(it: Lab, run_id: str) -> dict[str, Any]:
    await it.engine.settle()
    return await explained(it.engine, runId=run_id)


def _ops(*entries: dict[str, Any]) -> Any:
    return lambda _: httpx.Response(206, headers=SDK, json=list(entries))


async def test_a_run_that_sleeps_says_until_when() -> None:
    client = new_client()
    async with lab(client, [_nap(client)]) as it:
        answer = await _explain(it, await it.start("t/nap"))

        assert answer["cause"] == "sleeping"
        assert "in step 'rest'" in answer["message"]
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(3_600, abs=5)
        assert answer["happensNext"]["byItself"]
        assert answer["next"].startswith(f'advance_time runId="{answer["runId"]}"')
        assert answer["docs"] == ["causes/sleeping", "steps/sleep"]


async def test_a_wait_for_an_event_that_never_came_says_how_to_send_it_and_that_works() -> None:
    client = new_client()
    async with lab(client, [_approval(client)]) as it:
        await it.send("shop.order.approved")
        run_id = await it.start("t/order", {"id": "o-1"})
        answer = await _explain(it, run_id)

        assert answer["cause"] == "event-never-seen"
        (similar,) = facts(answer, "similar-event")
        assert "'shop.order.approved' has come: its name differs in its separators only" in similar
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(3_600, abs=1)
        call, _, data = answer["next"].partition(" data=")
        assert call == 'send_event name="shop/order.approved"'
        await it.send("shop/order.approved", json.loads(data))
        assert (await it.settle(run_id)).output == {"order": {"id": "o-1"}, "ok": True}


async def test_events_that_did_not_match_are_shown_with_the_values_that_decided_it() -> None:
    client = new_client()
    async with lab(client, [_approval(client)]) as it:
        run_id = await it.start("t/order", {"id": "o-1"})
        await it.settle(run_id)
        await it.send("shop/order.approved", {"order": {"id": "o-2"}, "ok": True})
        await it.clock.advance(60)
        await it.send("shop/order.approved", {"order": {"id": "o-1"}, "ok": "true"})
        answer = await _explain(it, run_id)

        assert answer["cause"] == "event-not-matched"
        newest, older = facts(answer, "not-matched")
        assert 'async.data.ok == true is false: async.data.ok is "true"' in newest
        assert 'async.data.order.id is "o-2", event.data.id is "o-1"' in older
        assert "1m ago" in older
        assert all(fact["eventId"] for fact in answer["evidence"] if fact["kind"] == "not-matched")


async def test_an_event_that_came_before_the_wait_does_not_count() -> None:
    client = new_client()
    async with lab(client, [_approval(client)]) as it:
        event = await it.engine.send_event(
            NewEvent(name="shop/order.approved", data={"order": {"id": "o-1"}, "ok": True})
        )
        await it.clock.advance(1)
        run_id = await it.start("t/order", {"id": "o-1"})
        answer = await _explain(it, run_id)

        assert answer["cause"] == "waiting-for-event"
        before = answer["evidence"][-1]
        assert before["text"] == "the last one came 1s ago, before the wait began; only later ones count"
        assert before["eventId"] == event.event.id
        told = await explained(it.engine, eventId=event.event.id)
        assert told["cause"] == "waits-not-met"
        assert "the wait began after the event had come" in told["message"]
        assert told["next"] == f'explain runId="{run_id}"'


async def test_a_condition_that_its_equalities_do_not_tell_gets_no_invented_data() -> None:
    client = new_client()

    @client.create_function(fn_id="large", trigger=on("large"))
    async def large(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("paid", event="t/paid", if_exp="async.data.amount > 100", timeout=HOUR)

    async with lab(client, [large]) as it:
        answer = await _explain(it, await it.start("t/large"))

        assert facts(answer, "expression") == ["async.data.amount > 100"]
        assert answer["next"].startswith('send_event name="t/paid" with data for which the expression holds')


async def test_a_signal_that_another_step_took_over_can_only_time_out() -> None:
    client = new_client()
    wait = {"op": "WaitForSignal", "id": "a" * 40, "userland": {"id": "go"}, "name": "s-1"}
    async with lab(client, [_nap(client)]) as it:
        it.network.answer = _ops({**wait, "opts": {"signal": "s-1", "timeout": "1h", "conflict": "replace"}})
        first = await it.start("t/nap")
        answer = await _explain(it, first)
        assert answer["cause"] == "waiting-for-signal"
        assert '-d \'{"signal": "s-1", "data": {}}\'' in answer["next"]

        second = await it.start("t/nap")
        assert (await _explain(it, second))["cause"] == "waiting-for-signal"
        answer = await _explain(it, first)
        assert answer["cause"] == "signal-displaced"
        assert facts(answer, "note") == [
            f"Run {second} has taken over the signal 's-1': this wait can only time out."
        ]
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(3_600, abs=1)


async def test_a_chain_of_invoked_runs_is_explained_down_to_its_end() -> None:
    client = new_client()

    @client.create_function(fn_id="bottom", trigger=on("bottom"))
    async def bottom(ctx: inngest.Context) -> None:
        raise KeyError("no such part")

    @client.create_function(fn_id="middle", trigger=on("middle"))
    async def middle(ctx: inngest.Context) -> None:
        await ctx.step.invoke("ask-bottom", function=bottom)

    @client.create_function(fn_id="top", trigger=on("top"))
    async def top(ctx: inngest.Context) -> None:
        await ctx.step.invoke("ask-middle", function=middle)

    async with lab(client, [bottom, middle, top]) as it:
        answer = await _explain(it, await it.start("t/top"))

        assert answer["cause"] == "waiting-for-run"
        assert "The function failed outside of its steps at test_explain_waits_story.py" in answer["message"]
        below = [fact["text"] for fact in answer["evidence"] if fact["kind"] == "invoked-run"]
        assert [text.rpartition(": ")[2] for text in below] == ["waiting-for-run", "retrying-function"]
        assert facts(answer, "error") == ["KeyError: 'no such part'"]
        assert "attempt 2 of 5" in answer["happensNext"]["what"]
        assert 15 <= remaining_s(answer, it.clock.now_ms()) <= 45


async def test_an_invoked_function_whose_debounce_waits_has_no_run_yet() -> None:
    client = new_client()
    quiet = _nap(client, debounce=inngest.Debounce(period=datetime.timedelta(minutes=5)))

    @client.create_function(fn_id="top", trigger=on("top"))
    async def top(ctx: inngest.Context) -> None:
        await ctx.step.invoke("ask", function=quiet)

    async with lab(client, [quiet, top]) as it:
        answer = await _explain(it, await it.start("t/top"))

        assert answer["cause"] == "waiting-for-start"
        assert "'lab-nap', whose run has not started yet" in answer["message"]
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(300, abs=1)
        assert answer["whatToDo"][0] == 'advance_time by="5m" lets that time pass at once'


async def test_a_run_of_the_future_says_what_puts_it_off() -> None:
    client = new_client()
    low = _nap(client, priority=inngest.Priority(run="event.data.rank"))
    async with lab(client, [low]) as it:
        later = await it.start("t/nap", ts_ms=it.clock.now_ms() + 60_000)
        answer = await _explain(it, later)
        assert answer["cause"] == "queued-for-later"
        assert "`ts` of its event lies in the future" in answer["message"]
        assert answer["happensNext"]["remaining"] == "1m"

        answer = await _explain(it, await it.start("t/nap", {"rank": -120}))
        assert answer["cause"] == "queued-for-later"
        assert facts(answer, "priority") == ["priority.run is event.data.rank"]
        assert answer["happensNext"]["remaining"] == "2m"


async def test_a_concurrency_limit_names_the_runs_that_hold_its_slots() -> None:
    client, calls = new_client(), OpenCalls()

    @client.create_function(fn_id="work", trigger=on("work"), concurrency=[inngest.Concurrency(limit=1)])
    async def work(ctx: inngest.Context) -> str:
        return await calls.work(str(ctx.event.data["name"]))

    async with lab(client, [work]) as it:
        first = await it.start("t/work", {"name": "a"})
        await calls.are("a")
        second = await it.start("t/work", {"name": "b"})
        answer = await explained(it.engine, runId=second)
        holder = await explained(it.engine, runId=first)
        await calls.end_all()
        assert (await it.settle(second)).status is RunStatus.COMPLETED

        assert answer["cause"] == "held-by-concurrency"
        assert facts(answer, "gate") == ["its concurrency limit of 1 call is reached"]
        assert [fact["runId"] for fact in answer["evidence"] if fact["kind"] == "holder"] == [first]
        assert "when one of the open calls ends" in answer["happensNext"]["what"]
        assert answer["next"] == f'explain runId="{first}"'
        assert holder["cause"] == "call-in-flight"
        assert holder["happensNext"]["what"] == "the app answers, or the call fails and is tried again"


async def test_an_open_call_says_for_how_long_and_for_which_step() -> None:
    client, calls = new_client(), OpenCalls()

    @client.create_function(fn_id="work", trigger=on("work"))
    async def work(ctx: inngest.Context) -> None:
        await ctx.group.parallel(
            (lambda: ctx.step.run("slow", lambda: calls.work("slow")), lambda: ctx.step.sleep("rest", HOUR))
        )

    async with lab(client, [work]) as it:
        run_id = await it.start("t/work")
        await calls.are("slow")
        await it.clock.advance(90)
        answer = await explained(it.engine, runId=run_id)
        await calls.end_all()

        assert answer["cause"] == "call-in-flight"
        assert facts(answer, "call") == ["call for step 'slow', attempt 1, open for about 1m 30s"]
        assert facts(answer, "also-waits") == ["sleep in step 'rest', 58m 30s left"]
        await it.engine.settle()


async def test_an_open_call_that_repeats_a_failed_one_says_what_failed() -> None:
    client, calls = new_client(), OpenCalls()

    @client.create_function(fn_id="work", trigger=on("work"))
    async def work(ctx: inngest.Context) -> None:
        if ctx.attempt == 0:
            raise KeyError("first")
        await calls.work("again")

    async with lab(client, [work]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        await it.clock.advance(45)
        await calls.are("again")
        answer = await explained(it.engine, runId=run_id)
        await calls.end_all()
        await it.engine.settle()

        assert answer["cause"] == "call-in-flight"
        assert facts(answer, "call")[0].startswith("call for the function, attempt 2, open for about ")
        assert facts(answer, "error") == ["KeyError: 'first'"]
        assert facts(answer, "attempt") == ["attempt 1 of 5 failed before"]


async def test_a_throttle_says_when_the_next_start_is_free() -> None:
    client = new_client()
    slow = _nap(client, throttle=inngest.Throttle(limit=1, period=datetime.timedelta(minutes=10)))
    async with lab(client, [slow]) as it:
        await it.start("t/nap")
        answer = await _explain(it, await it.start("t/nap"))

        assert answer["cause"] == "held-by-throttle"
        assert facts(answer, "gate") == ["its throttle of 1 start per 10m has no start left now"]
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(600, abs=1)
        # The turn of one run cannot be skipped alone.
        assert answer["whatToDo"][0] == 'advance_time by="10m" lets that time pass at once'


async def test_a_paused_function_says_what_lets_its_runs_go_on() -> None:
    client = new_client()
    async with lab(client, [_nap(client)]) as it:
        run_id = await it.start("t/nap")
        await it.settle(run_id)
        await it.engine.pause_function("nap")
        await it.advance(3_700, run_id)
        answer = await _explain(it, run_id)

        assert answer["cause"] == "function-paused"
        assert not answer["happensNext"]["byItself"]
        assert answer["next"] == 'pause_function functionId="lab-nap" resume=true'
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(7 * 86_400 - 3_700, abs=1)


async def test_a_function_that_is_gone_from_the_app_is_named_while_its_run_is_open() -> None:
    client = new_client()
    async with lab(client, [_nap(client)]) as it:
        run_id = await it.start("t/nap")
        await it.settle(run_id)
        await it.engine.remove_app(APP_URL)
        answer = await _explain(it, run_id)

        assert answer["cause"] == "function-archived"
        assert facts(answer, "function") == ["its app is not synced any more"]
        assert "It sleeps in step 'rest'" in answer["message"]
        assert "put 'lab-nap' back" in answer["whatToDo"][0]


async def test_a_time_out_of_the_function_is_told_while_it_runs() -> None:
    client = new_client()
    async with lab(client, [_nap(client, timeouts=inngest.Timeouts(finish=HOUR / 2))]) as it:
        answer = await _explain(it, await it.start("t/nap"))

        assert answer["cause"] == "sleeping"
        assert answer["happensNext"]["what"] == "timeouts.finish cancels it"
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(1_800, abs=1)
        assert facts(answer, "deadline") == ["timeouts.finish cancels it in 30m unless it has ended by then"]


async def test_a_durable_endpoint_that_handles_its_request_says_when_it_is_called_instead() -> None:
    client = new_client()
    about = {
        "domain": "http://127.0.0.1:3000",
        "method": "GET",
        "path": "/pay",
        "query_params": "",
        "body": "",
    }
    async with lab(client, [_nap(client)]) as it:
        run_id = new_ulid(it.clock.now_ms())
        event = {"name": "inngest/http.request", "data": {**about, "fn": ""}}
        body = {"run_id": run_id, "event": event, "steps": [], "request_version": 2, "retries": 1}
        (await it.api.post("/v1/checkpoint", json=body)).raise_for_status()
        answer = await _explain(it, run_id)
        await it.engine.control.cancel(run_id)

        assert answer["cause"] == "waiting-for-report"
        assert answer["happensNext"]["what"] == "the app reports, or is called again"
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(600, abs=1)
