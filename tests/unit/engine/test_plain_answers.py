"""The head of a plain answer is read as h11 reads it, or left to h11."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_engine.sdk.plain_answers import MAX_BODY_BYTES, MAX_HEAD_BYTES, read_plain_head

PLAIN = (
    b"HTTP/1.1 206 Partial Content\r\nDate: Sun, 22 Nov 2026 07:00:00 GMT\r\nVary: a\r\nvary:b \r\n"
    b"X-Inngest-SDK:\tpy \r\nContent-Length: 2\r\n\r\nok"
)
_LINES = [
    b"Content-Length: 2",
    b"content-length: 3",
    b"Content-Length: +2",
    b"Content-Length: 2, 2",
    b"Content-Length : 2",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Connection: Keep-Alive",
    b"Connection: keep-alive, close",
    b"X-A: b",
    b"X-A:",
    b"x-a: c\td ",
    b" folded",
    b"X-\xe4: b",
    b"X-A: \xc3\xa4",
    b"X-A: \x00",
    b"X-A: \x7f",
    b"X-A: \x0b",
    b": none",
    b"no colon",
    b"",
]


def _by_h11(data: bytes) -> tuple[int, dict[str, str], bytes, bool]:
    """Return the status, the headers, the body and whether the connection stays."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "app")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    head = connection.next_event()
    assert isinstance(head, h11.Response)
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode(), raw_value.decode()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    return head.status_code, headers, body, connection.their_state is h11.DONE


def test_a_plain_answer_is_read() -> None:
    plain = read_plain_head(PLAIN)
    assert plain is not None
    assert plain.status == 206
    assert plain.headers == {
        "date": "Sun, 22 Nov 2026 07:00:00 GMT",
        "vary": "a, b",
        "x-inngest-sdk": "py",
        "content-length": "2",
    }
    assert (PLAIN[plain.size :], plain.end) == (b"ok", len(PLAIN))


@settings(max_examples=300)
@given(
    first=st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 206", b"HTTP/1.1 500 ", b"HTTP/1.1 204 No Content"])
    | st.sampled_from([b"HTTP/1.0 200 OK", b"HTTP/1.1 103 Early", b"HTTP/1.1 99 OK", b"HTTP/1.1 200 \x01"]),
    lines=st.lists(st.sampled_from(_LINES), max_size=4),
    ends=st.sampled_from([b"\r\n", b"\r\n", b"\n"]),
    place=st.integers(0, 5),
)
def test_what_is_read_is_what_h11_reads(first: bytes, lines: list[bytes], ends: bytes, place: int) -> None:
    lines.insert(place, b"Content-Length: 2")
    data = ends.join([first, *lines, b"", b"ok"])
    plain = read_plain_head(data)
    if plain is not None:
        whole = data[: plain.end]
        assert _by_h11(whole) == (plain.status, plain.headers, whole[plain.size :], True)


@pytest.mark.parametrize(
    "data",
    [
        PLAIN[:100],
        PLAIN.replace(b"206", b"204"),
        PLAIN.replace(b"1.1", b"1.0"),
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"Length: 2", b"Length: %d" % (MAX_BODY_BYTES + 1)),
        PLAIN.replace(b"Vary: a", b"Vary: " + b"a" * MAX_HEAD_BYTES),
        PLAIN.replace(b"Vary: a", b"Transfer-Encoding: chunked"),
        PLAIN.replace(b"Vary: a", b"Content-Length: 2"),
        PLAIN.replace(b"Vary: a", b"Connection: close"),
        PLAIN.replace(b"Vary: a", b"Vary: \xc3\xa4"),
    ],
)
def test_what_is_not_plain_is_left_to_h11(data: bytes) -> None:
    assert read_plain_head(data) is None
