"""What went wrong once around the time of runs: in matrices, verdicts, explanations, lists and costs."""

from __future__ import annotations

import datetime

import inngest
import pytest
from support.sdk_app import lab, new_client
from support.wall import wall_ms

from durable_engine import Cause, Conditions, ManualClock, NewEvent, PlannedEvent, RunStatus
from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.matrix import run_matrix
from durable_engine.scenarios.runner import run_scenario

pytestmark = pytest.mark.anyio

SKIP = Conditions(skips_time=True)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def _clock() -> ManualClock:
    return ManualClock(wall_ms(), wall=wall_ms)


async def test_a_matrix_of_a_singleton_does_not_let_its_runs_cancel_each_other() -> None:
    client = new_client()

    @client.create_function(
        fn_id="single",
        trigger=inngest.TriggerEvent(event="t/single"),
        singleton=inngest.Singleton(mode="cancel"),
    )
    async def single(ctx: inngest.Context) -> str:
        async def work() -> str:
            return "done"

        return await ctx.step.run("work", work)

    async with lab(client, [single], clock=_clock()) as it:
        matrix = await run_matrix(it.engine, read_scenario({"event": "t/single"}), timeout_s=30)
        assert {cell.difference for cell in matrix.cells if cell.kind != "step_fails"} == {None}


async def test_a_matrix_says_when_a_control_keeps_its_runs_from_starting() -> None:
    client = new_client()

    @client.create_function(
        fn_id="once", trigger=inngest.TriggerEvent(event="t/once"), idempotency="event.data.id"
    )
    async def once(ctx: inngest.Context) -> str:
        return "done"

    async with lab(client, [once], clock=_clock()) as it:
        scenario = read_scenario({"event": "t/once", "data": {"id": 1}})
        matrix = await run_matrix(it.engine, scenario, timeout_s=30)
        assert matrix.problem is not None
        assert "idempotency" in matrix.problem
        assert matrix.cells == ()


async def test_a_mock_that_fails_is_not_taken_for_the_fault_of_a_place_that_was_never_reached() -> None:
    client = new_client()

    @client.create_function(fn_id="pair", trigger=inngest.TriggerEvent(event="t/pair"))
    async def pair(ctx: inngest.Context) -> str:
        async def work() -> None:
            return None

        try:
            await ctx.group.parallel((lambda: ctx.step.run("a", work), lambda: ctx.step.run("b", work)))
        except inngest.StepError:
            return "caught"
        return "done"

    async with lab(client, [pair], clock=_clock()) as it:
        mocks = [{"stepId": "a", "error": {"message": "no", "retriable": False}}]
        scenario = read_scenario({"event": "t/pair", "mocks": mocks})
        matrix = await run_matrix(it.engine, scenario, kinds=("restart",), timeout_s=30)
        assert matrix.baseline is not None
        assert matrix.baseline.output == "caught"
        hits = {(cell.step, cell.index): cell.hit for cell in matrix.cells}
        assert hits[(None, 1)] is False  # the function goes on when both have ended
        assert hits[(None, 0)] is hits[(None, 2)] is True


async def test_a_step_costs_the_same_however_many_tests_rest() -> None:
    client = new_client()

    @client.create_function(fn_id="plain", trigger=inngest.TriggerEvent(event="t/plain"))
    async def plain(ctx: inngest.Context) -> None:
        async def work() -> None:
            return None

        for index in range(20):
            await ctx.step.run(f"step-{index}", work)

    @client.create_function(fn_id="rest", trigger=inngest.TriggerEvent(event="t/rest"))
    async def rest(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("wait", event="t/never", timeout=datetime.timedelta(days=365))

    async with lab(client, [plain, rest], clock=_clock()) as it:

        async def statements() -> int:
            seen: list[str] = []
            await it.engine._database.transact(
                lambda tables: tables._connection.set_trace_callback(seen.append)
            )
            run = await it.settle(await it.start("t/plain"))
            await it.engine._database.transact(lambda tables: tables._connection.set_trace_callback(None))
            assert run.status is RunStatus.COMPLETED
            return len(seen)

        before = await statements()
        for _ in range(20):
            await it.engine.send_event(NewEvent(name="t/rest"), under=SKIP)
        await it.engine.settle()
        assert await statements() < 3 * before


async def test_an_explanation_counts_in_the_time_of_the_run() -> None:
    client = new_client()

    @client.create_function(
        fn_id="waits",
        trigger=inngest.TriggerEvent(event="t/waits"),
        timeouts=inngest.Timeouts(finish=datetime.timedelta(days=500)),
    )
    async def waits(ctx: inngest.Context) -> None:
        await ctx.step.sleep("month", datetime.timedelta(days=30))
        await ctx.step.wait_for_event(
            "go", event="t/go", if_exp="async.data.n == 1", timeout=datetime.timedelta(days=365)
        )

    events = (PlannedEvent(name="t/other", after_ms=40 * DAY_MS),)
    async with lab(client, [waits], clock=_clock()) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/waits"), under=Conditions(events=events))
        run_id = receipt.started[0].run_id
        await it.engine.settle()
        await it.engine.time.skip(run_id, by_ms=35 * DAY_MS, patience_s=5)
        sent = await it.engine.send_event(NewEvent(name="t/go", data={"n": 2}))
        run = await it.settle(run_id)

        about_run = await it.engine.explainer.run(run_id)
        assert about_run.cause is Cause.EVENT_NOT_MATCHED
        assert about_run.happens_next.at_ms == pytest.approx(run.queued_ms + 395 * DAY_MS, abs=60_000)
        (fact,) = [fact.text for fact in about_run.evidence if fact.kind == "not-matched"]
        assert "just now" in fact
        about_event = await it.engine.explainer.event(sent.event.id)
        assert not [fact for fact in about_event.evidence if "began after" in fact.text]


async def test_a_bulk_cancellation_reaches_runs_that_began_in_skipped_time() -> None:
    client = new_client()

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="t/child"))
    async def child(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("wait", event="t/never", timeout=datetime.timedelta(days=365))

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> None:
        await ctx.step.sleep("month", datetime.timedelta(days=30))
        await ctx.step.invoke("ask", function=child)

    async with lab(client, [child, parent], clock=_clock()) as it:
        receipt = await it.engine.send_event(NewEvent(name="t/parent"), under=SKIP)
        run = await it.settle(receipt.started[0].run_id)
        await it.clock.advance(60)  # type: ignore[union-attr]
        cancelled = await it.engine.control.cancel_many(
            it.engine.records.function("child").id, started_before_ms=it.clock.now_ms()
        )
        assert list(run.child_run_ids) == cancelled


async def test_a_run_that_only_the_outside_can_move_ends_the_test_at_once() -> None:
    client = new_client()

    @client.create_function(fn_id="waits", trigger=inngest.TriggerEvent(event="t/waits"))
    async def waits(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(days=365))

    async with lab(client, [waits], clock=_clock()) as it:  # the clock stands still: no patience ends
        verdict = await run_scenario(it.engine, read_scenario({"event": "t/waits"}))
        assert not verdict.passed
        assert verdict.is_at_rest
