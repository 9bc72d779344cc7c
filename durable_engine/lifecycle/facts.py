"""What a decision may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from durable_engine.model.event import Event
from durable_engine.model.function import Function
from durable_engine.model.queue_item import QueueItem
from durable_engine.model.run import Run
from durable_engine.model.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A run as of the transaction that decides about it; `now_ms` is the run's own time.

    `load_events` returns the events that started the run, one or a batch, which may be large and are needed
    only when the run ends, or waits for an event that has to do with the first of them.
    """

    run: Run
    function: Function
    load_events: Callable[[], Sequence[Event]]
    now_ms: int

    @property
    def engine_ms(self) -> int:
        """The engine's time, which differs where time is skipped for the run."""
        return self.now_ms - self.run.offset_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts(RunFacts):
    """The state of a run as of the transaction that commits a call's answer.

    `steps` holds those named in the answer, and the item's target. `open_in_group` are the unfinished
    steps that were planned together with the target, the target included. `at_work` are the steps that
    have a queue item or a pause besides `item`; `has_other_work` tells whether the run has any.
    `step_count` is the number of steps the run has. `started_ms` is when the call was sent,
    None when the answer is of no call, or of one that goes on.
    `sent` are the steps whose memos the call carried, None where that does not matter.
    `signal_holders` are the steps, as (run id, step id), that wait for the signals named in the answer.
    """

    item: QueueItem
    steps: Mapping[str, Step]
    open_in_group: frozenset[str]
    at_work: frozenset[str]
    has_other_work: bool
    step_count: int
    started_ms: int | None
    sent: frozenset[str] | None = None
    signal_holders: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def began_ms(self, duration_ms: int | None) -> int:
        """Return when a step began whose code ran for so long, as one of perhaps several of the call."""
        if duration_ms is None:
            return self.now_ms if self.started_ms is None else self.started_ms
        earliest_ms = self.run.started_ms if self.started_ms is None else self.started_ms
        return max(earliest_ms or 0, self.now_ms - duration_ms)

    @property
    def has_attempts_left(self) -> bool:
        """Whether the item may be tried again after this call."""
        return self.item.attempt + 1 < self.function.max_attempts
