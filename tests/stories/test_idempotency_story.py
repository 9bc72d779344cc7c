"""Idempotency: of all events with the same key, a function is started by the first one within 24 hours.

The key is an expression of the function (`idempotency`), which counts for that function only, or the `id`
that the sender gives an event, which counts for every function that listens.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.event_record import kinds
from support.sdk_app import Lab, lab, new_client

from durable_engine import NewEvent, RunStatus
from durable_engine.model.event import NotStarted

pytestmark = pytest.mark.anyio

DAY = 86_400


def _checkout(client: inngest.Inngest, expression: str | None = "event.data.cart", **options: Any) -> Any:
    @client.create_function(
        fn_id="checkout",
        trigger=inngest.TriggerEvent(event="t/checkout"),
        idempotency=expression,
        **options,
    )
    async def checkout(ctx: inngest.Context) -> Any:
        if ctx.event.data.get("fail"):
            raise ValueError("declined")
        return ctx.event.data

    return checkout


async def _dropped(it: Lab, data: dict[str, Any], **more: Any) -> NotStarted:
    """Send an event that starts nothing; return why."""
    receipt = await it.engine.send_event(NewEvent(name="t/checkout", data=data, **more))
    assert receipt.started == ()
    (refused,) = receipt.not_started
    assert refused.decision == "drop"
    return refused


async def test_the_first_event_with_a_key_wins_for_24_hours() -> None:
    client = new_client()
    async with lab(client, [_checkout(client)]) as it:
        first = await it.start("t/checkout", {"cart": "c1", "try": 1})
        assert (await it.settle(first)).output == {"cart": "c1", "try": 1}

        await it.pass_time(DAY - 0.001)
        refused = await _dropped(it, {"cart": "c1", "try": 2})
        assert (refused.control, refused.run_id) == ("idempotency", first)
        assert refused.reason == (
            'an event with the same idempotency key (event.data.cart = "c1") started its run '
            f"{first} less than 24 h ago"
        )

        await it.pass_time(0.001)
        second = await it.start("t/checkout", {"cart": "c1", "try": 3})
        assert (await it.settle(second)).output == {"cart": "c1", "try": 3}


async def test_each_value_of_the_key_starts_a_run() -> None:
    client = new_client()
    async with lab(client, [_checkout(client, "event.data.cart + '/' + event.data.user")]) as it:
        await it.start("t/checkout", {"cart": "c1", "user": "ann"})
        await it.start("t/checkout", {"cart": "c1", "user": "bob"})
        await it.start("t/checkout", {"cart": "c2", "user": "ann"})
        await _dropped(it, {"cart": "c1", "user": "ann"})


async def test_an_event_whose_key_is_false_always_starts_a_run() -> None:
    client = new_client()
    async with lab(client, [_checkout(client, "event.data.test ? false : event.data.cart")]) as it:
        await it.start("t/checkout", {"cart": "c1", "test": False})
        await _dropped(it, {"cart": "c1", "test": False})
        for _ in range(3):
            await it.start("t/checkout", {"cart": "c1", "test": True})


async def test_a_run_that_failed_was_the_one_run_of_its_key() -> None:
    client = new_client()
    async with lab(client, [_checkout(client, retries=0)]) as it:
        run_id = await it.start("t/checkout", {"cart": "c1", "fail": True})
        assert (await it.settle(run_id)).status is RunStatus.FAILED
        assert (await _dropped(it, {"cart": "c1"})).run_id == run_id


async def test_the_key_of_one_function_does_not_keep_another_from_starting() -> None:
    client = new_client()

    @client.create_function(fn_id="audit", trigger=inngest.TriggerEvent(event="t/checkout"))
    async def audit(ctx: inngest.Context) -> None: ...

    async with lab(client, [_checkout(client), audit]) as it:
        assert len(await it.send("t/checkout", {"cart": "c1"})) == 2
        receipt = await it.engine.send_event(NewEvent(name="t/checkout", data={"cart": "c1"}))
        assert [run.function_slug for run in receipt.started] == ["lab-audit"]
        assert [refused.control for refused in receipt.not_started] == ["idempotency"]


async def test_the_id_of_an_event_keeps_every_function_from_starting_again() -> None:
    client = new_client()

    @client.create_function(fn_id="audit", trigger=inngest.TriggerEvent(event="t/checkout"))
    async def audit(ctx: inngest.Context) -> None: ...

    async with lab(client, [_checkout(client, None), audit]) as it:
        assert len(await it.send("t/checkout", id="order-7")) == 2
        receipt = await it.engine.send_event(NewEvent(name="t/checkout", id="order-7"))
        assert receipt.started == ()
        assert [refused.control for refused in receipt.not_started] == ["eventId", "eventId"]

        await it.pass_time(DAY)
        assert len(await it.send("t/checkout", id="order-7")) == 2


async def test_the_id_of_an_event_is_asked_before_the_key() -> None:
    client = new_client()
    async with lab(client, [_checkout(client)]) as it:
        await it.start("t/checkout", {"cart": "c1"}, id="order-7")
        assert (await _dropped(it, {"cart": "c2"}, id="order-7")).control == "eventId"
        assert (await _dropped(it, {"cart": "c1"}, id="order-8")).control == "idempotency"
        # Neither of them counts as seen: they started nothing.
        await it.start("t/checkout", {"cart": "c2"}, id="order-8")


async def test_an_id_and_a_key_of_the_same_text_are_two_things() -> None:
    client = new_client()
    async with lab(client, [_checkout(client)]) as it:
        await it.start("t/checkout", {"cart": "same"})
        await it.start("t/checkout", {"cart": "other"}, id="same")


async def test_a_key_takes_the_place_of_a_rate_limit() -> None:
    client = new_client()
    limit = inngest.RateLimit(limit=1, period=datetime.timedelta(hours=1))
    async with lab(client, [_checkout(client, rate_limit=limit)]) as it:
        await it.start("t/checkout", {"cart": "c1"})
        await it.start("t/checkout", {"cart": "c2"})
        assert (await _dropped(it, {"cart": "c1"})).control == "idempotency"


async def test_of_events_in_one_request_the_first_with_a_key_wins() -> None:
    client = new_client()
    async with lab(client, [_checkout(client)]) as it:
        events = [NewEvent(name="t/checkout", data={"cart": cart}) for cart in ("c1", "c1", "c2")]
        receipts = await it.engine.send_events(events)
        assert [len(receipt.started) for receipt in receipts] == [1, 0, 1]
        assert receipts[1].not_started[0].run_id == receipts[0].started[0].run_id


async def test_once_the_debounced_function_has_run_it_does_not_run_again() -> None:
    client = new_client()
    debounce = inngest.Debounce(period=datetime.timedelta(seconds=30))
    async with lab(client, [_checkout(client, debounce=debounce)]) as it:
        early = await it.engine.send_event(NewEvent(name="t/checkout", data={"cart": "c1", "try": 1}))
        last = await it.engine.send_event(NewEvent(name="t/checkout", data={"cart": "c1", "try": 2}))
        await it.pass_time(30)
        ((_, run_id),) = await kinds(it, last.event.id)
        assert await kinds(it, early.event.id) == [("delay", run_id)]
        assert (await it.engine.get_run(str(run_id))).output == {"cart": "c1", "try": 2}

        assert (await _dropped(it, {"cart": "c1", "try": 3})).run_id == run_id
        await it.pass_time(60)
        assert it.network.calls == 1


async def test_a_debounced_start_whose_key_has_run_meanwhile_is_dropped_when_it_comes() -> None:
    client = new_client()
    debounce = inngest.Debounce(period=datetime.timedelta(seconds=30), key="event.data.user")
    async with lab(client, [_checkout(client, debounce=debounce)]) as it:
        await it.send("t/checkout", {"cart": "c1", "user": "ann"})
        await it.pass_time(1)
        late = await it.engine.send_event(NewEvent(name="t/checkout", data={"cart": "c1", "user": "bob"}))
        await it.pass_time(60)
        assert it.network.calls == 1
        assert [kind for kind, _ in await kinds(it, late.event.id)] == ["delay", "drop"]


async def test_a_step_that_invokes_a_function_again_with_a_key_ends_with_an_error_that_names_the_run() -> (
    None
):
    client = new_client()
    checkout = _checkout(client)

    @client.create_function(fn_id="parent", retries=0, trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        await ctx.step.invoke("first", function=checkout, data={"cart": "c1"})
        try:
            await ctx.step.invoke("second", function=checkout, data={"cart": "c1"})
        except inngest.StepError as error:
            return error.message
        return None

    async with lab(client, [checkout, parent]) as it:
        run = await it.settle(await it.start("t/parent"))
        assert "the invoked function was not started: an event with the same idempotency key" in run.output
        assert run.child_run_ids[0] in run.output


async def test_keys_survive_a_restart(tmp_path: Path) -> None:
    client, data_file = new_client(), tmp_path / "engine.db"
    functions = [_checkout(client)]
    async with lab(client, functions, data_file=data_file) as it:
        clock = it.clock
        run_id = await it.start("t/checkout", {"cart": "c1"})
        await it.settle(run_id)
    async with lab(client, functions, data_file=data_file, clock=clock) as it:
        assert (await _dropped(it, {"cart": "c1"})).run_id == run_id
