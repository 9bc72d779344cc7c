"""Rounds of load, deaths and checks on one data file."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from support.processes import Process
from survival import data_file
from survival.checks import check_orders
from survival.data_file import DataFile
from survival.journal import Journal
from survival.kills import LIVE, REST, Kill, draw, draw_outer
from survival.orders import RELEASED, Order, Sender, make_orders, release
from survival.outside import check_outside
from survival.power_loss import check_cut
from survival.processes import Host, Life, free_port, start_app

ROUND_MS: Final = 8 * 3_600_000
"""How much time each round skips at its end: everything but what waits for a release is over then."""
_MOVES: Final = 5


class SurvivalError(AssertionError):
    """Something was lost, repeated, stuck or damaged."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a campaign does. `share` is how much of the usual load; `kills` the most deaths of a round."""

    seed: int
    share: float = 1
    kills: int = 4
    with_moments: bool = True
    kills_app: bool = True
    skips: bool = True
    """Whether time is skipped while engines die, too; it always is at the end of a round."""


@dataclass
class Known:
    """What was seen in the data file after some death, and must be so for ever."""

    memos: dict[tuple[str, str], str] = field(default_factory=dict)
    since: dict[tuple[str, str], int] = field(default_factory=dict)
    """After how many lines of the journal the result of a step was there for sure."""
    ends: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def hold(self, data: DataFile, *, lines: int) -> list[str]:
        """Take in a later state; return what is not as it was."""
        memos, ends = data.memos, data.ends
        faults = [
            f"the result of {key} is {memos.get(key)}, it was {memo}"
            for key, memo in self.memos.items()
            if memos.get(key) != memo
        ]
        faults += [
            f"run {key} is {ends.get(key)}, it was {end}"
            for key, end in self.ends.items()
            if ends.get(key) != end
        ]
        self.memos, self.ends = memos, ends
        for key in memos:
            self.since.setdefault(key, lines)
        return faults


