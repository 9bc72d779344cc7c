"""Rounds of load, deaths and checks on one data file."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from survival import data_file
from survival.checks import check_limits, check_orders
from survival.copies import Copies
from survival.journal import Journal
from survival.kills import LIVE, REST, Kill, draw, draw_outer
from survival.known import Known
from survival.orders import RELEASED, Order, Sender, make_orders, release
from survival.outside import check_outside
from survival.power_loss import check_cut
from survival.processes import Host
from survival.stage import Stage, SurvivalError

ROUND_MS: Final = 8 * 3_600_000
"""How much time each round skips at its end: everything but what waits for a release is over then."""
_MOVES: Final = 5
_FIRST_STATEMENTS: Final = 130
"""As many as an engine has made, and more, when its new file is ready."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a campaign does. `share` is how much of the usual load, `kills` the most deaths of a round."""

    seed: int
    share: float = 1
    kills: int = 4
    with_moments: bool = True
    """Whether engines die at moments of the clock too, which no seed repeats."""
    with_app: bool = True
    """Whether the app dies too, now and then."""
    with_typescript: bool = True
    """Whether there is an app on Node.js as well, whose calls report their steps while they go on."""
    prunes: bool = False
    """Whether ended runs are pruned after a second, all the time; the data file has an archive then."""
    copies: int = 6
    """How often engines die while they take or restore a snapshot, or empty themselves, at the end."""


