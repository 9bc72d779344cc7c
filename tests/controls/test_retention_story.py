"""Stories about what is kept of the past: ended runs go when they are old, or when there is too much."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client
from support.wall import wall_ms

from durable_engine import EventFilter, ManualClock, NewEvent, RunFilter, RunStatus
from durable_engine.errors import RunNotFoundError, RunPrunedError
from durable_engine.model.retention import KEPT_IN_ANY_CASE
from durable_engine.storage.tables import Tables

pytestmark = pytest.mark.anyio

DAY_S = 86_400
WEEK_S = 7 * DAY_S
TABLES = ("run", "step", "history", "event", "run_event", "event_decision", "event_effect", "event_sender")


class Wall:
    """The real time, which a test moves apart from the engine's."""

    def __init__(self) -> None:
        self.now_ms = wall_ms()

    def __call__(self) -> int:
        return self.now_ms

    def move(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1_000)


def _functions(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    @client.create_function(fn_id="quick", trigger=inngest.TriggerEvent(event="t/quick"))
    async def quick(ctx: inngest.Context) -> str:
        return await ctx.step.run("one", lambda: "x" * ctx.event.data.get("size", 1))

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> None:
        await ctx.step.invoke("child", function=quick)
        await ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(days=300))

    return [quick, parent]


def _make(wall: Wall, **settings: Any) -> Any:
    client = new_client()
    clock = ManualClock(wall.now_ms, wall=wall)
    return lab(client, _functions(client), clock=clock, **settings)


async def _quick(it: Lab, count: int, **data: Any) -> list[str]:
    run_ids = [await it.start("t/quick", data) for _ in range(count)]
    await it.engine.settle()
    return run_ids


async def _counts(it: Lab) -> dict[str, int]:
    def count(tables: Tables) -> dict[str, int]:
        execute = tables.runs._connection.execute
        return {table: execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}  # noqa: S608

    return await it.engine._database.transact(count)


async def _has(it: Lab, run_id: str) -> bool:
    try:
        await it.engine.get_run(run_id)
    except RunNotFoundError:
        return False
    return True


async def _let_age(it: Lab, wall: Wall) -> None:
    """Let everything be noted as it is now: that is done now and then."""
    wall.move(WEEK_S / 64)
    await it.engine.pruning.sweep()


async def _fill(it: Lab) -> list[str]:
    """Let enough runs end that those before them may be pruned."""
    return await _quick(it, KEPT_IN_ANY_CASE)


async def test_a_run_goes_with_all_that_is_its_own_a_week_after_its_end() -> None:
    wall = Wall()
    async with _make(wall, keep_runs_s=WEEK_S) as it:
        old = await _quick(it, 5)
        await _let_age(it, wall)
        before = await _counts(it)
        wall.move(WEEK_S - 60)
        await it.engine.pruning.sweep()
        assert await _counts(it) == before

        new = await _fill(it)
        wall.move(120)
        await it.engine.pruning.sweep()

        assert [await _has(it, run_id) for run_id in old] == [False] * 5
        assert all([await _has(it, run_id) for run_id in new])
        left = await _counts(it)
        # A quick run has one event of its own, and one that tells of its end.
        assert left["run"] == KEPT_IN_ANY_CASE
        assert left["step"] == KEPT_IN_ANY_CASE
        assert left["event"] == 2 * KEPT_IN_ANY_CASE


async def test_whoever_asks_for_it_then_is_told_why_it_is_gone() -> None:
    wall = Wall()
    async with _make(wall, keep_runs_s=WEEK_S) as it:
        (gone,) = await _quick(it, 1)
        await _let_age(it, wall)
        wall.move(WEEK_S + 60)
        await _fill(it)
        await it.engine.pruning.sweep()

        for asked in (
            it.engine.get_run(gone),
            it.engine.explainer.run(gone),
            it.engine.records.trace(gone),
            it.engine.recordings.of_run(gone),
            it.engine.control.rerun(gone),
            it.engine.control.cancel(gone),
        ):
            with pytest.raises(
                RunPrunedError, match=r"any more: runs are pruned 7d after their end\. 1 ended"
            ):
                await asked
        with pytest.raises(RunNotFoundError) as never:
            await it.engine.get_run("01ARZ3NDEKTSV4RRFFQ69G5FZZ".replace("01A", "7ZZ"))
        assert not isinstance(never.value, RunPrunedError)
        answer = await it.api.get(f"/v1/runs/{gone}")
        assert answer.status_code == 404
        assert "pruned" in answer.text


