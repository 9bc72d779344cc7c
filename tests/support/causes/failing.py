"""Runs whose call or step failed, and that are tried again or have failed for good."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import httpx
import inngest
from support.causes.asking import (
    HOUR,
    MINUTE,
    SDK,
    Body,
    Scenario,
    Shown,
    about_run,
    function,
    nap,
    on,
    op,
    ops,
    shop,
)
from support.sdk_app import Lab, lab, new_client

Answer = Callable[[httpx.Request], httpx.Response]


def charge() -> None:
    raise ValueError("card declined")


async def _charges(ctx: inngest.Context) -> None:
    await ctx.step.run("charge", charge)


async def fulfil(ctx: inngest.Context) -> None:
    items: Any = ctx.event.data["items"]
    await ctx.step.run("charge", lambda: sum(item["price"] for item in items))


async def _refuses(ctx: inngest.Context) -> None:
    def find_customer() -> None:
        raise inngest.NonRetriableError("no customer c-7")

    await ctx.step.run("find-customer", find_customer)


def _run(body: Body, **options: Any) -> Scenario:
    async def scenario() -> Shown:
        async with shop(body, **options) as it:
            return await about_run(it, await it.start("shop/order.placed", {"orderId": "o-1"}))

    return scenario


def _unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def _says(status: int, text: str, **headers: str) -> Answer:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda _: httpx.Response(status, headers=named, text=text)


_UNAUTHORIZED = _says(401, '{"message": "Unauthorized"}', x_inngest_sdk_handled="true")
APP_FAULTS: dict[str, Answer] = {
    "app-unreachable": _unreachable,
    "app-refuses-calls": _UNAUTHORIZED,
    "app-http-error": _says(413, "Payload Too Large", x_inngest_sdk="inngest-js:v4.24.0"),
    "not-an-sdk": _says(502, "<h1>502 Bad Gateway</h1>"),
    "replay-differs": ops({"op": "None"}),
}


def _app_answers(answer: Answer, *, waits_s: float = 0) -> Scenario:
    async def scenario() -> Shown:
        async with shop(nap, retries=1) as it:
            it.network.answer = answer
            run_id = await it.start("shop/order.placed")
            await it.advance(waits_s, run_id)
            return await about_run(it, run_id)

    return scenario


async def failed_request() -> Shown:
    request = {"url": "http://127.0.0.1:9/stock", "method": "GET", "headers": {}, "body": ""}
    async with shop(nap, retries=0) as it:
        first = ops(op("Gateway", "ask-stock", opts=request))
        it.network.answer = lambda made: _uncaught(made) if it.network.calls > 1 else first(made)
        return await about_run(it, await it.start("shop/order.placed"))


def _uncaught(request: httpx.Request) -> httpx.Response:
    """Answer as an SDK does when a step's error is not caught: it is the error of the function."""
    error = json.loads(request.content)["steps"]["a" * 40]["error"]
    return httpx.Response(400, headers={**SDK, "x-inngest-no-retry": "true"}, json=error)


async def step_limit() -> Shown:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)

    async def polls(ctx: inngest.Context) -> None:
        await ctx.group.parallel((lambda: ctx.step.sleep_until("poll", past),) * 1_001)

    return await _run(polls)()


async def state_limit() -> Shown:
    told = 0

    def next_page(_: httpx.Request) -> httpx.Response:
        nonlocal told
        told += 1
        page = {"op": "StepRun", "id": f"{told:040}", "userland": {"id": f"load-page-{told}"}}
        return httpx.Response(206, headers=SDK, json=[{**page, "data": "x" * (4 * 1024 * 1024 - 100)}])

    return await _app_answers(next_page)()


async def signal_conflict() -> Shown:
    options = {"signal": "contract-7", "timeout": "7d"}
    async with shop(nap) as it:
        it.network.answer = ops(op("WaitForSignal", "wait-for-signature", opts=options))
        await it.settle(await it.start("shop/order.placed"))
        return await about_run(it, await it.start("shop/order.placed"))


_CONDITION = {"event": "shop/order.paid", "if": "async.data.orderId = event.data.orderId", "timeout": "1h"}
REFUSED: dict[str, dict[str, Any]] = {
    "unsupported-step": op("Teleport", "move-parcel"),
    "wait-too-long": op("Sleep", "warranty", name="730d"),
    "bad-duration": op("Sleep", "cool-down", name="soon"),
    "bad-expression": op("WaitForEvent", "payment", opts=_CONDITION),
    "size-limit": op("StepRun", "load-catalogue", data="x" * (4 * 1024 * 1024 + 1)),
}


