"""An SDK app for the crash tests: every step body leaves a line in a journal, one can be held open."""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastapi
import inngest
import inngest.fast_api

client = inngest.Inngest(app_id="journal", logger=logging.getLogger("uvicorn"))
app = fastapi.FastAPI()
_JOURNAL = Path(os.environ["JOURNAL"])
_reached: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
_gate = asyncio.Event()


def _write(line: str) -> None:
    with _JOURNAL.open("a", encoding="utf-8") as journal:
        journal.write(f"{line}\n")


def _note(run: str, step: str) -> Callable[[], Any]:
    async def body() -> str:
        _write(f"{run} {step}")
        if step == "held":
            _reached["held"].set()
            await _gate.wait()
        return step

    return body


@client.create_function(fn_id="journey", trigger=inngest.TriggerEvent(event="j/journey"))
async def journey(ctx: inngest.Context) -> Any:
    name = str(ctx.event.data["name"])
    first = await ctx.step.run("first", _note(name, "first"))
    await ctx.step.run("held", _note(name, "held"))
    _reached["nap"].set()
    await ctx.step.sleep("nap", datetime.timedelta(seconds=1))
    await ctx.step.run("after-nap", _note(name, "after-nap"))
    _reached["wait"].set()
    go = await ctx.step.wait_for_event(
        "wait-for-go",
        event="j/go",
        if_exp="event.data.name == async.data.name",
        timeout=datetime.timedelta(days=1),
    )
    last = await ctx.step.run("last", _note(name, "last"))
    return [first, last, go is not None]


@client.create_function(fn_id="burst", trigger=inngest.TriggerEvent(event="j/burst"))
async def burst(ctx: inngest.Context) -> Any:
    name = str(ctx.event.data["name"])
    both = await ctx.group.parallel(
        (
            lambda: ctx.step.run("left", _note(name, "left")),
            lambda: ctx.step.run("right", _note(name, "right")),
        )
    )
    return [*both, await ctx.step.run("join", _note(name, "join"))]


@app.get("/reached/{place}")
async def reached(place: str) -> str:
    """Answer once the function gets to this place, again."""
    await _reached[place].wait()
    _reached[place].clear()
    return place


@app.post("/open")
async def open_gate() -> str:
    """Let the held step finish, now and whenever it runs again."""
    _gate.set()
    return "open"


inngest.fast_api.serve(app, client, [journey, burst])
