"""The table of run_fault_matrix, as the answer shows it."""

from __future__ import annotations

from mcp_server.results.base import Detail, Result


class Row(Detail):
    """One fault at one place. `step` is left out for the function's own call after `after_steps` steps."""

    step: str | None = None
    after_steps: int | None = None
    fault: str
    outcome: str
    ran_again: list[str] | None = None
    difference: str | None = None
    run_id: str | None = None


class Suspect(Detail):
    """A step whose code gave something else when it ran again."""

    step: str
    faults: list[str]
    first: str
    then: str


class MatrixResult(Result):
    """What became of the function under each fault."""

    function_id: str | None = None
    baseline_run_id: str | None = None
    baseline_status: str | None = None
    runs: int
    unharmed: int
    suspects: list[Suspect]
    rows: list[Row]
    rows_omitted: int | None = None
    left_out: int | None = None
    truncated: str | None = None
