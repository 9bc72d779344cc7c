"""What an app says in the time of its own clock, put into the time of its run.

Time can be skipped for the engine and its runs, not for the app: its clock stays real. SDKs turn some
durations into dates of that clock (Python every sleep, TypeScript a `Date`), which would come too early.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from durable_engine.durations import parse_date_ns
from durable_engine.errors import InvalidDurationError
from durable_engine.model.op import Invoke, Op, Sleep, WaitForEvent, WaitForSignal
from durable_engine.model.reply import Ops, Reply

_SECOND_MS: Final = 1_000
_SOON_MS: Final = 60_000
_NS_PER_MS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTime:
    """When a call was under way by the real clock, and how far the time of its run was ahead of that."""

    sent_ms: int
    answered_ms: int
    lead_ms: int


def in_run_time(reply: Reply, clock: AppTime) -> Reply:
    """Return the reply with dates that the app took from its own clock moved into the run's time."""
    if clock.lead_ms == 0 or not isinstance(reply, Ops):
        return reply
    return replace(reply, ops=tuple(_moved(op, clock) for op in reply.ops))


def _moved(op: Op, clock: AppTime) -> Op:
    if isinstance(op, Sleep):
        return replace(op, until=_moved_date(op.until, clock))
    if isinstance(op, WaitForEvent | WaitForSignal | Invoke) and op.timeout is not None:
        return replace(op, timeout=_moved_date(op.timeout, clock))
    return op


def _moved_date(text: str, clock: AppTime) -> str:
    try:
        date_ms = parse_date_ns(text) // _NS_PER_MS
    except InvalidDurationError:  # a duration
        return text
    if not _is_from_now(date_ms, clock):
        return text
    try:
        moved = _EPOCH + timedelta(milliseconds=date_ms + clock.lead_ms)
    except OverflowError:  # it means never, and is too far away to wait for anyway
        return text
    return moved.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_from_now(date_ms: int, clock: AppTime) -> bool:
    """Whether a date was counted from the app's "now", and not given by somebody.

    Nothing on the wire tells them apart. One that was counted lies a whole number of seconds after a moment
    of the call, or within the next minute; one that was given is a whole second itself.
    """
    if date_ms < clock.sent_ms:
        return False
    if date_ms <= clock.answered_ms + _SOON_MS:
        return True
    if date_ms % _SECOND_MS == 0:
        return False
    return (date_ms - clock.sent_ms) % _SECOND_MS <= clock.answered_ms - clock.sent_ms
