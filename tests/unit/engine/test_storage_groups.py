"""What shares a transaction: run boldly, again with care when something fails, and followed by a sequel."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from engine_tables import a_function, an_app, an_event

from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    database = await Database.open(None)

    def one_run(tables: Tables) -> None:
        function, event = a_function(), an_event()
        tables.registry.save(an_app(), [function])
        tables.events.insert(event)
        tables.runs.insert(
            Run(id="r", function_id=function.id, event_id=event.id, status=RunStatus.QUEUED, queued_ms=1)
        )

    await database.transact(one_run)
    try:
        yield database
    finally:
        await database.close()


class Group:
    """Work that is put while the thread is held up, so that it goes together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gate = threading.Event()
        self._held = asyncio.ensure_future(database.transact(lambda _: self._gate.wait(5)))
        self.work: list[asyncio.Future[Any]] = []

    def add(self, work: Callable[[Tables], Any], **options: Any) -> None:
        self.work.append(asyncio.ensure_future(self._database.transact(work, **options)))

    async def done(self) -> list[Any]:
        await asyncio.sleep(0)
        self._gate.set()
        assert await self._held
        return await asyncio.gather(*self.work, return_exceptions=True)


def _entry(kind: HistoryKind = HistoryKind.RUN_STARTED) -> HistoryEntry:
    return HistoryEntry(run_id="r", at_ms=1, kind=kind)


async def test_a_sequel_follows_once_and_gets_the_results_of_those_that_did_not_fail(
    database: Database,
) -> None:
    seen: list[list[Any]] = []

    def follow(_: Tables, results: list[Any]) -> None:
        seen.append(results)

    def fail(_: Tables) -> None:
        raise ValueError("no")

    group = Group(database)
    group.add(lambda _: [1], then=follow, may_repeat=True)
    group.add(fail, then=follow, may_repeat=True)
    group.add(lambda _: [2], then=follow, may_repeat=True)
    one, error, two = await group.done()
    assert (one, two) == ([1], [2])
    assert isinstance(error, ValueError)
    assert seen == [[[1], [2]]]  # not after the bold try, which failed before it
    assert seen[0][0] is one


async def test_no_sequel_follows_work_of_which_all_failed(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Tables) -> None:
        raise ValueError("no")

    seen: list[list[Any]] = []
    group = Group(database)
    for _ in range(2):
        group.add(fail, then=lambda _, results: seen.append(results), may_repeat=True)
    await group.done()
    assert (seen, caplog.text) == ([], "")


async def test_a_sequel_comes_before_the_other_work_of_its_group(database: Database) -> None:
    order: list[str] = []
    group = Group(database)
    group.add(lambda _: order.append("other"))
    group.add(lambda _: order.append("mine"), then=lambda *_: order.append("sequel"), may_repeat=True)
    await group.done()
    assert order == ["mine", "sequel", "other"]


async def test_a_sequel_that_fails_is_said_and_takes_nothing_else_along(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    event, others = an_event(), an_event()

    def follow(tables: Tables, _: list[Any]) -> None:
        tables.events.insert(others)
        tables.history.append(_entry(HistoryKind.RUN_FAILED))
        raise ValueError("in the sequel")

    def work(tables: Tables) -> str:
        tables.events.insert(event)
        tables.history.append(_entry())
        return "kept"

    group = Group(database)
    group.add(work, then=follow, may_repeat=True)
    assert await group.done() == ["kept"]
    assert "what follows a transaction failed" in caplog.text
    found = await database.read(
        lambda tables: (
            [tables.events.find(one.id) is not None for one in (event, others)],
            [entry.kind for entry in tables.history.of_run("r")],
        )
    )
    assert found == ([True, False], [HistoryKind.RUN_STARTED])


async def test_history_of_work_that_is_undone_is_undone_with_it(database: Database) -> None:
    def work(kind: HistoryKind, error: Exception | None = None) -> Callable[[Tables], None]:
        def write(tables: Tables) -> None:
            tables.history.append(_entry(kind))
            if error is not None:
                raise error

        return write

    group = Group(database)
    group.add(work(HistoryKind.RUN_STARTED))
    group.add(work(HistoryKind.RUN_FAILED, ValueError("undone")))
    group.add(work(HistoryKind.RUN_COMPLETED))
    await group.done()
    bold = Group(database)
    bold.add(work(HistoryKind.RUN_REPAIRED), may_repeat=True)
    bold.add(work(HistoryKind.RUN_FAILED, ValueError("undone")), may_repeat=True)
    await bold.done()
    kinds = await database.read(lambda tables: [entry.kind for entry in tables.history.of_run("r")])
    assert kinds == [HistoryKind.RUN_STARTED, HistoryKind.RUN_COMPLETED, HistoryKind.RUN_REPAIRED]


async def test_work_that_changes_more_than_tables_is_run_once_whatever_else_fails(
    database: Database,
) -> None:
    calls: list[str] = []

    def fail(_: Tables) -> None:
        raise ValueError("no")

    group = Group(database)
    group.add(lambda _: calls.append("once"))
    group.add(fail, may_repeat=True)
    assert isinstance((await group.done())[1], ValueError)
    assert calls == ["once"]
