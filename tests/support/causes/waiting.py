"""Runs that wait, are held, or are being called."""

from __future__ import annotations

import datetime
from typing import Any

import inngest
from support.causes.asking import (
    HOUR,
    MINUTE,
    Scenario,
    Shown,
    about_run,
    explain,
    function,
    nap,
    on,
    op,
    ops,
    shop,
)
from support.open_calls import OpenCalls
from support.sdk_app import APP_URL, lab, new_client
from support.shipped_docs import shipped_docs
from support.two_backends import tools_over

from durable_engine.ids import new_ulid
from durable_engine.slots import MAX_OPEN_CALLS

DAY = datetime.timedelta(days=1)


async def _paid(ctx: inngest.Context) -> Any:
    return await ctx.step.wait_for_event(
        "payment", event="shop/order.paid", if_exp="async.data.orderId == event.data.orderId", timeout=DAY
    )


async def sleeping() -> Shown:
    async with shop(nap) as it:
        return await about_run(it, await it.start("shop/order.placed"))


async def event_never_seen() -> Shown:
    async with shop(_paid) as it:
        await it.send("shop.order.paid", {"orderId": "o-1"})
        return await about_run(it, await it.start("shop/order.placed", {"orderId": "o-1"}))


async def event_not_matched() -> Shown:
    async with shop(_paid) as it:
        run_id = await it.start("shop/order.placed", {"orderId": 42})
        await it.settle(run_id)
        await it.send("shop/order.paid", {"orderId": "42"})
        return await about_run(it, run_id)


async def waiting_for_event() -> Shown:
    async with shop(_paid) as it:
        await it.send("shop/order.paid", {"orderId": "o-1"})
        await it.clock.advance(2)
        return await about_run(it, await it.start("shop/order.placed", {"orderId": "o-1"}))


def _signal(conflict: str) -> dict[str, Any]:
    options = {"signal": "contract-7", "timeout": "7d", "conflict": conflict}
    return op("WaitForSignal", "wait-for-signature", opts=options)


async def waiting_for_signal() -> Shown:
    async with shop(nap) as it:
        it.network.answer = ops(_signal("fail"))
        return await about_run(it, await it.start("shop/order.placed"))


async def signal_displaced() -> Shown:
    async with shop(nap) as it:
        it.network.answer = ops(_signal("replace"))
        first = await it.start("shop/order.placed")
        await it.settle(first)
        await it.settle(await it.start("shop/order.placed"))
        return await about_run(it, first)


async def _invoking(**options: Any) -> Shown:
    client = new_client("shop")
    pack = function(client, nap, fn_id="pack", trigger=on("shop/pack"), **options)

    async def fulfil(ctx: inngest.Context) -> None:
        await ctx.step.invoke("pack", function=pack)

    async with lab(client, [pack, function(client, fulfil)]) as it:
        return await about_run(it, await it.start("shop/order.placed"))


async def waiting_for_run() -> Shown:
    return await _invoking()


async def waiting_for_start() -> Shown:
    return await _invoking(debounce=inngest.Debounce(period=5 * MINUTE))


async def waiting_for_report() -> Shown:
    about = {
        "domain": "http://127.0.0.1:3000",
        "method": "GET",
        "path": "/pay",
        "query_params": "",
        "body": "",
    }
    async with shop(nap) as it:
        run_id = new_ulid(it.clock.now_ms())
        event = {"name": "inngest/http.request", "data": {**about, "fn": ""}}
        body = {"run_id": run_id, "event": event, "steps": [], "request_version": 2, "retries": 1}
        (await it.api.post("/v1/checkpoint", json=body)).raise_for_status()
        shown = await about_run(it, run_id)
        await it.engine.control.cancel(run_id)
        return shown


async def queued_for_later() -> Shown:
    async with shop(nap) as it:
        later = it.clock.now_ms() + 7_200_000
        return await about_run(it, await it.start("shop/order.placed", ts_ms=later))


