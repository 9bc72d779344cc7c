"""One check of the doctor: what was looked at, what was found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check came out; the worst is first."""

    PROBLEM = "problem"
    WARNING = "warning"
    SKIPPED = "skipped"
    OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`found` and `fix` are sentences that may quote the app; `app` is the URL of the app it is about.

    `next_call` is a call of a tool with words for what it does, or a call of the doctor alone.
    """

    id: str
    status: Status
    found: str
    fix: str | None = None
    app: str | None = None
    next_call: str | None = None


def ok(check_id: str, found: str, *, app: str | None = None) -> Check:
    """Return a check with nothing to do."""
    return Check(id=check_id, status=Status.OK, found=found, app=app)


def problem(
    check_id: str, found: str, fix: str, *, app: str | None = None, next_call: str | None = None
) -> Check:
    """Return a check that keeps something from working."""
    return Check(id=check_id, status=Status.PROBLEM, found=found, fix=fix, app=app, next_call=next_call)


def warning(
    check_id: str, found: str, fix: str, *, app: str | None = None, next_call: str | None = None
) -> Check:
    """Return a check that may surprise somebody."""
    return Check(id=check_id, status=Status.WARNING, found=found, fix=fix, app=app, next_call=next_call)


def skipped(check_id: str, found: str, *, app: str | None = None) -> Check:
    """Return a check that could not be made; `found` says why."""
    return Check(id=check_id, status=Status.SKIPPED, found=found, app=app)
