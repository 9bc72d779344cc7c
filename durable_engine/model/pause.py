"""What is waited for from outside: by a step, or to cancel a run.

`match_path` and `match_key` are what an event is looked up by (`expressions.wait_key`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A step that waits: for an event (`event_name`, `expression`), a child run or a signal."""

    run_id: str
    step_id: str
    event_name: str | None = None
    expression: str | None = None
    child_run_id: str | None = None
    signal: str | None = None
    match_path: str = ""
    match_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTrigger:
    """An event that cancels a run (`cancelOn`), until `expires_ms`; `position` is its place in the list."""

    run_id: str
    position: int
    event_name: str
    expression: str | None = None
    expires_ms: int | None = None
    match_path: str = ""
    match_key: str = ""
