"""How schemas are written down here: short names for the shapes that JSON Schema spells out."""

from __future__ import annotations

from typing import Any, Final

from durable_engine.model.json_value import JSONObject

ANY: Final[JSONObject] = {}
"""Whatever JSON there is."""
OBJECT: Final[JSONObject] = {"type": "object"}
BOOLEAN: Final[JSONObject] = {"type": "boolean"}
DATE: Final[JSONObject] = {"type": "string", "format": "date-time"}
ULID: Final[JSONObject] = {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$"}


def text(about: str = "", **more: Any) -> JSONObject:
    """Return the shape of a text; `more` are keywords of JSON Schema."""
    return _described({"type": "string", **more}, about)


def name(about: str = "", *, most: int = 512) -> JSONObject:
    """Return the shape of a text of 1 to `most` characters."""
    return text(about, minLength=1, maxLength=most)


def whole(about: str = "", **more: Any) -> JSONObject:
    """Return the shape of a whole number."""
    return _described({"type": "integer", **more}, about)


def one_of(*words: str, about: str = "") -> JSONObject:
    """Return the shape of a text that is one of these."""
    return _described({"type": "string", "enum": list(words)}, about)


def list_of(items: JSONObject, **more: Any) -> JSONObject:
    """Return the shape of a list."""
    return {"type": "array", "items": items, **more}


def maybe(shape: JSONObject) -> JSONObject:
    """Return the shape of something that may be null."""
    if "type" in shape and "enum" not in shape:
        return {**shape, "type": [shape["type"], "null"]}
    return {"anyOf": [shape, {"type": "null"}]}


def thing(
    fields: dict[str, JSONObject], *, optional: dict[str, JSONObject] | None = None, about: str = ""
) -> JSONObject:
    """Return the shape of an object with these fields, and with the optional ones where they have a value."""
    shape = {"type": "object", "properties": {**fields, **(optional or {})}}
    if fields:
        shape["required"] = list(fields)
    return _described(shape, about)


def ref(schema: str) -> JSONObject:
    """Return a reference to one of the named schemas."""
    return {"$ref": f"#/components/schemas/{schema}"}


def _described(shape: JSONObject, about: str) -> JSONObject:
    return {**shape, "description": about} if about else shape
