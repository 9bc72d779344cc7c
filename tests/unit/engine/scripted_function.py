"""A function as its SDK would run it: stages of steps, answered from the memos of each call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from durable_engine.errors import StaleCallError
from durable_engine.model.call import Call
from durable_engine.model.json_value import parse_json, to_json
from durable_engine.model.op import (
    Gateway,
    Invoke,
    Op,
    RunReturned,
    Sleep,
    StepErrored,
    StepPlanned,
    StepRan,
    StepRef,
    WaitForEvent,
    WaitForSignal,
)
from durable_engine.model.reply import Failed, Ops, Reply, Returned
from durable_engine.model.status import StepKind


@dataclass(frozen=True)
class Part:
    """One step: what it does, and how many of its attempts fail."""

    name: str
    does: str = "run"
    fails: int = 0
    is_race: bool = False

    @property
    def ref(self) -> StepRef:
        return StepRef(id=f"hash-{self.name}", name=self.name, is_race=self.is_race)


@dataclass
class Scripted:
    """Stages follow each other; the parts of a stage are parallel. Counts how often each body ran.

    A stage of racing parts is over with the first of them.
    """

    stages: list[list[Part]]
    version: int = 2
    catches: bool = True
    eager: bool = False
    """Whether a lone new step of a parallel stage is executed at once (TypeScript) or planned (Python)."""
    child: str = "lab-kid"
    checkpoint: Callable[[Call, Ops], None] | None = None
    """Reports steps while the call goes on, as TypeScript 4 does; it raises when the call is stale."""
    ran: Counter[tuple[str, str]] = field(default_factory=Counter)

    def reply(self, call: Call) -> Reply:
        if self.checkpoint is None or call.target is not None or call.plans_only or call.attempt > 0:
            return self._replay(call)
        memos = dict(call.memos)
        while True:
            reply = self._replay(replace(call, memos=memos))
            match reply:
                case Returned():
                    return self._ops(RunReturned(data=reply.data))
                case Ops(ops=(StepRan() as ran,)):
                    try:
                        self.checkpoint(call, reply)
                    except StaleCallError:
                        return Failed(error={"name": "StaleDispatchError"}, is_retriable=False)
                    memos[ran.step.id] = to_json({"data": ran.data})
                case _:
                    return reply

    def _replay(self, call: Call) -> Reply:
        losers: list[Part] = []
        for stage in self.stages:
            missing = [part for part in stage if part.ref.id not in call.memos]
            if len(missing) < len(stage) and stage[0].is_race:
                losers += missing  # the race has its winner; the SDK still reports the others
            elif missing:
                return self._stage(call, stage, [*losers, *missing])
            if not missing and not self.catches and self._has_failed(call, stage):
                return Failed(error={"name": "StepError", "message": "not caught"}, is_retriable=False)
        if call.target is not None:
            return self._target(call, losers)
        return Returned(data="done")

    def _stage(self, call: Call, stage: list[Part], missing: list[Part]) -> Reply:
        if call.target is not None:
            return self._target(call, missing)
        is_lone = len(missing) == 1 and (len(stage) == 1 or self.eager)
        if is_lone and missing[0].does == "run" and not call.plans_only:
            return self._ops(self._execute(missing[0], call))
        return self._ops(*(self._plan(part, call) for part in missing))

    def _target(self, call: Call, missing: list[Part]) -> Reply:
        part = next((part for part in missing if part.ref.id == call.target), None)
        if part is None:
            return Failed(error={"name": "StepUnexpected", "message": call.target})
        return self._ops(self._execute(part, call))

    def _ops(self, *ops: Op) -> Ops:
        return Ops(ops=ops, sdk_version=self.version)

    def _has_failed(self, call: Call, stage: list[Part]) -> bool:
        memos = [parse_json(call.memos[part.ref.id]) for part in stage]
        return any(isinstance(memo, dict) and "error" in memo for memo in memos)

    def _execute(self, part: Part, call: Call) -> Op:
        is_last = call.attempt + 1 >= call.max_attempts
        return self._attempt(part.ref, call.run_id, fails=part.fails, is_last=is_last)

    def fetched(self, ref: StepRef, run_id: str) -> Ops:
        """Answer the request that the engine sends for a step."""
        part = next(part for stage in self.stages for part in stage if part.ref.id == ref.id)
        op = self._attempt(ref, run_id, fails=part.fails, is_last=False)
        return Ops(ops=(replace(op, kind=StepKind.FETCH),))

    def _attempt(self, ref: StepRef, run_id: str, *, fails: int, is_last: bool) -> StepRan | StepErrored:
        key = (run_id, ref.name)
        self.ran[key] += 1
        if self.ran[key] <= fails:
            error = {"name": "ValueError", "message": f"attempt {self.ran[key]}"}
            return StepErrored(step=ref, error=error, is_final=is_last)
        return StepRan(step=ref, data={"step": ref.name, "ran": self.ran[key]})

    def _plan(self, part: Part, call: Call) -> Op:
        match part.does:
            case "sleep":
                return Sleep(step=part.ref, until="1h")
            case "wait":
                return WaitForEvent(step=part.ref, event_name="t/go", expression=None, timeout="2h")
            case "signal":
                signal = f"{call.run_id}/{part.name}"
                return WaitForSignal(step=part.ref, signal=signal, timeout="2h", replaces=True)
            case "fetch":
                return Gateway(step=part.ref, kind=StepKind.FETCH, request={"url": "http://127.0.0.1/"})
            case "invoke":
                return Invoke(step=part.ref, function=self.child, data={}, user={}, timeout="3h")
            case _:
                return StepPlanned(step=part.ref)
