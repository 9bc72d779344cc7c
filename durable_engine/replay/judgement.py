"""Hold what the code asked for against what was recorded at the same point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from durable_engine.model.json_value import JSONObject
from durable_engine.model.replay import Divergence, InputChange, ReplayDifference
from durable_engine.model.status import RunStatus
from durable_engine.model.step import Step
from durable_engine.replay.asked import Answer, Asked, is_alike
from durable_engine.replay.recording import Recording, label


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Recorded steps that the code does not ask for where it did, and steps that are not recorded."""

    missing: tuple[Step, ...]
    unknown: tuple[Asked, ...]

    @property
    def renamed(self) -> tuple[Step, Asked] | None:
        """A missing step and one of its kind that may be the same under a new name."""
        pairs = ((step, asked) for step in self.missing for asked in self.unknown if is_alike(step, asked))
        return next(pairs, None)


def find_gap(recording: Recording, count: int, answer: Answer) -> Gap | None:
    """Return how the answer to the first `count` results leaves the recorded way; None if it does not."""
    expected = recording.expected(count)
    missing = tuple(step for step in expected if step.ref.id not in answer.ids)
    unknown = tuple(asked for asked in answer.asked if asked.ref.id not in recording.by_id)
    # Where the record stops, an open run may go on to steps of which nothing is known yet.
    is_known = count < len(recording.ended) or recording.status is RunStatus.COMPLETED
    if not missing and not (unknown and is_known):
        return None
    return Gap(missing=missing or tuple(recording.passed_over(count, answer.ids)), unknown=unknown)


def difference(
    recording: Recording,
    count: int,
    kind: Divergence,
    *,
    recorded: Step | None = None,
    found: Asked | None = None,
    changes: Sequence[InputChange] = (),
) -> ReplayDifference:
    """Return a difference found with the first `count` results."""
    return ReplayDifference(
        kind=kind,
        ended_steps=count,
        after=label(recording.ended[count - 1]) if count else None,
        recorded=None if recorded is None else label(recorded),
        found=None if found is None else found.label,
        changes=tuple(changes),
    )


def without_gap(
    recording: Recording, count: int, gap: Gap, answer: Answer, again: Answer
) -> ReplayDifference | None:
    """Return what a gap is when no further replay is needed to tell; `again` answered the same replay."""
    recorded = gap.missing[0] if gap.missing else None
    found = gap.unknown[0] if gap.unknown else None

    def named(kind: Divergence) -> ReplayDifference:
        return difference(recording, count, kind, recorded=recorded, found=found)

    if answer.ids != again.ids or answer.has_returned != again.has_returned:
        is_random = found is not None and any(
            asked.ref.id not in recording.by_id and asked.kind is found.kind for asked in again.asked
        )
        return named(Divergence.RANDOM_ID if is_random else Divergence.UNSTABLE)
    if answer.error is not None:
        change = InputChange(key="error", recorded=None, found=_named(answer.error))
        return difference(recording, count, Divergence.RAISED, recorded=recorded, changes=[change])
    if found is not None and gap.renamed is None:
        return named(Divergence.NEW)
    return None


def find_other_end(recording: Recording, answer: Answer) -> ReplayDifference | None:
    """Return how the end of the code, given all results, differs from that of the run.

    A run that failed where no step tells of it may have failed in a step that its SDK does not report, so
    that code which asks for steps there is no difference.
    """
    if recording.status is RunStatus.COMPLETED:
        if answer.has_returned:
            return _changed(recording, Divergence.OUTPUT, "output", recording.output, answer.output)
        found = (
            {"error": _named(answer.error)} if answer.error else {"waits": [a.ref.name for a in answer.asked]}
        )
        return _changed(recording, Divergence.OUTCOME, "outcome", "returned", found)
    if recording.status is not RunStatus.FAILED or not failed_in_app(recording) or answer.asked:
        return None
    error = _named(recording.error or {})
    if answer.error is not None:
        return _changed(recording, Divergence.ERROR, "error", error, _named(answer.error))
    return _changed(recording, Divergence.OUTCOME, "outcome", {"error": error}, "returned")


def failed_in_app(recording: Recording) -> bool:
    """Whether the code failed, and not the engine or the way to the app."""
    return "status" in (recording.error or {})


def _changed(
    recording: Recording, kind: Divergence, key: str, before: object, after: object
) -> ReplayDifference | None:
    if before == after:
        return None
    change = InputChange(key=key, recorded=before, found=after)
    return difference(recording, len(recording.ended), kind, changes=[change])


def _named(error: JSONObject) -> JSONObject:
    return {key: error[key] for key in ("name", "message") if key in error}
