"""Text and values from users' code, made safe to put on the wire."""

from __future__ import annotations

import json
from typing import Any

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), default=lambda item: type(item).__name__
).encode
"""Made once: an answer has dozens of small values, and making an encoder costs more than they do."""
MAX_DEPTH = 40
"""Deeper values become JSON text: parsers of MCP clients give up at some 200 levels."""


def clean_text(text: str) -> str:
    """Return the text with lone surrogates replaced, so that UTF-8 can encode it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def one_line(text: str, limit: int = 200) -> str:
    """Return the text on one line, without control characters, cut to `limit` characters."""
    flat = " ".join(
        "".join(char if char.isprintable() else " " for char in clean_text(text[: limit * 4])).split()
    )
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def quoted_step(name: str, index: int) -> str:
    """Return a step's name as sentences show it: `'charge'`, `'charge'[1]` for a repeat."""
    return repr(one_line(name, 80)) + (f"[{index}]" if index else "")


def flat(text: str) -> str:
    """Return the text with a space for each character that is not printable: line ends, controls, bidi marks.

    Spaces stay as they are, so that JSON within it keeps its meaning.
    """
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def as_one_line_json(value: Any) -> str:
    """Return compact JSON text in which everything that is not printable is escaped, U+2028 and bidi too."""
    text = as_json(value)
    return text if text.isprintable() else "".join(map(_escaped, text))


def in_json(text: str, limit: int = 256) -> str:
    """Return a name as an argument of a call in a sentence: in JSON quotes on one line, cut if it is long."""
    return as_one_line_json(text if len(text) <= limit else one_line(text, limit))


def _escaped(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]


def clean(value: Any, *, depth: int = MAX_DEPTH) -> Any:
    """Return a JSON value that every client can read: valid Unicode, not nested too deeply."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict | list | tuple) and depth == 0:
        return as_json(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): clean(item, depth=depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item, depth=depth - 1) for item in value]
    return value


def as_json(value: Any) -> str:
    """Return compact JSON text of any value; what is not JSON is shown by its type's name."""
    try:
        return clean_text(_encode(value))
    except RecursionError:
        return "[nested too deeply to show]"
