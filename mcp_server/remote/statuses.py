"""The words that servers have for statuses and kinds, in ours; a word that nobody knows breaks nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from durable_engine.model.json_value import JSONValue
from durable_engine.model.status import RunStatus, StepKind, StepStatus

_RUNS: Final[Mapping[str, RunStatus]] = {
    "QUEUED": RunStatus.QUEUED,
    "SCHEDULED": RunStatus.QUEUED,
    "SKIPPED": RunStatus.CANCELLED,
    "RUNNING": RunStatus.RUNNING,
    "WAITING": RunStatus.RUNNING,
    "COMPLETED": RunStatus.COMPLETED,
    "FAILED": RunStatus.FAILED,
    "OVERFLOWED": RunStatus.FAILED,
    "CANCELLED": RunStatus.CANCELLED,
    "CANCELED": RunStatus.CANCELLED,
}
_STEPS: Final[Mapping[str, StepStatus]] = {
    "QUEUED": StepStatus.QUEUED,
    "SCHEDULED": StepStatus.QUEUED,
    "RUNNING": StepStatus.RUNNING,
    "WAITING": StepStatus.WAITING,
    "SLEEPING": StepStatus.WAITING,
    "INVOKING": StepStatus.WAITING,
    "COMPLETED": StepStatus.COMPLETED,
    "TIMEDOUT": StepStatus.COMPLETED,
    "TIMED_OUT": StepStatus.COMPLETED,
    "FAILED": StepStatus.FAILED,
    "ERRORED": StepStatus.FAILED,
    "CANCELLED": StepStatus.CANCELLED,
    "CANCELED": StepStatus.CANCELLED,
    "SKIPPED": StepStatus.CANCELLED,
}
_KINDS: Final[Mapping[str, StepKind]] = {
    **{kind.value: kind for kind in StepKind},
    "AI": StepKind.AI,
    "WAITFOREVENT": StepKind.WAIT_FOR_EVENT,
    "WAITFORSIGNAL": StepKind.WAIT_FOR_SIGNAL,
    "INVOKEFUNCTION": StepKind.INVOKE,
    "AIGATEWAY": StepKind.AI_GATEWAY,
}


def run_status(word: JSONValue, *, has_ended: bool, has_started: bool) -> RunStatus:
    """Return the status of a run; one whose word nobody knows is as far as its times say.

    A run that ended somehow, nobody knows how, counts as failed: somebody should look at it.
    """
    known = _RUNS.get(_plain(word))
    if known is not None:
        return known
    if has_ended:
        return RunStatus.FAILED
    return RunStatus.RUNNING if has_started else RunStatus.QUEUED


def is_known_run_status(word: JSONValue) -> bool:
    """Whether the word is one that we know."""
    return _plain(word) in _RUNS


def step_status(word: JSONValue, *, has_ended: bool, has_error: bool = False) -> StepStatus:
    """Return the status of a step; without a known word, whether it has ended decides, and with what."""
    known = _STEPS.get(_plain(word))
    if known is not None:
        return known
    if not has_ended:
        return StepStatus.RUNNING
    return StepStatus.FAILED if has_error else StepStatus.COMPLETED


def says_timed_out(word: JSONValue) -> bool:
    """Whether the word for a step says that its time was up."""
    return _plain(word) in {"TIMEDOUT", "TIMED_OUT"}


def step_kind(word: JSONValue) -> StepKind:
    """Return what a step does; what nobody knows is code that runs."""
    return _KINDS.get(_plain(word), StepKind.RUN)


def _plain(word: JSONValue) -> str:
    """Return a word as it is looked up; enums of protocol buffers may carry the name of their type."""
    if not isinstance(word, str):
        return ""
    plain = word.upper().replace("-", "_")
    for prefix in ("RUN_STATUS_", "FUNCTION_RUN_STATUS_", "SPAN_STATUS_", "STEP_STATUS_", "STEP_OP_"):
        plain = plain.removeprefix(prefix)
    return plain
