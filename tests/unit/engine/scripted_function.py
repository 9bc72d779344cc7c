"""A function as its SDK would run it: stages of steps, answered from the memos of each call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from durable_engine.model.call import Call
from durable_engine.model.json_value import parse_json
from durable_engine.model.op import (
    Invoke,
    Op,
    Sleep,
    StepErrored,
    StepPlanned,
    StepRan,
    StepRef,
    WaitForEvent,
)
from durable_engine.model.reply import Failed, Ops, Reply, Returned


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
    ran: Counter[tuple[str, str]] = field(default_factory=Counter)

    def reply(self, call: Call) -> Reply:
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
        return self._ops(*map(self._plan, missing))

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
        key = (call.run_id, part.name)
        self.ran[key] += 1
        if self.ran[key] <= part.fails:
            error = {"name": "ValueError", "message": f"attempt {self.ran[key]}"}
            return StepErrored(step=part.ref, error=error, is_final=call.attempt + 1 >= call.max_attempts)
        return StepRan(step=part.ref, data={"step": part.name, "ran": self.ran[key]})

    def _plan(self, part: Part) -> Op:
        match part.does:
            case "sleep":
                return Sleep(step=part.ref, until="1h")
            case "wait":
                return WaitForEvent(step=part.ref, event_name="t/go", expression=None, timeout="2h")
            case "invoke":
                return Invoke(step=part.ref, function=self.child, data={}, user={}, timeout="3h")
            case _:
                return StepPlanned(step=part.ref)
