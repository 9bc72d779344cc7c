"""The app under measurement: trivial steps on the real Python SDK, counted by `tally`."""

from __future__ import annotations

import datetime
import logging
from typing import Any

import fastapi
import inngest
import inngest.fast_api

from benchmarks.tally import Tally
from benchmarks.waits import EXPRESSION, GO, STOP, WAIT, YEAR_MS

client = inngest.Inngest(app_id="bench", logger=logging.getLogger("uvicorn"))


async def _number(number: int) -> dict[str, int]:
    return {"number": number}


def _sequence(count: int) -> Any:
    @client.create_function(
        fn_id=f"steps-{count}", trigger=inngest.TriggerEvent(event=f"bench/steps-{count}")
    )
    async def sequence(ctx: inngest.Context) -> int:
        for number in range(count):
            await ctx.step.run("step", _number, number)
        return count

    return sequence


@client.create_function(fn_id="parallel-10", trigger=inngest.TriggerEvent(event="bench/parallel-10"))
async def parallel(ctx: inngest.Context) -> int:
    """Ten steps side by side."""

    def step(number: int) -> Any:
        return lambda: ctx.step.run(f"step {number}", _number, number)

    return len(await ctx.group.parallel(tuple(step(number) for number in range(10))))


@client.create_function(fn_id="sleep", trigger=inngest.TriggerEvent(event="bench/sleep"))
async def sleeper(ctx: inngest.Context) -> None:
    """Sleep until the moment that the event names."""
    await ctx.step.sleep_until("nap", datetime.datetime.fromisoformat(str(ctx.event.data["until"])))


@client.create_function(
    fn_id="wait",
    trigger=inngest.TriggerEvent(event=WAIT),
    cancel=[inngest.Cancel(event=STOP, if_exp=EXPRESSION)],
)
async def waiter(ctx: inngest.Context) -> None:
    """Wait for the event of the same order."""
    year = datetime.timedelta(milliseconds=YEAR_MS)
    await ctx.step.wait_for_event("answer", event=GO, if_exp=EXPRESSION, timeout=year)


@client.create_function(fn_id="long", trigger=inngest.TriggerEvent(event="bench/long"))
async def long(ctx: inngest.Context) -> None:
    """As many steps as the event says, each with an output of so many bytes."""
    output = "x" * int(str(ctx.event.data["bytes"]))

    async def body() -> str:
        return output

    for _ in range(int(str(ctx.event.data["steps"]))):
        await ctx.step.run("step", body)


served = fastapi.FastAPI()
functions = [*(_sequence(count) for count in (0, 1, 3, 100)), parallel, sleeper, waiter, long]
inngest.fast_api.serve(served, client, functions)
app = Tally(served)
