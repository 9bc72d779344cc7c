"""The sample app: three workflows on the Inngest Python SDK, as any team would write them.

It knows nothing of Stepcue. Run it with `INNGEST_DEV=1 uvicorn app:app --port 8000`.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import fastapi
import inngest
import inngest.fast_api

client = inngest.Inngest(app_id="shop", logger=logging.getLogger("uvicorn"))


@client.create_function(
    fn_id="process-order",
    name="Process order",
    trigger=inngest.TriggerEvent(event="shop/order.created"),
)
async def process_order(ctx: inngest.Context) -> dict[str, Any]:
    """Reserve, charge, ship and confirm: four steps, each a side effect of its own."""
    order_id = str(ctx.event.data["orderId"])
    items = ctx.event.data.get("items", [])

    async def reserve_stock() -> dict[str, Any]:
        return {"reservationId": f"rsv-{order_id}", "items": items}

    async def charge_card() -> dict[str, Any]:
        total = sum(item["price"] * item.get("quantity", 1) for item in items)
        return {"chargeId": f"ch-{order_id}", "amount": total}

    async def create_shipment() -> dict[str, Any]:
        return {"trackingNumber": f"trk-{order_id}"}

    async def send_confirmation() -> str:
        return f"confirmation for {order_id} sent"

    await ctx.step.run("reserve-stock", reserve_stock)
    charge = await ctx.step.run("charge-card", charge_card)
    shipment = await ctx.step.run("create-shipment", create_shipment)
    await ctx.step.run("send-confirmation", send_confirmation)
    return {"orderId": order_id, "charged": charge["amount"], "tracking": shipment["trackingNumber"]}


@client.create_function(
    fn_id="onboard-user",
    name="Onboard user",
    trigger=inngest.TriggerEvent(event="app/user.signup"),
)
async def onboard_user(ctx: inngest.Context) -> dict[str, Any]:
    """Welcome a new user, wait a moment, then wait for the first project or send a reminder."""
    user_id = str(ctx.event.data["userId"])

    async def send_welcome() -> str:
        return f"welcome mail to {user_id}"

    async def send_reminder() -> str:
        return f"reminder mail to {user_id}"

    await ctx.step.run("send-welcome", send_welcome)
    await ctx.step.sleep("let-them-look-around", timedelta(seconds=2))
    project = await ctx.step.wait_for_event(
        "wait-for-first-project",
        event="app/project.created",
        if_exp="event.data.userId == async.data.userId",
        timeout=timedelta(days=3),
    )
    if project is None:
        await ctx.step.run("send-reminder", send_reminder)
        return {"userId": user_id, "activated": False}
    return {"userId": user_id, "activated": True, "project": project.data["name"]}


@client.create_function(
    fn_id="import-invoices",
    name="Import invoices",
    trigger=inngest.TriggerEvent(event="billing/import.requested"),
)
async def import_invoices(ctx: inngest.Context) -> dict[str, Any]:
    """Fail for good on a file that no retry can mend."""
    source = str(ctx.event.data.get("source", ""))

    async def download() -> dict[str, Any]:
        return {"source": source, "rows": 3}

    async def parse() -> list[str]:
        if not source.endswith(".csv"):
            raise inngest.NonRetriableError(f"cannot read invoices from {source!r}: not a .csv file")
        return ["inv-1", "inv-2", "inv-3"]

    await ctx.step.run("download", download)
    invoices = await ctx.step.run("parse", parse)
    return {"imported": len(invoices)}


app = fastapi.FastAPI()
inngest.fast_api.serve(app, client, [process_order, onboard_user, import_invoices])
