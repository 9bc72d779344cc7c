"""What pruning deletes, what it leaves to those who still need it, and that it may die at any moment."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from engine_tables import NOW_MS, World, a_function, an_event
from scripted_app import App, engine_for, opcodes, result, settle, start, step_run

from durable_engine import EngineConfig, ManualClock, NewEvent, RunStatus
from durable_engine.errors import RunPrunedError
from durable_engine.model.flow import Batch, Concurrency, FlowControl, RateLimit, Throttle
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.reply import Returned
from durable_engine.model.retention import KEPT_IN_ANY_CASE, Limits
from durable_engine.model.run import Timeline
from durable_engine.storage.data_file import open_database
from durable_engine.storage.database import Database
from durable_engine.storage.schema import APPLICATION_ID, MIGRATIONS
from durable_engine.storage.tables import Tables

DAY_MS = 86_400_000
ALL = 2**62


def _ended(world: World, count: int = 1) -> list[str]:
    run_ids = []
    for _ in range(count):
        run_ids.append(world.start())
        world.answer(world.take_one(), Returned(data="done"))
    return run_ids


def _prune(world: World, *, but: frozenset[str] = frozenset()) -> None:
    """Delete everything that may be deleted, the newest too."""
    pruning, event_row, order = world.tables.pruning, 0, 0
    times = {"now_ms": world.now_ms, "wall_ms": world.now_ms}
    with world.transaction():
        while (seen := pruning.prune_runs(after=order, until=ALL, most=ALL, but=but, **times)) is not None:
            order = seen
        while (
            seen := pruning.prune_events(after=event_row, until=ALL, most=ALL, now_ms=world.now_ms)
        ) is not None:
            event_row = seen


def _there(world: World, run_id: str) -> bool:
    return world.tables.runs.get(run_id) is not None


def _count(world: World, table: str) -> int:
    return int(world.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


# --- who still needs a run ---------------------------------------------------------------------------


def test_an_open_run_stays_with_all_that_it_has() -> None:
    world = World()
    run_id = world.start()
    work = world.take_one()
    _prune(world)
    world.answer(work, Returned(data="done"))
    assert world.run(run_id).status is RunStatus.COMPLETED


def test_a_run_stays_as_long_as_the_key_of_its_direct_start_names_it() -> None:
    world = World()
    (run_id,) = _ended(world)
    function_id = world.run(run_id).function_id
    with world.transaction():
        world.tables.runs.save_key(function_id, "inngest/invoke:k", run_id, world.now_ms + DAY_MS)
    _prune(world)
    assert _there(world, run_id)

    world.now_ms += DAY_MS
    _prune(world)
    assert not _there(world, run_id)
    with world.transaction():
        world.tables.pruning.prune_keys(now_ms=world.now_ms)
    assert _count(world, "start_key") == 0


def test_the_run_that_keeps_a_handle_stays_as_long_as_another_run_of_the_handle_is_open() -> None:
    world = World()
    (run_id,) = _ended(world)
    other = world.start()
    detail = {"id": "h", "facts": {"tool": "poll_run_status", "runs": [run_id, other]}}
    entry = HistoryEntry(run_id=run_id, at_ms=NOW_MS, kind=HistoryKind.HANDLE_GIVEN, detail=detail)
    with world.transaction():
        world.tables.history.append(entry)
    _prune(world)
    assert _there(world, run_id)

    world.answer(world.take_one(), Returned(data="done"))
    _prune(world)
    assert not _there(world, run_id)


def test_the_run_whose_time_others_share_stays_until_that_time_is_over() -> None:
    world = World()
    (run_id,) = _ended(world)
    timeline = Timeline(id=run_id, until_ms=None)
    with world.transaction():
        world.tables.timelines.open(timeline)
    _prune(world)
    assert _there(world, run_id)
    with world.transaction():
        world.tables.timelines.close(timeline)
    _prune(world)
    assert not _there(world, run_id)


def test_a_run_that_somebody_watches_stays() -> None:
    world = World()
    watched, other = _ended(world, 2)
    _prune(world, but=frozenset({watched}))
    assert (_there(world, watched), _there(world, other)) == (True, False)


def test_all_that_a_run_had_is_gone_and_nothing_refers_to_it() -> None:
    world = World()
    _ended(world, 30)
    _ended(world)  # its events are the newest, and the newest stays
    _prune(world)
    for table in ("run", "step", "history", "run_event", "event_effect", "event_sender"):
        assert _count(world, table) == 0, table
    assert _count(world, "event") == 1
    assert world.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_one_look_deletes_no_more_than_it_may() -> None:
    world = World()
    _ended(world, 300)
    with world.transaction():
        world.tables.pruning.prune_runs(
            after=0, until=ALL, most=ALL, but=(), now_ms=world.now_ms, wall_ms=world.now_ms
        )
    assert 200 <= _count(world, "run") < 300
    with world.transaction():
        world.tables.pruning.prune_runs(
            after=0, until=ALL, most=1, but=(), now_ms=world.now_ms, wall_ms=world.now_ms
        )
        left = _count(world, "run")
        world.tables.pruning.prune_runs(
            after=0, until=ALL, most=1, but=(), now_ms=world.now_ms, wall_ms=world.now_ms
        )
    assert _count(world, "run") == left - 1


# --- events ------------------------------------------------------------------------------------------


def test_the_events_of_a_batch_to_come_stay() -> None:
    world = World(a_function(flow=FlowControl(batch=Batch(max_size=10, timeout_ms=60_000))))
    for number in range(3):
        world.send(data={"n": number})
    world.ingest(an_event("t/nobody"))
    world.ingest(an_event("t/nobody"))
    _prune(world)
    assert _count(world, "event") == 4  # three, and the newest of all

    world.now_ms += 60_000
    work = world.take_one()
    assert work.call is not None
    assert len(work.call.events) == 3


def test_an_event_that_was_pruned_is_known_for_a_day() -> None:
    world = World()
    event = an_event("t/nobody")
    world.ingest(event)
    world.ingest(an_event("t/nobody"))
    _prune(world)
    assert world.tables.events.find(event.id) is None
    assert world.tables.runs.started_by_key("", event.id, now_ms=world.now_ms) is not None
    assert world.tables.runs.started_by_key("", event.id, now_ms=world.now_ms + DAY_MS) is None


def test_a_run_that_never_was_is_not_taken_for_a_pruned_one_because_events_went() -> None:
    world = World()
    world.ingest(an_event("t/nobody"))
    world.ingest(an_event("t/nobody"))
    _prune(world)
    missing = world.tables.runs.missing(an_event(at_ms=NOW_MS - 1).id)
    assert not isinstance(missing, RunPrunedError)

    (run_id,) = _ended(world)
    _prune(world)
    assert isinstance(world.tables.runs.missing(run_id), RunPrunedError)


# --- lanes, gates, rates -----------------------------------------------------------------------------


def test_lanes_and_gates_of_keys_that_nobody_uses_go() -> None:
    flow = FlowControl(
        concurrency=(Concurrency(limit=1, key="event.data.u"),),
        throttle=Throttle(limit=1, period_ms=60_000, key="event.data.u"),
    )
    world = World(a_function(flow=flow))
    for number in range(20):
        world.start(data={"u": str(number)})
    taken = world.take()
    assert len(taken) == 20
    for work in taken[1:]:
        world.answer(work, Returned(data="done"))
    world.forget_lanes()
    assert _count(world, "lane") == 40, "a throttle's period is not over"

    world.now_ms += 60_000
    world.forget_lanes()
    # Those of the key whose call is open; and the newest lane stays, with the one behind it.
    assert _count(world, "lane") == 4
    assert _count(world, "gate") <= 4
    again = world.start(data={"u": "0"})
    assert world.take() == [], "its call is still open"
    world.answer(taken[0], Returned(data="done"))
    world.now_ms += 60_000
    (work,) = world.take()
    assert work.item.run_id == again


def test_the_state_of_a_rate_limit_goes_when_it_says_no_more_than_none_would() -> None:
    flow = FlowControl(rate_limit=RateLimit(limit=1, period_ms=DAY_MS, key="event.data.u"))
    world = World(a_function(flow=flow))
    world.send(data={"u": "a"})
    for step_ms, left in ((DAY_MS, 1), (1, 0)):
        world.now_ms += step_ms
        with world.transaction():
            world.tables.pruning.prune_keys(now_ms=world.now_ms)
        assert _count(world, "rate_limit") == left


# --- marks -------------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_makes_nothing_old() -> None:
    world = World()
    _ended(world, KEPT_IN_ANY_CASE + 5)
    retention = world.tables.retention
    with world.transaction():
        assert retention.mark(wall_ms=NOW_MS, interval_ms=1_000) is None
        assert retention.reached(NOW_MS).ended_order == 5
        _ended_order = retention.newest().ended_order
        assert retention.mark(wall_ms=NOW_MS - DAY_MS, interval_ms=1_000) is None
        assert retention.reached(NOW_MS - 1).ended_order == 5  # marked anew, at the earlier time
        assert retention.reached(NOW_MS - DAY_MS - 1).ended_order == 0
    assert _ended_order == KEPT_IN_ANY_CASE + 5


def test_marks_are_made_now_and_then_and_only_if_something_is_new() -> None:
    world = World()
    retention = world.tables.retention
    with world.transaction():
        assert retention.mark(wall_ms=NOW_MS, interval_ms=1_000) is None
        assert retention.mark(wall_ms=NOW_MS + 5_000, interval_ms=1_000) is None
    assert _count(world, "retention_mark") == 1
    _ended(world)
    with world.transaction():
        assert retention.mark(wall_ms=NOW_MS + 500, interval_ms=1_000) == NOW_MS + 1_000
        assert retention.mark(wall_ms=NOW_MS + 1_000, interval_ms=1_000) is None
        retention.reached(NOW_MS + 1_000)
    assert _count(world, "retention_mark") == 1, "the mark before is of no use any more"


# --- the duty ----------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_much_new_data_is_noticed_without_anybody_looking_for_it() -> None:
    config = EngineConfig(max_data_bytes=1024 * 1024)
    async with engine_for(App(), config=config) as engine:
        swept: asyncio.Queue[int] = asyncio.Queue()
        sweep = engine.pruning.sweep

        async def noted() -> tuple[int | None, bool]:
            done = await sweep()
            swept.put_nowait((await engine.pruning.kept()).pruned)
            return done

        engine.pruning.sweep = noted  # type: ignore[method-assign]
        first = await start(engine)
        for _ in range(4):
            await engine.send_events([NewEvent(name="t/job", data={"pad": "x" * 8_000})] * 50)
            await settle(engine)
        async with asyncio.timeout(60):
            while not await swept.get():
                pass
        with pytest.raises(RunPrunedError):
            await engine.get_run(first)


@pytest.mark.anyio
async def test_what_may_not_be_pruned_is_not_walked_through_again_and_again() -> None:
    config = EngineConfig(max_data_bytes=1024 * 1024)
    async with engine_for(App(), config=config) as engine:
        for _ in range(KEPT_IN_ANY_CASE):
            await start(engine, pad="x" * 100_000)
        await settle(engine)
        await engine.pruning.sweep()
        assert (await engine.pruning.kept()).used_bytes > 1024 * 1024
        steps: list[object] = []
        step = engine.pruning._step
        engine.pruning._step = lambda *given: steps.append(given) or step(*given)  # type: ignore[func-returns-value,method-assign]
        await engine.pruning.sweep()
        assert steps == []
        for _ in range(5):
            await start(engine, pad="x" * 100_000)
        await settle(engine)
        await engine.pruning.sweep()
        assert steps != []


@pytest.mark.anyio
async def test_without_limits_nothing_goes_and_nobody_waits() -> None:
    async with engine_for(App()) as engine:
        async with asyncio.timeout(60):
            await engine.pruning.run()
        run_id = await start(engine)
        await settle(engine)
        await engine.pruning.sweep()
        assert (await engine.get_run(run_id)).status is RunStatus.COMPLETED
        assert (await engine.pruning.kept()).limits == Limits()


# --- files -------------------------------------------------------------------------------------------

_HALF = {
    "runs without their event": "SELECT id FROM run WHERE event_id NOT IN (SELECT id FROM event)",
    "runs without their beginning": """
        SELECT id FROM run WHERE id NOT IN (SELECT run_id FROM history WHERE kind = 'run.queued')""",
    "runs without their step": "SELECT id FROM run WHERE id NOT IN (SELECT run_id FROM step)",
    "steps without a run": "SELECT run_id FROM step WHERE run_id NOT IN (SELECT id FROM run)",
}


@pytest.mark.anyio
async def test_a_death_in_the_middle_leaves_whole_runs_and_the_next_start_goes_on(tmp_path: Path) -> None:
    async def handler(body: dict[str, object]) -> object:
        return result() if body["steps"] else opcodes(step_run("one", "x" * 2_000))

    path, clock = tmp_path / "engine.db", ManualClock()
    async with engine_for(App(handler), data_file=path, clock=clock) as engine:  # type: ignore[arg-type]
        await engine.send_events([NewEvent(name="t/job")] * 100)
        await settle(engine)

    copies = [tmp_path / f"copy-{number}" for number in range(5)]
    statements = 0

    def look(sql: str) -> None:
        """Keep the files as a kill at this moment would leave them."""
        nonlocal statements
        statements += sql.startswith("DELETE")
        if statements and statements % 190 == 0 and statements // 190 <= len(copies):
            folder = copies[statements // 190 - 1]
            if not folder.exists():
                folder.mkdir()
                for file in (path, path.with_name("engine.db-wal")):
                    shutil.copy(file, folder)

    config = EngineConfig(data_file=path, keep_runs_s=60)
    async with engine_for(App(), config=config, clock=clock) as engine:
        await engine.pruning.sweep()
        await clock.advance(120)
        await engine._database.transact(lambda tables: tables.runs._connection.set_trace_callback(look))
        await engine.pruning.sweep()
        assert (await engine.pruning.kept()).pruned == 100 - KEPT_IN_ANY_CASE
        await engine._database.transact(lambda tables: tables.runs._connection.set_trace_callback(None))

    left = []
    for folder in copies:
        database = await Database.open(folder / "engine.db")
        found = await database.transact(_look_for_halves)
        left.append(found.pop("runs"))
        assert found == {"faults": "ok", "references": []} | {what: [] for what in _HALF}
        await database.close()
    assert left == sorted(left, reverse=True)
    assert KEPT_IN_ANY_CASE < left[-1] < left[0] <= 100

    config = EngineConfig(data_file=copies[0] / "engine.db", keep_runs_s=60)
    async with engine_for(App(), config=config, clock=clock) as engine:
        await engine.pruning.sweep()
        assert (await engine.pruning.kept()).pruned == 100 - KEPT_IN_ANY_CASE


def _look_for_halves(tables: Tables) -> dict[str, object]:
    execute = tables.runs._connection.execute
    found: dict[str, object] = {what: [row[0] for row in execute(sql)] for what, sql in _HALF.items()}
    found["faults"] = execute("PRAGMA integrity_check").fetchone()[0]
    found["references"] = execute("PRAGMA foreign_key_check").fetchall()
    found["runs"] = execute("SELECT count(*) FROM run").fetchone()[0]
    return found


_OLD = """
INSERT INTO function (id, slug, name, app_name, url, triggers, retries, config, is_archived)
    VALUES ('f', 'f', 'f', 'a', 'u', '[]', 0, '{}', 0);
