"""Whatever an app answers, its run ends or waits for what can come, and nothing of the engine breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from support.doors import SDK, Doors, doors, stride
from support.nasty import BODIES, spoiled, written

pytestmark = pytest.mark.anyio
STEP: Final = {"id": "h1", "userland": {"id": "a", "index": 0}, "displayName": "d", "name": "n"}
ERROR: Final = {"name": "E", "message": "m", "stack": "s", "data": 1, "cause": {"name": "c", "message": "d"}}
URL: Final = "http://127.0.0.1:1/x"
OPCODES: Final[tuple[dict[str, Any], ...]] = (
    {**STEP, "op": "StepRun", "data": {"a": 1}, "opts": {"type": "step.ai.wrap"}, "timing": {"a": 1, "b": 2}},
    {**STEP, "op": "StepError", "error": ERROR},
    {**STEP, "op": "StepPlanned", "opts": {"input": [1], "parallelMode": "race"}},
    {**STEP, "op": "Sleep", "name": "1d", "opts": {"duration": "1d"}},
    {
        **STEP,
        "op": "WaitForEvent",
        "opts": {"event": "a/b", "if": "event.data.a == async.data.a", "timeout": "1d"},
    },
    {**STEP, "op": "WaitForSignal", "opts": {"signal": "s", "timeout": "1d", "conflict": "replace"}},
    {
        **STEP,
        "op": "InvokeFunction",
        "opts": {"function_id": "lab-other", "payload": {"data": {"a": 1}, "v": "1"}, "timeout": "1d"},
    },
    {**STEP, "op": "Gateway", "opts": {"url": URL, "method": "POST", "headers": {"a": "b"}, "body": "x"}},
    {
        **STEP,
        "op": "AIGateway",
        "opts": {
            "type": "step.ai.infer",
            "url": URL,
            "auth_key": "k",
            "format": "openai-chat",
            "body": {"a": 1},
        },
    },
    {**STEP, "op": "RunComplete", "data": {"a": 1}},
)
NUMBERS: Final = ("9" * 40, "-1", "9" * 5_000, "1e400", "inf", "nan", "x", "", "2.5")
DATES: Final = ("Wed, 21 Oct 9999 07:28:00 GMT", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00")
HEADERS: Final = (
    *({"x-inngest-req-version": number} for number in NUMBERS),
    *({"retry-after": text} for text in (*NUMBERS, *DATES)),
    {"x-inngest-no-retry": "x" * 100_000},
    {"content-encoding": "zstd, br, deflate, gzip, " * 50},
    {"content-encoding": "gzip"},
    {"location": "http://[::1"},
)


@pytest.fixture(scope="module")
async def it() -> AsyncIterator[Doors]:
    async with doors() as opened:
        yield opened


async def _answered(it: Doors, answer: httpx.Response, about: object) -> None:
    """Let a run get this answer; what is left of the run is cancelled."""
    it.app.answer = answer
    run = await it.run()
    error = run.error or (run.failures[0].error if run.failures else {})
    assert error.get("name") != "InternalEngineError", about
    assert "set_int_max_str_digits" not in str(error), about
    assert it.faults.found == [], about
    if not run.status.is_terminal:
        await it.engine.control.cancel(run.id)


@pytest.mark.parametrize("opcode", OPCODES, ids=[opcode["op"] for opcode in OPCODES])
async def test_an_opcode_with_something_nasty_anywhere_harms_nobody(
    it: Doors, opcode: dict[str, Any]
) -> None:
    for body in spoiled([opcode], every=stride(47)):
        content = written(body)
        await _answered(it, httpx.Response(206, content=content, headers=SDK), content[:300])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"a": 1}),
        (201, {"status": 206, "headers": {"a": "b"}, "body": "[]"}),
        (500, ERROR),
    ],
)
async def test_a_result_or_an_error_with_something_nasty_anywhere_harms_nobody(
    it: Doors, status: int, body: Any
) -> None:
    for spoiled_body in spoiled(body, every=stride(29)):
        content = written(spoiled_body)
        await _answered(it, httpx.Response(status, content=content, headers=SDK), content[:300])


@pytest.mark.parametrize("status", [100, 200, 201, 204, 206, 304, 400, 401, 500, 999])
async def test_whole_bodies_that_are_no_answer_harm_nobody(it: Doors, status: int) -> None:
    for content in BODIES[:: stride(3)]:
        await _answered(it, httpx.Response(status, content=content, headers=SDK), content[:300])


@pytest.mark.parametrize("status", [200, 206, 307, 500])
async def test_headers_of_every_kind_harm_nobody(it: Doors, status: int) -> None:
    ops = b'[{"op": "StepError", "id": "h", "error": {"name": "a", "message": "b"}}]'
    for headers in HEADERS:
        # A stream, because the text of a response that is whole would be decompressed here.
        answer = httpx.Response(status, stream=httpx.ByteStream(ops), headers={**SDK, **headers})
        await _answered(it, answer, headers)


async def test_a_huge_version_of_the_protocol_is_as_good_as_none(it: Doors) -> None:
    headers = {**SDK, "x-inngest-req-version": str(2**63)}
    it.app.answer = httpx.Response(206, json=[{**STEP, "op": "Sleep", "name": "1d"}], headers=headers)
    run = await it.run()
    assert [step.name for step in run.steps] == ["a"]
    await it.engine.control.cancel(run.id)
