"""A run as stored."""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine.model.status import RunStatus

UNDECIDED_VERSION = -1
"""Execution version of a run whose SDK has not chosen one yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The time of a run whose time is skipped, and of all runs that it brings about.

    `id` is that run's; the time is `offset_ms` ahead of the engine's. It jumps by itself, whenever nothing
    else is left to do, up to `until_ms` in its own time; None is no limit.
    """

    id: str
    offset_ms: int = 0
    until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a function, for one event or for a batch of them. `output` and `error` are JSON text.

    `plans_only`: calls ask the SDK to report new steps instead of executing them (parallel groups).
    `parent_run_id` and `parent_step_id` name the step that invoked this run, if one did;
    `original_run_id` the run that this one repeats. `state_bytes` is the size of all memos.
    `event_id` is the first of `event_count` events. The calls wait for their turn in `lane_id`, if they have
    to, by `rank_ms`. Of runs with one `singleton_key` only one is open.
    A run whose time is skipped belongs to a timeline: its own time, in which it counts all its times, is
    `offset_ms` ahead of the engine's, and `skipped_ms` of that were skipped while it was open.
    """

    id: str
    function_id: str
    event_id: str
    status: RunStatus
    queued_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    output: str | None = None
    error: str | None = None
    execution_version: int = UNDECIDED_VERSION
    plans_only: bool = False
    parent_run_id: str | None = None
    parent_step_id: str | None = None
    original_run_id: str | None = None
    state_bytes: int = 0
    lane_id: int | None = None
    rank_ms: int = 0
    singleton_key: str | None = None
    event_count: int = 1
    timeline_id: str | None = None
    offset_ms: int = 0
    skipped_ms: int = 0

    def at(self, now_ms: int) -> int:
        """Return the run's own time when it is `now_ms` for the engine."""
        return now_ms + self.offset_ms

    @property
    def received_ms(self) -> int:
        """When it was queued, in the engine's time."""
        return self.queued_ms - (self.offset_ms - self.skipped_ms)

    @property
    def timeline(self) -> Timeline | None:
        """The timeline as far as a run that this one starts needs it."""
        return None if self.timeline_id is None else Timeline(id=self.timeline_id, offset_ms=self.offset_ms)
