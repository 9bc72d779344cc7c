"""What an app's HTTP answer means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from durable_engine.bodies import quote
from durable_engine.model.op import RunReturned, StepRan
from durable_engine.model.reply import Failed, Ops, Reply, Returned
from durable_engine.sdk.reply import read_reply

NOW_MS = 1_795_246_975_852
SDK = {"x-inngest-sdk": "inngest-py:v0.5.19"}
RUN = b'[{"op":"StepRun","id":"86f7","userland":{"id":"a"},"data":{"v":1}}]'


def _read(status: int, body: bytes = b"", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_reply(status, SDK | named, body, now_ms=NOW_MS)


def _failed(status: int, body: bytes = b"", **headers: str) -> Failed:
    reply = _read(status, body, **headers)
    assert isinstance(reply, Failed)
    return reply


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b'{"got":1}', {"got": 1}),
        (b'"text"', "text"),
        (b"null", None),
        (b"", None),
        (b"  \n", None),
        (b"1.0", 1.0),
        (b"plain text, not JSON", "plain text, not JSON"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"NaN", "NaN"),
        (b"[" * 100_000, "[" * 100_000),
    ],
)
def test_a_200_is_the_functions_result_whatever_it_holds(body: bytes, data: Any) -> None:
    reply = _read(200, body)
    assert isinstance(reply, Returned)
    assert reply.data == data
    assert type(reply.data) is type(data)


@pytest.mark.parametrize(("header", "version"), [("2", 2), ("1", 1), ("-1", -1), ("two", None), ("", None)])
def test_a_206_carries_ops_and_the_version_that_the_sdk_chose(header: str, version: int | None) -> None:
    reply = _read(206, RUN, x_inngest_req_version=header)
    assert isinstance(reply, Ops)
    assert reply.sdk_version == version
    (op,) = reply.ops
    assert isinstance(op, StepRan)
    assert op.data == {"v": 1}


def test_a_206_without_the_version_header_leaves_the_version_open() -> None:
    reply = _read(206, b'{"op":"RunComplete","data":5}')
    assert reply == Ops(ops=(RunReturned(data=5),))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"5", b"{", b"[null]", b"[{}]", b"\xff", b'[{"op":"StepRun","id":"x","data":NaN}]']
)
def test_a_206_that_cannot_be_read_is_a_failure_that_may_be_retried(body: bytes) -> None:
    failed = _failed(206, body)
    assert failed.error["name"] == "InvalidReplyError"
    assert failed.is_retriable


@pytest.mark.parametrize("status", [200, 206, 400, 404, 500, 502])
def test_an_answer_without_the_sdk_header_is_not_from_an_sdk(status: int) -> None:
    failed = read_reply(status, {}, b"<h1>nginx</h1>", now_ms=NOW_MS)
    assert isinstance(failed, Failed)
    assert failed.error["name"] == "NotAnSDKError"
    assert f"HTTP {status}" in failed.error["message"]
    assert "<h1>nginx</h1>" in failed.error["message"]
    assert failed.is_retriable


@pytest.mark.parametrize("status", [204, 300, 304, 400, 401, 404, 410, 418, 429, 500, 503])
@pytest.mark.parametrize(
    ("header", "is_retriable"), [(None, True), ("false", True), ("true", False), ("True", False), ("", True)]
)
def test_only_the_no_retry_header_forbids_another_attempt(
    status: int,
    header: str | None,
    is_retriable: bool,  # noqa: FBT001
) -> None:
    headers = {} if header is None else {"x-inngest-no-retry": header}
    assert _failed(status, b'{"message":"m"}', **headers).is_retriable is is_retriable


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            b'{"code":"step_errored","message":"boom","name":"ValueError","stack":"s"}',
            {"code": "step_errored", "message": "boom", "name": "ValueError", "stack": "s"},
        ),
        (
            b'{"name":"Error","message":"boom","stack":"s","__serialized":true}',
            {"name": "Error", "message": "boom", "stack": "s"},
        ),
        (
            b'{"name":"E","message":"m","cause":{"name":"F","message":"why"}}',
            {"name": "E", "message": "m", "cause": {"name": "F", "message": "why"}},
        ),
        (b'{"error":"Could not find step x"}', {"name": "Error", "message": "Could not find step x"}),
        (b'{"message":"only Go"}', {"name": "Error", "message": "only Go"}),
        (b'{"name":"E"}', {"name": "Error", "message": 'The app answered HTTP 500: {"name":"E"}'}),
        (b'"a string"', {"name": "Error", "message": 'The app answered HTTP 500: "a string"'}),
        (b"<h1>no</h1>", {"name": "Error", "message": "The app answered HTTP 500: <h1>no</h1>"}),
        (b"", {"name": "Error", "message": "The app answered HTTP 500: (empty)"}),
        (b"[1]", {"name": "Error", "message": "The app answered HTTP 500: [1]"}),
    ],
)
def test_an_error_body_of_any_kind_becomes_an_error_with_name_and_message(
    body: bytes, error: dict[str, Any]
) -> None:
    assert _failed(500, body).error == error | {"status": 500}


def test_the_raw_error_body_is_kept_for_failure_handlers() -> None:
    assert _failed(500, b'{"message":"m","extra":[1]}').body == {"message": "m", "extra": [1]}
    assert _failed(500, b"text").body == "text"


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _http_date(ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(ms / 1_000, UTC), usegmt=True)


DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("header", "delay_ms"),
    [
        ("2", 2_000),
        (" 2 ", 2_000),
        ("0", 1_000),
        ("9999999", DAY_MS),
        (_iso(NOW_MS + 5_500), 5_500),
        ("2026-11-21T09:43:00+02:00", 4_148),
        (_iso(NOW_MS - 60_000), 1_000),
        (_iso(NOW_MS + 3 * DAY_MS), DAY_MS),
        (_http_date(NOW_MS + 60_148), 60_148),
        (_http_date(NOW_MS - DAY_MS), 1_000),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("99999999", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_is_kept_between_a_second_and_a_day(
    header: str, delay_ms: int | None
) -> None:
    assert _failed(500, b"", retry_after=header).retry_after_ms == delay_ms
    ops = _read(206, RUN, retry_after=header)
    assert isinstance(ops, Ops)
    assert ops.retry_after_ms == delay_ms


def _streamed(**envelope: Any) -> Reply:
    return _read(201, b" \n  " + json.dumps(envelope).encode())


@pytest.mark.parametrize("as_text", [True, False])
def test_a_streamed_answer_is_read_like_the_answer_it_wraps(as_text: bool) -> None:  # noqa: FBT001
    ops = json.loads(RUN)
    reply = _streamed(
        status=206, body=json.dumps(ops) if as_text else ops, headers={"X-Inngest-Req-Version": "2"}
    )
    assert isinstance(reply, Ops)
    assert reply.sdk_version == 2
    assert len(reply.ops) == 1

    error = {"name": "E", "message": "m"}
    reply = _streamed(
        status=500, body=json.dumps(error) if as_text else error, headers={"x-inngest-no-retry": "true"}
    )
    assert isinstance(reply, Failed)
    assert reply.error == error | {"status": 500}
    assert not reply.is_retriable


def test_a_streamed_result_may_be_json_or_text() -> None:
    assert _streamed(status=200, body={"a": 1}, headers={}) == Returned(data={"a": 1})
    assert _streamed(status=200, body='{"a": 1}', headers=None) == Returned(data={"a": 1})
    assert _streamed(status=200, body="hello") == Returned(data="hello")
    assert _streamed(status=200) == Returned(data=None)


def test_the_sdk_header_of_a_streamed_answer_may_be_inside() -> None:
    envelope = {"status": 200, "body": "1", "headers": {"X-Inngest-SDK": "js:v4"}}
    assert read_reply(201, {}, json.dumps(envelope).encode(), now_ms=NOW_MS) == Returned(data=1)
    failed = read_reply(201, {}, b'{"status":200,"body":"1"}', now_ms=NOW_MS)
    assert isinstance(failed, Failed)
    assert failed.error["name"] == "NotAnSDKError"


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"[]", b"null", b'"x"', b"{}", b'{"status":"x"}', b'{"status":null}', b'{"status":201}'],
)
def test_a_streamed_answer_that_cannot_be_read_is_a_failure(body: bytes) -> None:
    assert _failed(201, body).error["name"] == "InvalidReplyError"


def test_a_quote_is_one_short_line() -> None:
    assert quote(b" a\n\n b\t") == "a b"
    assert quote(b"\xff") == "\ufffd"
    assert quote(b"") == "(empty)"
    assert quote(b"x" * 100_000) == "x" * 500 + "…"
