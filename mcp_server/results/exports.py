"""An exported test, as the answer shows it."""

from __future__ import annotations

from mcp_server.results.base import Result


class ExportResult(Result):
    """A test as a file: where it was written, or its text in `code`; `notes` say what it leaves out."""

    run_id: str
    path: str | None = None
    notes: list[str] | None = None
    truncated: str | None = None
    code: str | None = None
