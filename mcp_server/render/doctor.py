"""The doctor's checks as an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mcp.types import CallToolResult

from mcp_server.clean import as_json, one_line
from mcp_server.doctor import Check, Status
from mcp_server.render.budget import reply
from mcp_server.render.checks import MAX_TEXT, check_info
from mcp_server.render.numbers import counted
from mcp_server.results.doctor import DoctorResult

MAX_CHARS: Final = 4_000
_ALL: Final = 1_000


def doctor_answer(checks: Sequence[Check]) -> CallToolResult:
    """Build the answer from sorted checks; when it is long, the last ones are left out, which are fine."""
    result = _result(checks, shown=_ALL)
    shown = len(checks)
    while shown > 1 and len(as_json(result.wire())) > MAX_CHARS:
        shown -= 1
        result = _result(checks, shown=shown)
    return reply(result)


def _result(checks: Sequence[Check], *, shown: int) -> DoctorResult:
    problems = [check for check in checks if check.status is Status.PROBLEM]
    warnings = [check for check in checks if check.status is Status.WARNING]
    left_out = checks[shown:]
    return DoctorResult(
        message=_message(problems, warnings, len(checks)),
        healthy=not problems,
        problems=len(problems),
        warnings=len(warnings),
        checks=[check_info(check) for check in checks[:shown]],
        truncated=_left_out(left_out),
        next=_next(problems or warnings),
    )


def _message(problems: Sequence[Check], warnings: Sequence[Check], total: int) -> str:
    if problems:
        also = f", {counted(len(warnings), 'warning')}" if warnings else ""
        return f"{counted(len(problems), 'problem')}{also}. First: {one_line(problems[0].found, 300)}"
    if warnings:
        return f"No problem, {counted(len(warnings), 'warning')}. First: {one_line(warnings[0].found, 300)}"
    return f"All {total} checks are fine."


def _next(found: Sequence[Check]) -> str:
    if not found:
        return "list_functions shows what can be started."
    first = found[0]
    fix = one_line(first.fix or "", MAX_TEXT)
    if first.next_call is None:
        return f"{fix} Then call doctor again."
    if first.next_call.startswith("doctor"):
        return f"{fix} Then {first.next_call}."
    return f"{fix} {first.next_call}; then call doctor again."


def _left_out(checks: Sequence[Check]) -> str | None:
    if not checks:
        return None
    counts = [
        f"{number} {status}" for status in Status if (number := sum(c.status is status for c in checks))
    ]
    return (
        f"{counted(len(checks), 'check')} left out ({', '.join(counts)}): "
        "doctor appUrl=… shows those of one app first."
    )
