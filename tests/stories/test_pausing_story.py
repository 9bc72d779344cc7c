"""Pausing: a paused function starts no runs, and its open runs rest until it is resumed."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.deploys import deploy
from support.open_calls import OpenCalls, holds, standing
from support.sdk_app import Lab, lab, new_client

from durable_engine import ManualClock, NewEvent, RunStatus, StepStatus
from durable_engine.errors import FunctionNotFoundError

pytestmark = pytest.mark.anyio

T0 = 1_900_000_000_000
HOUR, DAY = 3_600, 86_400
PAUSED = "it is paused; events that come meanwhile start no runs"


def _later(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(T0 / 1_000 + seconds, datetime.UTC)


class Job:
    """A function `job`: a step, ten seconds of sleep, another step."""

    def __init__(self, **options: Any) -> None:
        self.client = new_client()
        self.clock = ManualClock(T0)
        self.ran: list[str] = []
        self.functions = [self.job(**options)]

    def job(self, **options: Any) -> inngest.Function[Any]:
        @self.client.create_function(
            fn_id="job", trigger=inngest.TriggerEvent(event="t/job"), retries=0, **options
        )
        async def job(ctx: inngest.Context) -> str:
            name = str(ctx.event.data.get("name"))
            await ctx.step.run("before", self.ran.append, f"{name} before")
            await ctx.step.sleep_until("nap", _later(10))
            await ctx.step.run("after", self.ran.append, f"{name} after")
            return name

        return job

    def open(self, *more: inngest.Function[Any], data_file: Path | None = None) -> Any:
        functions = [*self.functions, *more]
        return lab(self.client, functions, clock=self.clock, data_file=data_file)


async def _status(it: Lab, run_id: str) -> RunStatus:
    return (await it.engine.get_run(run_id)).status


async def test_events_that_come_meanwhile_start_nothing_are_told_why_and_are_not_made_up_for() -> None:
    job = Job()
    async with job.open() as it:
        paused = await it.engine.pause_function("job")
        assert (paused.is_paused, paused.paused_ms) == (True, T0)
        receipt = await it.engine.send_event(NewEvent(name="t/job", data={"name": "missed"}))
        assert receipt.started == ()
        (missed,) = receipt.not_started
        assert (missed.function_slug, missed.decision, missed.control) == ("lab-job", "drop", "pause")
        assert (missed.reason, missed.until_ms) == (PAUSED, None)

        assert not (await it.engine.resume_function("job")).is_paused
        await it.pass_time(HOUR)
        assert job.ran == []
        run_id = await it.start("t/job", {"name": "new"})
        assert (await it.settle(run_id)).output == "new"


async def test_a_missed_event_uses_up_nothing_neither_its_id_nor_a_limit() -> None:
    limit = inngest.RateLimit(limit=1, period=HOUR * 1_000)
    job = Job(rate_limit=limit)
    async with job.open() as it:
        await it.engine.pause_function("job")
        assert await it.send("t/job", {"name": "once"}, id="id-1") == ()
        await it.engine.resume_function("job")
        run_id = await it.start("t/job", {"name": "again"}, id="id-1")
        await it.pass_time(10)
        assert await _status(it, run_id) is RunStatus.COMPLETED


async def test_open_runs_rest_where_they_are_and_go_on_after() -> None:
    job = Job()
    async with job.open() as it:
        run_id = await it.start("t/job", {"name": "a"})
        await it.engine.settle()
        await it.engine.pause_function("job")
        calls = it.network.calls
        await it.pass_time(HOUR)
        run = await it.engine.get_run(run_id)
        assert (run.status, it.network.calls) == (RunStatus.RUNNING, calls)
        assert [step.status for step in run.steps] == [StepStatus.COMPLETED, StepStatus.COMPLETED]
        held = await standing(it, run_id)
        assert held is not None
        assert (held.kind, held.until_ms) == ("paused", None)
        assert held.reason == "its function is paused; it goes on when the function is resumed"

        await it.engine.resume_function("job")
        assert (await it.settle(run_id)).output == "a"
        assert job.ran == ["a before", "a after"]
        (entry,) = await holds(it, run_id)
        assert "its function was paused" in entry.detail["by"]
        assert (entry.detail["since_ms"], entry.at_ms) == (T0 + 10_000, T0 + HOUR * 1_000)


async def test_a_call_that_is_open_runs_to_its_end_and_its_result_is_kept() -> None:
    client, calls = new_client(), OpenCalls()

    @client.create_function(fn_id="job", trigger=inngest.TriggerEvent(event="t/job"))
    async def job(ctx: inngest.Context) -> None:
        await ctx.step.run("one", calls.work, "one")
        await ctx.step.run("two", calls.work, "two")

    async with lab(client, [job]) as it:
        run_id = await it.start("t/job")
        await calls.are("one")
        await it.engine.pause_function("job")
        await calls.end_all()
        run = await it.settle(run_id)
        assert [(step.name, step.output) for step in run.steps] == [("one", "one")]
        assert run.status is RunStatus.RUNNING
        await it.engine.resume_function("job")
        assert (await it.settle(run_id)).status is RunStatus.COMPLETED
        assert calls.begun == ["one", "two"]


async def test_what_a_run_waits_for_still_reaches_it() -> None:
    client = new_client()

    @client.create_function(fn_id="job", trigger=inngest.TriggerEvent(event="t/job"))
    async def job(ctx: inngest.Context) -> Any:
        timeout = datetime.timedelta(days=1)
        event = await ctx.step.wait_for_event("answer", event="t/answer", timeout=timeout)
        return None if event is None else event.data["text"]

    async with lab(client, [job]) as it:
        run_id = await it.start("t/job")
        await it.engine.settle()
        await it.engine.pause_function("job")
        await it.send("t/answer", {"text": "yes"})
        assert (await it.settle(run_id)).status is RunStatus.RUNNING
        await it.engine.resume_function("job")
        assert (await it.settle(run_id)).output == "yes"


async def test_runs_in_line_rest_too_and_leave_a_shared_limit_to_others() -> None:
    client, calls = new_client(), OpenCalls()
    shared = inngest.Concurrency(limit=1, key='"shared"', scope="account")

    def worker(name: str) -> inngest.Function[Any]:
        @client.create_function(
            fn_id=name, trigger=inngest.TriggerEvent(event=f"t/{name}"), concurrency=[shared]
        )
        async def work(ctx: inngest.Context) -> None:
            await calls.work(str(ctx.event.data["name"]))

        return work

    async with lab(client, [worker("rests"), worker("goes-on")]) as it:
        runs = [await it.start("t/rests", {"name": name}) for name in ("r1", "r2", "r3")]
        await calls.are("r1")
        await it.start("t/goes-on", {"name": "g1"})
        await it.engine.pause_function("rests")
        await calls.end("r1")
        await calls.are("g1")
        await calls.end_all()
        await it.engine.settle()
        assert calls.begun == ["r1", "g1"]
        await it.engine.resume_function("rests")
        await it.engine.settle()
        assert calls.begun == ["r1", "g1", "r2", "r3"]
        assert {await _status(it, run_id) for run_id in runs} == {RunStatus.COMPLETED}
        assert calls.most_open == 1


async def test_starts_that_rest_use_up_no_throttle() -> None:
    job = Job(throttle=inngest.Throttle(limit=1, period=HOUR * 1_000))
    async with job.open() as it:
        for name in ("a", "b", "c"):
            await it.start("t/job", {"name": name})
        await it.engine.settle()
        await it.engine.pause_function("job")
        await it.pass_time(1.5 * HOUR)
        await it.engine.resume_function("job")
        await it.engine.settle()
        assert job.ran == ["a before", "a after", "b before", "b after"]
        await it.pass_time(HOUR)
        assert job.ran[4:] == ["c before", "c after"]


async def test_the_open_runs_can_be_cancelled_at_once() -> None:
    job = Job()
    async with job.open() as it:
        asleep = await it.start("t/job", {"name": "asleep"})
        await it.engine.settle()
        to_come = await it.start("t/job", {"name": "to come"}, ts_ms=T0 + HOUR * 1_000)
        await it.engine.pause_function("job", cancels_runs=True)
        for run_id in (asleep, to_come):
            assert await _status(it, run_id) is RunStatus.CANCELLED
        await it.engine.resume_function("job")
        await it.pass_time(2 * HOUR)
        assert job.ran == ["asleep before"]


async def test_what_rests_for_seven_days_is_cancelled_and_the_function_stays_paused() -> None:
    job = Job()
    async with job.open() as it:
        run_id = await it.start("t/job", {"name": "a"})
        await it.engine.settle()
        await it.engine.pause_function("job")
        await it.pass_time(7 * DAY - 0.001)
        await it.engine.pause_function("job")  # to pause twice starts no new week
        assert await _status(it, run_id) is RunStatus.RUNNING
        await it.pass_time(0.001)
        run = await it.engine.get_run(run_id)
        assert run.status is RunStatus.CANCELLED
        assert run.cancelled == "because its function has been paused for 7 days"
        assert await it.send("t/job") == ()


async def test_a_pause_that_ended_in_time_cancels_nothing_and_the_next_has_a_week_of_its_own() -> None:
    job = Job()
    async with job.open() as it:
        await it.engine.pause_function("job")
        await it.pass_time(6 * DAY)
        await it.engine.resume_function("job")
        await it.engine.resume_function("job")  # to resume twice changes nothing
        first = await it.start("t/job", {"name": "a"})
        assert (await it.settle(first)).output == "a"
        await it.engine.pause_function("job")
        run_id = await it.engine.control.rerun(first)
        await it.pass_time(6 * DAY)
        assert await _status(it, run_id) is RunStatus.QUEUED  # a repeated run rests as well
        await it.engine.resume_function("job")
        assert (await it.settle(run_id)).output == "a"


async def test_a_pause_lasts_over_a_restart(tmp_path: Path) -> None:
    job, data_file = Job(), tmp_path / "engine.db"
    async with job.open(data_file=data_file) as it:
        goes_on, too_long = [await it.start("t/job", {"name": name}) for name in ("a", "b")]
        await it.engine.settle()
        await it.engine.pause_function("job")
        await it.pass_time(HOUR)
    async with job.open(data_file=data_file) as it:
        calls = it.network.calls
        await it.pass_time(HOUR)
        assert it.network.calls == calls
        assert await it.send("t/job") == ()
        held = await standing(it, goes_on)
        assert held is not None
        assert held.kind == "paused"
        await it.engine.control.cancel(too_long)
        await it.engine.resume_function("job")
        assert (await it.settle(goes_on)).output == "a"
        run_id = await it.start("t/job", {"name": "c"})
        assert (await it.settle(run_id)).output == "c"
        await it.engine.pause_function("job")
    job.clock = ManualClock(it.clock.now_ms() + 8 * DAY * 1_000)
    async with job.open(data_file=data_file) as it:
        await it.engine.settle()
        assert (await it.engine.inventory()).functions[0].is_paused


async def test_the_seven_days_are_over_also_while_the_engine_is_away(tmp_path: Path) -> None:
    job, data_file = Job(), tmp_path / "engine.db"
    async with job.open(data_file=data_file) as it:
        run_id = await it.start("t/job", {"name": "a"})
        await it.engine.settle()
        await it.engine.pause_function("job")
    job.clock = ManualClock(T0 + 8 * DAY * 1_000)
    async with job.open(data_file=data_file) as it:
        assert (await it.settle(run_id)).status is RunStatus.CANCELLED
        assert job.ran == ["a before"]


async def test_the_end_of_a_pause_that_is_over_cancels_nothing() -> None:
    job = Job()
    async with job.open() as it:
        await it.engine.pause_function("job")
        await it.engine.resume_function("job")
        run_id = await it.start("t/job", {"name": "a"}, ts_ms=T0 + 8 * DAY * 1_000)
        await it.pass_time(8 * DAY)
        assert await _status(it, run_id) is RunStatus.COMPLETED


async def test_a_sync_does_not_end_a_pause() -> None:
    job = Job()

    @job.client.create_function(fn_id="other", trigger=inngest.TriggerEvent(event="t/other"))
    async def other(ctx: inngest.Context) -> None:
        pass

    async with job.open() as it:
        await it.engine.pause_function("job")
        await deploy(it, job.client, [job.job(name="Renamed")])
        (function,) = (await it.engine.inventory()).functions
        assert (function.name, function.is_paused) == ("Renamed", True)
        await deploy(it, job.client, [other])  # it is gone, and comes back
        await deploy(it, job.client, [job.job()])
        assert await it.send("t/job") == ()


async def test_ticks_of_a_schedule_are_dropped_meanwhile() -> None:
    client, clock = new_client(), ManualClock(T0 - T0 % 60_000)
    ticks: list[float] = []

    @client.create_function(fn_id="tick", trigger=inngest.TriggerCron(cron="* * * * *"))
    async def tick(ctx: inngest.Context) -> None:
        ticks.append(clock.now_ms() / 60_000 - T0 // 60_000)

    async with lab(client, [tick], clock=clock) as it:
        await it.pass_time(120)
        await it.engine.pause_function("tick")
        await it.pass_time(180)
        await it.engine.resume_function("tick")
        await it.pass_time(60)
        assert ticks == [1, 2, 6]


async def test_invoking_a_paused_function_says_why_it_does_not_start() -> None:
    job, caught = Job(), list[str]()

    @job.client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> str:
        try:
            await ctx.step.invoke("ask", function=job.functions[0])
        except inngest.StepError as error:
            caught.append(error.message)
        return "went on"

    async with job.open(parent) as it:
        await it.engine.pause_function("job")
        run = await it.settle(await it.start("t/parent"))
        assert run.output == "went on"
        assert caught == [f"the invoked function was not started: {PAUSED}"]
        assert run.steps[0].status is StepStatus.FAILED
        assert job.ran == []

        receipt = await it.engine.invoke_function("job")
        assert receipt.started == ()
        assert [(entry.control, entry.reason) for entry in receipt.not_started] == [("pause", PAUSED)]


async def test_a_parent_waits_for_a_run_that_rests() -> None:
    job = Job()

    @job.client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        return await ctx.step.invoke("ask", function=job.functions[0], data={"name": "child"})

    async with job.open(parent) as it:
        run_id = await it.start("t/parent")
        await it.engine.settle()
        await it.engine.pause_function("job")
        await it.pass_time(HOUR)
        assert await _status(it, run_id) is RunStatus.RUNNING
        await it.engine.resume_function("job")
        assert (await it.settle(run_id)).output == "child"


async def test_a_finish_timeout_goes_on_meanwhile() -> None:
    job = Job(timeouts=inngest.Timeouts(finish=datetime.timedelta(minutes=30)))
    async with job.open() as it:
        run_id = await it.start("t/job")
        await it.engine.settle()
        await it.engine.pause_function("job")
        await it.pass_time(HOUR)
        assert await _status(it, run_id) is RunStatus.CANCELLED


async def test_an_unknown_function_cannot_be_paused() -> None:
    job = Job()
    async with job.open() as it:
        with pytest.raises(FunctionNotFoundError):
            await it.engine.pause_function("nobody")
