"""Doubles, as answers show them."""

from __future__ import annotations

from mcp_server.results.base import AnyJSON, Detail, Result


class DoubleInfo(Detail):
    """A double. `uses` is how often it applied; one that stands expires at `expiresAt`."""

    double_id: int
    function_id: str
    step_id: str | None = None
    index: int | None = None
    outcomes: list[str]
    times: int | None = None
    run_id: str | None = None
    uses: int
    never_used: bool | None = None
    expires_at: str | None = None
    expires_in: str | None = None


class DoubleUseInfo(Detail):
    """One use of a double. `deliveries` say what the app answered, whether it counted or not."""

    double_id: int
    outcome: str
    step_name: str | None = None
    step_id: str | None = None
    attempt: int
    at: str
    standing: bool | None = None
    bodies: int | None = None
    input: AnyJSON = None
    deliveries: list[str] | None = None


class MockStepResult(Result):
    """A double that was added. `seen`: whether a run of the function ever came to this step."""

    double: DoubleInfo
    seen: bool | None = None
    warning: str | None = None


class ClearResult(Result):
    """Standing doubles that were removed, and those that are left."""

    cleared: list[DoubleInfo]
    left: list[DoubleInfo]
    truncated: str | None = None
