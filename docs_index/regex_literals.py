"""The plain words inside a regular expression, to rank the pages that match it."""

from __future__ import annotations

import re

_CLASS = re.compile(r"\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]")
_BOTH_CASES = re.compile(r"\[([a-z])\1\]", re.IGNORECASE)
_ESCAPE = re.compile(r"\\[pP](?:\{[^}]*\}|.)|\\x\{[^}]*\}|\\x[0-9A-Fa-f]{2}|\\[a-zA-Z0-9]")
_FLAGS = re.compile(r"\(\?(?:P?<\w+>|[imsU-]*:|[imsU-]+\))")
_OPTIONAL = re.compile(r".(?:\?|\*|\{0?,?[^}]*\})\??")
_LITERAL_ESCAPE = re.compile(r"\\([^a-zA-Z0-9])")
_SYNTAX = re.compile(r"[()|^$+*?{}\\]")


def literals(pattern: str) -> str:
    """Return the literal words of `pattern`, separated by spaces; "" when it has none.

    It is a guess for ranking only: `step\\.(run|sleep)` gives "step.run sleep", `\\w+Error` gives "Error".
    """
    text = _CLASS.sub(" ", _BOTH_CASES.sub(r"\1", pattern))
    text = _ESCAPE.sub(" ", text)
    text = _FLAGS.sub("(", text)
    # A character that need not be there is no literal.
    text = _OPTIONAL.sub(" ", text)
    text = _LITERAL_ESCAPE.sub(r"\1", text)
    text = text.replace("(", "") if text.count("(") == text.count("|") == 1 else text
    return " ".join(_SYNTAX.sub(" ", text).split()).strip(" .")
