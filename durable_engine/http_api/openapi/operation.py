"""One operation of the HTTP API, as the tables hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from durable_engine.http_api.openapi.shapes import BOOLEAN, DATE, name, whole
from durable_engine.model.json_value import JSONObject


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or a header."""

    name: str
    schema: JSONObject
    about: str = ""
    place: str = "query"
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: what it means, its shape (None: no body), and its content type."""

    about: str
    schema: JSONObject | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is served at a method and path.

    `body` is the shape of the request's body, None where it is not read. `answers` are by status, without
    the refusals that follow from what the operation is; those of `refusals` have the form of its API.
    """

    method: str
    path: str
    summary: str
    tag: str
    answers: Mapping[int, Answer]
    refusals: Mapping[int, str] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    body: JSONObject | None = None
    body_is_required: bool = False


def limit(most: int, default: int) -> Parameter:
    """Return the parameter that bounds a page."""
    return Parameter("limit", whole(minimum=1, maximum=most, default=default), "entries of a page")


def flag(field_name: str, about: str) -> Parameter:
    """Return a parameter that is true or false."""
    return Parameter(field_name, {**BOOLEAN, "default": False}, about)


def moment(field_name: str, about: str) -> Parameter:
    """Return a parameter that is a date."""
    return Parameter(field_name, DATE, about)


def word(field_name: str, about: str) -> Parameter:
    """Return a parameter that is a text."""
    return Parameter(field_name, name(), about)


CURSOR: Final = word("cursor", "where the page before ended")