class Campaign:
    """One data file, one app, and engines that die."""

    def __init__(self, plan: Plan, folder: Path, host: Host, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._say = say
        options = ("--keep-runs", "1s") if plan.prunes else ()
        self._stage = Stage(folder, host, with_typescript=plan.with_typescript, options=options)
        self._sender = Sender(self._stage.origin, self._stage.up.wait)
        self._orders: list[Order] = []
        self._known = Known()
        self._engine_ms = 0
        self.kills = 0

    async def run(self, rounds: int) -> None:
        """Carry out rounds; the last one leaves nothing waiting.

        Raises:
            SurvivalError: with what was found wrong at the first check that found something.
        """
        await self._stage.open()
        try:
            await self._first_starts()
            resting: list[Order] = []
            for number in range(rounds):
                chance = self._random(f"orders {number}")
                orders = make_orders(
                    chance,
                    number,
                    now_ms=self._engine_ms,
                    share=self._plan.share,
                    with_typescript=self._plan.with_typescript,
                )
                await self._round(number, [*release(resting), *orders])
                resting = [order for order in orders if order.kind in RELEASED]
            await self._round(rounds, release(resting))
            if not self._plan.prunes:  # an archive is no part of a state
                later_ms = self._engine_ms + ROUND_MS
                copies = Copies(self._stage, self._random("copies"), self._say, now_ms=later_ms)
                self.kills += await copies.run(self._plan.copies)
        finally:
            await self._stage.close()

    async def _first_starts(self) -> None:
        """Die a few times on the way from no file to an empty one, then sync the app."""
        chance = self._random("start")
        for _ in range(chance.randint(1, 3)):
            kill = Kill("statement", chance.randint(1, _FIRST_STATEMENTS))
            await self._stage.start(kill)
            await self._look_after(kill)
        await self._stage.start(LIVE)
        if self._plan.prunes:
            data_file.archive(self._stage.data)
        self._engine_ms = (await self._stage.move(by="1s"))["nowMs"]

    async def _round(self, number: int, orders: list[Order]) -> None:
        self._orders += orders
        self._say(f"round {number}: {len(orders)} requests")
        done = asyncio.Event()
        load = asyncio.create_task(self._load(orders, done))
        chance, plan = self._random(number), self._plan
        try:
            # The engine that was checked after the round before dies too, idle or soon.
            inner = [
                draw(chance, share=plan.share, with_moments=plan.with_moments)
                for _ in range(chance.randint(1, plan.kills))
            ]
            for kill in [draw_outer(chance), *inner]:
                if not done.is_set():
                    await self._die(kill, done)
            if self._stage.life is None:
                await self._stage.start(LIVE)
            await load
            await self._check_at_rest()
        finally:
            load.cancel()

    def _random(self, what: object) -> random.Random:
        """Return what decides about one thing, whatever the moment decided about others."""
        return random.Random(f"{self._plan.seed} {what}")  # noqa: S311 - to be repeated

    async def _load(self, orders: list[Order], done: asyncio.Event) -> None:
        """Send everything, and let the time of a round pass, whoever dies meanwhile."""
        try:
            await self._sender.send(orders)
            self._engine_ms += ROUND_MS
            while not await self._moved():
                pass
        finally:
            done.set()

    async def _moved(self) -> bool:
        """Whether the time of the round has passed; False when the engine died meanwhile."""
        await self._stage.up.wait()
        life = self._stage.life
        try:
            for _ in range(_MOVES):
                if (await self._stage.move(to=self._engine_ms))["complete"]:
                    return True
        except httpx.TransportError:
            assert life is not None
            await life.ended.wait()
            return False
        raise SurvivalError("the engine does not come to rest")

    async def _die(self, kill: Kill, done: asyncio.Event) -> None:
        """See an engine die: the one that runs or a new one, at its point or when the load is done."""
        life = self._stage.life or await self._stage.start(kill)
        if kill.point == "body":
            await self._stage.tell_app(f"kill/{life.pid}/{kill.nth}")
        waits = [life.ended.wait()]
        if kill.point == "stop":
            self._stage.up.clear()
            life.stop()
        else:
            waits.append(done.wait())
        if kill.point in {"moment", "rest", "stop"}:
            waits.append(asyncio.sleep(kill.nth / 1_000))
        over = [asyncio.create_task(wait) for wait in waits]
        await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        for task in over:
            task.cancel()
        is_idle = done.is_set() and not life.ended.is_set()
        await self._look_after(REST if is_idle else kill)

    async def _look_after(self, kill: Kill) -> None:
        """See the end of an engine; look at what it left, whole and with the newest commits cut off."""
        stage = self._stage
        life = await stage.end()
        self.kills += 1
        chance = self._random(f"kill {self.kills}")
        if self._plan.with_app and chance.random() < 0.1:
            await stage.restart_app()
        when = "" if life.is_up else " while it started"
        said, faults = f"  kill {self.kills}: {kill}{when}", life.faults()
        if stage.data.exists():
            lines = len(Journal.read(stage.journal).entries)
            copy = data_file.copy_of(stage.data, stage.folder / "copy")
            data = data_file.read(data_file.copy_of(copy, stage.folder / "whole"))
            faults += [*data.faults, *self._known.hold(data, lines=lines)]
            faults += await check_cut(copy, stage.folder / "cut", data, chance, now_ms=self._engine_ms)
            said += f"; {len(data.events)} events, {len(data.runs)} runs, {len(data.memos)} results"
        self._say(said)
        SurvivalError.check(faults)

    async def _check_at_rest(self) -> None:
        life = self._stage.life
        assert life is not None
        journal = Journal.read(self._stage.journal)
        data = data_file.read(self._stage.data)
        faults = [*life.faults(), *data.faults, *self._known.hold(data, lines=len(journal.entries))]
        faults += check_orders(data, self._orders, journal, deaths=self.kills)
        faults += check_limits(data, journal)
        faults += journal.repeated_in_a_call()
        faults += journal.run_again(self._known.since)
        if not self._plan.with_app:
            faults += [*journal.repeated_attempts(except_for={"shaky", "doomed"}), *data.failed_calls]
        if not self._plan.prunes:  # what it lists may be gone while it is compared
            faults += await check_outside(self._stage.origin, data)
        SurvivalError.check(faults)
        pruned = f", {data.pruned} of them pruned" if self._plan.prunes else ""
        self._say(f"  at rest: {len(data.events)} events, {len(data.runs)} runs{pruned}; all as it should be")