class Campaign:
    """One data file, one app, and engines that die."""

    def __init__(self, plan: Plan, folder: Path, host: Host, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._folder = folder
        self._host = host
        self._say = say
        self._data = folder / ".stepcue" / "engine.db"
        self._journal = folder / "journal"
        self._app_port = free_port()
        self._app: Process | None = None
        self._life: Life | None = None
        self._up = asyncio.Event()
        self._sender = Sender(self.origin, self._up.wait)
        self._orders: list[Order] = []
        self._known = Known()
        self._faults: list[str] = []
        self._engine_ms = 0
        self.kills = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._host.port}"

    @property
    def _app_origin(self) -> str:
        return f"http://127.0.0.1:{self._app_port}"

    async def run(self, rounds: int) -> None:
        """Carry out rounds; the last one leaves nothing waiting.

        Raises:
            SurvivalError: with everything that was found wrong at the first check that found something.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        await self._start_app()
        try:
            await self._first_starts()
            resting: list[Order] = []
            for number in range(rounds):
                orders = make_orders(
                    self._random(f"orders {number}"), number, now_ms=self._engine_ms, share=self._plan.share
                )
                await self._round(number, [*release(resting), *orders])
                resting = [order for order in orders if order.kind in RELEASED]
            await self._round(rounds, release(resting))
        finally:
            if self._life is not None:
                self._life.kill()
                await self._life.ended.wait()
            if self._app is not None:
                await self._app.kill()

    async def _first_starts(self) -> None:
        """Die a few times on the way from no file to an empty one, then sync the app."""
        rng = self._random("start")
        for _ in range(rng.randint(1, 3)):
            await self._end(await self._start(Kill("statement", rng.randint(1, 130))))
        await self._start(LIVE)
        self._engine_ms = (await self._move("1s"))["nowMs"]

    async def _round(self, number: int, orders: list[Order]) -> None:
        self._orders += orders
        self._say(f"round {number}: {len(orders)} requests")
        done = asyncio.Event()
        load = asyncio.create_task(self._load(orders, done))
        rng = self._random(number)
        try:
            # The engine that was checked after the round before dies too, idle or soon.
            kills = [draw_outer(rng), *(self._draw(rng) for _ in range(rng.randint(1, self._plan.kills)))]
            for kill in kills:
                if not done.is_set():
                    await self._die(kill, done)
            if self._life is None:
                await self._start(LIVE)
            await load
            await self._check_at_rest()
        finally:
            load.cancel()

    def _random(self, what: object) -> random.Random:
        """Return what decides about one thing, whatever the moment decided about others."""
        return random.Random(f"{self._plan.seed} {what}")  # noqa: S311 - to be repeated

    def _draw(self, rng: random.Random) -> Kill:
        return draw(rng, share=self._plan.share, with_moments=self._plan.with_moments)

    async def _load(self, orders: list[Order], done: asyncio.Event) -> None:
        """Send everything, and let the time of a round pass, whoever dies meanwhile."""
        try:
            await self._sender.send(orders)
            self._engine_ms += ROUND_MS
            if not self._plan.skips:
                done.set()
            while not await self._moved():
                pass
        finally:
            done.set()

    async def _moved(self) -> bool:
        await self._up.wait()
        life = self._life
        try:
            for _ in range(_MOVES):
                if (await self._move(self._engine_ms))["complete"]:
                    return True
        except httpx.TransportError:
            assert life is not None
            await life.ended.wait()
            return False
        raise SurvivalError("the engine does not come to rest")

    async def _move(self, to: int | str) -> dict[str, Any]:
        body = {"by": to} if isinstance(to, str) else {"to": _iso(to)}
        async with httpx.AsyncClient(base_url=self.origin, trust_env=False, timeout=120) as http:
            answer = await http.post("/stepcue/v1/time/advance", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def _start(self, kill: Kill) -> Kill:
        """Start an engine and return when it answers, or is dead already."""
        armed = {"point": kill.point, "nth": kill.nth} if kill.is_inner else {}
        url = f"{self._app_origin}/api/inngest"
        self._life = life = await self._host.begin(self._folder, "-u", url, **armed)
        if kill.point == "start":
            await asyncio.sleep(kill.nth / 1_000)
            life.kill()
        await life.settled.wait()
        if life.is_up:
            self._up.set()
        elif kill is LIVE:
            raise SurvivalError("The engine does not start.\n" + "\n".join(life.lines))
        if kill is LIVE:
            await self._sync()
        return kill

    async def _die(self, kill: Kill, done: asyncio.Event) -> None:
        """See an engine die: the one that runs or a new one, at its point or when the load is done."""
        if self._life is None:
            await self._start(kill)
        life = self._life
        assert life is not None
        if kill.point == "body":
            await self._tell_app(f"kill/{life.pid}/{kill.nth}")
        waits = [life.ended.wait(), done.wait()]
        if kill.point in {"moment", "rest"}:
            waits.append(asyncio.sleep(kill.nth / 1_000))
        over = [asyncio.create_task(wait) for wait in waits]
        await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        for task in over:
            task.cancel()
        await self._end(REST if done.is_set() and not life.ended.is_set() else kill)

    async def _sync(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            answer = await http.put(f"{self._app_origin}/api/inngest")
            assert answer.status_code == 200, answer.text

    async def _end(self, kill: Kill) -> None:
        """See the end of an engine; look at what it left, whole and with the newest commits cut off."""
        life = self._life
        assert life is not None
        life.kill()
        await life.ended.wait()
        self._up.clear()
        self._life = None
        self.kills += 1
        rng = self._random(f"kill {self.kills}")
        await self._tell_app("life")
        if self._plan.kills_app and rng.random() < 0.1:
            assert self._app is not None
            await self._app.kill()
            await self._start_app()
        lines = len(Journal.read(self._journal).entries)
        faults = [f"it said: {line}" for line in life.faults()]
        if self._data.exists():
            copy = data_file.copy_of(self._data, self._folder / "copy")
            cut = self._folder / "cut"
            data = data_file.read(data_file.copy_of(copy, self._folder / "whole"))
            faults += [*data.faults, *self._known.hold(data, lines=lines)]
            faults += await check_cut(copy, cut, data, rng, now_ms=self._engine_ms)
            seen = f"{len(data.events)} events, {len(data.runs)} runs, {len(data.memos)} results"
        else:
            seen = "no file"
        when = "" if life.is_up else " while it started"
        self._say(f"  kill {self.kills}: {kill}{when}; {seen}")
        self._stop_at(faults)

    async def _check_at_rest(self) -> None:
        assert self._life is not None
        journal = Journal.read(self._journal)
        data = data_file.read(self._data)
        faults = [f"it said: {line}" for line in self._life.faults()]
        faults += [*data.faults, *self._known.hold(data, lines=len(journal.entries))]
        faults += check_orders(data, self._orders, journal)
        faults += journal.repeated_in_a_call()
        faults += journal.run_again(self._known.since)
        faults += [
            f"limited {key}: {most} at once"
            for key, most in journal.most_at_once("one").items()
            if key and most > 1
        ]
        faults += await check_outside(self.origin, data)
        self._stop_at(faults)
        self._say(f"  at rest: {len(data.events)} events, {len(data.runs)} runs; all as it should be")

    def _stop_at(self, faults: list[str]) -> None:
        if faults:
            more = f"\n... and {len(faults) - 20} more" if len(faults) > 20 else ""
            raise SurvivalError("\n".join(faults[:20]) + more)

    async def _start_app(self) -> None:
        self._app = await start_app(self._folder, self._host.port, self._app_port, self._journal)

    async def _tell_app(self, path: str) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            answer = await http.post(f"{self._app_origin}/{path}")
            assert answer.status_code == 200, answer.text


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat()
