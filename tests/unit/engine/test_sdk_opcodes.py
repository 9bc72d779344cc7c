"""Opcodes as the SDKs spell them, and as nobody should."""

from __future__ import annotations

from typing import Any

import pytest

from durable_engine.model.op import (
    Gateway,
    Invoke,
    RunReturned,
    Sleep,
    StepErrored,
    StepPlanned,
    StepRan,
    StepRef,
    Unsupported,
    WaitForEvent,
    WaitForSignal,
)
from durable_engine.model.status import StepKind
from durable_engine.sdk.opcodes import OpcodeError, memo_error, read_ops

HASH = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"
STEP = StepRef(id=HASH, name="a")


def _op(op: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "id": HASH, "userland": {"id": "a", "index": None}} | more


def _read(op: str, **more: Any) -> Any:
    (read,) = read_ops([_op(op, **more)])
    return read


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        # Python: opts null, userland.index null.
        (
            _op("StepRun", name="a", displayName="a", opts=None, data={"v": 1}),
            StepRan(step=STEP, data={"v": 1}),
        ),
        (_op("StepRun", data=None), StepRan(step=STEP, data=None)),
        (_op("StepRun"), StepRan(step=STEP, data=None)),
        (_op("Step", data=4), StepRan(step=STEP, data=4)),
        (
            _op("StepRun", data=1, opts={"type": "step.sendEvent", "input": [1, 2]}, timing={"a": 1, "b": 2}),
            StepRan(step=STEP, data=1, kind=StepKind.SEND_EVENT, input=[1, 2], duration_ms=0),
        ),
        (_op("StepRun", opts={"type": "step.ai.wrap"}), StepRan(step=STEP, data=None, kind=StepKind.AI)),
        (_op("StepRun", opts={"type": "group.experiment"}), StepRan(step=STEP, data=None)),
        (_op("StepRun", opts=[1], mode="x", rawArgs=[{}], hashedId="y"), StepRan(step=STEP, data=None)),
        (
            _op("StepError", error={"name": "E", "message": "m"}, timing={"a": 1, "b": 3_000_000}),
            StepErrored(step=STEP, error={"name": "E", "message": "m"}, is_final=False, duration_ms=3),
        ),
        (_op("StepPlanned", name="a"), StepPlanned(step=STEP)),
        # Sleep: Python and TypeScript write the end into the name, Go into the options.
        (_op("Sleep", name="2026-11-21T07:42:57.613Z"), Sleep(step=STEP, until="2026-11-21T07:42:57.613Z")),
        (_op("Sleep", name="1d2h", opts={}), Sleep(step=STEP, until="1d2h")),
        (_op("Sleep", name="a", opts={"duration": "90s"}), Sleep(step=STEP, until="90s")),
        (_op("Sleep", name="", opts=None), Sleep(step=STEP, until="")),
        # WaitForEvent: likewise.
        (
            _op("WaitForEvent", name="t/resume", opts={"if": None, "timeout": "1m"}),
            WaitForEvent(step=STEP, event_name="t/resume", expression=None, timeout="1m"),
        ),
        (
            _op(
                "WaitForEvent", name="label", opts={"event": "t/resume", "if": "async.data.x", "timeout": ""}
            ),
            WaitForEvent(step=STEP, event_name="t/resume", expression="async.data.x", timeout=""),
        ),
        (
            _op("WaitForEvent", name="t/resume", opts={"if": ""}),
            WaitForEvent(step=STEP, event_name="t/resume", expression=None, timeout=None),
        ),
        (
            _op(
                "InvokeFunction",
                opts={
                    "function_id": "app-fn",
                    "payload": {"data": {"k": 1}, "user": {"u": 2}, "v": None},
                    "timeout": None,
                },
            ),
            Invoke(step=STEP, function="app-fn", data={"k": 1}, user={"u": 2}, timeout=None),
        ),
        (
            _op(
                "InvokeFunction", opts={"function_id": "app-fn", "payload": {"data": None}, "timeout": "30s"}
            ),
            Invoke(step=STEP, function="app-fn", data={}, user={}, timeout="30s"),
        ),
        (_op("InvokeFunction", opts=None), Invoke(step=STEP, function="", data={}, user={}, timeout=None)),
        ({"op": "RunComplete", "id": "0737c22d", "data": [1]}, RunReturned(data=[1])),
        ({"op": "RunComplete"}, RunReturned(data=None)),
        (_op("StepRun", timing={"a": 1, "b": 2_500_000}), StepRan(step=STEP, data=None, duration_ms=2)),
        (_op("StepRun", timing={"a": 1, "b": "x"}), StepRan(step=STEP, data=None)),
        (_op("StepRun", timing={"a": 1, "b": -1}), StepRan(step=STEP, data=None)),
        # WaitForSignal, as TypeScript writes it; without `conflict` a second waiter fails.
        (
            _op("WaitForSignal", name="s", opts={"signal": "s", "timeout": "20s", "conflict": "replace"}),
            WaitForSignal(step=STEP, signal="s", timeout="20s", replaces=True),
        ),
        (
            _op("WaitForSignal", opts={"signal": "s"}),
            WaitForSignal(step=STEP, signal="s", timeout=None),
        ),
        (_op("Teleport"), Unsupported(step=STEP, opcode="Teleport")),
        (
            _op("Gateway", opts={"url": "http://x/", "method": "GET", "headers": {}}),
            Gateway(
                step=STEP,
                kind=StepKind.FETCH,
                request={"url": "http://x/", "method": "GET", "headers": {}},
            ),
        ),
        (_op("Gateway", opts=None), Gateway(step=STEP, kind=StepKind.FETCH, request={})),
        (
            _op("AIGateway", opts={"type": "step.ai.infer", "auth_key": "k"}),
            Gateway(
                step=STEP,
                kind=StepKind.AI_GATEWAY,
                request={"type": "step.ai.infer", "auth_key": "k"},
            ),
        ),
    ],
)
def test_each_opcode_is_read_in_every_sdks_spelling(entry: dict[str, Any], expected: object) -> None:
    assert read_ops([entry]) == (expected,)
    assert read_ops(entry) == (expected,)


