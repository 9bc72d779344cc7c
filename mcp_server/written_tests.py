"""Exported tests on disk: only below the working directory, and never over what somebody else wrote."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from durable_engine.exporting.writing import MARK, Format

_SUFFIXES: Final[dict[Format, tuple[str, ...]]] = {
    "pytest": (".py",),
    "vitest": (".ts", ".mts", ".js", ".mjs"),
    "scenario": (".json",),
}
_HEAD_BYTES: Final = 400
_MODE: Final = 0o644


class PathError(Exception):
    """A test cannot be written there: a sentence with what is allowed."""


def save(text: str, path: str, form: Format) -> Path:
    """Write an exported test, all of it or nothing; returns the full path.

    Raises:
        PathError: it is not below the working directory, does not fit the format, belongs to somebody else,
            or cannot be written.
    """
    target = _checked(path, form)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".stepcue-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).chmod(_MODE)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as fault:
        raise PathError(f"{path!r} cannot be written: {fault.strerror or fault}.") from None
    return target


def _checked(path: str, form: Format) -> Path:
    here = Path.cwd().resolve()
    try:
        target = (here / path).resolve()
    except (OSError, RuntimeError, ValueError):
        raise PathError(f"{path!r} is no path of a file.") from None
    if not target.is_relative_to(here) or target == here:
        raise PathError(f"{path!r} is not below {here}, where Stepcue runs; give a path below it.")
    if any(part.startswith(".") for part in target.relative_to(here).parts):
        raise PathError(f"{path!r} is hidden; give a path whose parts do not begin with a dot.")
    if target.suffix not in _SUFFIXES[form]:
        raise PathError(f"A {form} file ends with {' or '.join(_SUFFIXES[form])}; {path!r} does not.")
    if target.exists() and not _is_ours(target):
        raise PathError(f"{path!r} is there already, and export_test did not write it; give another path.")
    return target


def _is_ours(target: Path) -> bool:
    try:
        with target.open("rb") as file:
            return MARK.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False
