"""Stories about time that is skipped: for one run and what it brings about, while all others wait."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.sdk_app import lab, new_client
from support.wall import wall_ms

from durable_engine import Conditions, ManualClock, NewEvent, PlannedEvent, RealClock, RunStatus
from durable_engine.errors import InvalidInputError

pytestmark = pytest.mark.anyio

SKIP = Conditions(skips_time=True)
DAY_MS = 86_400_000


def _clock() -> ManualClock:
    """A clock that stands still, so that only skipping brings anything about."""
    return ManualClock(wall_ms(), wall=wall_ms)


def _onboarding(client: inngest.Inngest, ran: list[str]) -> Any:
    tries = iter(range(10))

    @client.create_function(fn_id="onboard", trigger=inngest.TriggerEvent(event="t/signup"), retries=4)
    async def onboard(ctx: inngest.Context) -> Any:
        async def flaky() -> str:
            ran.append("flaky")
            if next(tries) < 4:
                raise ValueError("not yet")
            return "mailed"

        await ctx.step.sleep("a-month", datetime.timedelta(days=30))
        answer = await ctx.step.wait_for_event(
            "survey", event="t/answered", timeout=datetime.timedelta(days=7)
        )
        return [answer and answer.data, await ctx.step.run("mail", flaky)]

    return onboard


async def test_a_month_a_week_and_four_retries_pass_at_once() -> None:
    client, ran = new_client(), []

    async with lab(client, [_onboarding(client, ran)], clock=_clock()) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/signup"), under=SKIP)
        run = await it.settle(receipt.started[0].run_id)

        assert run.status is RunStatus.COMPLETED
        assert run.output == [None, "mailed"]
        assert ran == ["flaky"] * 5
        sleep, wait, mail = run.steps
        assert sleep.ended_ms - sleep.started_ms == pytest.approx(30 * DAY_MS, abs=60_000)
        assert wait.has_timed_out
        assert wait.ended_ms - wait.started_ms == 7 * DAY_MS
        assert [failure.attempt for failure in mail.failures] == [0, 1, 2, 3]
        assert run.ended_ms - run.started_ms == pytest.approx(run.skipped_ms, abs=60_000)
        assert run.skipped_ms > 37 * DAY_MS
        assert it.clock.now_ms() == receipt.event.received_ms


async def test_an_event_that_is_planned_comes_before_time_jumps() -> None:
    client, ran = new_client(), []
    conditions = Conditions(skips_time=True, events=(PlannedEvent(name="t/answered", data={"stars": 5}),))

    async with lab(client, [_onboarding(client, ran)], clock=_clock()) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/signup"), under=conditions)
        run = await it.settle(receipt.started[0].run_id)

        assert run.output == [{"stars": 5}, "mailed"]
        assert not run.steps[1].has_timed_out


async def test_an_event_can_be_planned_for_a_time_or_after_a_step() -> None:
    client = new_client()

    @client.create_function(fn_id="two", trigger=inngest.TriggerEvent(event="t/two"))
    async def two(ctx: inngest.Context) -> Any:
        began = datetime.timedelta(days=10)
        first = await ctx.step.wait_for_event("first", event="t/ping", timeout=began)
        second = await ctx.step.wait_for_event("second", event="t/ping", timeout=began)
        return [first and first.data["n"], second and second.data["n"]]

    events = (
        PlannedEvent(name="t/ping", data={"n": 2}, after_step="first"),
        PlannedEvent(name="t/ping", data={"n": 1}, after_ms=3 * DAY_MS),
    )
    async with lab(client, [two], clock=_clock()) as it:
        receipt = await it.engine.send_event(
            NewEvent(name="t/two"), under=Conditions(skips_time=True, events=events)
        )
        run = await it.settle(receipt.started[0].run_id)

        assert run.output == [1, 2]
        assert run.steps[0].ended_ms - run.queued_ms == 3 * DAY_MS


async def test_runs_that_are_invoked_skip_along_and_all_others_wait() -> None:
    client = new_client()

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="t/child"))
    async def child(ctx: inngest.Context) -> str:
        await ctx.step.sleep("nap", datetime.timedelta(days=2))
        return "rested"

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        return await ctx.step.invoke("ask", function=child)

    async with lab(client, [child, parent], clock=_clock()) as it:
        other = await it.start("t/child")
        receipt = await it.engine.send_event(NewEvent(name="t/parent"), under=SKIP)
        run = await it.settle(receipt.started[0].run_id)

        assert run.output == "rested"
        skipped = await it.engine.get_run(run.child_run_ids[0])
        assert skipped.skipped_ms == run.skipped_ms > DAY_MS
        assert skipped.timeline_id == run.id
        waiting = await it.settle(other)
        assert waiting.status is RunStatus.RUNNING
        assert waiting.skipped_ms == 0


async def test_a_failure_handler_and_an_invoke_that_times_out_are_in_the_same_time() -> None:
    client, seen = new_client(), []

    @client.create_function(fn_id="slow", trigger=inngest.TriggerEvent(event="t/slow"))
    async def slow(ctx: inngest.Context) -> None:
        await ctx.step.sleep("long", datetime.timedelta(days=3))

    async def on_failure(ctx: inngest.Context) -> None:
        await ctx.step.sleep("cool-down", datetime.timedelta(hours=1))
        seen.append(ctx.event.data["error"]["message"])

    @client.create_function(
        fn_id="caller", trigger=inngest.TriggerEvent(event="t/call"), retries=0, on_failure=on_failure
    )
    async def caller(ctx: inngest.Context) -> Any:
        return await ctx.step.invoke("ask", function=slow, timeout=datetime.timedelta(days=1))

    async with lab(client, [slow, caller], clock=_clock()) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/call"), under=SKIP)
        run = await it.settle(receipt.started[0].run_id)

        assert run.status is RunStatus.FAILED
        assert run.skipped_ms == pytest.approx(DAY_MS, abs=60_000)
        assert len(seen) == 1
        child = await it.engine.get_run(run.child_run_ids[0])
        assert child.status is RunStatus.COMPLETED
        (handler,) = run.failure_handlers
        assert (await it.engine.get_run(handler.run_id)).status is RunStatus.COMPLETED


async def test_a_wait_that_only_the_outside_can_end_stays_one() -> None:
    client = new_client()

    @client.create_function(fn_id="boss", trigger=inngest.TriggerEvent(event="t/boss"))
    async def boss(ctx: inngest.Context) -> Any:
        await ctx.step.sleep("nap", datetime.timedelta(days=2))
        found = await ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(days=365))
        return found and found.data

    async with lab(client, [boss], clock=_clock()) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/boss"), under=SKIP)
        run = await it.settle(receipt.started[0].run_id)
        assert run.status is RunStatus.RUNNING
        assert run.waiting_for[0].event_name == "t/go"
        with pytest.raises(InvalidInputError, match="only the outside can send"):
            await it.engine.time.skip(run.id, patience_s=1)

        await it.send("t/go", {"now": True})
        assert (await it.settle(run.id)).output == {"now": True}


async def test_time_is_skipped_for_a_run_that_waits_already() -> None:
    client, ran = new_client(), []

    async with lab(client, [_onboarding(client, ran)], clock=_clock()) as it:
        run_id = await it.start("t/signup")
        await it.settle(run_id)
        advance = await it.engine.time.skip(run_id, by_ms=12 * DAY_MS, patience_s=5)
        assert advance.is_complete
        assert advance.now_ms - advance.from_ms == 12 * DAY_MS
        assert (advance.count, advance.fired) == (0, ())

        advance = await it.engine.time.skip(run_id, patience_s=5)
        assert [(fired.step_name, fired.kind) for fired in advance.fired] == [("a-month", "step.completed")]
        run = await it.settle(run_id)
        assert run.waiting_for[0].event_name == "t/answered"
        assert run.skipped_ms == pytest.approx(30 * DAY_MS, abs=60_000)

        advance = await it.engine.time.skip(run_id, to_end=True, patience_s=5)
        assert advance.has_ended
        assert advance.is_complete
        assert (await it.settle(run_id)).output == [None, "mailed"]


def _mixed(client: inngest.Inngest) -> Any:
    tries = iter([0, 1, 0, 1])

    @client.create_function(fn_id="mixed", trigger=inngest.TriggerEvent(event="t/mixed"))
    async def mixed(ctx: inngest.Context) -> Any:
        async def once_more() -> str:
            if not next(tries):
                raise inngest.RetryAfterError("not yet", datetime.timedelta(seconds=1))
            return "done"

        async def note() -> None:
            return None

        async def branch(name: str, seconds: float) -> None:
            await ctx.step.sleep(f"nap-{name}", datetime.timedelta(seconds=seconds))
            await ctx.step.run(f"after-{name}", note)

        wait = datetime.timedelta(seconds=1)
        await ctx.group.parallel((lambda: branch("long", 0.9), lambda: branch("short", 0.3)))
        await ctx.step.wait_for_event("never", event="t/nobody", timeout=wait)
        return await ctx.step.run("again", once_more)

    return mixed


async def test_skipped_and_real_time_give_the_same_history_in_the_same_order() -> None:
    client = new_client()

    async with lab(client, [_mixed(client)], clock=RealClock()) as it:
        histories = []
        for conditions in (Conditions(), SKIP):
            receipt = await it.engine.send_event(NewEvent(name="t/mixed"), under=conditions)
            run_id = receipt.started[0].run_id
            run = (await it.engine.wait_for_runs([run_id], timeout_s=20))[run_id]
            assert run.output == "done", run.error
            entries = await it.engine._database.read(lambda tables, run=run: tables.history.of_run(run.id))
            names = {step.id: step.name for step in run.steps}
            histories.append([(entry.kind.value, names.get(entry.step_id or "")) for entry in entries])
            times = [entry.at_ms for entry in entries]
            assert times == sorted(times)

    real, virtual = histories
    assert virtual == real


async def test_a_restart_in_the_middle_goes_on_skipping(tmp_path: Path) -> None:
    client, file = new_client(), tmp_path / "engine.db"

    def functions() -> list[Any]:
        @client.create_function(fn_id="long", trigger=inngest.TriggerEvent(event="t/long"))
        async def long(ctx: inngest.Context) -> Any:
            await ctx.step.sleep("first", datetime.timedelta(days=1))
            found = await ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(days=365))
            await ctx.step.sleep("second", datetime.timedelta(days=1))
            return found and found.data

        return [long]

    conditions = Conditions(skips_time=True, events=(PlannedEvent(name="t/late", after_ms=5 * DAY_MS),))
    async with lab(client, functions(), data_file=file, clock=_clock()) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/long"), under=conditions)
        run = await it.settle(receipt.started[0].run_id)
        assert run.waiting_for[0].event_name == "t/go"
        assert (await it.engine.time.planned(run.id))[0].sent_ms is not None
        assert run.skipped_ms == pytest.approx(5 * DAY_MS, abs=60_000)

    async with lab(client, functions(), data_file=file, clock=_clock()) as it:
        await it.send("t/go", {"n": 1})
        run = await it.settle(run.id)
        assert run.output == {"n": 1}
        assert run.skipped_ms == pytest.approx(6 * DAY_MS, abs=60_000)


async def test_the_time_that_a_run_may_take_is_its_own_time() -> None:
    client = new_client()

    @client.create_function(
        fn_id="late",
        trigger=inngest.TriggerEvent(event="t/late"),
        timeouts=inngest.Timeouts(finish=datetime.timedelta(hours=5)),
    )
    async def late(ctx: inngest.Context) -> None:
        await ctx.step.sleep("too-long", datetime.timedelta(days=9))

    async with lab(client, [late], clock=_clock()) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/late"), under=SKIP)
        run = await it.settle(receipt.started[0].run_id)
        assert run.status is RunStatus.CANCELLED
        assert "timeouts.finish of 5h" in (run.cancelled or "")
        assert run.skipped_ms == pytest.approx(5 * 3_600_000, abs=60_000)


async def test_what_would_begin_again_for_ever_comes_to_an_end() -> None:
    client = new_client()

    @client.create_function(fn_id="again", trigger=inngest.TriggerEvent(event="t/again"))
    async def again(ctx: inngest.Context) -> None:
        await ctx.step.sleep("a-year", datetime.timedelta(days=360))
        await ctx.step.invoke("next", function=again, timeout=datetime.timedelta(days=366))

    async with lab(client, [again], clock=_clock()) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/again"), under=SKIP)
        run = await it.settle(receipt.started[0].run_id)
        # Each run invokes the next one, and is given up after a year: ten years later nothing jumps any more.
        assert run.status is RunStatus.FAILED
        open_ids = await it.engine._database.read(lambda tables: tables.timelines.open_runs(run.id))
        newest = await it.engine.get_run(open_ids[-1])
        assert 9 * 366 * DAY_MS < newest.now_ms - it.clock.now_ms() <= 10 * 366 * DAY_MS


async def test_a_function_that_is_debounced_or_throttled_starts_at_once_in_a_time_of_its_own() -> None:
    client = new_client()

    @client.create_function(
        fn_id="calm",
        trigger=inngest.TriggerEvent(event="t/calm"),
        debounce=inngest.Debounce(period=datetime.timedelta(hours=2)),
        throttle=inngest.Throttle(limit=1, period=datetime.timedelta(hours=1)),
    )
    async def calm(ctx: inngest.Context) -> str:
        return "calm"

    async with lab(client, [calm], clock=_clock()) as it:
        for _ in range(3):
            receipt = await it.engine.send_event(NewEvent(name="t/calm"), under=SKIP)
            assert (await it.settle(receipt.started[0].run_id)).output == "calm"
        receipt = await it.engine.send_event(NewEvent(name="t/calm"))
        assert receipt.started == ()
