"""Explain, for events: what they did, and for each function that they did not start, why not."""

from __future__ import annotations

import datetime
from typing import Any

import httpx
import inngest
import pytest
from mcp import Client
from support.explaining import explained, facts, remaining_s
from support.sdk_app import APP_URL, Lab, lab, new_client
from support.shipped_docs import shipped_docs

from durable_engine import NewEvent
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)


def on(name: str, **more: Any) -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=name, **more)


def _job(client: inngest.Inngest, **options: Any) -> inngest.Function[Any]:
    trigger = options.pop("trigger", on("shop/order.placed"))

    @client.create_function(fn_id="job", trigger=trigger, **options)
    async def job(ctx: inngest.Context) -> None:
        await ctx.step.sleep("nap", HOUR)

    return job


async def _send(it: Lab, name: str = "shop/order.placed", **more: Any) -> str:
    return (await it.engine.send_event(NewEvent(name=name, **more))).event.id


async def _explain(it: Lab, event_id: str) -> dict[str, Any]:
    return await explained(it.engine, eventId=event_id)


async def _second(**options: Any) -> dict[str, Any]:
    """Return what is said of the second of two events that are alike."""
    client = new_client()
    async with lab(client, [_job(client, **options)]) as it:
        await _send(it)
        return await _explain(it, await _send(it))


async def _refused(it: Lab, **arguments: str) -> str:
    async with Client(build_server(it.engine, shipped_docs())) as client:
        result = await client.call_tool("explain", arguments)
    assert result.is_error
    return result.content[0].text  # type: ignore[union-attr]


async def test_an_event_that_started_runs_names_them_as_they_are_now() -> None:
    client = new_client()
    async with lab(client, [_job(client)]) as it:
        run_id = await it.start("shop/order.placed", id="order-42")
        await it.settle(run_id)
        answer = await _explain(it, "order-42")

        assert answer["cause"] == "started-runs"
        assert answer["effects"]["runs"] == [{"runId": run_id, "functionId": "lab-job", "status": "RUNNING"}]
        assert answer["happensNext"] == {"what": "its runs go on", "byItself": True}
        assert answer["next"] == f'explain runId="{run_id}"'


async def test_an_event_that_ended_a_wait_names_the_run_and_the_step() -> None:
    client = new_client()

    @client.create_function(fn_id="wait", trigger=on("t/wait"))
    async def wait(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("paid", event="t/paid", timeout=HOUR)

    async with lab(client, [wait]) as it:
        run_id = await it.start("t/wait")
        await it.settle(run_id)
        answer = await _explain(it, await _send(it, "t/paid"))

        assert answer["cause"] == "ended-waits"
        assert answer["effects"]["endedWaits"] == [run_id]
        assert facts(answer, "ended-wait") == [f"step 'paid' of run {run_id} got it"]
        await it.engine.settle()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("Shop/Order.placed", "differs in upper and lower case only"),
        ("shop.order.placed", "differs in its separators only: '/' and '.' instead of '.'"),
        ("order.placed", "has 'shop/' before it"),
        ("shop/order.place", "goes on with 'd'"),
        ("shop/order.palced", "differs in 1 letter"),
    ],
)
async def test_a_name_that_nothing_listens_to_is_compared_with_the_triggers(name: str, how: str) -> None:
    client = new_client()
    async with lab(client, [_job(client)]) as it:
        answer = await _explain(it, await _send(it, name, data={"id": 7}))

        assert answer["cause"] == "no-function-listens"
        assert facts(answer, "near-trigger") == [f"the trigger 'shop/order.placed' {how}"]
        assert answer["next"] == 'send_event name="shop/order.placed" data={"id":7}'
        assert not answer["happensNext"]["byItself"]