INSERT INTO event VALUES ('e', 't', '{}', 1, 1, 'api');
INSERT INTO run (id, function_id, event_id, status, queued_ms, ended_ms, execution_version, plans_only)
    VALUES ('r', 'f', 'e', 'COMPLETED', 1, 1, 2, 0);
"""


def _file_of_version_5(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("PRAGMA synchronous = OFF")
        for number, script in enumerate(MIGRATIONS[:5], start=1):
            old.executescript(
                f"{script} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
            )
        old.executescript(_OLD)
        assert old.execute("PRAGMA auto_vacuum").fetchone()[0] == 0


def test_the_file_of_an_older_version_can_shrink_from_its_first_start_on(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    _file_of_version_5(path)
    with closing(open_database(str(path))) as now:
        tables = Tables(now)
        assert tables.pages.can_shrink()
        assert tables.retention.newest().ended_order == 1
        # It counts as if it had ended now.
        assert tables.retention.reached(NOW_MS).ended_order == 0


def test_the_file_of_an_older_version_is_not_rewritten_on_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "engine.db"
    _file_of_version_5(path)
    real = shutil.disk_usage(tmp_path)
    free = path.stat().st_size * 2 - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: real._replace(free=free))
    with closing(open_database(str(path))) as now:
        tables = Tables(now)
        assert not tables.pages.can_shrink()
        assert tables.pages.give_back() is False
        assert tables.retention.newest().ended_order == 1


def test_an_event_that_comes_again_long_after_it_was_pruned_is_the_new_one() -> None:
    world = World()
    event = an_event(data={"n": 1})
    with world.transaction():
        world.tables.events.insert(event)
        world.tables.events.insert(an_event())  # the newest one always stays
        assert '"n":1' in world.tables.events.payload(event.id)
    _prune(world)
    with world.transaction():
        assert world.tables.events.insert(replace(event, data={"n": 2}))
        assert '"n":2' in world.tables.events.payload(event.id)
