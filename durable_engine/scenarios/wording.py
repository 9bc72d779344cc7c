"""What is wrong with a test that somebody wrote, in words: the place, and what is allowed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError

_MOST: Final = 5
_MOST_CHARS: Final = 60
_WORDS: Final = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "list_type": "must be a list",
    "missing": "is required",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long: at most {max_length} characters are allowed",
    "too_short": "must have an entry",
    "too_long": "has too many entries: at most {max_length} are allowed",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def in_words(fault: ValidationError, allowed: Mapping[str, Sequence[str]]) -> str:
    """Say what is wrong, at the first few places.

    `allowed` are the fields of an object, by where it stands.
    """
    errors = fault.errors(include_url=False)
    words = [f"{_place(error['loc'])} {_sentence(error, allowed)}" for error in errors[:_MOST]]
    more = [f"and {len(errors) - _MOST} more"] if len(errors) > _MOST else []
    return "; ".join([*words, *more])


def _place(location: Sequence[int | str]) -> str:
    place = ""
    for part in location:
        text = str(part)[:_MOST_CHARS]
        place += f"[{text}]" if isinstance(part, int) else f".{text}" if place else text
    return place or "it"


def _sentence(error: Any, allowed: Mapping[str, Sequence[str]]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        fields = allowed.get(_owner(error["loc"]), ())
        near = _near(str(error["loc"][-1]), fields)
        return f"is no field here{near} Allowed: {', '.join(fields)}" if fields else f"is no field here{near}"
    if kind in {"enum", "literal_error"}:
        expected = str(context.get("expected", ""))
        near = _near(str(error["input"])[:_MOST_CHARS], [word.strip(" '") for word in _split(expected)])
        return f"must be {expected}{near}".rstrip(".")
    if kind in _WORDS:
        return _WORDS[kind].format(**context)
    return str(error["msg"]).removeprefix("Value error, ").rstrip(".")


def _split(words: str) -> list[str]:
    return words.replace(" or ", ", ").split(", ")


def _near(name: str, names: Sequence[str]) -> str:
    found = get_close_matches(name, names, n=1)
    return f". Did you mean {found[0]!r}?" if found else "."


def _owner(location: Sequence[int | str]) -> str:
    names = [part for part in location[:-1] if isinstance(part, str)]
    return "steps" if "steps" in names else names[-1] if names else ""
