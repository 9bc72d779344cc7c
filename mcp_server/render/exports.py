"""The answer of export_test."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from mcp.types import CallToolResult

from durable_engine.exporting.repeating import RepeatingTest
from durable_engine.exporting.writing import Format, file_name
from mcp_server.clean import clean_text, in_json, one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.results.exports import ExportResult

_SHAPES: Final = ((16_000, 20), (8_000, 10), (4_000, 5))
"""Characters of code, and notes that are shown; code of quotes and line ends is longer in JSON."""
_MOST_NOTE: Final = 600


def export_answer(test: RepeatingTest, form: Format, text: str, *, path: Path | None) -> CallToolResult:
    """Say what was exported and how to run it."""
    return first_fit(partial(_answer, test, form, text, path, *shape) for shape in _SHAPES)


def _answer(
    test: RepeatingTest, form: Format, text: str, path: Path | None, most_code: int, most_notes: int
) -> CallToolResult:
    name = file_name(test, form)
    code = None if path is not None else clean_text(text[:most_code])
    where = f"written to {path}" if path is not None else "in `code`"
    result = ExportResult(
        message=f"A {form} test that repeats the run and checks what comes of it, {where}.",
        run_id=test.run_id,
        path=None if path is None else str(path),
        notes=[one_line(note, _MOST_NOTE) for note in test.notes[:most_notes]] or None,
        code=code,
        next=_next(form, path, name),
    )
    notes = len(test.notes) - most_notes
    parts = [f"{notes} more notes"] if notes > 0 else []
    if code is not None and len(text) > most_code:
        cut = f"the first {most_code:,} of {len(text):,} characters"
        parts.append(f"{cut}: path={in_json(name)} writes all of it")
    result.truncated = f"{'; '.join(parts)}." if parts else None
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
