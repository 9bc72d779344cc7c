"""What the doctor found, as doctor shows it."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result


class CheckInfo(Detail):
    """One check: `problem`, `warning`, `skipped` or `ok`, what was found, and the fix."""

    id: str
    status: str
    app: str | None = None
    found: str
    fix: str | None = None


class DoctorResult(Result):
    """All checks, problems first; `healthy` when there is none of those."""

    healthy: bool
    problems: int
    warnings: int
    checks: list[CheckInfo]
    truncated: str | None = None
