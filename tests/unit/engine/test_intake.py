"""Events at the door."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError
from scripted_app import App, engine_for

from durable_engine import Engine, EngineConfig, NewEvent
from durable_engine.defaults import LEAST_EVENT_BYTES, MAX_EVENT_BYTES
from durable_engine.errors import InvalidEventError
from durable_engine.ids import is_ulid, seeded_ulid
from durable_engine.intake import (
    MAX_ID_CHARS,
    MAX_NAME_CHARS,
    MAX_TS_MS,
    MIN_TS_MS,
    accept,
    read_event,
)

NOW_MS = 1_800_000_000_000
SEED = "1795246975852,AAECAwQFBgcICQ=="


def test_an_event_needs_only_a_name() -> None:
    event = accept(NewEvent(name="a/b"), now_ms=NOW_MS)
    assert is_ulid(event.id)
    assert event.public_id == event.id
    assert (event.ts_ms, event.received_ms) == (NOW_MS, NOW_MS)
    assert event.as_payload() == {"data": {}, "id": event.id, "name": "a/b", "ts": NOW_MS, "user": {}}


def test_the_senders_id_is_what_functions_see_and_the_engines_stays_its_own() -> None:
    event = accept(NewEvent(name="a", id="order-1", v="2"), now_ms=NOW_MS)
    assert event.public_id == "order-1"
    assert is_ulid(event.id)
    assert event.as_payload()["id"] == "order-1"
    assert event.as_payload()["v"] == "2"


def test_a_seed_and_a_position_make_the_id() -> None:
    event = accept(NewEvent(name="a", id="mine"), now_ms=NOW_MS, seed=SEED, position=3)
    assert event.id == seeded_ulid(SEED, 3, now_ms=NOW_MS)
    assert event.public_id == "mine"


def test_the_engines_own_key_is_taken_out_of_the_data_and_unknown_keys_are_ignored() -> None:
    raw = {"name": "a", "data": {"_inngest": {"x": 1}, "k": {"_inngest": 1}}, "meta": {}, "x": 1}
    assert read_event(raw).data == {"k": {"_inngest": 1}}


@pytest.mark.parametrize("empty", [None, {}, "missing"])
def test_data_and_user_may_be_absent_null_or_empty(empty: Any) -> None:
    raw: dict[str, Any] = {"name": "a"}
    if empty != "missing":
        raw |= {"data": empty, "user": empty}
    event = read_event(raw)
    assert (event.data, event.user) == ({}, {})


@pytest.mark.parametrize("ts", [None, 0, MIN_TS_MS, NOW_MS, MAX_TS_MS])
def test_a_timestamp_is_whole_milliseconds_between_1980_and_2100(ts: int | None) -> None:
    assert accept(NewEvent(name="a", ts_ms=ts), now_ms=NOW_MS).ts_ms == (ts or NOW_MS)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "event object"),
        ([], "event object"),
        ("a", "event object"),
        ({}, "name is empty"),
        ({"name": None}, "name is empty"),
        ({"name": ["a"]}, "name is empty"),
        ({"name": "\t\n"}, "name is empty"),
        ({"name": "inngest/x"}, "reserved for internal use"),
        ({"name": "INNGEST/x"}, "reserved for internal use"),
        ({"name": "n" * (MAX_NAME_CHARS + 1)}, "at most 256"),
        ({"name": "a", "data": "x"}, "data must be an object, not a string"),
        ({"name": "a", "data": [1]}, "data must be an object, not an array"),
        ({"name": "a", "data": False}, "data must be an object, not a boolean"),
        ({"name": "a", "user": 1.5}, "user must be an object, not a number"),
        ({"name": "a", "id": 5}, "id must be a string, not a number"),
        ({"name": "a", "id": "i" * (MAX_ID_CHARS + 1)}, "id is longer than"),
        ({"name": "a", "v": {}}, "v must be a string"),
        ({"name": "a", "ts": "1"}, "whole number of milliseconds"),
        ({"name": "a", "ts": 1e12}, "whole number of milliseconds"),
        ({"name": "a", "ts": True}, "not a boolean"),
        ({"name": "a", "ts": -1}, "before Jan 1, 1980"),
        ({"name": "a", "ts": MIN_TS_MS - 1}, "before Jan 1, 1980"),
        ({"name": "a", "ts": MAX_TS_MS + 1}, "after Jan 1, 2100"),
    ],
)
def test_a_bad_event_is_refused_and_the_sentence_names_the_field(raw: Any, words: str) -> None:
    with pytest.raises(InvalidEventError, match=words):
        read_event(raw)


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, object(), b"bytes"])
def test_data_that_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(InvalidEventError, match="cannot be written as JSON"):
        accept(NewEvent(name="a", data={"x": value}), now_ms=NOW_MS)


def test_data_nested_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"d": deep}
    with pytest.raises(InvalidEventError, match="cannot be written as JSON"):
        accept(NewEvent(name="a", data=deep), now_ms=NOW_MS)


def test_the_size_limit_counts_the_bytes_of_the_event_as_functions_see_it() -> None:
    empty = accept(NewEvent(name="a", data={"x": ""}, id="i"), now_ms=NOW_MS)
    room = MAX_EVENT_BYTES - len(str(empty.as_payload()).replace(" ", ""))
    fits = NewEvent(name="a", data={"x": "é" * (room // 2)}, id="i")
    assert accept(fits, now_ms=NOW_MS).data["x"].startswith("é")
    too_large = NewEvent(name="a", data={"x": "é" * (room // 2 + 1)}, id="i")
    with pytest.raises(InvalidEventError, match=f"Max {MAX_EVENT_BYTES} bytes / Size"):
        accept(too_large, now_ms=NOW_MS)


def test_a_smaller_limit_can_be_set_and_the_refusal_names_it() -> None:
    data = {"x": "y" * LEAST_EVENT_BYTES}
    with pytest.raises(InvalidEventError, match=f"Max {LEAST_EVENT_BYTES} bytes / Size") as refused:
        accept(NewEvent(name="a", data=data), now_ms=NOW_MS, max_bytes=LEAST_EVENT_BYTES)
    assert "--max-event-size" in refused.value.hint
    with pytest.raises(InvalidEventError) as refused:
        accept(NewEvent(name="a", data={"x": "y" * MAX_EVENT_BYTES}), now_ms=NOW_MS)
    assert "--max-event-size" not in refused.value.hint


async def _accepts(engine: Engine, size: int) -> bool:
    try:
        await engine.send_event(NewEvent(name="a", data={"x": "y" * size}))
    except InvalidEventError:
        return False
    return True


@pytest.mark.anyio
async def test_the_engine_takes_events_up_to_its_limit_and_inputs_of_invoked_functions_too() -> None:
    config = EngineConfig(max_event_bytes=LEAST_EVENT_BYTES)
    async with engine_for(App(), config=config) as engine:
        assert await _accepts(engine, LEAST_EVENT_BYTES - 200)
        assert not await _accepts(engine, LEAST_EVENT_BYTES)
        with pytest.raises(InvalidEventError, match=str(LEAST_EVENT_BYTES)):
            await engine.invoke_function("job", data={"x": "y" * LEAST_EVENT_BYTES})
    async with engine_for(App()) as engine:
        assert await _accepts(engine, MAX_EVENT_BYTES - 200)
        assert not await _accepts(engine, MAX_EVENT_BYTES)


@pytest.mark.parametrize("size", [0, LEAST_EVENT_BYTES - 1, MAX_EVENT_BYTES + 1, -1])
def test_a_limit_out_of_bounds_is_refused(size: int) -> None:
    with pytest.raises(ValidationError):
        EngineConfig(max_event_bytes=size)
