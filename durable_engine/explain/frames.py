"""The place in the user's own code that a stack names: the one nearest to where the error was raised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_PYTHON: Final = re.compile(r'^[ |]*File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<name>.+)$')
_V8: Final = re.compile(r"^\s+at (?P<rest>.+)$")
_V8_NAMED: Final = re.compile(r"^(?P<name>.*?) \((?P<place>.*)\)$")
_V8_PLACE: Final = re.compile(r"^(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?$")
_PYTHON_MARKS: Final = re.compile(r"^[ |]*[~^]+$")
_ALIAS: Final = re.compile(r" \[as .+\]$")
_LIBRARY: Final = re.compile(
    # What is installed, and what comes with Python, Node.js, Deno and Bun.
    r"site-packages/|dist-packages/|node_modules/|(^|/)\.pnpm/|(^|/)\.yarn/|/\.bun/install/|/registry\.npmjs\.org/"
    r"|/lib(64)?/python\d[\d.]*/|/(python\d+|cpython-[^/]*|versions/\d[\d.]*|(ana|mini)conda\d?)/lib/"
    r"|^node:|^internal/|^deno:|^ext:|^bun:|^<|^native$|^wasm:|^https?://|^evalmachine|^eval at ",
    re.IGNORECASE,
)
_MINIFIED_COLUMN: Final = 500
_LONGEST_STACK: Final = 100_000
_LONGEST_CODE: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A place in code. `code` is the line itself where the stack quotes it (Python does)."""

    file: str
    line: int
    column: int | None = None
    function: str | None = None
    code: str | None = None

    @property
    def is_library(self) -> bool:
        """Whether the place belongs to an SDK, a package or the runtime instead of the user."""
        return _LIBRARY.search(self.file.replace("\\", "/")) is not None

    def __str__(self) -> str:
        """Return e.g. `/app/pay.py:12 in charge: card.charge(amount)`."""
        place = f"{self.file}:{self.line}" + (f":{self.column}" if self.column is not None else "")
        where = f" in {self.function}" if self.function else ""
        code = f": {self.code[:_LONGEST_CODE]}" if self.code else ""
        is_minified = self.line <= 2 and (self.column or 0) > _MINIFIED_COLUMN
        return f"{place}{where}{code}{' (bundled code: no source map)' if is_minified else ''}"


def user_frame(stack: object) -> Frame | None:
    """Return the user's frame that is nearest to the error; None when the stack names none."""
    return next((frame for frame in frames_of(stack) if not frame.is_library), None)


def frames_of(stack: object) -> list[Frame]:
    """Return the frames of a Python or JavaScript stack, that of the error first."""
    if not isinstance(stack, str):
        return []
    lines = stack[:_LONGEST_STACK].splitlines()
    python = list(_python_frames(lines))
    if python:
        return python[::-1]
    return list(_javascript_frames(lines))


def _python_frames(lines: list[str]) -> Iterator[Frame]:
    for number, line in enumerate(lines):
        match = _PYTHON.match(line)
        if match is None:
            continue
        after = lines[number + 1].strip(" |") if number + 1 < len(lines) else ""
        is_code = bool(after) and not _PYTHON.match(lines[number + 1]) and not _PYTHON_MARKS.match(after)
        is_deeper = number + 1 < len(lines) and lines[number + 1].startswith(("    ", "  |     "))
        yield Frame(
            file=match["file"],
            line=int(match["line"]),
            function=match["name"].strip(),
            code=after if is_code and is_deeper else None,
        )


def _javascript_frames(lines: list[str]) -> Iterator[Frame]:
    for line in lines:
        at = _V8.match(line)
        if at is None:
            continue
        rest = at["rest"].removeprefix("async ")
        named = _V8_NAMED.match(rest)
        name, place = (named["name"], named["place"]) if named else (None, rest)
        found = _V8_PLACE.match(place)
        if found is None or place.startswith("eval at "):
            continue  # native code, `Promise.all (index 0)`, code made at run time
        column = found["column"]
        yield Frame(
            file=_plain(found["file"]),
            line=int(found["line"]),
            column=None if column is None else int(column),
            function=_function(name),
        )


def _plain(file: str) -> str:
    """Return a path instead of a URL of a file, and the source instead of the name a bundler gave it."""
    if file.startswith("file://"):
        path = file.removeprefix("file://")
        return path[1:] if re.match(r"^/[A-Za-z]:", path) else path
    return re.sub(r"^webpack(-internal)?://[^/]*/(\([^)]*\)/)?", "", file)


def _function(name: str | None) -> str | None:
    if name is None:
        return None
    plain = _ALIAS.sub("", name).removeprefix("async ")
    return None if plain in {"<anonymous>", "Object.<anonymous>", "eval"} else plain
