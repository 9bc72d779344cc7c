"""The answer of export_test."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mcp.types import CallToolResult

from durable_engine.exporting.repeating import RepeatingTest
from durable_engine.exporting.writing import Format, file_name
from mcp_server.clean import clean_text, in_json, one_line
from mcp_server.render.budget import reply
from mcp_server.results.exports import ExportResult

_MOST_CODE: Final = 16_000
_MOST_NOTE: Final = 600


def export_answer(test: RepeatingTest, form: Format, text: str, *, path: Path | None) -> CallToolResult:
    """Say what was exported and how to run it."""
    name = file_name(test, form)
    is_long = len(text) > _MOST_CODE
    code = None if path is not None else clean_text(text[:_MOST_CODE])
    where = f"written to {path}" if path is not None else "in `code`"
    result = ExportResult(
        message=f"A {form} test that repeats the run and checks what comes of it, {where}.",
        run_id=test.run_id,
        path=None if path is None else str(path),
        notes=[one_line(note, _MOST_NOTE) for note in test.notes] or None,
        code=code,
        next=_next(form, path, name),
    )
    if code is not None and is_long:
        result.truncated = (
            f"The first {_MOST_CODE:,} of {len(text):,} characters; path={in_json(name)} writes all of it."
        )
    return reply(result, block=None if code is None else "code")


def _next(form: Format, path: Path | None, name: str) -> str:
    file = name if path is None else str(path)
    save = "" if path is not None else f"Save it as {name} (or call again with path), then "
    run = {
        "pytest": f"`pytest {file}` runs it; conftest.py needs the fixture stepcue_app (read_doc "
        "path=guides/test-in-ci).",
        "vitest": f"`npx vitest run {file}` runs it, with Stepcue and the app running.",
        "scenario": f"`stepcue test {file} -u <URL of the app>` runs it, with the app running.",
    }[form]
    return f"{save}{run}"
