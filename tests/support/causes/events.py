"""Events: what they did, and why they did not start a function."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any

import httpx
import inngest
from support.causes.asking import (
    HOUR,
    MINUTE,
    Scenario,
    Shown,
    about_event,
    explain,
    nap,
    on,
    shop,
)
from support.sdk_app import APP_URL

from durable_engine import NewEvent

ORDER = {"orderId": "o-1"}


async def _of_one(data: dict[str, Any] | None = None, **options: Any) -> Shown:
    async with shop(nap, **options) as it:
        return await about_event(it, "shop/order.placed", data or ORDER)


async def _of_the_second(*, event_id: str | None = None, **options: Any) -> Shown:
    """Return what is said of the second of two events that are alike."""
    async with shop(nap, **options) as it:
        await it.send("shop/order.placed", ORDER, id=event_id)
        return await about_event(it, "shop/order.placed", ORDER, id=event_id)


async def started_runs() -> Shown:
    async with shop(nap) as it:
        receipt = await it.engine.send_event(NewEvent(name="shop/order.placed", data=ORDER))
        await it.engine.settle()
        return await explain(it, eventId=receipt.event.id)


async def _wait(ctx: inngest.Context) -> None:
    condition = "async.data.orderId == event.data.orderId"
    await ctx.step.wait_for_event("payment", event="shop/order.paid", if_exp=condition, timeout=HOUR)


async def _while_it_waits(order_id: str) -> Shown:
    async with shop(_wait) as it:
        await it.settle(await it.start("shop/order.placed", ORDER))
        shown = await about_event(it, "shop/order.paid", {"orderId": order_id})
        await it.engine.settle()
        return shown


async def ended_waits() -> Shown:
    return await _while_it_waits("o-1")


async def waits_not_met() -> Shown:
    return await _while_it_waits("o-2")


async def cancelled_runs() -> Shown:
    async with shop(nap, cancel=[inngest.Cancel(event="shop/order.withdrawn")]) as it:
        await it.settle(await it.start("shop/order.placed"))
        return await about_event(it, "shop/order.withdrawn")


async def no_function_listens() -> Shown:
    async with shop(nap) as it:
        return await about_event(it, "shop.order.placed", ORDER)


async def no_app_synced() -> Shown:
    return await _of_one(syncs=False)


async def app_not_synced() -> Shown:
    async with shop(nap, syncs=False) as it:
        it.network.answer = lambda _: httpx.Response(404, text="Cannot PUT /api/inngest")
        with contextlib.suppress(Exception):
            await it.engine.sync_app(APP_URL)
        return await about_event(it, "shop/order.placed", ORDER)


async def synced_later() -> Shown:
    async with shop(nap, syncs=False) as it:
        receipt = await it.engine.send_event(NewEvent(name="shop/order.placed", data=ORDER))
        await it.engine.sync_app(APP_URL)
        return await explain(it, eventId=receipt.event.id)


async def expression_false() -> Shown:
    trigger = on("shop/order.placed", expression="event.data.total > 100")
    return await _of_one({"total": 42}, trigger=trigger)


async def event_id_repeated() -> Shown:
    return await _of_the_second(event_id="order-o-1")


async def idempotency_key_repeated() -> Shown:
    return await _of_the_second(idempotency="event.data.orderId")


async def rate_limited() -> Shown:
    return await _of_the_second(rate_limit=inngest.RateLimit(limit=1, period=HOUR))


async def debounced() -> Shown:
    return await _of_one(debounce=inngest.Debounce(period=5 * MINUTE))


async def batched() -> Shown:
    batch = inngest.Batch(max_size=10, timeout=datetime.timedelta(seconds=30))
    return await _of_one(batch_events=batch)


async def singleton_skipped() -> Shown:
    return await _of_the_second(singleton=inngest.Singleton(mode="skip"))


async def paused_at_event() -> Shown:
    async with shop(nap) as it:
        await it.engine.pause_function("fulfil")
        return await about_event(it, "shop/order.placed", ORDER)


async def function_removed() -> Shown:
    async with shop(nap) as it:
        await it.engine.remove_app(APP_URL)
        return await about_event(it, "shop/order.placed", ORDER)


async def engine_event() -> Shown:
    async def fails(ctx: inngest.Context) -> None:
        raise ValueError(f"no stock for {ctx.event.data['orderId']}")

    async with shop(fails, retries=0) as it:
        run = await it.settle(await it.start("shop/order.placed", ORDER))
        return await explain(it, eventId=run.id)


EVENTS: dict[str, Scenario] = {
    "started-runs": started_runs,
    "ended-waits": ended_waits,
    "cancelled-runs": cancelled_runs,
    "no-function-listens": no_function_listens,
    "waits-not-met": waits_not_met,
    "no-app-synced": no_app_synced,
    "app-not-synced": app_not_synced,
    "synced-later": synced_later,
    "expression-false": expression_false,
    "event-id-repeated": event_id_repeated,
    "idempotency-key-repeated": idempotency_key_repeated,
    "rate-limited": rate_limited,
    "debounced": debounced,
    "batched": batched,
    "singleton-skipped": singleton_skipped,
    "paused-at-event": paused_at_event,
    "function-removed": function_removed,
    "engine-event": engine_event,
}
