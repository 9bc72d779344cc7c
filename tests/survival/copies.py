"""Engines that die while they take a snapshot, restore it or empty themselves: they do it all, or nothing."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
from mcp import Client
from support.processes import call
from survival import data_file
from survival.kills import LIVE, Kill
from survival.stage import Stage, SurvivalError

_TABLES: Final = ("event", "run", "step", "history", "pause", "run_event", "start_key", "appointment")
_NAME: Final = "kept"
_MARK: Final = "k/mark"
_POINTS: Final = {"statement": 60, "committed": 4, "send": 4, "sent": 3, "moment": 60}

State = dict[str, list[tuple[Any, ...]]]


def state_of(path: Path, *, now_ms: int) -> State:
    """Return the rows of a data file or a snapshot, as far as no start changes them.

    Keys that count no more at `now_ms` may be pruned at any moment.
    """
    counts = {"start_key": f" WHERE expires_ms > {now_ms}"}
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: sorted(
                connection.execute(f"SELECT * FROM {table}{counts.get(table, '')}").fetchall(),  # noqa: S608
                key=repr,
            )
            for table in _TABLES
        }


class Copies:
    """Calls of three tools, each until one of its engines lives to answer."""

    def __init__(
        self, stage: Stage, chance: random.Random, say: Callable[[str], None], *, now_ms: int
    ) -> None:
        """`now_ms` is after all that will have happened, by the engine's time."""
        self._stage = stage
        self._now_ms = now_ms
        self._chance = chance
        self._say = say
        self._kills = 0
        self._fault: Exception | None = None

    async def run(self, kills: int) -> int:
        """Let up to `kills` engines die, and one more idle; return how many did.

        An engine at rest has to live.
        """
        if not kills:
            return 0
        await self._stage.end()
        first = self._state()
        share = -(-kills // 3)
        await self._until_done("snapshot_engine", share, first, first, name=_NAME, replace=True)
        self._check_snapshot(first)
        second = await self._something_else(first)
        await self._until_done("restore_engine", share, second, first, name=_NAME)
        empty = {table: [] for table in _TABLES if table != "appointment"}
        await self._until_done("reset_engine", share, first, empty)
        return self._kills + 1

    async def _until_done(self, tool: str, kills: int, before: State, after: State, **arguments: Any) -> None:
        """Call a tool through so many deaths; each leaves the state before it or the one after it."""
        for _ in range(kills):
            point = self._chance.choice(list(_POINTS))
            kill = Kill(point, self._chance.randint(1, _POINTS[point]))
            life = await self._stage.start(kill, late=True)
            if kill.is_inner:
                life.light()
            called = asyncio.create_task(self._call(tool, **arguments))
            if point == "moment":
                await asyncio.sleep(kill.nth / 1_000)
                life.kill()
            is_done = await called
            await self._stage.end()
            self._kills += 1
            self._say(f"  {tool}, kill: {kill}; {'answered' if is_done else 'not answered'}")
            SurvivalError.check(life.faults())
            self._check_state(tool, [after] if is_done else [before, after])
        await self._stage.start(LIVE)
        if not await self._call(tool, **arguments):
            raise SurvivalError(f"{tool} was not answered, although nobody died") from self._fault
        await self._stage.end()
        self._check_state(tool, [after])

    async def _call(self, tool: str, **arguments: Any) -> bool:
        """Whether a call was answered before the engine died."""
        try:
            async with Client(f"{self._stage.origin}/mcp") as client:
                await call(client, tool, **arguments)
        except Exception as fault:  # noqa: BLE001 - a death has many faces for a client
            self._fault = fault
            return False
        return True

    async def _something_else(self, first: State) -> State:
        await self._stage.start(LIVE)
        async with httpx.AsyncClient(base_url=self._stage.origin, trust_env=False) as http:
            answer = await http.post("/e/key", json={"name": _MARK})
            assert answer.status_code == 200, answer.text
        await self._stage.end()
        second = self._state()
        if len(second["event"]) != len(first["event"]) + 1:
            raise SurvivalError("an accepted event is lost")
        return second

    def _state(self) -> State:
        folder = self._stage.folder / "copy"
        return state_of(data_file.copy_of(self._stage.data, folder), now_ms=self._now_ms)

    def _check_state(self, tool: str, allowed: list[State]) -> None:
        copy = data_file.copy_of(self._stage.data, self._stage.folder / "copy")
        SurvivalError.check(data_file.read(copy).faults)
        state = state_of(copy, now_ms=self._now_ms)
        if not any(all(state[table] == rows for table, rows in one.items()) for one in allowed):
            differs = [[table for table in one if state[table] != one[table]] for one in allowed]
            raise SurvivalError(f"{tool} left a state that is neither: {differs} differ")
        self._check_snapshots()

    def _check_snapshots(self) -> None:
        for path in self._snapshots():
            SurvivalError.check(data_file.read(path).faults)

    def _snapshots(self) -> list[Path]:
        return list(self._stage.data.parent.glob("engine.db.snapshots/*.db"))

    def _check_snapshot(self, state: State) -> None:
        (path,) = self._snapshots()
        if state_of(path, now_ms=self._now_ms) != state:
            raise SurvivalError("the snapshot is not what was there")
