"""A run of a server elsewhere, repeated here."""

from __future__ import annotations

from typing import ClassVar

from mcp_server.results.base import AnyJSON, Result
from mcp_server.results.comparisons import ComparedRun, ComparedStep, Differences, Parting
from mcp_server.results.runs import ErrorInfo


class MirrorResult(Result):
    """The run here next to the one elsewhere: A is that one, B the one here.

    `mocked` are steps that did what is on record, `ran` those whose code ran, `heldBack` those that are not
    on record and therefore were not carried out.
    """

    keeps_null: ClassVar[frozenset[str]] = frozenset({"output"})

    same: bool
    mirrored: str
    remote: ComparedRun
    local: ComparedRun
    first_difference: Parting | None = None
    differences: Differences | None = None
    mocked: list[str] | None = None
    ran: list[str] | None = None
    held_back: list[str] | None = None
    steps: list[ComparedStep]
    output: AnyJSON = None
    error: ErrorInfo | None = None
    time_skipped: str | None = None
    notes: list[str] | None = None
    truncated: str | None = None