async def engine_fault() -> Shown:
    async def broken(*_: Any, **__: Any) -> None:
        raise LookupError("a bug of ours")

    async with shop(nap) as it:
        it.engine._client.call = broken  # type: ignore[method-assign, assignment]
        return await about_run(it, await it.start("shop/order.placed"))


async def _invoking(body: Body, *, then: Callable[[Lab, str], Any] | None = None, **options: Any) -> Shown:
    client = new_client("shop")
    pack = function(client, body, fn_id="pack", trigger=on("shop/pack"), retries=0)

    async def packs(ctx: inngest.Context) -> None:
        await ctx.step.invoke("pack", function=pack, **options)

    async with lab(client, [pack, function(client, packs, retries=0)]) as it:
        run_id = await it.start("shop/order.placed")
        if then is not None:
            await then(it, run_id)
        return await about_run(it, run_id)


async def invoked_run_failed() -> Shown:
    async def pack(_: inngest.Context) -> None:
        raise ValueError("no box is large enough")

    return await _invoking(pack)


async def invoke_timed_out() -> Shown:
    return await _invoking(nap, timeout=MINUTE, then=lambda it, run_id: it.advance(61, run_id))


async def invoke_not_started() -> Shown:
    async def packs(ctx: inngest.Context) -> None:
        await ctx.step.invoke_by_id("pack", function_id="pack-order")

    return await _run(packs, retries=0)()


async def completed() -> Shown:
    async def invoices(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("charge", charge)
        except inngest.StepError:
            return "sent an invoice"
        return "charged"

    return await _run(invoices, retries=0)()


async def cancelled_by_event() -> Shown:
    cancel = [inngest.Cancel(event="shop/order.withdrawn", if_exp="async.data.orderId == event.data.orderId")]
    async with shop(nap, cancel=cancel) as it:
        run_id = await it.start("shop/order.placed", {"orderId": "o-1"})
        await it.settle(run_id)
        await it.send("shop/order.withdrawn", {"orderId": "o-1"})
        return await about_run(it, run_id)


async def cancelled_by_request() -> Shown:
    async with shop(nap) as it:
        run_id = await it.start("shop/order.placed")
        await it.settle(run_id)
        await it.engine.control.cancel(run_id)
        return await about_run(it, run_id)


async def start_timeout() -> Shown:
    limits = {
        "timeouts": inngest.Timeouts(start=datetime.timedelta(seconds=10)),
        "throttle": inngest.Throttle(limit=1, period=HOUR),
    }
    async with shop(nap, **limits) as it:
        await it.start("shop/order.placed")
        run_id = await it.start("shop/order.placed")
        await it.advance(11, run_id)
        return await about_run(it, run_id)


async def finish_timeout() -> Shown:
    async with shop(nap, timeouts=inngest.Timeouts(finish=30 * MINUTE)) as it:
        run_id = await it.start("shop/order.placed")
        await it.advance(1_801, run_id)
        return await about_run(it, run_id)


async def singleton_replaced() -> Shown:
    async with shop(nap, singleton=inngest.Singleton(mode="cancel")) as it:
        first = await it.start("shop/order.placed")
        await it.settle(first)
        await it.start("shop/order.placed")
        return await about_run(it, first)


async def paused_too_long() -> Shown:
    async with shop(nap) as it:
        run_id = await it.start("shop/order.placed")
        await it.settle(run_id)
        await it.engine.pause_function("fulfil")
        await it.pass_time(8 * 86_400)
        return await about_run(it, run_id)


FAILING: dict[str, Scenario] = {
    "retrying-step": _run(_charges),
    "retrying-function": _run(fulfil),
    "failed-in-step": _run(_charges, retries=0),
    "failed-outside-steps": _run(fulfil, retries=0),
    "non-retriable-error": _run(_refuses),
    **{cause: _app_answers(answer) for cause, answer in APP_FAULTS.items()},
    **{f"failed-{cause}": _app_answers(answer, waits_s=46) for cause, answer in APP_FAULTS.items()},
    "failed-request": failed_request,
    "step-limit": step_limit,
    "state-limit": state_limit,
    **{cause: _app_answers(ops(step)) for cause, step in REFUSED.items()},
    "signal-conflict": signal_conflict,
    "engine-fault": engine_fault,
    "invoked-run-failed": invoked_run_failed,
    "invoke-timed-out": invoke_timed_out,
    "invoke-not-started": invoke_not_started,
    "completed": completed,
    "cancelled-by-event": cancelled_by_event,
    "cancelled-by-request": cancelled_by_request,
    "start-timeout": start_timeout,
    "finish-timeout": finish_timeout,
    "singleton-replaced": singleton_replaced,
    "paused-too-long": paused_too_long,
}
