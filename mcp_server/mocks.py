"""What a caller writes as the outcome of a mock, read into the engine's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp.server.mcpserver.exceptions import ToolError

from durable_engine import Fault, FaultKind, MockError, MockEvent, MockResult, MockTimeout, Outcome
from durable_engine.durations import parse_duration_ms
from durable_engine.errors import InvalidDurationError
from mcp_server.clean import as_json, one_line
from mcp_server.nearest import did_you_mean

FORMS: Final = (
    '{"result": any}, {"error": {"message", "name", "retriable": true}}, '
    '{"event": {"data", "name", "id", "ts"}}, {"timeout": true}, {"fault": kind, "delay": "1m"}'
)
_KINDS: Final = ("result", "error", "event", "timeout", "fault")
_ERROR_KEYS: Final = frozenset({"message", "name", "retriable", "data"})
_EVENT_KEYS: Final = frozenset({"data", "name", "id", "ts"})


def read_outcomes(outcomes: Sequence[Mapping[str, Any]]) -> tuple[Outcome, ...]:
    """Read outcomes, each an object with one of the keys result, error, event, timeout and fault.

    Raises:
        ToolError: one is something else; it is named, with what is allowed.
    """
    return tuple(_read(entry, place) for place, entry in enumerate(outcomes))


def _read(entry: Mapping[str, Any], place: int) -> Outcome:
    kinds = [kind for kind in _KINDS if kind in entry]
    extra = entry.keys() - {*kinds, *(("delay",) if kinds == ["fault"] else ())}
    if len(kinds) != 1 or extra:
        name = next(iter(sorted(extra)), "")
        near = did_you_mean(name, [*_KINDS, "delay"]) if extra else "."
        raise _refusal(place, f"is {one_line(as_json(dict(entry)), 100)}{near}")
    value = entry[kinds[0]]
    match kinds[0]:
        case "result":
            return MockResult(data=value)
        case "error":
            return _error(value, place)
        case "event":
            return _event(value, place)
        case "timeout":
            if value is not True:
                raise _refusal(place, "has a timeout that is not true.")
            return MockTimeout()
    return _fault(value, entry.get("delay"), place)


def _error(value: Any, place: int) -> MockError:
    given: dict[str, Any] = {"message": value} if isinstance(value, str) else value
    is_error = isinstance(given, dict) and given.keys() <= _ERROR_KEYS
    message, name = (given.get("message"), given.get("name", "")) if is_error else (None, None)
    is_retriable = given.get("retriable", True) if is_error else None
    if not (isinstance(message, str) and isinstance(name, str) and isinstance(is_retriable, bool)):
        raise _refusal(place, "has an error without a text as message, or with other keys.")
    return MockError(message=message, name=name or None, is_retriable=is_retriable, data=given.get("data"))


def _event(value: Any, place: int) -> MockEvent:
    is_event = isinstance(value, dict) and value.keys() <= _EVENT_KEYS
    if not is_event or not isinstance(value.get("data", {}), dict):
        raise _refusal(place, "has an event that is none; its payload belongs under data.")
    name, event_id, ts = value.get("name"), value.get("id"), value.get("ts")
    is_ts = ts is None or (isinstance(ts, int) and not isinstance(ts, bool))
    if not is_ts or not all(part is None or isinstance(part, str) for part in (name, event_id)):
        raise _refusal(place, "has an event whose name or id is no text, or whose ts is no number.")
    return MockEvent(data=value.get("data", {}), name=name, id=event_id, ts_ms=ts)


def _fault(value: Any, delay: Any, place: int) -> Fault:
    kinds = [kind.value for kind in FaultKind]
    if value not in kinds:
        near = did_you_mean(str(value)[:60], kinds)
        raise _refusal(place, f"has an unknown fault{near} Faults: {', '.join(kinds)}.")
    if delay is None:
        return Fault(kind=FaultKind(value))
    try:
        delay_ms = parse_duration_ms(delay) if isinstance(delay, str) else -1
    except InvalidDurationError:
        delay_ms = -1
    if delay_ms < 0:
        raise _refusal(place, 'has a delay that is no duration, such as "10m".')
    return Fault(kind=FaultKind(value), delay_ms=delay_ms)


def _refusal(place: int, what: str) -> ToolError:
    return ToolError(f"outcomes[{place}] {what} Allowed: {FORMS}.")
