"""The app that runs while its engine keeps dying: one function for each thing an engine has to remember.

Every body leaves a line in the journal when it begins and when it ends, and returns a nonce of its own.
What a function returns are the results of its steps, so that they can be held against what the engine keeps.
Every event has `n`, the name of the order that it is.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import os
import signal
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import fastapi
import inngest
import inngest.fast_api
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from survival.journal import Writer

MONTH = datetime.timedelta(days=30)
HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
RETRIES = 12  # failures of the app's own making, and those of calls that its death cut off

client = inngest.Inngest(app_id="survival", logger=logging.getLogger("uvicorn"))
app = fastapi.FastAPI()
journal = Writer(Path(os.environ["JOURNAL"]))
_call: ContextVar[dict[str, Any]] = ContextVar("call")
_state: dict[str, Any] = {"life": uuid.uuid4().hex, "victim": 0, "bodies": 0}


def _body(ctx: inngest.Context, step: str, *, fails: int = 0, key: str = "") -> Callable[[], Any]:
    """Return the body of a step; it raises in its first `fails` attempts."""

    async def run() -> dict[str, str]:
        nonce = uuid.uuid4().hex[:16]
        about = {**_call.get(), "run": ctx.run_id, "step": step, "nonce": nonce, "key": key}
        journal.write(kind="begin", attempt=ctx.attempt, **about)
        _kill_in_time()
        for _ in range(10):  # others get their turn meanwhile
            await asyncio.sleep(0)
        journal.write(kind="end", **about)
        if ctx.attempt < fails:
            raise RuntimeError(f"attempt {ctx.attempt} fails")
        return {"nonce": nonce}

    return run


def _kill_in_time() -> None:
    """Kill the engine in the body that was agreed on."""
    _state["bodies"] -= 1
    if _state["victim"] and _state["bodies"] == 0:
        os.kill(_state["victim"], signal.SIGKILL)
        _state["victim"] = 0


def _on(event: str) -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=f"k/{event}")


async def _run(ctx: inngest.Context, step: str, **how: Any) -> Any:
    return await ctx.step.run(step, _body(ctx, step, **how))


async def _together(ctx: inngest.Context, *steps: str, **mode: Any) -> list[Any]:
    return list(await ctx.group.parallel(tuple(lambda step=step: _run(ctx, step) for step in steps), **mode))


@client.create_function(fn_id="sequential", trigger=_on("sequential"), retries=RETRIES)
async def sequential(ctx: inngest.Context) -> Any:
    return [await _run(ctx, step) for step in "abcd"]


@client.create_function(fn_id="stepless", trigger=_on("stepless"), retries=RETRIES)
async def stepless(ctx: inngest.Context) -> Any:
    return [await _body(ctx, "whole")()]


@client.create_function(fn_id="parallel", trigger=_on("parallel"), retries=RETRIES)
async def parallel(ctx: inngest.Context) -> Any:
    before = await _run(ctx, "before")
    group = await _together(ctx, "left", "middle", "right")
    return [before, *group, await _run(ctx, "join")]


@client.create_function(fn_id="race", trigger=_on("race"), retries=RETRIES)
async def race(ctx: inngest.Context) -> Any:
    await _together(ctx, "fast", "slow", parallel_mode=inngest.ParallelMode.RACE)
    return [await _run(ctx, "after")]


@client.create_function(fn_id="sleeping", trigger=_on("sleeping"), retries=RETRIES)
async def sleeping(ctx: inngest.Context) -> Any:
    first = await _run(ctx, "first")
    await ctx.step.sleep("nap", datetime.timedelta(seconds=float(str(ctx.event.data["seconds"]))))
    return [first, await _run(ctx, "second")]


@client.create_function(fn_id="waiting", trigger=_on("waiting"), retries=RETRIES)
async def waiting(ctx: inngest.Context) -> Any:
    first = await _run(ctx, "first")
    wish = "event.data.n == async.data.n"
    go = await ctx.step.wait_for_event("go", event="k/go", if_exp=wish, timeout=MONTH)
    return [first, await _run(ctx, "second"), None if go is None else go.data["mark"]]


@client.create_function(fn_id="unmet", trigger=_on("unmet"), retries=RETRIES)
async def unmet(ctx: inngest.Context) -> Any:
    never = await ctx.step.wait_for_event("never", event="k/never", timeout=HOUR)
    return [never, await _run(ctx, "after")]


@client.create_function(fn_id="child", trigger=_on("child"), retries=RETRIES)
async def child(ctx: inngest.Context) -> Any:
    first = await _run(ctx, "first")
    await ctx.step.sleep("nap", MINUTE)
    return [first, await _run(ctx, "second")]


@client.create_function(fn_id="invoking", trigger=_on("invoking"), retries=RETRIES)
async def invoking(ctx: inngest.Context) -> Any:
    before = await _run(ctx, "before")
    inner = await ctx.step.invoke("call", function=child, data={"n": ctx.event.data["n"]})
    return [before, inner, await _run(ctx, "after")]


@client.create_function(
    fn_id="batched",
    trigger=_on("batched"),
    batch_events=inngest.Batch(max_size=4, timeout=MINUTE),
    retries=RETRIES,
)
async def batched(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "all"), [event.data["n"] for event in ctx.events]]


@client.create_function(
    fn_id="debounced",
    trigger=_on("debounced"),
    debounce=inngest.Debounce(key="event.data.key", period=HOUR),
    retries=RETRIES,
)
async def debounced(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "last"), ctx.event.data["n"]]


@client.create_function(
    fn_id="throttled",
    trigger=_on("throttled"),
    throttle=inngest.Throttle(key="event.data.key", limit=2, period=HOUR),
    retries=RETRIES,
)
async def throttled(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "once")]


@client.create_function(
    fn_id="limited",
    trigger=_on("limited"),
    concurrency=[inngest.Concurrency(key="event.data.key", limit=1)],
    retries=RETRIES,
)
async def limited(ctx: inngest.Context) -> Any:
    key = str(ctx.event.data["key"])
    return [await _run(ctx, step, key=key) for step in ("one", "two")]


@client.create_function(fn_id="flaky", trigger=_on("flaky"), retries=RETRIES)
async def flaky(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "sound"), await _run(ctx, "shaky", fails=2)]


async def _after_failure(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "mourn")]


@client.create_function(fn_id="failing", trigger=_on("failing"), retries=1, on_failure=_after_failure)
async def failing(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "doomed", fails=100)]


@client.create_function(
    fn_id="cancelled",
    trigger=_on("cancelled"),
    cancel=[inngest.Cancel(event="k/stop", if_exp="event.data.n == async.data.n")],
    retries=RETRIES,
)
async def cancelled(ctx: inngest.Context) -> Any:
    await _run(ctx, "first")
    await ctx.step.sleep("long", 12 * MONTH)
    return [await _run(ctx, "never")]


@client.create_function(fn_id="sending", trigger=_on("sending"), retries=RETRIES)
async def sending(ctx: inngest.Context) -> Any:
    n = str(ctx.event.data["n"])
    leaves = [inngest.Event(name="k/leaf", id=f"leaf-{n}-{part}", data={"n": f"{n}-{part}"}) for part in "xy"]
    await ctx.step.send_event("fan-out", leaves)
    return [await _run(ctx, "after")]


@client.create_function(fn_id="leaf", trigger=_on("leaf"), retries=RETRIES)
async def leaf(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "once")]


@client.create_function(
    fn_id="single",
    trigger=_on("single"),
    singleton=inngest.Singleton(key="event.data.key", mode="skip"),
    retries=RETRIES,
)
async def single(ctx: inngest.Context) -> Any:
    first = await _run(ctx, "first")
    await ctx.step.sleep("nap", MINUTE)
    return [first, await _run(ctx, "second")]


@client.create_function(fn_id="keyed", trigger=_on("keyed"), idempotency="event.data.key", retries=RETRIES)
async def keyed(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "once")]


@client.create_function(
    fn_id="rated",
    trigger=_on("rated"),
    rate_limit=inngest.RateLimit(key="event.data.key", limit=1, period=24 * HOUR),
    retries=RETRIES,
)
async def rated(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "once")]


@client.create_function(fn_id="ticking", trigger=inngest.TriggerCron(cron="0 */2 * * *"), retries=RETRIES)
async def ticking(ctx: inngest.Context) -> Any:
    return [await _run(ctx, "tick")]


class Calls:
    """Notes each call of a function before the SDK sees it, and tells the bodies in it which it is."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != "/api/inngest":
            await self._inner(scope, receive, send)
            return
        parts = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        body = b"".join(parts)
        context = json.loads(body)["ctx"]
        _call.set({"ref": context["qi_id"], "life": _state["life"]})
        journal.write(kind="call", ref=context["qi_id"], run=context["run_id"])
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return unread.pop() if unread else await receive()

        await self._inner(scope, again, send)


app.add_middleware(Calls)


@app.post("/life")
async def new_life() -> None:
    """An engine is dead, and all that it sent has come: what comes now is from another."""
    _state.update(life=uuid.uuid4().hex, victim=0)


@app.post("/kill/{pid}/{bodies}")
async def kill(pid: int, bodies: int) -> None:
    """Kill a process in the nth body from now."""
    _state.update(victim=pid, bodies=bodies)


FUNCTIONS = [
    sequential,
    stepless,
    parallel,
    race,
    sleeping,
    waiting,
    unmet,
    child,
    invoking,
    batched,
    debounced,
    throttled,
    limited,
    flaky,
    failing,
    cancelled,
    sending,
    leaf,
    single,
    keyed,
    rated,
    ticking,
]
inngest.fast_api.serve(app, client, FUNCTIONS)
