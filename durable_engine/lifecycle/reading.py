"""A reply being worked through."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from durable_engine.lifecycle.facts import CallFacts
from durable_engine.model.changes import Changes, StepWrite
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject
from durable_engine.model.op import StepRef
from durable_engine.model.reply import Ops
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.step import Step


@dataclass(slots=True)
class Reading:
    """A reply being worked through: what it changed, and what is left to conclude from it."""

    facts: CallFacts
    reply: Ops
    changes: Changes
    group_id: int | None
    ended: set[str] = field(default_factory=set)
    """Hashed ids of steps that this reply ended."""
    opened: set[str] = field(default_factory=set)
    """Hashed ids of steps that this reply put to work."""
    failure: JSONObject | None = None
    """Set when the reply asks for something that ends the run."""

    def new_step(self, ref: StepRef, kind: StepKind, status: StepStatus) -> Step:
        """Return the step as known, or a new one, with `kind` and `status`."""
        known = self.facts.steps.get(ref.id)
        if known is not None:
            # The keys of a request are of no use to anything else.
            detail = known.detail if kind.is_gateway or not known.kind.is_gateway else None
            group_id = known.group_id or self.group_id
            return replace(known, kind=kind, status=status, group_id=group_id, detail=detail)
        return Step(ref=ref, kind=kind, status=status, queued_ms=self.facts.now_ms, group_id=self.group_id)

    def is_at_work(self, ref: StepRef) -> bool:
        """Whether the step was put to work before: it has a timer, a call or a wait of its own.

        A step that only waits for the next attempt of a discovery call has none.
        """
        return ref.id in self.facts.at_work or ref.id == self.facts.item.step_id

    def fail(self, name: str, message: str) -> None:
        """End the run with an error of our own."""
        self.failure = {"name": name, "message": message}

    def open(self, step: Step, kind: HistoryKind) -> None:
        """Record that the step is put to work."""
        facts = self.facts
        self.opened.add(step.ref.id)
        self.changes.steps.append(StepWrite(run_id=facts.run.id, step=step))
        self.changes.history.append(
            HistoryEntry(run_id=facts.run.id, at_ms=facts.now_ms, kind=kind, step_id=step.ref.id)
        )
