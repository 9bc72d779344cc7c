"""Why a run is where it is, or what an event did."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result
from mcp_server.results.runs import Status


class Fact(Detail):
    """One thing that the explanation rests on, quoted; `kind` says what it is about."""

    kind: str
    text: str
    run_id: str | None = None
    event_id: str | None = None


class WhatNext(Detail):
    """What happens next: `at` an instant of the engine's time, which is `remaining` from now.

    `by_itself` is false when nothing happens unless somebody does something.
    """

    what: str
    at: str | None = None
    remaining: str | None = None
    by_itself: bool


class StartedRow(Detail):
    """A run that the event started, as it is now."""

    run_id: str
    function_id: str
    status: Status


class Effects(Detail):
    """What an event did: the runs that it started, whose waits it ended, and that it cancelled."""

    runs: list[StartedRow] | None = None
    ended_waits: list[str] | None = None
    cancelled: list[str] | None = None


class NotStartedRow(Detail):
    """A function that the event did not start at once; `cause` is from the same list as the answer's."""

    function_id: str
    cause: str
    reason: str
    until: str | None = None
    run_id: str | None = None


class ExplainResult(Result):
    """The cause and what it rests on; `docs` are pages for read_doc."""

    cause: str
    run_id: str | None = None
    function_id: str | None = None
    status: str | None = None
    event_id: str | None = None
    evidence: list[Fact]
    happens_next: WhatNext
    what_to_do: list[str] | None = None
    effects: Effects | None = None
    not_started: list[NotStartedRow] | None = None
    docs: list[str]
    truncated: str | None = None
