"""What a run recorded, as a replay needs it: which steps the code asked for after which results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.replay import StepLabel
from durable_engine.model.status import RunStatus, StepStatus
from durable_engine.model.step import Step


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The steps of a run in the order in which the code first asked for them, and how the run ended.

    `planned` are the ids of steps that were asked for before they were carried out: only of those does
    `group_id` say which were open together.
    """

    status: RunStatus
    steps: Sequence[Step]
    planned: frozenset[str | None]
    output: JSONValue = None
    error: JSONObject | None = None

    @cached_property
    def ended(self) -> list[Step]:
        """The steps with a result, in the order in which they ended."""
        return sorted((step for step in self.steps if step.position), key=lambda step: step.position or 0)

    @cached_property
    def by_id(self) -> Mapping[str, Step]:
        """All steps by id."""
        return {step.ref.id: step for step in self.steps}

    def memos(self, count: int) -> dict[str, str]:
        """Return the first `count` results as the SDK gets them."""
        return {step.ref.id: step.memo or "null" for step in self.ended[:count]}

    @cached_property
    def points(self) -> list[int]:
        """How many results the code had whenever it was called: never some of a parallel group alone."""
        return [count for count in range(len(self.ended) + 1) if not self._splits_a_group(count)]

    def expected(self, count: int) -> list[Step]:
        """Return the steps that the code has to ask for when it is given the first `count` results."""
        known = {step.ref.id for step in self.ended[:count]}
        left = [step for step in self._awaited if step.ref.id not in known and not self._is_lost(step, known)]
        if not left:
            return []
        group = self._group(left[0])
        return [step for step in left if step is left[0] or (group and self._group(step) == group)]

    def passed_over(self, count: int, asked: frozenset[str]) -> list[Step]:
        """Return steps that the code does not ask for, though the run came to them before one it asks for.

        Groups are not recorded for execution version 1, so that only this tells which were open together.
        """
        known = {step.ref.id for step in self.ended[:count]}
        places = [place for place, step in enumerate(self.steps) if step.ref.id in asked]
        before = self.steps[: max(places, default=0)]
        return [step for step in before if step.ref.id not in known | asked and step in self._awaited]

    @cached_property
    def repeated(self) -> tuple[tuple[str, int], ...]:
        """Names that several steps share, with how many."""
        counts = Counter(step.ref.name for step in self.steps)
        return tuple((name, count) for name, count in counts.items() if count > 1)

    @cached_property
    def _awaited(self) -> list[Step]:
        """Steps that the code cannot do without: those that ended, and those the run waits for at its end.

        A step that never ended though later ones did is what a race left behind.
        """
        last = max((place for place, step in enumerate(self.steps) if step.position), default=-1)
        has_end = self.status in {RunStatus.COMPLETED, RunStatus.FAILED}
        return [
            step for place, step in enumerate(self.steps) if step.position or (place > last and not has_end)
        ]

    def _group(self, step: Step) -> int | None:
        return step.group_id if step.ref.id in self.planned else None

    @cached_property
    def _races(self) -> frozenset[int]:
        return frozenset(step.group_id for step in self.steps if step.ref.is_race and step.group_id)

    def _splits_a_group(self, count: int) -> bool:
        before = {self._group(step) for step in self.ended[:count]}
        after = {self._group(step) for step in (*self.ended[count:], *filter(is_open, self._awaited))}
        return bool((before & after) - {None} - self._races)

    def _is_lost(self, step: Step, known: set[str]) -> bool:
        """Whether a step has lost a race: the code may go on without it."""
        group = self._group(step)
        return group in self._races and any(
            self._group(self.by_id[step_id]) == group for step_id in known if step_id in self.by_id
        )


def label(step: Step) -> StepLabel:
    """Return how people name a recorded step."""
    return StepLabel(name=step.ref.name, index=step.ref.index, kind=step.kind)


def is_open(step: Step) -> bool:
    """Whether a step has no result."""
    return step.status not in {StepStatus.COMPLETED, StepStatus.FAILED}
