"""Check an event that somebody sends, before anything of it is stored.

Source: rules of the Inngest event API as observed (`POST /e/{key}`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from durable_engine.defaults import MAX_EVENT_BYTES
from durable_engine.errors import InvalidEventError
from durable_engine.ids import new_ulid, seeded_ulid
from durable_engine.model.event import INTERNAL_PREFIX, Event, NewEvent
from durable_engine.model.json_value import MAX_DEPTH, is_storable, is_too_deep, to_json

MAX_NAME_CHARS: Final = 256
MAX_ID_CHARS: Final = 512
MAX_EVENTS: Final = 5_000
MIN_TS_MS: Final = 315_532_800_000  # 1980-01-01
MAX_TS_MS: Final = 4_102_444_800_000  # 2100-01-01


def read_event(raw: object) -> NewEvent:
    """Read one event as JSON gave it; keys that an event does not have are ignored.

    Raises:
        InvalidEventError: one sentence that names the field and what is allowed.
    """
    if not isinstance(raw, Mapping):
        raise InvalidEventError("Request body must contain an event object or an array of event objects")
    return NewEvent(
        name=_name(raw.get("name")),
        data=_data(raw.get("data")),
        user=_object(raw.get("user"), "user"),
        id=_optional_text(raw.get("id"), "id"),
        ts_ms=_timestamp(raw.get("ts")),
        v=_optional_text(raw.get("v"), "v"),
    )


def accept(
    event: NewEvent,
    *,
    now_ms: int,
    seed: str | None = None,
    position: int = 0,
    max_bytes: int | None = MAX_EVENT_BYTES,
) -> Event:
    """Turn a checked event into an accepted one, with the engine's id.

    `position` is the event's place (from 0) in a request that carried `seed`. Without `max_bytes` its size is
    known to be right.

    Raises:
        InvalidEventError: a rule that `read_event` checks, or the event is over `max_bytes` as JSON.
    """
    event = read_event(
        {
            "name": event.name,
            "data": event.data,
            "user": event.user,
            "id": event.id,
            "ts": event.ts_ms,
            "v": event.v,
        }
    )
    event_id = new_ulid(now_ms) if seed is None else seeded_ulid(seed, position, now_ms=now_ms)
    accepted = as_accepted(event, event_id, now_ms=now_ms)
    if max_bytes is not None:
        _check_size(accepted, max_bytes)
    return accepted


def as_accepted(event: NewEvent, event_id: str, *, now_ms: int) -> Event:
    """Return a checked event as a server has it that took it at `now_ms` under the id `event_id`."""
    return Event(
        id=event_id,
        public_id=event.id or event_id,
        name=event.name,
        data=event.data,
        user=event.user,
        ts_ms=event.ts_ms or now_ms,
        received_ms=now_ms,
        v=event.v,
    )


def _check_size(accepted: Event, max_bytes: int) -> None:
    try:
        text = to_json(accepted.as_payload())
    except (TypeError, ValueError, RecursionError):
        raise InvalidEventError("The event cannot be written as JSON.") from None
    if is_too_deep(text):
        raise InvalidEventError(f"The event is nested too deeply: at most {MAX_DEPTH} levels are allowed.")
    size = len(text.encode())
    if size > max_bytes:
        raise InvalidEventError(
            f"Event is over the max size: Max {max_bytes} bytes / Size {size} bytes",
            hint="Send a reference to large data instead of the data"
            + (", or start Stepcue with a larger --max-event-size." if max_bytes < MAX_EVENT_BYTES else "."),
        )


def _name(value: object) -> str:
    value = _valid_text(value, "name")
    if not isinstance(value, str) or not value.strip():
        raise InvalidEventError(
            "event name is empty", hint="Give the event a `name`, like shop/order.created."
        )
    if value.lower().startswith(INTERNAL_PREFIX):
        raise InvalidEventError(f"event name is reserved for internal use: {value[:MAX_NAME_CHARS]}")
    if len(value) > MAX_NAME_CHARS:
        raise InvalidEventError(
            f"event name is {len(value)} characters long; at most {MAX_NAME_CHARS} are allowed"
        )
    return value


def _valid_text(value: object, field: str) -> object:
    if isinstance(value, str) and not is_storable(value):
        raise InvalidEventError(f"event {field} is not valid Unicode: it has half of a surrogate pair")
    return value


def _data(value: object) -> dict[str, Any]:
    # `_inngest` is the engine's own key inside internal events.
    return {key: item for key, item in _object(value, "data").items() if key != "_inngest"}


def _object(value: object, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidEventError(f"event {field} must be an object, not {_json_type(value)}")
    return dict(value)


def _optional_text(value: object, field: str) -> str | None:
    if value is None or value == "":
        return None
    value = _valid_text(value, field)
    if not isinstance(value, str):
        raise InvalidEventError(f"event {field} must be a string, not {_json_type(value)}")
    if len(value) > MAX_ID_CHARS:
        raise InvalidEventError(f"event {field} is longer than {MAX_ID_CHARS} characters")
    return value


def _timestamp(value: object) -> int | None:
    if value is None or value == 0:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEventError(
            f"event ts must be a whole number of milliseconds since 1970, not {_json_type(value)}"
        )
    if value < MIN_TS_MS:
        raise InvalidEventError("timestamp is before Jan 1, 1980: ts is in milliseconds")
    if value > MAX_TS_MS:
        raise InvalidEventError("timestamp is after Jan 1, 2100")
    return value


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a string" if isinstance(value, str) else "an array"
