"""JSON schemas made small and plain: no titles, no nulls that only mean "may be left out"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_PLAIN_OBJECT: Final = {"type": "object"}


def tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without what no model needs: every conversation pays for it.

    Titles repeat the property's name; `anyOf: [X, null]` with a null default says "optional" a second
    time, and hosts that flatten schemas stumble over it. Absent means absent in our results as well. How
    long a text may be is far beyond what anybody sends; whoever does is told.
    """
    return {key: _tidy(value) for key, value in _without_null(schema).items() if not _is_noise(key, value)}


def short_output_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an output schema at its shortest: hosts do not show it to the model, but count its size.

    Descriptions go, references to plain objects become the objects, and lists of them plain lists.
    """
    short = _without_prose(tidy(schema))
    parts = short.get("$defs", {})
    plain = {f"#/$defs/{name}" for name, part in parts.items() if part == _PLAIN_OBJECT}
    inlined = _inlined(short, plain)
    inlined["$defs"] = {
        name: part for name, part in inlined.get("$defs", {}).items() if part != _PLAIN_OBJECT
    }
    return {key: value for key, value in inlined.items() if not (key == "$defs" and not value)}


def _inlined(schema: dict[str, Any], plain: set[str]) -> dict[str, Any]:
    if schema.get("$ref") in plain:
        return dict(_PLAIN_OBJECT)
    inlined = {key: _each(value, lambda node: _inlined(node, plain)) for key, value in schema.items()}
    if inlined.get("items") == _PLAIN_OBJECT:
        del inlined["items"]
    return inlined


def _without_prose(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _each(value, _without_prose)
        for key, value in schema.items()
        if not (key == "description" and isinstance(value, str))
    }


def _tidy(node: Any) -> Any:
    return _each(node, tidy)


def _each(node: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(node, dict):
        return change(node)
    if isinstance(node, list):
        return [_each(item, change) for item in node]
    return node


def _is_noise(key: str, value: object) -> bool:
    # A property named "title" has a schema, not a string, under this key.
    if isinstance(value, str):
        return key == "title"
    return (key, value) == ("additionalProperties", True) or (
        key in {"minLength", "maxLength"} and isinstance(value, int)
    )


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = schema.get("anyOf")
    kept = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    if not isinstance(choices, list):
        return kept
    solid = [choice for choice in choices if choice != {"type": "null"}]
    if len(solid) != 1 or len(solid) == len(choices):
        return kept
    del kept["anyOf"]
    return {**solid[0], **kept}
