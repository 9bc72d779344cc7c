"""The apps of the sessions: waits over days, an order whose charge has a fault, an unsafe step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import inngest
from support.sdk_app import new_client

Functions = tuple[inngest.Inngest, list[inngest.Function[Any]]]


def shop(*, is_fixed: bool = False) -> Functions:
    """Return the app as it is, or with the charge mended."""
    client = new_client("shop")

    @client.create_function(fn_id="process-order", trigger=inngest.TriggerEvent(event="shop/order.created"))
    async def process_order(ctx: inngest.Context) -> dict[str, Any]:
        items = ctx.event.data["items"]

        async def reserve() -> str:
            return "reserved"

        async def charge() -> int:
            if is_fixed:
                return sum(item["price"] * item.get("quantity", 1) for item in items)
            return sum(item["price"] * item["quantity"] for item in items)

        async def ship() -> str:
            return "shipped"

        await ctx.step.run("reserve", reserve)
        amount = await ctx.step.run("charge", charge)
        await ctx.step.run("ship", ship)
        return {"charged": amount}

    @client.create_function(
        fn_id="review-order",
        trigger=inngest.TriggerEvent(event="shop/order.placed", expression="event.data.amount > 100"),
    )
    async def review_order(ctx: inngest.Context) -> str:
        return "reviewed"

    return client, [*_waiting(client), process_order, review_order]


def _waiting(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    @client.create_function(fn_id="signup", trigger=inngest.TriggerEvent(event="app/user.signup"))
    async def signup(ctx: inngest.Context) -> dict[str, Any]:
        user_id = ctx.event.data["userId"]

        async def mail() -> str:
            raise ConnectionError("there is no mail server in tests")

        await ctx.step.run("send-welcome", mail)
        await ctx.step.sleep("three-days", timedelta(days=3))
        project = await ctx.step.wait_for_event(
            "first-project",
            event="app/project.created",
            if_exp="event.data.userId == async.data.userId",
            timeout=timedelta(days=7),
        )
        if project is None:
            await ctx.step.run("send-reminder", mail)
            return {"userId": user_id, "active": False}
        return {"userId": user_id, "active": True, "project": project.data["name"]}

    @client.create_function(fn_id="approve-order", trigger=inngest.TriggerEvent(event="shop/approval.asked"))
    async def approve_order(ctx: inngest.Context) -> str:
        approval = await ctx.step.wait_for_event(
            "approval",
            event="shop/approved",
            if_exp="event.data.orderId == async.data.orderId",
            timeout=timedelta(days=365),
        )
        return "approved" if approval else "forgotten"

    @client.create_function(fn_id="remind", trigger=inngest.TriggerEvent(event="shop/reminder.asked"))
    async def remind(ctx: inngest.Context) -> str:
        await ctx.step.sleep("two-days", timedelta(days=2))
        return "reminded"

    return [signup, approve_order, remind]


def counting(numbers: list[int]) -> Functions:
    """Return an app whose step is not safe to run twice: it hands out another number each time."""
    client = new_client("bank")

    @client.create_function(fn_id="transfer", trigger=inngest.TriggerEvent(event="bank/transfer.asked"))
    async def transfer(ctx: inngest.Context) -> int:
        async def book() -> int:
            numbers.append(len(numbers))
            return numbers[-1]

        return await ctx.step.run("book", book)

    return client, [transfer]
