"""A run as stored."""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine.model.status import RunStatus

UNDECIDED_VERSION = -1
"""Execution version of a run whose SDK has not chosen one yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a function for one event. `output` and `error` are JSON text.

    `plans_only`: calls ask the SDK to report new steps instead of executing them (parallel groups).
    `parent_run_id` and `parent_step_id` name the step that invoked this run, if one did;
    `original_run_id` the run that this one repeats. `state_bytes` is the size of all memos.
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
