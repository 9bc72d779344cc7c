"""Stories about coming back to an earlier state: whatever is under way in it goes on from there."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import inngest
import pytest
from state_dump import dump
from support.deploys import deploy, serve_too
from support.open_calls import PATIENCE_S as PATIENT_S
from support.open_calls import OpenCalls
from support.sdk_app import APP_URL, Lab, lab, new_client
from support.wall import wall_ms

from durable_engine import (
    ManualClock,
    MockResult,
    NewDouble,
    RealClock,
    RunStatus,
    RunView,
)
from durable_engine.errors import RunNotFoundError, SnapshotNotFoundError, StillCalledError

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PATIENCE_S = 10**7
"""As long as the test takes: on a clock that is moved, patience passes with the time."""


def _clock() -> ManualClock:
    """A clock that stands still, so that only what a test does moves anything."""
    return ManualClock(wall_ms(), wall=wall_ms)


class Shop:
    """An app with one function for each thing that can be pending."""

    def __init__(self) -> None:
        self.client = new_client()
        self.ran: list[str] = []
        self.functions = [
            self._function("order", self._order, retries=2),
            self._function("waits", self._waits),
            self._function("group", self._group),
            self._function("slow", self._last, throttle=inngest.Throttle(limit=1, period=_hours(2))),
            self._function("calm", self._last, debounce=inngest.Debounce(period=_hours(1)), retries=0),
            self._function("batch", self._batch, batch_events=inngest.Batch(max_size=5, timeout=_hours(0.5))),
            self.client.create_function(fn_id="daily", trigger=inngest.TriggerCron(cron="30 3 * * *"))(
                self._last
            ),
        ]

    def _function(self, name: str, handler: Any, **config: Any) -> Any:
        trigger = inngest.TriggerEvent(event=f"t/{name}")
        return self.client.create_function(fn_id=name, trigger=trigger, **config)(handler)

    async def _step(self, ctx: inngest.Context, name: str) -> Any:
        async def body() -> str:
            self.ran.append(name)
            return name

        return await ctx.step.run(name, body)

    async def _order(self, ctx: inngest.Context) -> list[Any]:
        first = await self._step(ctx, "charge")
        await ctx.step.sleep("settle", _hours(3))
        return [first, await self._step(ctx, "mail")]

    async def _waits(self, ctx: inngest.Context) -> Any:
        found = await ctx.step.wait_for_event("answer", event="t/answer", timeout=_hours(24))
        return found and found.data

    async def _group(self, ctx: inngest.Context) -> Any:
        return await ctx.group.parallel(
            (
                lambda: self._step(ctx, "left"),
                lambda: ctx.step.sleep("right", _hours(5)),
                lambda: ctx.step.wait_for_event("middle", event="t/middle", timeout=_hours(9)),
            )
        )

    async def _last(self, ctx: inngest.Context) -> Any:
        return ctx.event.data.get("n")

    async def _batch(self, ctx: inngest.Context) -> Any:
        return [event.data["n"] for event in ctx.events]


def _hours(count: float) -> datetime.timedelta:
    return datetime.timedelta(hours=count)


@pytest.fixture(name="shop")
def one_shop() -> Shop:
    return Shop()


@pytest.fixture(name="it", params=["file", "memory"])
async def one_lab(shop: Shop, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lab]:
    data_file = tmp_path / "engine.db" if request.param == "file" else None
    async with lab(shop.client, shop.functions, data_file=data_file, clock=_clock()) as opened:
        yield opened


async def _runs(it: Lab) -> list[tuple[str, RunStatus, Any]]:
    """Return what became of every run, in the order of their ends."""
    ids = await it.engine._database.transact(lambda tables: tables.runs.recent_ids(100))
    views = [await it.engine.get_run(run_id) for run_id in ids]
    views.sort(key=lambda view: (view.ended_ms or 0, view.function_slug, str(view.output)))
    return [(view.function_slug, view.status, view.output) for view in views]


async def test_everything_that_is_pending_is_there_again_and_ends_as_it_did(it: Lab, shop: Shop) -> None:
    for name in ("order", "waits", "group", "slow", "calm", "batch"):
        for number in (1, 2):
            await it.send(f"t/{name}", {"n": number})
    ahead = await it.start("t/order", {"n": 3})
    await it.settle(ahead)
    await it.engine.time.skip(ahead, by_ms=HOUR_MS, patience_s=PATIENCE_S)
    await it.engine.doubles.add(_mock("charge", function="lab-order"), lasts_ms=4 * HOUR_MS)
    taken = await it.engine.snapshots.take("before")
    before = await dump(it.engine)
    assert before["lane"]
    assert before["appointment"]
    assert before["double"]
    assert before["timeline"]
    assert taken.summary.runs == {"RUNNING": 7, "QUEUED": 1, "COMPLETED": 1}
    assert (taken.summary.events, taken.summary.starts, taken.summary.doubles) == (13, 3, 1)

    outcomes = []
    for _ in range(3):
        moved = await it.engine.time.advance(by_ms=2 * DAY_MS, patience_s=PATIENCE_S)
        assert moved.is_complete
        await it.send("t/answer", {"late": True})
        outcomes.append(await _runs(it))
        back = await it.engine.snapshots.restore("before")
        assert await dump(it.engine) == before
        assert back.engine_ms == taken.snapshot.engine_ms == it.clock.now_ms()
        assert back.summary == taken.summary
        assert back.lost_count > 0
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0]) == 13
    assert {status for _, status, _ in outcomes[0]} == {RunStatus.COMPLETED}
    assert (await it.engine.get_run(ahead)).skipped_ms == HOUR_MS


def _mock(step: str, **more: Any) -> NewDouble:
    return NewDouble(step=step, outcomes=(MockResult(data="mocked"),), **more)


async def test_three_fixes_of_the_code_are_tried_from_the_same_state() -> None:
    client = new_client()
    tried: list[str] = []

    def version(name: str, charge: Any) -> list[Any]:
        @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="t/order"), retries=1)
        async def order(ctx: inngest.Context) -> Any:
            async def begin() -> str:
                tried.append("begin")
                return "begun"

            async def body() -> Any:
                tried.append(name)
                return charge(ctx.event.data["amount"])

            await ctx.step.run("begin", begin)
            await ctx.step.sleep("settle", datetime.timedelta(days=3))
            return await ctx.step.run("charge", body)

        return [order]

    def broken(amount: int) -> int:
        raise ValueError("no such currency")

    async with lab(client, version("broken", broken), clock=_clock()) as it:
        run_id = await it.start("t/order", {"amount": 2})
        await it.settle(run_id)
        await it.engine.snapshots.take("asleep")
        outcomes: list[tuple[RunStatus, Any]] = []
        fixes = [
            ("broken", broken),
            ("wrong", lambda amount: amount * 10),
            ("right", lambda amount: amount * 100),
        ]
        for name, fix in fixes:
            await deploy(it, client, version(name, fix), syncs=False)
            back = await it.engine.snapshots.restore("asleep")
            assert [app.error for app in back.apps] == [None]
            await it.engine.time.skip(run_id, to_end=True, patience_s=PATIENCE_S)
            run = await it.engine.get_run(run_id)
            outcomes.append((run.status, run.output))
            assert run.skipped_ms == pytest.approx(3 * DAY_MS, abs=60_000)  # a retry is part of it
        assert outcomes == [(RunStatus.FAILED, None), (RunStatus.COMPLETED, 20), (RunStatus.COMPLETED, 200)]
        assert tried == ["begin", "broken", "broken", "wrong", "right"]


async def test_a_run_that_fails_and_is_to_be_tried_again_goes_on_with_the_fixed_code() -> None:
    client = new_client()
    codes = {"now": "broken"}

    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="t/order"), retries=4)
    async def order(ctx: inngest.Context) -> Any:
        if codes["now"] == "broken":
            raise ValueError("no")
        return [codes["now"], ctx.attempt]

    async with lab(client, [order], clock=_clock()) as it:
        run_id = await it.start("t/order")
        await it.settle(run_id)
        await it.engine.snapshots.take("retrying")
        for code in ("first", "second"):
            codes["now"] = code
            await it.engine.snapshots.restore("retrying")
            await it.engine.time.skip(run_id, to_end=True, patience_s=PATIENCE_S)
            assert (await it.engine.get_run(run_id)).output == [code, 1]


async def test_apps_are_synced_again_and_the_answer_says_what_is_new(it: Lab, shop: Shop) -> None:
    await it.engine.snapshots.take("one")
    other = new_client("other")

    @other.create_function(fn_id="more", trigger=inngest.TriggerEvent(event="t/order"))
    async def more(ctx: inngest.Context) -> str:
        return "too"

    await serve_too(it, other, [more], path="/api/other")
    assert len(await it.send("t/order")) == 2
    shop.functions.append(shop._function("new", shop._last))
    await deploy(it, shop.client, shop.functions, syncs=False)
    back = await it.engine.snapshots.restore("one")

    by_name = {app.name: app for app in back.apps}
    assert by_name["lab"].is_changed
    assert by_name["lab"].error is None
    assert len(await it.send("t/new")) == 1
    assert [app.url for app in back.apps if app.error] == [APP_URL.replace("inngest", "other")]
    assert len(await it.send("t/order")) == 1


async def test_an_app_that_is_down_is_named_and_the_state_is_back_anyway(it: Lab) -> None:
    run_id = await it.start("t/order")
    await it.settle(run_id)
    await it.engine.snapshots.take("one")

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    it.network.answer = refuse
    back = await it.engine.snapshots.restore("one")
    (app,) = back.apps
    assert app.error is not None
    assert "Unable to reach" in app.error
    assert not app.is_changed
    assert (await it.engine.get_run(run_id)).status is RunStatus.RUNNING


async def test_an_app_that_hangs_does_not_hold_up_a_restore(it: Lab) -> None:
    run_id = await it.start("t/order")
    await it.settle(run_id)
    await it.engine.snapshots.take("one")
    app, asked = it.network._app, asyncio.Event()

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    it.network._app = Hanging()
    restoring = asyncio.create_task(it.engine.snapshots.restore("one"))
    await asked.wait()
    await it.clock.advance(4)
    async with asyncio.timeout(PATIENT_S):
        back = await restoring
    assert [app.error for app in back.apps] == [f"The app at {APP_URL} has not answered the sync yet."]
    it.network._app = app
    await it.engine.time.skip(run_id, to_end=True, patience_s=PATIENCE_S)
    assert (await it.engine.get_run(run_id)).status is RunStatus.COMPLETED


async def test_runs_that_are_gone_wake_who_waits_for_them_and_are_named(it: Lab) -> None:
    kept = await it.start("t/waits")
    await it.settle(kept)
    await it.engine.snapshots.take("one")
    gone = await it.start("t/waits")
    await it.settle(gone)
    waiting = asyncio.create_task(it.engine.wait_for_runs([gone], timeout_s=60))
    both = asyncio.create_task(it.engine.wait_for_runs([gone, kept], timeout_s=60))
    await it.clock.somebody_waits(3)
    back = await it.engine.snapshots.restore("one")

    async with asyncio.timeout(PATIENT_S):
        assert await waiting == {}
    assert (back.lost, back.lost_count) == ((gone,), 1)
    with pytest.raises(RunNotFoundError):
        await it.engine.get_run(gone)
    assert not both.done()
    await it.send("t/answer", {"n": 1})
    async with asyncio.timeout(PATIENT_S):
        assert set(await both) == {kept}


async def test_time_goes_back_with_the_state_and_stays_there_over_a_restart(
    shop: Shop, tmp_path: Path
) -> None:
    file = tmp_path / "engine.db"
    async with lab(shop.client, shop.functions, data_file=file, clock=RealClock()) as it:
        await it.engine.time.advance(by_ms=5 * HOUR_MS, patience_s=PATIENCE_S)
        run_id = await it.start("t/order")
        await it.settle(run_id)
        await it.engine.snapshots.take("ahead")
        await it.engine.time.advance(by_ms=DAY_MS, patience_s=PATIENCE_S)
        assert (await it.engine.get_run(run_id)).status is RunStatus.COMPLETED

    async with lab(shop.client, shop.functions, data_file=file, clock=RealClock()) as it:
        assert it.engine.time.shift_ms == pytest.approx(DAY_MS + 5 * HOUR_MS, abs=9_000)
        assert [found.name for found in await it.engine.snapshots.list()] == ["ahead"]
        back = await it.engine.snapshots.restore("ahead")
        assert back.shift_ms == pytest.approx(5 * HOUR_MS, abs=9_000)
        assert back.shift_ms < 5 * HOUR_MS  # a snapshot keeps its moment, which lies behind by now

    async with lab(shop.client, shop.functions, data_file=file, clock=RealClock()) as it:
        assert it.engine.time.shift_ms == pytest.approx(back.shift_ms, abs=60_000)
        run = await it.engine.get_run(run_id)
        (wait,) = run.waiting_for
        assert wait.until_ms is not None
        assert wait.until_ms - run.now_ms == pytest.approx(3 * HOUR_MS, abs=9_000)


async def test_a_reset_leaves_the_apps_alone_and_the_real_time(it: Lab, shop: Shop) -> None:
    for name in ("order", "waits", "slow", "slow", "calm", "batch"):
        await it.send(f"t/{name}", {"n": 1})
    await it.engine.doubles.add(_mock("charge", function="lab-order"))
    await it.engine.pause_function("lab-waits")
    await it.engine.snapshots.take("old")
    await it.engine.time.advance(by_ms=DAY_MS, patience_s=PATIENCE_S)
    empty = await it.engine.snapshots.reset()

    assert (empty.shift_ms, empty.summary.runs, empty.summary.events) == (pytest.approx(0, abs=50), {}, 0)
    assert empty.lost_count > 4
    left = await dump(it.engine)
    assert {name for name, rows in left.items() if rows} == {"app", "function", "appointment"}
    (tick,) = left["appointment"]
    assert tick["kind"] == "cron"
    assert it.clock.now_ms() < tick["due_ms"] <= it.clock.now_ms() + DAY_MS
    inventory = await it.engine.inventory()
    assert len(inventory.functions) == len(shop.functions)
    assert not any(function.is_paused for function in inventory.functions)
    assert await it.engine.doubles.standing() == ()
    run_id = await it.start("t/waits")
    assert (await it.settle(run_id)).status is RunStatus.RUNNING

    await it.engine.snapshots.restore("old")
    assert len(await it.engine.doubles.standing()) == 1
    gone = await it.engine.snapshots.reset(keep_snapshots=False)
    assert gone.dropped == ("old",)
    with pytest.raises(SnapshotNotFoundError):
        await it.engine.snapshots.restore("old")


async def test_what_was_remembered_of_an_empty_engine_is_forgotten(it: Lab) -> None:
    """With nothing in a table, the engine does not look at it again and again."""
    ahead = await it.start("t/order")
    await it.settle(ahead)
    await it.engine.time.skip(ahead, by_ms=HOUR_MS, patience_s=PATIENCE_S)
    await it.engine.snapshots.take("ahead")
    await it.engine.snapshots.reset()
    await it.send("t/calm")
    await it.engine.settle()
    await it.engine.snapshots.restore("ahead")
    await it.engine.time.skip(ahead, to_end=True, patience_s=PATIENCE_S)
    assert (await it.engine.get_run(ahead)).status is RunStatus.COMPLETED


class Held:
    """A lab whose function stays in its call until the test lets it go."""

    def __init__(self, it: Lab, calls: OpenCalls) -> None:
        self.it = it
        self.calls = calls

    async def give_up_settling(self) -> None:
        """Let the half of the patience pass in which everything that is due may happen."""
        await self.it.clock.somebody_waits()
        await self.it.clock.advance(5)

    async def nothing_is_taken(self) -> None:
        """Return when the dispatcher has begun to take no work."""
        await self.it.clock.somebody_waits()
        for _ in range(2):  # it may be about to look for work just now
            await self.it.engine._database.transact(lambda _: None)
        assert not self.it.engine._dispatcher._executor.goes_on


@pytest.fixture(name="held")
async def held_lab() -> AsyncIterator[Held]:
    client, calls = new_client(), OpenCalls()

    @client.create_function(
        fn_id="held", trigger=inngest.TriggerEvent(event="t/held"), concurrency=[inngest.Concurrency(limit=1)]
    )
    async def held(ctx: inngest.Context) -> Any:
        async def body() -> str:
            return await calls.work(str(ctx.event.data["n"]))

        return [await ctx.step.run("work", body), await ctx.step.run("more", body)]

    async with lab(client, [held], clock=_clock()) as it:
        yield Held(it, calls)
        await calls.end_all()
        await it.engine.settle()


async def test_an_app_that_does_not_answer_in_time_is_named_and_nothing_changes(held: Held) -> None:
    it = held.it
    await it.engine.snapshots.take("empty")
    run_id = await it.start("t/held", {"n": 1})
    await held.calls.are("1")
    taking = asyncio.create_task(it.engine.snapshots.take("late", timeout_s=10))
    await held.give_up_settling()
    await held.give_up_settling()
    with pytest.raises(StillCalledError) as refusal:
        await taking
    assert refusal.value.run_ids == (run_id,)

    restoring = asyncio.create_task(it.engine.snapshots.restore("empty", timeout_s=5))
    await held.give_up_settling()
    with pytest.raises(StillCalledError, match=run_id):
        await restoring
    assert [found.name for found in await it.engine.snapshots.list()] == ["empty"]
    await held.calls.end_all()
    assert (await it.settle(run_id)).output == ["1", "1"]


async def test_a_line_is_kept_although_it_would_move_on_by_itself(held: Held) -> None:
    it = held.it
    runs = [await it.start("t/held", {"n": number}) for number in (1, 2, 3)]
    await held.calls.are("1")
    taking = asyncio.create_task(it.engine.snapshots.take("line", timeout_s=10))
    await held.give_up_settling()
    await held.nothing_is_taken()
    await held.calls.end("1")
    async with asyncio.timeout(PATIENT_S):
        taken = await taking
    # Step "more" of the first run was not begun, nor the next run; but at once afterwards.
    assert taken.summary.runs == {"QUEUED": 2, "RUNNING": 1}
    await held.calls.end_all()
    await it.engine.settle()
    begun = list(held.calls.begun)

    for _ in range(2):
        await it.engine.snapshots.restore("line")
        for run_id in runs:
            assert (await it.settle(run_id)).status is RunStatus.COMPLETED
    assert begun == ["1", "1", "2", "2", "3", "3"]
    assert held.calls.begun == begun + 2 * begun[1:]


async def test_a_caller_that_goes_away_while_calls_are_open_changes_nothing(held: Held) -> None:
    it = held.it
    await it.engine.snapshots.take("empty")
    run_id = await it.start("t/held", {"n": 1})
    await held.calls.are("1")
    restoring = asyncio.create_task(it.engine.snapshots.restore("empty", timeout_s=5))
    await it.clock.somebody_waits()
    restoring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await restoring
    await held.calls.end_all()
    assert (await it.settle(run_id)).status is RunStatus.COMPLETED


async def test_what_is_reported_late_for_a_call_made_before_does_not_count(it: Lab) -> None:
    """The app goes on with a call that the engine gave up: its checkpoints are of another past."""
    refs: list[tuple[str, str]] = []
    real = it.network._app

    class Lost(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method != "POST":
                return await real.handle_async_request(request)
            context = httpx.Response(200, content=request.content).json()["ctx"]
            refs.append((context["run_id"], context["qi_id"]))
            if len(refs) == 1:
                assert await late(context["qi_id"]) == 200
            raise httpx.ReadError("lost", request=request)

    run_id = await it.start("t/order")
    it.network._app = Lost()
    step = {"id": "a" * 40, "op": "StepRun", "displayName": "late", "data": 1, "opts": {}}

    async def late(ref: str) -> int:
        body = {"run_id": run_id, "qi_id": ref, "steps": [step]}
        return (await it.api.post("/v1/checkpoint/" + run_id + "/async", json=body)).status_code

    await it.settle(run_id)
    await it.engine.snapshots.take("retrying")
    await it.engine.time.advance(by_ms=HOUR_MS, patience_s=PATIENCE_S)
    used = {ref for _, ref in refs}
    assert len(used) == len(refs) > 1
    for _ in range(3):
        await it.engine.snapshots.restore("retrying")
        before = len(refs)
        await it.engine.time.advance(by_ms=HOUR_MS, patience_s=PATIENCE_S)
        again = {ref for _, ref in refs[before:]}
        assert again
        assert not again & used
        used |= again
    for ref in used:
        assert await late(ref) == 409
    it.network._app = real


async def test_the_view_of_runs_is_that_of_the_state_that_is_back(it: Lab) -> None:
    run_id = await it.start("t/order")
    asleep = await it.settle(run_id)
    await it.engine.snapshots.take("asleep")
    await it.engine.time.skip(run_id, to_end=True, patience_s=PATIENCE_S)
    ended = await it.engine.get_run(run_id)
    assert ended.status is RunStatus.COMPLETED
    await it.engine.snapshots.restore("asleep")
    back: RunView = await it.engine.get_run(run_id)
    assert back == asleep


async def test_events_that_arrive_during_restores_are_before_or_after_and_never_between(it: Lab) -> None:
    await it.engine.pause_function("lab-daily")  # only events start runs here
    await it.engine.snapshots.take("one")
    started: list[str] = []
    between: list[int] = []
    is_over = asyncio.Event()

    async def send() -> None:
        while not is_over.is_set():
            started.extend(await it.send("t/waits", {"n": 1}))
        started.extend(await it.send("t/waits", {"n": 1}))

    async def sync() -> None:
        while not is_over.is_set():
            await it.engine.sync_app(APP_URL)
            await it.engine.doubles.add(_mock("charge", function="lab-order"))

    async def restore() -> None:
        for _ in range(8):
            await it.clock.advance(DAY_MS)
            back = await it.engine.snapshots.restore("one")
            between.append(back.lost_count)
        is_over.set()

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(send())
        group.create_task(sync())
        group.create_task(restore())
    await it.engine.settle()
    assert min(between) > 0  # events came before each restore

    left = await dump(it.engine)
    assert len(started) == len(set(started)) == len(left["run"]) + sum(between)
    runs = {row["id"]: row for row in left["run"]}
    assert len(runs) >= 3
    assert {row["event_id"] for row in left["run"]} == {row["id"] for row in left["event"]}
    assert runs.keys() <= set(started)
    now_ms = it.clock.now_ms()
    assert {row["queued_ms"] for row in left["run"]} == {now_ms}
    assert {row["received_ms"] for row in left["event"]} == {now_ms}
    assert {row["created_ms"] for row in left["double"]} <= {now_ms}
    assert {row["run_id"] for row in left["pause"]} == runs.keys()
