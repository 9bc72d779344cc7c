"""One clock for everything that comes due: what a test moves it past happens in the order of the times."""

from __future__ import annotations

import datetime
from typing import Any

import inngest
import pytest
from support.sdk_app import lab, new_client

from durable_engine import ManualClock

pytestmark = pytest.mark.anyio

START = datetime.datetime(2027, 1, 15, 12, 0, 5, tzinfo=datetime.UTC)


class Desk:
    """Functions that come due in different ways, and when each of them did."""

    def __init__(self, client: inngest.Inngest) -> None:
        self.clock = ManualClock(round(START.timestamp() * 1_000))
        self.seen: list[tuple[str, str]] = []
        go = inngest.TriggerEvent(event="t/go")
        first = inngest.TriggerEvent(event="t/go", expression="event.data.n == 1")
        throttle = inngest.Throttle(limit=1, period=_seconds(30))
        debounce = inngest.Debounce(period=_seconds(40))
        batch = inngest.Batch(max_size=9, timeout=_seconds(35))

        @client.create_function(fn_id="debounced", trigger=go, debounce=debounce)
        async def debounced(ctx: inngest.Context) -> None:
            self.note(f"debounce {ctx.event.data['n']}")

        @client.create_function(fn_id="throttled", trigger=go, throttle=throttle)
        async def throttled(ctx: inngest.Context) -> None:
            self.note(f"throttle {ctx.event.data['n']}")

        @client.create_function(fn_id="batched", trigger=go, batch_events=batch)
        async def batched(ctx: inngest.Context) -> None:
            self.note(f"batch of {len(ctx.events)}")

        @client.create_function(fn_id="asleep", trigger=first)
        async def asleep(ctx: inngest.Context) -> None:
            # The SDK would count a duration from a clock of its own.
            await ctx.step.sleep_until("nap", START + _seconds(45))
            self.note("sleep")

        @client.create_function(fn_id="scheduled", trigger=inngest.TriggerCron(cron="* * * * *"))
        async def scheduled(ctx: inngest.Context) -> None:
            self.note("cron")

        self.functions: list[Any] = [debounced, throttled, batched, asleep, scheduled]

    def note(self, name: str) -> None:
        """Note what happens now."""
        now = datetime.datetime.fromtimestamp(self.clock.now_ms() / 1_000, datetime.UTC)
        self.seen.append((now.strftime("%M:%S"), name))


def _seconds(count: int) -> datetime.timedelta:
    return datetime.timedelta(seconds=count)


async def test_debounces_throttles_batches_sleeps_and_schedules_come_due_in_order() -> None:
    client = new_client()
    desk = Desk(client)
    async with lab(client, desk.functions, clock=desk.clock) as it:
        for number in (1, 2, 3):
            await it.send("t/go", {"n": number})
            await it.pass_time(5)
        await it.pass_time(120)
    assert desk.seen == [
        ("00:05", "throttle 1"),
        ("00:35", "throttle 2"),
        ("00:40", "batch of 3"),
        ("00:50", "sleep"),
        ("00:55", "debounce 3"),
        ("01:00", "cron"),
        ("01:05", "throttle 3"),
        ("02:00", "cron"),
    ]
