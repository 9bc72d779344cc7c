"""What explain says of a run or an event of a small shop, and how its pages are held against it."""

from __future__ import annotations

import datetime
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx
import inngest
from mcp import Client
from support.sdk_app import ENGINE_ORIGIN, Lab, lab, new_client
from support.shipped_docs import shipped_docs

from durable_engine import NewEvent, RunView
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
SDK = {"x-inngest-sdk": "inngest-js:v4.24.0", "x-inngest-req-version": "2"}
"""What each answer of a TypeScript app has in its headers."""

Body: TypeAlias = Callable[[inngest.Context], Awaitable[Any]]


@dataclass(frozen=True)
class Shown:
    """The text of an answer of explain, its cause, and the run that it is about."""

    text: str
    cause: str
    run: RunView | None = None


_ID = re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
_FILE = re.compile(r"[\w./\\:-]+\.py:\d+")
_DATE = re.compile(r"; (at|until): \d{4}-[\d-]+T[\d:.]+Z")
_SECONDS = re.compile(r"; remaining: [\d.]+s(?=;|$)", re.MULTILINE)

Scenario: TypeAlias = Callable[[], Awaitable[Shown]]


async def explain(it: Lab, **arguments: str) -> Shown:
    """Ask the real tool, over MCP."""
    server = build_server(it.engine, shipped_docs(), config=ServerConfig(engine_url=ENGINE_ORIGIN))
    async with Client(server) as client:
        result = await client.call_tool("explain", arguments)
    assert not result.is_error, result.content
    text = result.content[0].text  # type: ignore[union-attr]
    run = await it.engine.get_run(arguments["runId"]) if "runId" in arguments else None
    return Shown(text, (result.structured_content or {})["cause"], run)


async def about_run(it: Lab, run_id: str) -> Shown:
    """Let everything happen that can happen now; explain a run."""
    await it.engine.settle()
    return await explain(it, runId=run_id)


async def about_event(it: Lab, name: str, data: Mapping[str, Any] | None = None, **more: Any) -> Shown:
    """Send an event and explain it."""
    receipt = await it.engine.send_event(NewEvent(name=name, data=dict(data or {}), **more))
    return await explain(it, eventId=receipt.event.id)


def on(event: str, **more: Any) -> inngest.TriggerEvent:
    """Return a trigger."""
    return inngest.TriggerEvent(event=event, **more)


def function(
    client: inngest.Inngest,
    body: Body,
    *,
    fn_id: str = "fulfil",
    trigger: inngest.TriggerEvent | None = None,
    **options: Any,
) -> inngest.Function[Any]:
    """Make a function of `body`, started by `shop/order.placed` unless told otherwise."""
    made: inngest.Function[Any] = client.create_function(
        fn_id=fn_id, trigger=trigger or on("shop/order.placed"), **options
    )(body)
    return made


@asynccontextmanager
async def shop(body: Body, *, syncs: bool = True, **options: Any) -> AsyncIterator[Lab]:
    """Run an app `shop` with one function."""
    client = new_client("shop")
    async with lab(client, [function(client, body, **options)], syncs=syncs) as it:
        yield it


async def nap(ctx: inngest.Context) -> None:
    """Sleep for an hour, in a step."""
    await ctx.step.sleep("cool-down", HOUR)


def ops(*entries: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    """Answer as a TypeScript app does that comes to these steps."""
    return lambda _: httpx.Response(206, headers=SDK, json=list(entries))


def op(kind: str, step: str, **more: Any) -> dict[str, Any]:
    """Return a step as a TypeScript app reports it."""
    return {"op": kind, "id": "a" * 40, "userland": {"id": step}, "name": step, **more}


def as_shown(text: str) -> str:
    """Return an answer as the pages show it: short ids in their order, no dates, one file name."""
    ids: dict[str, str] = {}
    text = _ID.sub(lambda found: ids.setdefault(found[0], f"ID_{chr(ord('A') + len(ids))}"), text)
    text = _FILE.sub(lambda found: f"{'/app/' if '/' in found[0] else ''}shop.py:12", text)
    # What is left of a delay between two attempts differs from run to run.
    return _SECONDS.sub("", _DATE.sub("", text))
