"""What came back from calling an app: always a value, also when the app is down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.op import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Ops:
    """The function is not finished. `sdk_version` is the execution version the SDK chose, if it said."""

    ops: tuple[Op, ...]
    sdk_version: int | None = None
    retry_after_ms: int | None = None
    """Delay the SDK asked for before a step's next attempt; a date is already made relative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The function returned."""

    data: JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The call failed: the function raised, or the app could not be reached or understood.

    `error` has `name`, `message` and, where the app gave one, `stack`. `body` is the raw answer.
    """

    error: JSONObject
    is_retriable: bool = True
    retry_after_ms: int | None = None
    body: JSONValue = None


Reply: TypeAlias = Ops | Returned | Failed
