"""What a waiting step waits for from outside: an event, or the end of a run it invoked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A step that waits: for an event (`event_name`, `expression`) or a child run (`child_run_id`)."""

    run_id: str
    step_id: str
    event_name: str | None = None
    expression: str | None = None
    child_run_id: str | None = None
