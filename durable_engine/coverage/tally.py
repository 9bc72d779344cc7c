"""Count what runs did: their steps, which way they took, how they ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from durable_engine.model.coverage import Branch, StepCoverage
from durable_engine.model.decision import Control
from durable_engine.model.event import SCHEDULED_TIMER
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.views import RunView, StepView


@dataclass(slots=True)
class Tally:
    """Counts over the runs added so far; names of fields as in `Coverage`."""

    runs: int = 0
    outcomes: Counter[RunStatus] = field(default_factory=Counter)
    cancelled_by: Counter[str] = field(default_factory=Counter)
    triggers: Counter[str] = field(default_factory=Counter)
    controls: Counter[str] = field(default_factory=Counter)
    failed_outside_steps: int = 0
    handler_runs: int = 0
    _kinds: dict[str, StepKind] = field(default_factory=dict)
    _steps: dict[str, Counter[str]] = field(default_factory=dict)
    _branches: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)

    def add(self, run: RunView) -> None:
        """Count one run."""
        self.runs += 1
        self.outcomes[run.status] += 1
        self.triggers[trigger_of(run)] += 1
        self.failed_outside_steps += _failed_outside_steps(run)
        self.handler_runs += bool(run.failure_handlers)
        if run.status is RunStatus.CANCELLED:
            self.cancelled_by[_canceller(run.cancelled or "")] += 1
        for hold in run.holds:
            self.controls[_control(hold.by)] += 1
        for step in run.steps:
            self._kinds.setdefault(step.name, step.kind)
            self._steps.setdefault(step.name, Counter()).update(_did(step))
        for name in {step.name for step in run.steps}:
            self._steps[name]["runs"] += 1
        self._branches.update(dict.fromkeys(_branches(run), 1))

    def decided(self, control: str, times: int) -> None:
        """Count decisions of flow control about events."""
        self.controls[control] += times

    def steps(self) -> tuple[StepCoverage, ...]:
        """Return the steps in the order in which runs first came to them."""
        return tuple(
            StepCoverage(name=name, kind=self._kinds[name], **counts) for name, counts in self._steps.items()
        )

    def branches(self) -> tuple[Branch, ...]:
        """Return which step came after which, in the order in which runs first showed it."""
        return tuple(
            Branch(before=before, after=after, runs=count)
            for (before, after), count in self._branches.items()
        )


def trigger_of(run: RunView) -> str:
    """Return the schedule or the name of the event that started a run."""
    cron = run.event.data.get("cron") if run.event.name == SCHEDULED_TIMER else None
    return cron if isinstance(cron, str) else run.event.name


def _failed_outside_steps(run: RunView) -> bool:
    return run.status is RunStatus.FAILED and all(step.status is not StepStatus.FAILED for step in run.steps)


def _did(step: StepView) -> Iterable[str]:
    """Return what is to be counted of a step, by names of `StepCoverage`."""
    if _was_not_run(step):
        return ["not_run"]
    did = ["doubled"] if step.doubled else []
    if step.attempts > 1:
        did.append("retried")
    match step.status:
        case _ if step.has_timed_out:
            did.append("timed_out")
        case StepStatus.COMPLETED:
            did.append("completed")
        case StepStatus.FAILED:
            did.append("failed")
        case StepStatus.CANCELLED:
            did.append("cancelled")
        case _:
            did.append("open")
    return did


def _branches(run: RunView) -> Iterator[tuple[str | None, str | None]]:
    """Return which step was asked for after which had ended, and which the run ended with.

    Steps that were asked for together come after the same one.
    """
    for place, step in enumerate(run.steps):
        before = _newest(run.steps[:place], step)
        yield (None if before is None else before.name), step.name
    if run.status is RunStatus.COMPLETED:
        last = _last([step for step in run.steps if step.status.is_terminal])
        yield (None if last is None else last.name), None


def _newest(before: Sequence[StepView], step: StepView) -> StepView | None:
    """Return the step that ended last before another one was asked for."""
    if _was_not_run(step):
        return before[-1] if before else None
    return _last(
        [
            earlier
            for earlier in before
            if _was_not_run(earlier)
            or (
                earlier.ended_ms is not None
                and earlier.ended_ms <= step.queued_ms
                and (earlier.group_id is None or earlier.group_id != step.group_id)
            )
        ]
    )


def _last(steps: Sequence[StepView]) -> StepView | None:
    """Return the step that ended last; what a rerun did not run has times of another run, and was before."""
    places = range(len(steps))
    last = max(
        places,
        key=lambda place: (not _was_not_run(steps[place]), steps[place].ended_ms or 0, place),
        default=None,
    )
    return None if last is None else steps[last]


def _was_not_run(step: StepView) -> bool:
    return step.is_taken_over or step.edited == "output"


def _canceller(reason: str) -> str:
    if reason.startswith("by event"):
        return "event"
    if "timeouts." in reason:
        return "timeout"
    return "request" if reason.startswith("by request") else "other"


def _control(by: str) -> str:
    return Control.THROTTLE.value if " throttle " in f" {by} " else Control.CONCURRENCY.value
