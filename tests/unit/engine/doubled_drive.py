"""Drives scripted functions with doubles: answers go through the engine's stand-ins, in any order."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from engine_tables import World, a_function
from run_drive import CHILD, RETRIES, Drive
from scripted_function import Part, Scripted

from durable_engine.answers import commit_answer
from durable_engine.doubles.calls import StandIns
from durable_engine.doubles.checks import check
from durable_engine.doubles.giving import attach
from durable_engine.executor import Work
from durable_engine.model.call import Call
from durable_engine.model.double import Double, MockError, MockResult, MockTimeout, NewDouble, Outcome
from durable_engine.model.json_value import parse_json
from durable_engine.model.op import StepErrored, StepRan, StepRef
from durable_engine.model.reply import Ops, Reply, Returned

T = TypeVar("T")


class Telling(Scripted):
    """A function that returns what each of its steps came to."""

    def _replay(self, call: Call) -> Reply:
        reply = super()._replay(call)
        names = {part.ref.id: part.name for stage in self.stages for part in stage}
        if isinstance(reply, Returned):
            memos = {names[step_id]: parse_json(memo) for step_id, memo in call.memos.items()}
            return Returned(data=[memos[name] for name in sorted(memos)])
        return reply

    def _attempt(self, ref: StepRef, run_id: str, *, fails: int, is_last: bool) -> StepRan | StepErrored:
        op = super()._attempt(ref, run_id, fails=fails, is_last=is_last)
        if isinstance(op, StepErrored):
            return StepErrored(step=ref, error={**op.error, "data": None}, is_final=op.is_final)
        part = next(part for stage in self.stages for part in stage if part.ref.id == ref.id)
        return StepRan(step=ref, data=value_of(part))


def value_of(part: Part) -> Any:
    """Return what the body of a step returns."""
    if part.does == "fetch":
        return {"url": "http://127.0.0.1/", "headers": {}, "body": part.name, "status_code": 200}
    return {"step": part.name}


def mock_of(part: Part) -> NewDouble:
    """Return a mock that does what the body of a step would do if nobody disturbs it."""
    if part.does in {"wait", "signal"}:
        return NewDouble(step=part.name, outcomes=(MockTimeout(),))
    if part.does == "sleep":
        return NewDouble(step=part.name, outcomes=(MockResult(data=None),))
    if part.does == "invoke":
        return NewDouble(step=part.name, outcomes=(MockResult(data="done"),))
    failures: list[Outcome] = [
        MockError(name="ValueError", message=f"attempt {number + 1}") for number in range(part.fails)
    ]
    return NewDouble(step=part.name, outcomes=(*failures, MockResult(data=value_of(part))))


@dataclass
class DoubledDrive(Drive):
    """Answers of all calls go the way that the executor sends them."""

    stand_ins: StandIns = field(default_factory=StandIns)
    root: str = ""
    """The run that was given doubles."""

    def take(self) -> None:
        for work in self.world.take():
            self.calls += 1
            self.open.append((work, None))

    def answer(self, how: str, place: int) -> None:
        work, _ = self.open.pop(place)
        if work.call is None and work.gateway is None:
            self.world.fire(work)
            return
        world = self.world
        commit = partial(
            commit_answer,
            item=work.item,
            started_ms=world.now_ms,
            sent=None if work.call is None else work.call.memos,
        )
        answer = at_once(self.stand_ins.answer(work.item, work.double, partial(self._ask, work)))

        def move() -> None:
            answer(commit, world.tables, world.registry, now_ms=world.now_ms)
            world._leave(work)

        for _ in range(2 if how == "twice" else 1):
            world._do(move)

    async def _ask(self, work: Work) -> Reply:
        script = self.scripts[self._slug(work)]
        if work.call is not None:
            return script.reply(work.call)
        assert work.gateway is not None
        reply = script.fetched(work.gateway.ref, work.item.run_id)
        assert isinstance(reply, Ops)
        return reply

    def doubles(self) -> list[Double]:
        return self.world.tables.doubles.of_scope(self.root)


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")


def drive_with(script: Scripted, doubles: Sequence[NewDouble], *, checkpoints: bool) -> DoubledDrive:
    """Start a run of the script with doubles."""
    script.version = 2 if checkpoints else script.version
    child = Scripted(CHILD, version=script.version)
    world = World(a_function(retries=RETRIES), a_function("kid", retries=RETRIES))
    drive = DoubledDrive(world, {"lab-job": script, "lab-kid": child})
    if checkpoints:
        script.checkpoint = child.checkpoint = drive._checkpoint
    drive.root = run_id = world.start()
    check(doubles)

    def give() -> None:
        for double in doubles:
            function_id = world.run(run_id).function_id
            attach(world.tables, double, function_id=function_id, scope=run_id, now_ms=world.now_ms)

    world._do(give)
    return drive
