"""A function's configuration in the words of API v2, from what the SDK sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from durable_engine.http_api.v2.envelope import compact
from durable_engine.model.function import DEFAULT_RETRIES, Function
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.sdk.function_config import fold

_SCOPES: Final[Mapping[str, str]] = {
    "": "FUNCTION",
    "fn": "FUNCTION",
    "env": "ENVIRONMENT",
    "account": "ACCOUNT",
}
_COPIED: Final[Mapping[str, tuple[str, ...]]] = {
    "throttle": ("limit", "period", "burst", "key"),
    "rateLimit": ("limit", "period", "key"),
    "debounce": ("period", "timeout", "key"),
    "singleton": ("mode", "key"),
    "priority": ("run",),
    "batchEvents": ("maxSize", "timeout", "key"),
    "timeouts": ("start", "finish"),
}
_IDEMPOTENCY_PERIOD: Final = "24h0m0s"


def as_configuration(function: Function) -> JSONObject:
    """Write what limits a function's runs; what the function does not configure is left out."""
    config = fold(function.config)
    shown: JSONObject = {
        "retries": {"value": function.retries, "isDefault": function.retries == DEFAULT_RETRIES},
        "concurrency": _concurrency(config.get("concurrency")),
        "cancelOn": [
            compact({"event": entry.event, "if": entry.expression, "timeout": entry.timeout})
            for entry in function.cancels
        ],
    }
    for name, fields in _COPIED.items():
        shown[name] = _copy(config.get(name.lower()), fields)
    idempotency = config.get("idempotency")
    if isinstance(idempotency, str) and idempotency:
        shown["rateLimit"] = {"limit": 1, "period": _IDEMPOTENCY_PERIOD, "key": idempotency}
    return compact(shown)


def _copy(value: JSONValue, fields: tuple[str, ...]) -> JSONObject | None:
    if not isinstance(value, dict):
        return None
    given = fold(value)
    return compact({field: given.get(field.lower()) for field in fields}) or None


def _concurrency(value: JSONValue) -> list[JSONObject]:
    """Return one entry a limit; SDKs send a number, an object or a list of objects."""
    entries = value if isinstance(value, list) else [value]
    limits: list[JSONObject] = []
    for entry in entries:
        given = fold(entry) if isinstance(entry, dict) else {"limit": entry}
        if given.get("limit") is None:
            continue
        scope = str(given.get("scope") or "").lower()
        limit = {"value": given["limit"], "isPlanLimit": False}
        limits.append(
            compact({"scope": _SCOPES.get(scope, scope.upper()), "limit": limit, "key": given.get("key")})
        )
    return limits
