"""Conditions under which runs take place when somebody tests them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from durable_engine.model.json_value import JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEvent:
    """An event, or a signal, with its data, that is sent while a run waits.

    It is sent when nothing else is left to do, and not before the step with the label `after_step` has ended
    or `after_ms` of the run's time have passed; with neither, as soon as the run, or one that it invoked,
    waits for it. `sent_ms` is when that was, in the time of the run.
    """

    name: str
    data: JSONValue = None
    is_signal: bool = False
    after_step: str | None = None
    after_ms: int | None = None
    position: int = 0
    sent_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How the runs that a start brings about take place.

    `skips_time`: they, and what they bring about in turn, never wait: their time jumps to what comes next.
    `events` are sent to each of them.
    """

    skips_time: bool = False
    events: tuple[PlannedEvent, ...] = ()

    @property
    def need_own_time(self) -> bool:
        """Whether each of the runs has a time of its own, which is where planned events belong."""
        return self.skips_time or bool(self.events)


AS_USUAL: Final = Conditions()
"""In real time, with nothing planned."""
