"""A run as stored."""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine.model.status import RunStatus

UNDECIDED_VERSION = -1
"""Execution version of a run whose SDK has not chosen one yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a function, for one event or for a batch of them. `output` and `error` are JSON text.

    `plans_only`: calls ask the SDK to report new steps instead of executing them (parallel groups).
    `parent_run_id` and `parent_step_id` name the step that invoked this run, if one did;
    `original_run_id` the run that this one repeats. `state_bytes` is the size of all memos.
    `event_id` is the first of `event_count` events. The calls wait for their turn in `lane_id`, if they have
    to, by `rank_ms`. Of runs with one `singleton_key` only one is open.
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