async def test_moving_the_engines_time_makes_no_run_old() -> None:
    wall = Wall()
    async with _make(wall, keep_runs_s=WEEK_S) as it:
        (tested,) = await _quick(it, 1)
        await _fill(it)
        await _let_age(it, wall)
        await it.clock.advance(60 * DAY_S)
        await it.engine.pruning.sweep()
        assert await _has(it, tested)


async def test_what_an_open_run_depends_on_stays_and_goes_with_it() -> None:
    wall = Wall()
    async with _make(wall, keep_runs_s=WEEK_S) as it:
        parent = await it.start("t/parent")
        view = await it.settle(parent)
        (child,) = view.child_run_ids
        assert (await it.engine.get_run(child)).status is RunStatus.COMPLETED
        await _let_age(it, wall)
        wall.move(WEEK_S + 60)
        await _fill(it)
        await it.engine.pruning.sweep()
        assert await _has(it, child)

        await it.engine.send_event(NewEvent(name="t/go"))
        assert (await it.settle(parent)).status is RunStatus.COMPLETED
        await _fill(it)
        await _let_age(it, wall)
        wall.move(WEEK_S + 60)
        await it.engine.pruning.sweep()
        assert not await _has(it, child)
        assert not await _has(it, parent)


async def test_too_much_data_lets_the_oldest_runs_go_and_the_file_shrinks(tmp_path: Path) -> None:
    wall, most = Wall(), 2 * 1024 * 1024
    async with _make(wall, data_file=tmp_path / "engine.db", max_data_bytes=most) as it:
        runs = [run for _ in range(80) for run in await _quick(it, 1, size=30_000)]
        before = await it.engine.pruning.kept()
        assert before.used_bytes > most
        await it.engine.pruning.sweep()

        kept = await it.engine.pruning.kept()
        assert most // 2 < kept.used_bytes <= most
        assert kept.file_bytes < before.file_bytes
        there = [await _has(it, run_id) for run_id in runs]
        assert there == sorted(there)
        assert sum(there) >= KEPT_IN_ANY_CASE
        assert kept.pruned == there.count(False)
    assert (tmp_path / "engine.db").stat().st_size == pytest.approx(kept.file_bytes, rel=0.05)


async def test_events_that_nothing_needs_go_in_their_turn_and_stay_known_for_a_day() -> None:
    wall = Wall()
    async with _make(wall, max_data_bytes=1024 * 1024) as it:
        event = NewEvent(name="t/nobody", data={"pad": "x" * 20_000})
        first = await it.engine.send_event(event, seed="again")
        for _ in range(99):
            await it.engine.send_event(event)
        (run,) = await _quick(it, 1)
        await it.engine.pruning.sweep()

        assert (await it.engine.pruning.kept()).used_bytes <= 1024 * 1024
        assert await _has(it, run)
        page = await it.engine.records.events(EventFilter(name="t/nobody"), limit=100)
        assert 0 < len(page.events) < 60
        assert first.event.id not in {event.id for event in page.events}
        assert (await it.engine.send_event(event, seed="again")).is_known


async def test_a_list_goes_on_behind_a_run_that_was_pruned_meanwhile() -> None:
    wall = Wall()
    async with _make(wall, keep_runs_s=WEEK_S) as it:
        parent = await it.start("t/parent")
        await it.engine.settle()
        await it.clock.advance(1)
        await _quick(it, 2)
        await _let_age(it, wall)
        await it.clock.advance(1)
        await _fill(it)
        page = await it.engine.records.runs(RunFilter(), limit=KEPT_IN_ANY_CASE + 1)
        events = await it.engine.records.events(EventFilter(name="t/quick"), limit=KEPT_IN_ANY_CASE + 1)
        assert page.next_cursor is not None
        wall.move(WEEK_S + 60)
        await it.engine.pruning.sweep()
        assert not await _has(it, page.next_cursor)

        rest = await it.engine.records.runs(RunFilter(), cursor=page.next_cursor)
        assert [run.id for run in rest.runs][-1:] == [parent]
        assert (
            await it.engine.records.events(EventFilter(name="t/quick"), cursor=events.next_cursor)
        ).events == ()


async def test_a_restored_snapshot_is_not_pruned_for_its_age() -> None:
    wall = Wall()
    async with _make(wall, keep_runs_s=WEEK_S) as it:
        (kept,) = await _quick(it, 1)
        await _fill(it)
        await _let_age(it, wall)
        await it.engine.snapshots.take("before")
        wall.move(30 * DAY_S)
        await it.engine.pruning.sweep()
        assert not await _has(it, kept)

        await it.engine.snapshots.restore("before")
        await it.engine.pruning.sweep()
        assert await _has(it, kept)