async def test_a_name_that_is_nearly_what_a_run_waits_for_is_compared_with_that() -> None:
    client = new_client()

    @client.create_function(fn_id="waits", trigger=inngest.TriggerEvent(event="t/wait"))
    async def waits(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("answer", event="shop/answer", timeout=datetime.timedelta(days=1))

    async with lab(client, [waits]) as it:
        await it.settle(await it.start("t/wait"))
        event_id = await _send(it, "shop/answr", data={"id": 7})
        answer = await _explain(it, event_id)

        assert answer["cause"] == "no-function-listens"
        assert "the awaited event 'shop/answer' differs in 1 letter" in " ".join(
            facts(answer, "near-trigger")
        )
        assert answer["next"] == 'send_event name="shop/answer" data={"id":7}'
        assert (await it.engine.nearest_triggers("shop/answr"))[0] == "shop/answer"


async def test_a_name_that_is_like_no_trigger_gets_no_event_proposed() -> None:
    client = new_client()
    async with lab(client, [_job(client)]) as it:
        answer = await _explain(it, await _send(it, "user/signed.up"))

        assert answer["cause"] == "no-function-listens"
        assert facts(answer, "near-trigger") == [
            "no trigger has a name like it; there are 'shop/order.placed'",
        ]
        assert "send_event" not in answer["next"]


async def test_a_trigger_whose_expression_was_false_is_shown_with_the_values() -> None:
    client = new_client()
    trigger = on("shop/order.placed", expression="event.data.total > 100")
    async with lab(client, [_job(client, trigger=trigger)]) as it:
        answer = await _explain(it, await _send(it, data={"total": 42}))

        assert answer["cause"] == "expression-false"
        assert "event.data.total > 100 is false: event.data.total is 42" in answer["message"]
        assert facts(answer, "trigger") == ["'lab-job' wants event.data.total > 100"]
        (missed,) = answer["notStarted"]
        assert (missed["functionId"], missed["cause"]) == ("lab-job", "expression-false")


async def test_a_repeated_event_id_names_the_run_that_it_started() -> None:
    client = new_client()
    async with lab(client, [_job(client)]) as it:
        first = await it.start("shop/order.placed", id="order-42")
        answer = await _explain(it, await _send(it, id="order-42"))

        assert answer["cause"] == "event-id-repeated"
        assert answer["notStarted"][0]["runId"] == first
        assert "with another id" in answer["whatToDo"][1]


async def test_a_repeated_idempotency_key_names_its_value() -> None:
    client = new_client()
    async with lab(client, [_job(client, idempotency="event.data.id")]) as it:
        await it.start("shop/order.placed", {"id": 7})
        answer = await _explain(it, await _send(it, data={"id": 7}))

        assert answer["cause"] == "idempotency-key-repeated"
        assert 'event.data.id = "7"' in answer["message"] or "event.data.id = 7" in answer["message"]


async def test_an_event_over_the_rate_limit_says_until_when() -> None:
    answer = await _second(rate_limit=inngest.RateLimit(limit=1, period=HOUR))

    assert answer["cause"] == "rate-limited"
    assert "its rate limit of 1 per 1h is used up" in answer["message"]
    assert answer["happensNext"]["remaining"] == "1h"
    assert not answer["happensNext"]["byItself"]
    assert answer["notStarted"][0]["until"] == answer["happensNext"]["at"]


async def test_a_debounced_event_says_when_its_run_starts_and_then_which_it_became_part_of() -> None:
    client = new_client()
    debounce = inngest.Debounce(period=datetime.timedelta(minutes=5))
    async with lab(client, [_job(client, debounce=debounce)]) as it:
        first, second = await _send(it), await _send(it)
        answer = await _explain(it, first)
        assert answer["cause"] == "debounced"
        assert answer["happensNext"]["what"] == "'lab-job' starts, unless another such event comes first"
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(300, abs=1)

        await it.pass_time(301)
        answer = await _explain(it, second)
        assert answer["cause"] == "started-runs"
        (run,) = answer["effects"]["runs"]
        answer = await _explain(it, first)
        assert answer["cause"] == "debounced"
        assert f"became part of run {run['runId']} of 'lab-job'" in answer["message"]


async def test_an_event_in_a_batch_says_when_the_batch_starts() -> None:
    client = new_client()
    batch = inngest.Batch(max_size=3, timeout=datetime.timedelta(seconds=30))
    async with lab(client, [_job(client, batch_events=batch)]) as it:
        event_id = await _send(it)
        answer = await _explain(it, event_id)
        assert answer["cause"] == "batched"
        assert "its batch has 1 of 3 events" in answer["message"]
        assert answer["happensNext"]["what"] == "'lab-job' starts, or earlier, when the batch is full"
        assert remaining_s(answer, it.clock.now_ms()) == pytest.approx(30, abs=1)

        await it.pass_time(31)
        answer = await _explain(it, event_id)
        assert answer["cause"] == "started-runs"
        assert "notStarted" not in answer


async def test_a_singleton_that_runs_already_is_named() -> None:
    answer = await _second(singleton=inngest.Singleton(mode="skip"))

    assert answer["cause"] == "singleton-skipped"
    run_id = answer["notStarted"][0]["runId"]
    assert f"its run {run_id} has not ended" in answer["message"]
    assert answer["next"] == f'explain runId="{run_id}"'


async def test_a_function_that_was_paused_can_be_resumed() -> None:
    client = new_client()
    async with lab(client, [_job(client)]) as it:
        await it.engine.pause_function("job")
        answer = await _explain(it, await _send(it))

        assert answer["cause"] == "paused-at-event"
        assert answer["next"] == 'pause_function functionId="lab-job" resume=true'


async def test_a_function_that_was_removed_before_its_debounce_was_over_is_named() -> None:
    client = new_client()
    debounce = inngest.Debounce(period=datetime.timedelta(minutes=5))
    async with lab(client, [_job(client, debounce=debounce)]) as it:
        event_id = await _send(it)
        await it.engine.remove_app(APP_URL)
        await it.pass_time(301)
        answer = await _explain(it, event_id)

        assert answer["cause"] == "function-removed"
        assert "its app does not have it any more" in answer["message"]

        answer = await _explain(it, await _send(it))
        assert answer["cause"] == "function-removed"
        assert "did not start 'lab-job': it listened to this name, and it is not synced" in answer["message"]
        assert "start its app" in answer["next"]


async def test_without_any_app_the_event_can_start_nothing() -> None:
    client = new_client()
    async with lab(client, [_job(client)], syncs=False) as it:
        answer = await _explain(it, await _send(it))

        assert answer["cause"] == "no-app-synced"
        assert "start the app with INNGEST_DEV=1" in answer["whatToDo"][0]


async def test_an_app_whose_sync_failed_is_told_with_the_error() -> None:
    client = new_client()
    async with lab(client, [_job(client)], syncs=False) as it:
        it.network.answer = lambda _: httpx.Response(404, text="no route")
        with pytest.raises(Exception, match="not as an Inngest endpoint"):
            await it.engine.sync_app(APP_URL)
        answer = await _explain(it, await _send(it))

        assert answer["cause"] == "app-not-synced"
        assert "answered HTTP 404, but not as an Inngest endpoint: no route" in facts(answer, "app")[0]


async def test_a_function_that_was_synced_after_the_event_is_told_apart() -> None:
    client = new_client()
    async with lab(client, [_job(client)], syncs=False) as it:
        event_id = await _send(it)
        await it.engine.sync_app(APP_URL)
        answer = await _explain(it, event_id)

        assert answer["cause"] == "synced-later"
        assert "send the event again" in answer["whatToDo"][0]


async def test_an_event_that_meets_no_wait_says_why() -> None:
    client = new_client()

    @client.create_function(fn_id="wait", trigger=on("t/wait"))
    async def wait(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("paid", event="t/paid", if_exp="async.data.id == 1", timeout=HOUR)

    async with lab(client, [wait]) as it:
        run_id = await it.start("t/wait")
        await it.settle(run_id)
        answer = await _explain(it, await _send(it, "t/paid", data={"id": 2}))

        assert answer["cause"] == "waits-not-met"
        assert f"run {run_id} waits for such an event, but async.data.id == 1 is false" in answer["message"]


async def test_an_event_of_the_engine_itself_needs_no_listener() -> None:
    client = new_client()

    @client.create_function(fn_id="fail", trigger=on("t/fail"), retries=0)
    async def fail(ctx: inngest.Context) -> None:
        raise KeyError("x")

    async with lab(client, [fail]) as it:
        run = await it.settle(await it.start("t/fail"))
        assert (await _explain(it, run.id))["cause"] == "engine-event"


async def test_an_unknown_id_is_refused_with_the_nearest_and_with_what_it_is_instead() -> None:
    client = new_client()
    async with lab(client, [_job(client)]) as it:
        run_id = await it.start("shop/order.placed", id="order-42")
        event_id = (await it.engine.get_run(run_id)).event.id

        text = await _refused(it, eventId="order-43")
        assert "No event 'order-43'. Nearest: order-42" in text
        text = await _refused(it, runId=event_id)
        assert f"No run '{event_id}'" in text
        assert run_id in text
        assert "It is the id of an event: ask about the event." in text
        assert "It is the id of a run" in await _refused(it, eventId=run_id)
        assert "Give runId or eventId, one of them" in await _refused(it)
        assert "Give runId or eventId, one of them" in await _refused(it, runId=run_id, eventId=event_id)