@pytest.mark.parametrize("spelling", ["steprun", "STEPRUN", "StepRun", "stepRun"])
def test_opcodes_compare_without_case(spelling: str) -> None:
    assert _read(spelling, data=1) == StepRan(step=STEP, data=1)


@pytest.mark.parametrize(
    ("more", "name", "index"),
    [
        ({"userland": {"id": "dup", "index": 1}}, "dup", 1),
        ({"userland": {"id": "dup", "index": "2"}}, "dup", 2),
        ({"userland": {"id": "dup", "index": None}}, "dup", 0),
        ({"userland": {"id": "dup"}}, "dup", 0),
        ({"userland": {"id": "dup", "index": "many"}}, "dup", 0),
        ({"userland": {"id": "dup", "index": [1]}}, "dup", 0),
        ({"userland": None, "displayName": "shown", "name": "n"}, "shown", 0),
        ({"userland": [], "displayName": None, "name": "n"}, "n", 0),
        ({"userland": {}, "name": 7}, "7", 0),
        ({"userland": {}}, HASH, 0),
    ],
)
def test_a_step_is_named_as_its_user_wrote_it(more: dict[str, Any], name: str, index: int) -> None:
    assert _read("StepPlanned", **more).step == StepRef(id=HASH, name=name, index=index)


def test_ops_keep_their_order_and_none_ones_vanish() -> None:
    ops = read_ops([_op("None"), _op("StepRun", data=1), {"op": "none"}, _op("Sleep", name="1s")])
    assert [type(op) for op in ops] == [StepRan, Sleep]
    assert read_ops([]) == ()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "NoneType"),
        ("text", "str"),
        (5, "int"),
        ([None], "opcode object, got NoneType"),
        ([[]], "opcode object, got list"),
        ([{}], "no `op`"),
        ([{"op": 5}], "no `op`"),
        ([{"op": None, "id": "x"}], "no `op`"),
        ([{"op": "StepRun"}], "no `id`"),
        ([{"op": "StepRun", "id": ""}], "no `id`"),
        ([{"op": "StepRun", "id": 5}], "no `id`"),
        ([_op("WaitForEvent", opts={"timeout": "1m"})], "names no event"),
    ],
)
def test_a_malformed_answer_is_refused_with_what_is_wrong(body: Any, words: str) -> None:
    with pytest.raises(OpcodeError, match=words):
        read_ops(body)


@pytest.mark.parametrize(("op", "is_final"), [("StepError", False), ("StepFailed", True)])
def test_a_step_error_keeps_what_a_memo_may_hold(op: str, is_final: bool) -> None:  # noqa: FBT001
    error = {"name": "ValueError", "message": "boom", "stack": "s", "cause": {"name": "E"}, "code": "x"}
    kept = {key: value for key, value in error.items() if key != "code"}
    # TypeScript puts the error of a StepFailed into `data` too.
    assert _read(op, error=error, data=error) == StepErrored(step=STEP, error=kept, is_final=is_final)


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        ({"message": "m"}, "Error", "m"),
        ({"name": None, "message": None}, "Error", ""),
        ({"name": "", "message": "m"}, "Error", "m"),
        ({"name": 5, "message": ["m"]}, "5", "['m']"),
        ("only text", "Error", "only text"),
        (["x"], "Error", "['x']"),
        (None, "Error", "Unknown error"),
        ("", "Error", "Unknown error"),
        ({}, "Error", ""),
    ],
)
def test_an_error_memo_always_has_a_name_or_sdks_read_it_as_data(error: Any, name: str, message: str) -> None:
    memo = memo_error(error)
    assert (memo["name"], memo["message"]) == (name, message)
    assert _read("StepFailed", error=error).error == memo
