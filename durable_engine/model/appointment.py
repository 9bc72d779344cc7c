"""What is to come at a time and belongs to no run yet: debounced starts, batches, cron ticks, pauses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AppointmentKind(StrEnum):
    """DEBOUNCE and BATCH start a run for events that have come, CRON starts one on schedule.

    PAUSE cancels the runs of a function that has been paused for too long.
    """

    DEBOUNCE = "debounce"
    BATCH = "batch"
    CRON = "cron"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """One for each kind, function and `key` (the value of its key, or the schedule); due in milliseconds.

    `since_ms` is when its first event came, or the tick of the schedule. `event_id` is the event with which a
    debounced run starts, of `count` that came; a batch has `count` events of `size` bytes together.
    `parent` is (run id, step id) of the step that invoked the function, and waits for the debounced run.
    `start_key` guards that run once it has started.
    """

    id: str
    kind: AppointmentKind
    function_id: str
    key: str
    due_ms: int
    since_ms: int
    event_id: str | None = None
    count: int = 1
    size: int = 0
    parent: tuple[str, str] | None = None
    start_key: str | None = None
