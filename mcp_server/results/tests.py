"""The verdict of a test, as the answer shows it."""

from __future__ import annotations

from typing import ClassVar

from mcp_server.results.base import AnyJSON, Detail, Result
from mcp_server.results.runs import ErrorInfo, Step, Wait


class CheckResult(Detail):
    """One expectation and what came of it."""

    keeps_null: ClassVar[frozenset[str]] = frozenset({"expected", "actual"})

    check: str
    passed: bool
    expected: AnyJSON = None
    actual: AnyJSON = None
    difference: str | None = None


class TestResult(Result):
    """The verdict, with the run that it is about."""

    __test__ = False
    keeps_null: ClassVar[frozenset[str]] = frozenset({"output"})

    passed: bool
    first_failure: str | None = None
    checks: list[CheckResult]
    run_id: str | None = None
    function_id: str | None = None
    status: str | None = None
    output: AnyJSON = None
    error: ErrorInfo | None = None
    virtual_duration: str | None = None
    real_duration: str | None = None
    time_skipped: str | None = None
    steps: list[Step] | None = None
    waiting_for: list[Wait] | None = None
    mocked: str | None = None
    other_run_ids: list[str] | None = None
    event_id: str | None = None
    notes: list[str] | None = None
    truncated: str | None = None
