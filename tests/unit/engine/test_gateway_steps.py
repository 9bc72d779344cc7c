"""A gateway step as the engine sees it: one reply with one op."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from durable_engine.gateway.client import GatewayClient
from durable_engine.gateway.faults import MAX_BODY_BYTES
from durable_engine.model.op import StepErrored, StepRan, StepRef
from durable_engine.model.reply import Ops
from durable_engine.model.status import StepKind

pytestmark = pytest.mark.anyio

NOW_MS = 1_795_246_975_000
STEP = StepRef(id="86f7", name="ask")
FETCH = {"url": "https://h/x?token=t0ken", "method": "GET", "headers": {}}
INFER = {
    "type": "step.ai.infer",
    "url": "https://h/v1/chat/completions",
    "auth_key": "sk-test",
    "format": "openai-chat",
    "body": {"model": "m-1"},
}


async def _perform(kind: StepKind, response: httpx.Response, opts: dict[str, Any] | None = None) -> Ops:
    client = GatewayClient(httpx.MockTransport(lambda _: response))
    opts = (INFER if kind is StepKind.AI_GATEWAY else FETCH) if opts is None else opts
    reply = await client.perform(STEP, kind, opts, now=lambda: NOW_MS)
    assert isinstance(reply, Ops)
    assert reply.sdk_version is None
    return reply


async def _data(kind: StepKind, response: httpx.Response) -> Any:
    reply = await _perform(kind, response)
    (op,) = reply.ops
    assert op == StepRan(step=STEP, data=getattr(op, "data", None), kind=kind)
    return op.data


async def _error(kind: StepKind, response: httpx.Response, opts: dict[str, Any] | None = None) -> StepErrored:
    (op,) = (await _perform(kind, response, opts)).ops
    assert isinstance(op, StepErrored)
    assert (op.step, op.kind) == (STEP, kind)
    return op


@pytest.mark.parametrize("status", [200, 201, 404, 500])
async def test_a_fetch_returns_what_javascript_makes_a_response_of(status: int) -> None:
    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    assert await _data(StepKind.FETCH, httpx.Response(status, headers=headers, text="body")) == {
        "url": "https://h/x?token=t0ken",
        "headers": {"content-type": "text/plain", "set-cookie": "a=1, b=2", "content-length": "4"},
        "body": "body",
        "status_code": status,
    }


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_body_is_null_where_javascript_refuses_even_an_empty_one(status: int) -> None:
    assert (await _data(StepKind.FETCH, httpx.Response(status)))["body"] is None


async def test_an_empty_body_is_empty_text() -> None:
    assert (await _data(StepKind.FETCH, httpx.Response(200)))["body"] == ""


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ("grüße".encode(), "text/plain", "grüße"),
        ("grüße".encode("latin-1"), "text/plain; charset=iso-8859-1", "grüße"),
        ("日本".encode("shift_jis"), 'text/html; charset="Shift_JIS"', "日本"),
        ("a".encode("utf-16"), "text/plain; charset=utf-16", "a"),
        (b"\xffa\x00", "image/png", "\ufffda\x00"),
        ("ü".encode(), "text/plain; charset=klingon", "ü"),
        (b"aGk=", "text/plain; charset=base64", "aGk="),
        (b"xn--a", "text/plain; charset=punycode", "xn--a"),
        (b"\\ud800", "text/plain; charset=unicode_escape", "\\ud800"),
        (b"\\ud800", "text/plain; charset=raw_unicode_escape", "\\ud800"),
        (b"+2AA-", "text/plain; charset=utf-7", "+2AA-"),
        (b"x", "text/plain; charset=undefined", "x"),
        (b"x", "text/plain; charset=", "x"),
    ],
)
async def test_bodies_are_decoded_by_their_charset(content: bytes, content_type: str, text: str) -> None:
    response = httpx.Response(200, headers={"content-type": content_type}, content=content)
    assert (await _data(StepKind.FETCH, response))["body"] == text


async def test_header_values_are_latin_1_which_javascript_insists_on() -> None:
    response = httpx.Response(200, headers=[(b"X-A", "ę".encode())])
    assert (await _data(StepKind.FETCH, response))["headers"]["x-a"] == "Ä\x99"


@pytest.mark.parametrize(
    ("status", "content", "data"),
    [
        (200, b'{"choices":[{"a":1.0}]}', {"choices": [{"a": 1.0}]}),
        (299, b"[1]", [1]),
        (200, b"\xef\xbb\xbf{}", {}),
        (200, b"data: {}\n\n", "data: {}\n\n"),
        (200, b"NaN", "NaN"),
        (200, b"[" * 100_000, "[" * 100_000),
        (200, b" ", None),
        (204, b"", None),
    ],
)
async def test_a_models_answer_is_its_json_or_else_its_text(status: int, content: bytes, data: Any) -> None:
    assert await _data(StepKind.AI_GATEWAY, httpx.Response(status, content=content)) == data


@pytest.mark.parametrize("status", [300, 400, 401, 404, 429, 500, 529])
async def test_a_models_error_is_tried_again_and_quoted_without_the_key(status: int) -> None:
    text = '{"error":\n  "Incorrect API key: sk-test. ' + "x" * 600
    op = await _error(StepKind.AI_GATEWAY, httpx.Response(status, text=text))
    assert not op.is_final
    assert op.error["name"] == "AIGatewayError"
    assert op.error["message"].startswith(
        f'https://h answered HTTP {status}: {{"error": "Incorrect API key: [redacted]. xxx'
    )
    assert op.error["message"].endswith("x…")
    assert len(op.error["message"]) < 540


async def test_a_models_error_without_a_text_says_so() -> None:
    op = await _error(StepKind.AI_GATEWAY, httpx.Response(502))
    assert op.error == {
        "name": "AIGatewayError",
        "message": "https://h answered HTTP 502: (empty)",
        "data": None,
    }


@pytest.mark.parametrize(
    ("value", "delay_ms"),
    [
        ("7", 7_000),
        ("0", 1_000),
        (format_datetime(datetime.fromtimestamp(NOW_MS / 1_000 + 9, UTC), usegmt=True), 9_000),
        ("soon", None),
    ],
)
async def test_a_model_says_when_to_ask_again(value: str, delay_ms: int | None) -> None:
    reply = await _perform(StepKind.AI_GATEWAY, httpx.Response(429, headers={"Retry-After": value}))
    assert reply.retry_after_ms == delay_ms


@pytest.mark.parametrize(
    ("kind", "name"), [(StepKind.FETCH, "GatewayError"), (StepKind.AI_GATEWAY, "AIGatewayError")]
)
async def test_a_request_that_cannot_be_sent_fails_the_step_for_good(kind: StepKind, name: str) -> None:
    op = await _error(kind, httpx.Response(200), {"url": "/relative?key=sk-test", "auth_key": "sk-test"})
    assert op.is_final
    assert op.error["name"] == name
    assert op.error["message"].startswith("The request of step 'ask' cannot be sent: ")
    assert op.error["message"].endswith(".")
    assert "sk-test" not in str(op.error)


async def test_no_answer_at_all_is_tried_again() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("lost t0ken")

    reply = await GatewayClient(httpx.MockTransport(refuse)).perform(
        STEP, StepKind.FETCH, FETCH, now=lambda: NOW_MS
    )
    message = "The connection to https://h broke: lost [redacted]."
    error = {"name": "GatewayError", "message": message, "data": None}
    assert reply == Ops(ops=(StepErrored(step=STEP, error=error, is_final=False, kind=StepKind.FETCH),))


async def test_bytes_that_are_no_text_count_as_what_replaces_them() -> None:
    content = b"\xff" * (MAX_BODY_BYTES // 3 + 1)
    op = await _error(StepKind.FETCH, httpx.Response(200, content=content))
    assert op.is_final
    assert "over the limit of 4 MiB" in op.error["message"]