async def _open_call(of: str) -> Shown:
    """Explain one of two runs of which only the first has a slot."""
    calls = OpenCalls()

    async def fulfil(ctx: inngest.Context) -> None:
        async def charge() -> str:
            return await calls.work(str(ctx.event.data["orderId"]))

        await ctx.step.run("charge", charge)

    async with shop(fulfil, concurrency=[inngest.Concurrency(limit=1)]) as it:
        runs = {"first": await it.start("shop/order.placed", {"orderId": "o-1"})}
        await calls.are("o-1")
        runs["second"] = await it.start("shop/order.placed", {"orderId": "o-2"})
        await it.clock.advance(90)
        shown = await explain(it, runId=runs[of])
        await calls.end_all()
        await it.engine.settle()
        return shown


async def held_by_concurrency() -> Shown:
    return await _open_call("second")


async def call_in_flight() -> Shown:
    return await _open_call("first")


async def call_due() -> Shown:
    """The engine has not come to take it yet."""
    async with shop(nap) as it, it.engine._dispatcher.held():
        return await explain(it, runId=await it.start("shop/order.placed"))


async def waiting_for_slot() -> Shown:
    """As many calls are open as the engine makes at once."""
    calls, names = OpenCalls(), [f"o-{number}" for number in range(MAX_OPEN_CALLS)]

    async def fulfil(ctx: inngest.Context) -> None:
        await calls.work(str(ctx.event.data["orderId"]))

    async with shop(fulfil) as it:
        for name in names:
            await it.start("shop/order.placed", {"orderId": name})
        await calls.are(*names)
        run_id = await it.start("shop/order.placed", {"orderId": "one-more"})
        await it.engine._dispatcher.run_once()  # which puts what has no room in line
        async with it.engine._dispatcher.held():
            shown = await explain(it, runId=run_id)
        await calls.end_all()
        await it.engine.settle()
        return shown


async def held_by_throttle() -> Shown:
    async with shop(nap, throttle=inngest.Throttle(limit=1, period=10 * MINUTE)) as it:
        await it.start("shop/order.placed")
        return await about_run(it, await it.start("shop/order.placed"))


async def function_paused() -> Shown:
    async with shop(nap) as it:
        run_id = await it.start("shop/order.placed")
        await it.settle(run_id)
        await it.engine.pause_function("fulfil")
        await it.advance(2 * HOUR.total_seconds(), run_id)
        return await about_run(it, run_id)


async def function_archived() -> Shown:
    async with shop(nap) as it:
        run_id = await it.start("shop/order.placed")
        await it.settle(run_id)
        await it.engine.remove_app(APP_URL)
        return await about_run(it, run_id)


async def unreported() -> Shown:
    """A run that was cancelled, asked for through the HTTP API alone."""
    async with shop(nap) as it:
        run_id = await it.start("shop/order.placed", {"orderId": "o-1"})
        await it.settle(run_id)
        await it.engine.control.cancel(run_id)
        async with tools_over("remote", it.engine, shipped_docs()) as client:
            result = await client.call_tool("explain", {"runId": run_id})
        text, facts = result.content[0].text, result.structured_content or {}  # type: ignore[union-attr]
        return Shown(text, facts["cause"], await it.engine.get_run(run_id))


WAITING: dict[str, Scenario] = {
    "unreported": unreported,
    "sleeping": sleeping,
    "event-never-seen": event_never_seen,
    "event-not-matched": event_not_matched,
    "waiting-for-event": waiting_for_event,
    "waiting-for-signal": waiting_for_signal,
    "signal-displaced": signal_displaced,
    "waiting-for-run": waiting_for_run,
    "waiting-for-start": waiting_for_start,
    "waiting-for-report": waiting_for_report,
    "queued-for-later": queued_for_later,
    "held-by-concurrency": held_by_concurrency,
    "held-by-throttle": held_by_throttle,
    "waiting-for-slot": waiting_for_slot,
    "function-paused": function_paused,
    "function-archived": function_archived,
    "call-in-flight": call_in_flight,
    "call-due": call_due,
}
