"""A shop whose workflow makes ids, reads the clock, sleeps, waits and sends: not easy to test exactly."""

from __future__ import annotations

import datetime
import logging
import random
import time
import uuid
from typing import Any

import fastapi
import inngest
import inngest.fast_api

client = inngest.Inngest(app_id="shop", logger=logging.getLogger("shop"))


@client.create_function(fn_id="fulfil", trigger=inngest.TriggerEvent(event="shop/order"), retries=2)
async def fulfil(ctx: inngest.Context) -> dict[str, Any]:
    order = ctx.event.data

    async def reserve() -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "label": f"rsv-{uuid.uuid4().hex[:8]}",
            "at": datetime.datetime.now(datetime.UTC).isoformat(),
            "ms": time.time_ns() // 1_000_000,
            "score": random.random(),  # noqa: S311
            "count": len(order["items"]),
            "order": order["id"],
        }

    async def charge() -> dict[str, Any]:
        return {"amount": sum(order["items"]), "currency": "EUR"}

    async def mail() -> str:
        raise RuntimeError("the mail server is not to be called in tests")

    reserved = await ctx.step.run("reserve", reserve)
    charged = await ctx.step.run("charge", charge)
    await ctx.step.sleep("settle", datetime.timedelta(days=3))
    shipped = await ctx.step.wait_for_event(
        "shipped",
        event="shop/shipped",
        if_exp="event.data.id == async.data.id",
        timeout=datetime.timedelta(days=7),
    )
    if shipped is None:
        await ctx.step.run("remind", charge)
    else:
        await ctx.step.run("mail", mail)
    await ctx.step.send_event("tell", inngest.Event(name="shop/fulfilled", data={"id": order["id"]}))
    return {"amount": charged["amount"], "reservation": reserved["id"], "by": shipped and shipped.data["by"]}


@client.create_function(fn_id="refuse", trigger=inngest.TriggerEvent(event="shop/refuse"), retries=1)
async def refuse(ctx: inngest.Context) -> None:
    async def check() -> None:
        raise ValueError("no such order")

    async def undo() -> str:
        return "undone"

    try:
        await ctx.step.run("check", check)
    except inngest.StepError:
        await ctx.step.run("undo", undo)
        raise


@client.create_function(
    fn_id="watch",
    trigger=inngest.TriggerEvent(event="shop/watch"),
    cancel=[inngest.Cancel(event="shop/stop", if_exp="event.data.id == async.data.id")],
)
async def watch(ctx: inngest.Context) -> str:
    async def begin() -> str:
        return "begun"

    await ctx.step.run("begin", begin)
    await ctx.step.sleep("long", datetime.timedelta(days=30))
    return "seen"


app = fastapi.FastAPI()
inngest.fast_api.serve(app, client, [fulfil, refuse, watch])
