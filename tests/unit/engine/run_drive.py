"""Drives scripted functions through the engine's tables, in any order, and watches what must never change."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine_tables import World, a_function
from hypothesis import strategies as st
from scripted_function import Part, Scripted

from durable_engine.executor import Work
from durable_engine.model.call import Call
from durable_engine.model.flow import NO_FLOW_CONTROL, Concurrency, FlowControl, Scope, Throttle
from durable_engine.model.function import CancelOn
from durable_engine.model.reply import Failed, Ops, Reply
from durable_engine.model.status import RunStatus

RETRIES = 2
MOVES = ("take", "answer", "answer", "answer", "twice", "lose", "crash", "event", "signal", "time")
ENDS = ("cancel", "stop")
"""Moves that cancel a run: by request, or all of them by an event."""
_MAX_CALLS = 2_000

_stage = st.lists(
    st.tuples(
        st.sampled_from(["run"] * 8 + ["fetch", "fetch", "sleep", "wait", "signal", "invoke"]),
        st.sampled_from([0] * 6 + list(range(1, RETRIES + 2))),
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def functions(draw: st.DrawFn, *, races: bool = False) -> Scripted:
    version = draw(st.sampled_from([1, 2]))
    stages = []
    for number, stage in enumerate(draw(st.lists(_stage, min_size=1, max_size=3))):
        is_race = races and version > 1 and len(stage) > 1 and draw(st.booleans())
        parts = enumerate(stage)
        stages.append([Part(f"s{number}-{place}", does, fails, is_race) for place, (does, fails) in parts])
    return Scripted(stages, version=version, catches=draw(st.booleans()), eager=draw(st.booleans()))


@dataclass
class Drive:
    """Calls that are open, and everything that must never change again."""

    world: World
    scripts: dict[str, Scripted]
    open: list[tuple[Work, Reply | None]] = field(default_factory=list)
    memos: dict[tuple[str, str], str] = field(default_factory=dict)
    ends: dict[str, RunStatus] = field(default_factory=dict)
    calls: int = 0

    def move(self, move: str, pick: int) -> None:
        match move:
            case "take":
                self.take()
            case "event":
                self.world.send("t/go")
            case "signal":
                self.signal(pick)
            case "stop":
                self.world.send("t/stop")
            case "cancel":
                self.cancel(pick)
            case "time":
                self.world.advance_to_next()
            case "crash":
                self.open.clear()
                self.world.crash()
            case _ if self.open:
                self.answer(move, pick % len(self.open))
        self.check()

    def signal(self, pick: int) -> None:
        awaited = self.world.signals_awaited()
        if awaited:
            self.world.signal(awaited[pick % len(awaited)])

    def cancel(self, pick: int) -> None:
        open_runs = [run_id for run_id in self.runs() if not self.world.ended(run_id)]
        if open_runs:
            self.world.cancel(open_runs[pick % len(open_runs)])

    def take(self) -> None:
        for work in self.world.take():
            reply = None
            if work.call is not None:
                self.calls += 1
                reply = self.scripts[self._slug(work)].reply(work.call)
            elif work.gateway is not None:
                self.calls += 1
                reply = self.scripts[self._slug(work)].fetched(work.gateway.ref, work.item.run_id)
            self.open.append((work, reply))

    def answer(self, how: str, place: int) -> None:
        work, reply = self.open.pop(place)
        if reply is None:
            self.world.fire(work)
            return
        if how == "lose":
            reply = Failed(error={"name": "ConnectionError", "message": "lost"})
        self.world.answer(work, reply)
        if how == "twice":
            self.world.answer(work, reply)

    def finish(self) -> None:
        """Let everything happen that is left, in order."""
        while True:
            self.take()
            if self.open:
                self.answer("answer", 0)
            elif not self.world.advance_to_next():
                return
            self.check()
            assert self.calls < _MAX_CALLS, "the function is called again and again"

    def check(self) -> None:
        world = self.world
        assert world.hung_runs() == []
        assert world.orphans() == []
        for run_id, step_id, memo in world.connection.execute("SELECT run_id, id, memo FROM step"):
            if memo is not None:
                assert self.memos.setdefault((run_id, step_id), memo) == memo
        for run_id, status in world.connection.execute("SELECT id, status FROM run"):
            if RunStatus(status).is_terminal:
                assert self.ends.setdefault(run_id, RunStatus(status)) is RunStatus(status)

    def runs(self) -> list[str]:
        return [row[0] for row in self.world.connection.execute("SELECT id FROM run ORDER BY id")]

    def _checkpoint(self, call: Call, reply: Ops) -> None:
        self.world.checkpoint(call.run_id, call.item_ref, reply)
        self.check()

    def _slug(self, work: Work) -> str:
        return self.world.registry.by_id(self.world.run(work.item.run_id).function_id).slug


_SHARED = Concurrency(limit=1, scope=Scope.ACCOUNT, key='"all"')
flows = st.sampled_from(
    [
        NO_FLOW_CONTROL,
        FlowControl(concurrency=(Concurrency(limit=1),)),
        FlowControl(concurrency=(_SHARED, Concurrency(limit=2, key="event.name"))),
        FlowControl(throttle=Throttle(limit=1, period_ms=60_000)),
        FlowControl(concurrency=(_SHARED,), throttle=Throttle(limit=2, period_ms=3_600_000, burst=2)),
        FlowControl(priority="-30"),
        FlowControl(priority="600", concurrency=(Concurrency(limit=1),)),
    ]
)
"""What limits how fast runs go, and must change nothing in how they end."""


def drive_of(
    script: Scripted,
    child: Scripted,
    *,
    checkpoints: bool = False,
    flow: FlowControl = NO_FLOW_CONTROL,
) -> Drive:
    cancels = (CancelOn(event="t/stop"),)
    world = World(
        a_function(retries=RETRIES, cancels=cancels, finish_timeout_ms=30 * 86_400_000, flow=flow),
        a_function("kid", retries=RETRIES, flow=flow),
    )
    drive = Drive(world, {"lab-job": script, "lab-kid": child})
    if checkpoints:
        script.checkpoint = child.checkpoint = drive._checkpoint
    drive.world.start()
    return drive


CHILD = [[Part("k1", "run", 1)], [Part("k2", "sleep")]]
