"""What a step costs, counted: transactions, statements, and what of a run's state is read for a call.

A number here that has to grow is a cost that every step of every run pays; one that can shrink is to be
shrunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import httpx
import pytest
from engine_tables import World, ref
from scripted_app import App, engine_for, opcodes, result, settle, start, step_run

from durable_engine import Engine
from durable_engine.answers import commit_answer
from durable_engine.executor import Work
from durable_engine.model.op import StepRan
from durable_engine.model.reply import Ops, Reply, Returned
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.step import Step
from durable_engine.sdk.call_request import MAX_BODY_BYTES
from durable_engine.storage.recent import Recent
from durable_engine.storage.tables import Tables

anyio = pytest.mark.anyio
OF_A_STEP = 12
"""Statements, BEGIN and COMMIT included, that store the answer to a call and take the next one."""


def sequence(count: int, data: Any = None) -> App:
    """Return an app whose function has so many steps, one after the other."""

    async def answer(body: dict[str, Any]) -> httpx.Response:
        done = body["ctx"]["stack"]["current"]
        return result() if done == count else opcodes(step_run(f"s{done}", data))

    return App(answer)


@contextmanager
def statements_of(engine: Engine) -> Iterator[list[str]]:
    """Collect what the connection that writes executes; the engine is at rest before and after."""
    seen: list[str] = []
    connection = engine._database._writer._connection
    connection.set_trace_callback(seen.append)
    try:
        yield seen
    finally:
        connection.set_trace_callback(None)


async def cost_of_a_run(steps: int) -> list[str]:
    async with engine_for(sequence(steps)) as engine:
        await settle(engine)
        with statements_of(engine) as seen:
            await start(engine)
            await settle(engine)
        return seen


@anyio
async def test_a_sequential_step_is_one_transaction_and_few_statements() -> None:
    short, long = await cost_of_a_run(10), await cost_of_a_run(30)
    commits = [sum(sql == "COMMIT" for sql in seen) for seen in (short, long)]
    assert commits[1] - commits[0] == 20
    assert len(long) - len(short) == 20 * OF_A_STEP, long[-40:]


@anyio
async def test_no_step_reads_the_memos_or_the_event_of_its_run_again() -> None:
    seen = await cost_of_a_run(10)
    assert sum("SELECT id, memo FROM step" in sql for sql in seen) == 1
    assert not any("FROM event WHERE id" in sql for sql in seen[seen.index("COMMIT") :])


@anyio
async def test_state_that_does_not_fit_in_a_request_is_not_read_for_the_call() -> None:
    piece = "x" * (MAX_BODY_BYTES // 3)
    async with engine_for(sequence(8, piece)) as engine:
        with statements_of(engine) as seen:
            run_id = await start(engine)
            await settle(engine)
        assert (await engine.get_run(run_id)).status == "COMPLETED"
        bodies = engine._client._apps._transport.bodies  # type: ignore[attr-defined]
    assert [body["use_api"] for body in bodies] == [False] * 3 + [True] * 6
    assert [len(body["steps"]) for body in bodies] == [0, 1, 2] + [0] * 6
    assert [len(body["ctx"]["stack"]["stack"]) for body in bodies] == list(range(9))
    assert sum("SELECT id FROM step" in sql and "position" in sql for sql in seen) == 6


# --- what is kept between calls -----------------------------------------------------------------------


def ran(name: str) -> Ops:
    return Ops(ops=(StepRan(step=ref(name), data=name),))


def commit(world: World, work: Work, reply: Reply) -> None:
    """Store an answer, as a part of a transaction."""
    commit_answer(
        world.tables,
        world.registry,
        item=work.item,
        reply=reply,
        started_ms=world.now_ms,
        now_ms=world.now_ms,
    )


def test_memos_that_are_kept_are_those_that_are_stored() -> None:
    world = World()
    run_id = world.start()
    for number in range(4):
        work = world.take_one()
        assert work.call is not None
        assert list(work.call.memos) == [f"hash-s{known}" for known in range(number)]
        world.answer(work, ran(f"s{number}"))
        kept = world.tables.steps.memos(run_id)
        if number % 2:
            world.tables.forget()
        assert kept == world.tables.steps.memos(run_id)


def test_what_is_undone_is_not_kept() -> None:
    world = World()
    run_id = world.start()
    work = world.take_one()

    def commit_and_fail() -> None:
        with world.transaction():
            commit(world, work, ran("undone"))
            assert list(world.tables.steps.memos(run_id)) == ["hash-undone"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        commit_and_fail()
    assert world.tables.steps.memos(run_id) == {}


@anyio
@pytest.mark.parametrize("others", [0, 2])
async def test_what_a_unit_of_a_group_undoes_is_not_kept(others: int) -> None:
    app = sequence(1)
    app.gate.clear()
    async with engine_for(app) as engine:
        run_id = await start(engine)
        await app.called(1)
        database = engine._database

        def save_and_fail(tables: Tables) -> NoReturn:
            tables.steps.save(run_id, a_step())
            assert list(tables.steps.memos(run_id)) == ["hash-undone"]
            raise ZeroDivisionError

        units = [database.transact(save_and_fail)]
        units += [database.transact(lambda tables: tables.runs.open_ids()) for _ in range(others)]
        first, *_ = await asyncio.gather(*units, return_exceptions=True)
        assert isinstance(first, ZeroDivisionError)
        assert await database.transact(lambda tables: tables.steps.memos(run_id)) == {}
        app.gate.set()
        await settle(engine)
        assert (await engine.get_run(run_id)).status == "COMPLETED"


def a_step() -> Step:
    return Step(
        ref=ref("undone"), kind=StepKind.RUN, status=StepStatus.COMPLETED, queued_ms=1, ended_ms=1, memo="{}"
    )


def test_who_got_the_memos_of_a_call_keeps_them_as_they_were() -> None:
    world = World()
    run_id = world.start()
    work = world.take_one()
    before = world.tables.steps.memos(run_id)
    world.answer(work, ran("later"))
    assert before == {}
    assert list(world.tables.steps.memos(run_id)) == ["hash-later"]


def test_of_a_run_that_has_ended_nothing_is_kept() -> None:
    world = World()
    run_id = world.start()
    for reply in (ran("a"), Returned(data=None)):
        world.answer(world.take_one(), reply)
    kept = world.tables.steps._kept
    assert kept is not None
    assert kept.get(run_id) is None


def test_what_was_used_last_stays_within_the_bounds() -> None:
    recent: Recent[str] = Recent(most_bytes=3_000)
    for key in "abc":
        recent.put(key, key, size=500)
    assert recent.get("a") == "a"
    recent.grow("c", by=800)
    assert [recent.get(key) for key in "abc"] == ["a", None, "c"]
    recent.put("huge", "huge", size=10_000)
    assert [recent.get(key) for key in ("a", "c", "huge")] == [None, None, None]
    recent.put("d", "d", size=2_000)
    recent.drop("d")
    recent.drop("d")
    for key in "efghij":
        recent.put(key, key, size=200)
    assert [key for key in "efghij" if recent.get(key)] == list("efghij")
    recent.clear()
    assert recent.get("j") is None
