"""Drives functions with concurrency, throttle and priority in any order, beside a model of their gates.

The model knows nothing of lanes: it counts the calls that are open, and keeps the state of each throttle as
the algorithm's definition says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from engine_tables import World, a_function
from hypothesis import strategies as st
from run_drive import Drive
from scripted_function import Part, Scripted

from durable_engine.executor import Work
from durable_engine.model.flow import NO_FLOW_CONTROL, Concurrency, FlowControl, Scope, Throttle
from durable_engine.model.function import Function

USER, ALL = "event.data.u", '"all"'
NAMES = ("one", "two")
MOVES = ("send", "send", "send", "take", "take one", "answer", "answer", "answer", "lose", "cancel", "forget")
_MOST_RUNS = 25
Group: TypeAlias = tuple[str, ...]

_concurrency = st.lists(
    st.builds(
        Concurrency,
        limit=st.integers(1, 3),
        key=st.sampled_from([USER, ALL]),
        scope=st.sampled_from([Scope.FUNCTION, Scope.ACCOUNT, Scope.ENVIRONMENT]),
    )
    | st.builds(Concurrency, limit=st.integers(1, 3)),
    max_size=2,
    unique_by=lambda entry: (entry.scope, entry.key),
)
# Intervals of whole microseconds, so that the model rounds nothing.
_throttle = st.builds(
    Throttle,
    limit=st.sampled_from([1, 2, 3, 5]),
    period_ms=st.sampled_from([3_000, 60_000]),
    burst=st.integers(1, 3),
    key=st.sampled_from([None, USER]),
)
controls = st.just(NO_FLOW_CONTROL) | st.builds(
    FlowControl,
    concurrency=_concurrency.map(tuple),
    throttle=st.none() | _throttle,
    priority=st.sampled_from([None, None, "event.data.p"]),
)
_stage = st.lists(st.tuples(st.sampled_from(["run", "run", "sleep"]), st.integers(0, 2)), max_size=3)


@st.composite
def scripts(draw: st.DrawFn) -> Scripted:
    stages = enumerate(filter(None, draw(st.lists(_stage, max_size=2))))
    return Scripted(
        [
            [Part(f"s{number}-{place}", does, fails) for place, (does, fails) in enumerate(stage)]
            for number, stage in stages
        ]
    )


@dataclass(frozen=True)
class Held:
    """What a run is placed under: when it was queued, or by the last sync. `limits` are of open calls."""

    slug: str
    user: str
    limits: dict[Group, int]
    throttle: Group | None


@dataclass
class FlowDrive(Drive):
    """Sends events to two functions, syncs other numbers, and holds each admission against the model."""

    pools: Sequence[Sequence[FlowControl]] = ()
    placed: dict[str, Held] = field(default_factory=dict)
    counted: dict[tuple[int, int], list[Group]] = field(default_factory=dict)
    """What open calls count for, by item and lease: it was decided when they were admitted."""
    slots: dict[Group, int] = field(default_factory=dict)
    """Slot of the last start of each throttle, in microseconds."""
    begun: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)

    def move(self, move: str, pick: int) -> None:
        match move:
            case "send" if len(self.placed) < _MOST_RUNS:
                self.send(NAMES[pick % 2], "xyz"[pick // 2 % 3], pick - 10)
            case "take":
                self.take()
            case "take one":
                self.note(self.world.take(limit=1))
            case "sync":
                self.sync(pick)
            case "pause" | "resume":
                self.pause(NAMES[pick % 2], is_paused=move == "pause")
            case "forget":
                self.world.forget_lanes()
            case "wait":
                self.world.now_ms += pick * 457
            case "send":
                pass
            case _:
                super().move(move, pick)
        self.check()

    def send(self, name: str, user: str, seconds: int) -> None:
        data = {"u": user, "p": seconds}
        for started in self.world.send(f"t/{name}", data).started:
            self.placed[started.run_id] = _held(self.function(name), user)

    def function(self, name: str) -> Function:
        return self.world.registry.by_id(a_function(name).id)

    def sync(self, pick: int) -> None:
        pairs = zip(NAMES, self.pools, strict=True)
        self.world.sync(*(flowing(name, pool[pick % len(pool)]) for name, pool in pairs))
        for run_id, held in self.placed.items():
            self.placed[run_id] = _held(self.function(held.slug.removeprefix("lab-")), held.user)

    def pause(self, name: str, *, is_paused: bool) -> None:
        function = self.function(name)
        self.world.pause(function, is_paused=is_paused)
        (self.paused.add if is_paused else self.paused.discard)(function.slug)

    def take(self) -> None:
        """Take until there is nothing more, as the dispatcher does; then nobody may wait without a reason."""
        for _ in range(100):
            self.note(self.world.take())
            due_ms = self.world.next_due_ms()
            if due_ms is None or due_ms > self.world.now_ms:
                break
        else:
            raise AssertionError("there is always more to take")
        assert [item for item in self._in_line() if not self._has_closed_gate(item)] == []

    def note(self, taken: Iterable[Work]) -> None:
        """Remember what was taken and answer it in mind; each admission must have been due by the model."""
        for work in taken:
            reply = None
            if work.call is not None:
                self._admitted(work)
                self.calls += 1
                reply = self.scripts[self._slug(work)].reply(work.call)
            self.open.append((work, reply))

    def check(self) -> None:
        super().check()
        assert self._counted() == {group: count for group, count in self._open_calls().items() if count}

    def finish(self) -> None:
        for name in NAMES:
            self.pause(name, is_paused=False)
        super().finish()

    def _admitted(self, work: Work) -> None:
        held, open_calls = self.placed[work.item.run_id], self._open_calls()
        for group, limit in held.limits.items():
            assert open_calls[group] < limit, "one call too many"
        self.counted[work.item.id, work.item.lease] = list(held.limits)
        if work.item.run_id not in self.begun:
            self.begun.add(work.item.run_id)
            throttle = self._throttle(held)
            if throttle is not None and held.throttle is not None:
                assert self._opens_us(held) <= self.world.now_ms * 1_000, "one start too many"
                next_us = self.slots.get(held.throttle, 0) + _interval_us(throttle)
                self.slots[held.throttle] = max(next_us, self.world.now_ms * 1_000)
        if work.item.lane_id is not None:
            self._went_in_order(work)

    def _went_in_order(self, work: Work) -> None:
        ahead = self.world.connection.execute(
            "SELECT count(*) FROM queue_item WHERE lane_id = ? AND ready_ms IS NOT NULL AND is_leased = 0"
            " AND rank < (SELECT rank FROM queue_item WHERE id = ?)",
            (work.item.lane_id, work.item.id),
        )
        assert ahead.fetchone()[0] == 0

    def _has_closed_gate(self, run_id: str) -> bool:
        held = self.placed[run_id]
        if held.slug in self.paused:
            return True
        open_calls = self._open_calls()
        if any(open_calls[group] >= limit for group, limit in held.limits.items()):
            return True
        return run_id not in self.begun and self._opens_us(held) > self.world.now_ms * 1_000

    def _in_line(self) -> list[str]:
        rows = self.world.connection.execute(
            "SELECT run_id FROM queue_item"
            " WHERE kind IN ('discover', 'step') AND is_leased = 0 AND due_ms <= ?",
            (self.world.now_ms,),
        )
        return [row[0] for row in rows]

    def _open_calls(self) -> Counter[Group]:
        items = (work.item for work, _ in self.open if work.call is not None)
        return Counter(group for item in items for group in self.counted.get((item.id, item.lease), ()))

    def _counted(self) -> Counter[Group]:
        """Return what the gates count, under the names that the model has for them."""
        items = [work.item for work, _ in self.open if work.call]
        lanes = {item.lane_id: self.counted[item.id, item.lease] for item in items}
        found: dict[int, Group] = {}
        for lane_id, groups in lanes.items():
            gates = [] if lane_id is None else self.world.tables.lanes.gates(lane_id)
            slots = [gate.id for gate in gates if gate.rule.control == "concurrency"]
            found |= dict(zip(slots, groups, strict=True))
        rows = self.world.connection.execute("SELECT id, running FROM gate WHERE running > 0")
        return Counter({found[row[0]]: row[1] for row in rows})

    def _throttle(self, held: Held) -> Throttle | None:
        """Return the numbers that hold the run now."""
        return self.function(held.slug.removeprefix("lab-")).flow.throttle

    def _opens_us(self, held: Held) -> int:
        throttle = self._throttle(held)
        if throttle is None or held.throttle is None or held.throttle not in self.slots:
            return 0
        return self.slots[held.throttle] + (2 - throttle.burst) * _interval_us(throttle)


def flow_drive(pools: Sequence[Sequence[FlowControl]], functions: Sequence[Scripted]) -> FlowDrive:
    world = World(*(flowing(name, pool[0]) for name, pool in zip(NAMES, pools, strict=True)))
    by_slug = {f"lab-{name}": script for name, script in zip(NAMES, functions, strict=True)}
    return FlowDrive(world, by_slug, pools=pools)


def flowing(name: str, flow: FlowControl, *, retries: int = 2) -> Function:
    return a_function(name, retries=retries, flow=flow)


def everything_is_at_rest(drive: Drive) -> None:
    """All runs have ended, and nothing is left in line, counted, or to be looked at."""
    world = drive.world
    assert all(world.ended(run_id) for run_id in drive.runs())
    assert world.connection.execute("SELECT count(*) FROM queue_item").fetchone()[0] == 0
    assert world.connection.execute("SELECT count(*) FROM gate WHERE running != 0").fetchone()[0] == 0
    assert world.connection.execute("SELECT count(*) FROM lane WHERE is_waiting").fetchone()[0] == 0
    assert world.next_due_ms() is None
    world.connection.close()


def start_times(drive: FlowDrive) -> dict[Group, list[int]]:
    """Return when the runs of each throttle have started, in order."""
    times: dict[Group, list[int]] = {}
    rows = drive.world.connection.execute(
        "SELECT id, started_ms FROM run WHERE started_ms IS NOT NULL ORDER BY started_ms"
    )
    for run_id, started_ms in rows:
        throttle = drive.placed[run_id].throttle
        if throttle is not None:
            times.setdefault(throttle, []).append(started_ms)
    return times


def _held(function: Function, user: str) -> Held:
    flow, slug = function.flow, function.slug
    values = {None: "", USER: user, ALL: "all"}
    limits: dict[Group, int] = {}
    for entry in flow.concurrency:
        owner = (slug, entry.key or "") if entry.scope is Scope.FUNCTION else ()
        limits[(entry.scope, *owner, values[entry.key])] = entry.limit
    throttle = None if flow.throttle is None else (slug, flow.throttle.key or "", values[flow.throttle.key])
    return Held(slug=slug, user=user, limits=limits, throttle=throttle)


def _interval_us(throttle: Throttle) -> int:
    return throttle.period_ms * 1_000 // throttle.limit
