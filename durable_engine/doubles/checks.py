"""Whether a double that a caller gives can be used at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durable_engine.durations import format_duration
from durable_engine.errors import InvalidInputError
from durable_engine.model.double import MAX_LIFE_MS, Fault, FaultKind, NewDouble, label_of, outcome_json
from durable_engine.model.json_value import is_storable, to_json

MAX_OUTCOMES: Final = 100
MAX_TIMES: Final = 10_000
MAX_DOUBLES: Final = 200
"""Doubles that can be given at once."""
MAX_OUTCOME_BYTES: Final = 4 * 1024 * 1024
MAX_DELAY_MS: Final = 366 * 86_400_000
_MAX_NAME: Final = 1_000


def check(doubles: Sequence[NewDouble], *, most: int = MAX_DOUBLES) -> None:
    """Look whether doubles are well-formed, and at most so many.

    Raises:
        InvalidInputError: one is not; the message names it and what is allowed.
    """
    if len(doubles) > most:
        raise InvalidInputError(f"{len(doubles)} doubles at once; at most {most} are allowed.")
    for double in doubles:
        fault = _fault(double)
        if fault is not None:
            raise InvalidInputError(f"The double for {label_of(double.step, double.index)} {fault}.")


def check_life(lasts_ms: int) -> None:
    """Look whether a standing double may last so long.

    Raises:
        InvalidInputError: it may not.
    """
    if not 1_000 <= lasts_ms <= MAX_LIFE_MS:
        raise InvalidInputError(
            f"A standing double cannot last {format_duration(lasts_ms)}; 1 second to 24 hours are allowed."
        )


def _fault(double: NewDouble) -> str | None:
    if double.step is not None and not (0 < len(double.step) <= _MAX_NAME and is_storable(double.step)):
        return f"needs the id of a step as in the code, 1 to {_MAX_NAME} characters"
    if double.index is not None and not 0 <= double.index < 2**31:
        return "has an index that cannot be; repeats of a step count from 0"
    if double.times is not None and not 1 <= double.times <= MAX_TIMES:
        return f"cannot apply {double.times} times; 1 to {MAX_TIMES:,} are allowed"
    if not 1 <= len(double.outcomes) <= MAX_OUTCOMES:
        return f"has {len(double.outcomes)} outcomes; 1 to {MAX_OUTCOMES} are allowed"
    return next(filter(None, (_outcome_fault(double, place) for place in range(len(double.outcomes)))), None)


def _outcome_fault(double: NewDouble, place: int) -> str | None:
    outcome = double.outcomes[place]
    if isinstance(outcome, Fault):
        if outcome.kind is FaultKind.STEP_ERROR and double.step is None:
            return "can be no step_error, as it names no step; use unreachable, or name a step"
        if not 1 <= outcome.delay_ms <= MAX_DELAY_MS:
            return "has a delay that cannot be; 1 millisecond to 366 days are allowed"
        return None
    if double.step is None:
        return f"can only be faults ({', '.join(FaultKind)}); to mock something, name a step"
    try:
        size = len(to_json(outcome_json(outcome)).encode())
    except (TypeError, ValueError, RecursionError):
        return f"has an outcome (number {place + 1}) that is no JSON"
    return None if size <= MAX_OUTCOME_BYTES else f"has an outcome of {size:,} bytes; the limit is 4 MiB"
