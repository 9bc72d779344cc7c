"""Stories about moving the engine's time, on its real clock and on one that stands still."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import Advance, Engine, EngineConfig, RealClock, RunStatus
from durable_engine.errors import InvalidInputError, RunAlreadyEndedError

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def _named(advance: Advance) -> list[tuple[str, str, str | None]]:
    return [(entry.function_slug, entry.kind, entry.step_name) for entry in advance.fired]


def _functions(client: inngest.Inngest) -> list[Any]:
    @client.create_function(fn_id="sleeper", trigger=inngest.TriggerEvent(event="t/sleep"))
    async def sleeper(ctx: inngest.Context) -> str:
        await ctx.step.sleep("one", datetime.timedelta(days=1))
        await ctx.step.sleep("two", datetime.timedelta(days=1))
        return "up"

    @client.create_function(fn_id="waiter", trigger=inngest.TriggerEvent(event="t/wait"))
    async def waiter(ctx: inngest.Context) -> Any:
        found = await ctx.step.wait_for_event(
            "answer", event="t/answer", timeout=datetime.timedelta(hours=30)
        )
        return found and found.data

    @client.create_function(
        fn_id="calm",
        trigger=inngest.TriggerEvent(event="t/calm"),
        debounce=inngest.Debounce(period=datetime.timedelta(hours=2)),
    )
    async def calm(ctx: inngest.Context) -> None:
        return None

    @client.create_function(fn_id="daily", trigger=inngest.TriggerCron(cron="0 12 * * *"))
    async def daily(ctx: inngest.Context) -> None:
        return None

    @client.create_function(
        fn_id="late",
        trigger=inngest.TriggerEvent(event="t/late"),
        timeouts=inngest.Timeouts(finish=datetime.timedelta(hours=5)),
    )
    async def late(ctx: inngest.Context) -> None:
        await ctx.step.sleep("too-long", datetime.timedelta(days=9))

    return [sleeper, waiter, calm, daily, late]


async def test_what_comes_due_happens_in_due_order_and_so_does_what_follows() -> None:
    client = new_client()

    async with lab(client, _functions(client), clock=RealClock()) as it:
        sleeper = await it.start("t/sleep")
        waiter = await it.start("t/wait")
        late = await it.start("t/late")
        await it.send("t/calm")
        before_ms = it.engine.time.now_ms
        advance = await it.engine.time.advance(by_ms=3 * DAY_MS, patience_s=20)

        assert advance.is_complete
        assert advance.shift_ms == pytest.approx(3 * DAY_MS, abs=60_000)
        events = [entry for entry in _named(advance) if entry[0] != "lab-daily"]
        assert events == [
            ("lab-calm", "run.queued", None),
            ("lab-calm", "run.completed", None),
            ("lab-late", "run.cancelled", None),
            ("lab-sleeper", "step.completed", "one"),
            ("lab-waiter", "step.timed_out", "answer"),
            ("lab-waiter", "run.completed", None),
            ("lab-sleeper", "step.completed", "two"),
            ("lab-sleeper", "run.completed", None),
        ]
        assert [entry[1] for entry in _named(advance) if entry[0] == "lab-daily"].count("run.queued") == 3
        times = [entry.at_ms for entry in advance.fired]
        assert times == sorted(times)
        run = await it.engine.get_run(sleeper)
        assert run.ended_ms is not None
        assert run.ended_ms - before_ms == pytest.approx(2 * DAY_MS, abs=60_000)
        assert (await it.engine.get_run(waiter)).status is RunStatus.COMPLETED
        assert (await it.engine.get_run(late)).status is RunStatus.CANCELLED


async def test_a_sleep_that_begins_after_the_clock_was_moved_has_its_full_length() -> None:
    client = new_client()

    async with lab(client, _functions(client), clock=RealClock()) as it:
        await it.engine.time.advance(by_ms=10 * DAY_MS, patience_s=20)
        run = await it.settle(await it.start("t/sleep"))

        (wait,) = run.waiting_for
        assert wait.until_ms is not None
        assert wait.until_ms - run.now_ms == pytest.approx(DAY_MS, abs=60_000)


async def test_time_does_not_go_back_when_the_engine_starts_again(tmp_path: Path) -> None:
    client = new_client()
    file = tmp_path / "engine.db"

    async with lab(client, _functions(client), data_file=file, clock=RealClock()) as it:
        run_id = await it.start("t/sleep")
        await it.settle(run_id)
        await it.engine.time.advance(by_ms=DAY_MS - HOUR_MS, patience_s=20)

    async with await Engine.open(EngineConfig(data_file=file)) as engine:
        assert engine.time.shift_ms == pytest.approx(DAY_MS - HOUR_MS, abs=60_000)
        run = await engine.get_run(run_id)
        assert run.waiting_for[0].until_ms is not None
        assert run.waiting_for[0].until_ms - run.now_ms == pytest.approx(HOUR_MS, abs=60_000)


async def test_an_app_that_does_not_answer_ends_the_patience_and_is_named() -> None:
    client = new_client()
    gate = asyncio.Event()

    @client.create_function(fn_id="stuck", trigger=inngest.TriggerEvent(event="t/stuck"))
    async def stuck(ctx: inngest.Context) -> str:
        await ctx.step.sleep("nap", datetime.timedelta(hours=1))
        await gate.wait()
        return "freed"

    async with lab(client, [stuck], clock=RealClock()) as it:
        run_id = await it.start("t/stuck")
        await it.settle(run_id)
        advance = await it.engine.time.advance(by_ms=DAY_MS, patience_s=0.3)
        assert not advance.is_complete
        assert advance.now_ms - advance.from_ms == pytest.approx(HOUR_MS, abs=60_000)
        assert advance.open_calls == (run_id,)

        gate.set()
        advance = await it.engine.time.advance(to_ms=advance.target_ms, patience_s=20)
        assert advance.is_complete
        assert (await it.engine.get_run(run_id)).output == "freed"  # which may have been before the look


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "either by how much"),
        ({"by_ms": 1, "to_ms": 2}, "either by how much"),
        ({"by_ms": 0}, "not in the future"),
        ({"to_ms": 1_000}, "not in the future"),
        ({"by_ms": 367 * DAY_MS}, "366 days"),
    ],
)
async def test_a_target_that_cannot_be_is_refused(it: Lab, asked: dict[str, int], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        await it.engine.time.advance(**asked, patience_s=1)
    assert it.engine.time.shift_ms == 0


async def test_the_time_of_a_run_that_has_ended_cannot_be_skipped(it: Lab) -> None:
    run_id = await it.start("t/wait")
    await it.engine.control.cancel(run_id)
    with pytest.raises(RunAlreadyEndedError):
        await it.engine.time.skip(run_id, patience_s=1)


@pytest.fixture(name="it")
async def one_lab() -> Any:
    client = new_client()
    async with lab(client, _functions(client)) as opened:
        yield opened


async def test_batches_throttles_rate_limits_and_invokes_obey_too() -> None:
    client = new_client()
    hour = datetime.timedelta(hours=1)

    @client.create_function(
        fn_id="batched",
        trigger=inngest.TriggerEvent(event="t/batched"),
        batch_events=inngest.Batch(max_size=10, timeout=hour),
    )
    async def batched(ctx: inngest.Context) -> int:
        return len(ctx.events)

    @client.create_function(
        fn_id="throttled",
        trigger=inngest.TriggerEvent(event="t/throttled"),
        throttle=inngest.Throttle(limit=1, period=hour),
    )
    async def throttled(ctx: inngest.Context) -> None:
        return None

    @client.create_function(
        fn_id="limited",
        trigger=inngest.TriggerEvent(event="t/limited"),
        rate_limit=inngest.RateLimit(limit=1, period=hour),
    )
    async def limited(ctx: inngest.Context) -> None:
        return None

    @client.create_function(fn_id="slow", trigger=inngest.TriggerEvent(event="t/slow"))
    async def slow(ctx: inngest.Context) -> None:
        await ctx.step.sleep("long", datetime.timedelta(days=2))

    @client.create_function(fn_id="caller", trigger=inngest.TriggerEvent(event="t/call"), retries=0)
    async def caller(ctx: inngest.Context) -> str:
        try:
            await ctx.step.invoke("ask", function=slow, timeout=2.5 * hour)
        except inngest.StepError as error:
            return error.name
        return "too soon"

    async with lab(client, [batched, throttled, limited, slow, caller], clock=RealClock()) as it:
        for _ in range(3):
            await it.send("t/batched")
            await it.send("t/throttled")
        await it.start("t/limited")
        assert await it.send("t/limited") == ()
        called = await it.start("t/call")
        await it.engine.settle()
        advance = await it.engine.time.advance(by_ms=4 * HOUR_MS, patience_s=20)

        ended = [entry[0] for entry in _named(advance) if entry[1] == "run.completed"]
        # The batch and the second throttled run are due within one moment of real time: either may end first.
        assert sorted(ended[:2]) == ["lab-batched", "lab-throttled"]
        assert ended[2:] == ["lab-throttled", "lab-caller"]
        assert (await it.engine.get_run(called)).output == "InngestInvokeTimeoutError"
        await it.start("t/limited")
