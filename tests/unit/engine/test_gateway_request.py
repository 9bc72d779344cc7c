"""What steps ask the engine to send: the options that the SDKs were seen to send, and broken ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from durable_engine.gateway.redirects import redirected
from durable_engine.gateway.request import GatewayRequest, GatewayRequestError, read_request
from durable_engine.model.status import StepKind

OPENAI = "https://api.openai.com/v1/chat/completions"
CHAT = {"messages": [{"role": "user", "content": "hi"}], "model": "m-1"}
ANTHROPIC = "https://api.anthropic.com/v1/messages"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/m-1:generateContent"
AZURE = "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"


def _infer(url: str, wire_format: str, **more: Any) -> dict[str, Any]:
    opts = {"type": "step.ai.infer", "url": url, "auth_key": "sk-test", "format": wire_format, "body": CHAT}
    return opts | more


def _fetch(**more: Any) -> GatewayRequest:
    return read_request(StepKind.FETCH, {"url": "http://127.0.0.1:9/x?q=1", "method": "GET"} | more)


def _secrets(request: GatewayRequest) -> dict[str, str]:
    plain = {"accept", "accept-encoding", "user-agent", "content-type"}
    return {name: value for name, value in request.headers.items() if name not in plain}


# As sent by Python 0.5.19 and TypeScript 4.24.0 and 3.54.2 with @inngest/ai 0.1.8.
@pytest.mark.parametrize(
    ("opts", "url", "headers"),
    [
        pytest.param(
            _infer(OPENAI, "openai-chat", headers={}),
            OPENAI,
            {"authorization": "Bearer sk-test"},
            id="Python, OpenAI",
        ),
        pytest.param(
            _infer(OPENAI, "openai-chat"),
            OPENAI,
            {"authorization": "Bearer sk-test"},
            id="TypeScript, OpenAI chat",
        ),
        pytest.param(
            _infer("https://api.openai.com/v1/responses", "openai-responses", body={"input": "hi"}),
            "https://api.openai.com/v1/responses",
            {"authorization": "Bearer sk-test"},
            id="TypeScript, OpenAI responses",
        ),
        pytest.param(
            _infer("https://api.x.ai/v1/chat/completions", "grok"),
            "https://api.x.ai/v1/chat/completions",
            {"authorization": "Bearer sk-test"},
            id="TypeScript, Grok",
        ),
        pytest.param(
            _infer(ANTHROPIC, "anthropic", headers={"anthropic-version": "2023-06-01"}),
            ANTHROPIC,
            {"anthropic-version": "2023-06-01", "x-api-key": "sk-test"},
            id="Python and TypeScript, Anthropic",
        ),
        pytest.param(
            _infer(ANTHROPIC, "anthropic", headers={"anthropic-beta": "x"}),
            ANTHROPIC,
            {"anthropic-version": "2023-06-01", "anthropic-beta": "x", "x-api-key": "sk-test"},
            id="Python, Anthropic with headers of its own",
        ),
        pytest.param(
            _infer(f"{GEMINI}?key=sk-test", "gemini", headers={}),
            f"{GEMINI}?key=sk-test",
            {},
            id="Python and TypeScript, Gemini",
        ),
        pytest.param(
            _infer(AZURE, "azure-openai", headers={"api-key": "sk-test", "Content-Type": "application/json"}),
            AZURE,
            {"api-key": "sk-test"},
            id="TypeScript, Azure OpenAI",
        ),
    ],
)
def test_each_adapter_of_the_sdks_gets_the_key_to_its_provider(
    opts: dict[str, Any], url: str, headers: dict[str, str]
) -> None:
    request = read_request(StepKind.AI_GATEWAY, opts)
    assert request.method == "POST"
    assert str(request.url) == url
    assert _secrets(request) == headers
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content or b"") == opts["body"]


@pytest.mark.parametrize(
    ("opts", "url", "headers"),
    [
        (_infer(OPENAI, "openai-chat", auth_key=""), OPENAI, {}),
        (_infer(OPENAI, "openai-chat", auth_key=None), OPENAI, {}),
        (_infer(OPENAI, "openai-chat", auth_key="sk-test\n"), OPENAI, {"authorization": "Bearer sk-test"}),
        (_infer(OPENAI, "", format=None), OPENAI, {"authorization": "Bearer sk-test"}),
        (_infer(OPENAI, "Bedrock", auth_key="AWS4 x"), OPENAI, {"authorization": "AWS4 x"}),
        (_infer(AZURE, "azure-openai"), AZURE, {"api-key": "sk-test"}),
        (_infer(GEMINI, "gemini"), f"{GEMINI}?key=sk-test", {}),
        (_infer(f"{GEMINI}?alt=sse", "gemini", auth_key="a&b"), f"{GEMINI}?alt=sse&key=a%26b", {}),
        (_infer(GEMINI, "gemini", headers={"X-Goog-Api-Key": "mine"}), GEMINI, {"x-goog-api-key": "mine"}),
        (
            _infer(OPENAI, "openai-chat", headers={"Authorization": "mine"}),
            OPENAI,
            {"authorization": "mine"},
        ),
        (
            _infer(ANTHROPIC, "anthropic", headers={"X-API-Key": "mine", "Anthropic-Version": "2"}),
            ANTHROPIC,
            {"x-api-key": "mine", "anthropic-version": "2"},
        ),
    ],
)
def test_a_missing_key_adds_nothing_and_headers_of_the_app_stay(
    opts: dict[str, Any], url: str, headers: dict[str, str]
) -> None:
    request = read_request(StepKind.AI_GATEWAY, opts)
    assert str(request.url) == url
    assert _secrets(request) == headers


def test_a_fetch_is_sent_as_written_with_the_headers_that_fetch_adds() -> None:
    request = _fetch(
        method="post", headers={"X-A": "1, 2", "x-b": 3, "x-c": ["4", "5"], "x-d": None}, body="hi"
    )
    assert (request.method, str(request.url), request.content) == ("POST", "http://127.0.0.1:9/x?q=1", b"hi")
    assert dict(request.headers) == {
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "user-agent": "Stepcue",
        "content-type": "text/plain;charset=UTF-8",
        "x-a": "1, 2",
        "x-b": "3",
        "x-c": "4, 5",
    }


@pytest.mark.parametrize("method", [None, ""])
def test_the_method_is_post_unless_it_is_named(method: str | None) -> None:
    assert _fetch(method=method).method == "POST"


@pytest.mark.parametrize("missing", [{}, {"body": None, "headers": None}])
def test_a_fetch_without_body_and_headers_has_none(missing: dict[str, Any]) -> None:
    request = _fetch(**missing)
    assert request.content is None
    assert "content-type" not in request.headers


def test_headers_of_the_connection_are_left_to_us() -> None:
    request = _fetch(headers={"Content-Length": "99", "Connection": "upgrade", "Accept-Encoding": "br"})
    assert set(request.headers) == {"accept", "accept-encoding", "user-agent"}
    assert request.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("  http://h/p?a=1#part ", "http://h/p?a=1"),
        ("http://h/a b/ü", "http://h/a%20b/%C3%BC"),
        ("HTTP://H:80", "http://h/"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_urls_are_written_as_http_wants_them(url: str, sent: str) -> None:
    assert str(_fetch(url=url).url) == sent or str(_fetch(url=url).url) + "/" == sent


def test_a_password_in_the_url_becomes_basic_authentication() -> None:
    request = _fetch(url="http://user:p%40ss@h/x")
    assert str(request.url) == "http://h/x"
    assert request.headers["authorization"] == "Basic dXNlcjpwQHNz"
    given = _fetch(url="http://user:p@h/x", headers={"Authorization": "mine"})
    assert given.headers["authorization"] == "mine"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"url": None}, "it names no URL"),
        ({"url": " "}, "it names no URL"),
        ({"url": {}}, "it names no URL"),
        ({"url": "/api/users?token=abcd"}, "its URL '/api/users' cannot be called; write a whole address"),
        ({"url": "ftp://h/x"}, "its URL 'ftp://h/x' cannot be called"),
        ({"url": "http://"}, "its URL 'http://' cannot be called"),
        ({"url": "http://user:pa#ss@h/x"}, "its URL 'http://[redacted]@h/x' cannot be called"),
        ({"url": "http://user:pa?ss@h:p/x?y"}, "its URL 'http://[redacted]@h:p/x' cannot be called"),
        ({"url": "user:abcd@h"}, "its URL '[redacted]@h' cannot be called"),
        ({"url": "http://h:port/x"}, "cannot be called"),
        ({"url": "http://h/a\nb"}, "cannot be called"),
        ({"url": "http://h/\ud800"}, "cannot be called"),
        ({"url": "http://" + "x" * 70_000}, "cannot be called"),
        ({"method": "GET /x"}, "its method 'GET /x' cannot be used"),
        ({"method": 5}, "its method '5' cannot be used"),
        ({"method": "connect"}, "cannot be used; write one such as GET, POST or DELETE"),
        ({"headers": [["x-a", "1"]]}, "its headers are not an object of names and values"),
        ({"headers": {"x a": "1"}}, "'x a' is not a name that a header can have"),
        ({"headers": {"": "1"}}, "'' is not a name that a header can have"),
        ({"headers": {"x-token": "abcd\r\nx: 1"}}, "the value of its header 'x-token' holds a line break"),
        ({"headers": {"x-token": "ключ"}}, "'x-token' holds characters that HTTP headers cannot carry"),
        ({"headers": {"x-token": {"a": 1}}}, "the value of its header 'x-token' is not text"),
        ({"body": {}}, "its body is not text, and only text gets through; call toString() on"),
        ({"body": {"type": "Buffer", "data": [104]}}, "its body is not text"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_a_sentence_without_secrets(
    more: dict[str, Any], message: str
) -> None:
    with pytest.raises(GatewayRequestError) as refused:
        _fetch(**more)
    assert message in str(refused.value)
    assert "abcd" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"body": None}, "it has no body for the model"),
        ({"auth_key": "sk-\x00abcd"}, "its API key holds a line break or another control character"),
        ({"auth_key": "sk-абвг"}, "its API key holds characters that HTTP headers cannot carry"),
    ],
)
def test_a_model_request_that_cannot_be_sent_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(GatewayRequestError, match=message):
        read_request(StepKind.AI_GATEWAY, _infer(OPENAI, "openai-chat", **more))


def test_a_body_that_is_already_json_text_is_not_encoded_again() -> None:
    request = read_request(StepKind.AI_GATEWAY, _infer(OPENAI, "openai-chat", body='{"a":1}'))
    assert request.content == b'{"a":1}'


def test_a_request_shows_no_secrets_when_it_is_printed() -> None:
    request = _fetch(url="http://h/?key=abcd", headers={"x": "abcd"}, method="POST", body="abcd")
    assert repr(request) == "GatewayRequest(method='POST')"


@pytest.mark.parametrize(
    ("method", "status", "followed_by"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("PUT", 302, "PUT"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
    ],
)
def test_a_redirect_changes_the_method_as_fetch_does(method: str, status: int, followed_by: str) -> None:
    request = _fetch(method=method, headers={"x-a": "1"}, body="hi")
    followed = redirected(request, status, "../y")
    assert str(followed.url) == "http://127.0.0.1:9/y"
    assert followed.method == followed_by
    is_kept = followed_by == method and method != "HEAD"
    assert followed.content == (b"hi" if is_kept or method == "HEAD" else None)
    assert ("content-type" in followed.headers) == (followed.content is not None)
    assert followed.headers["x-a"] == "1"


@pytest.mark.parametrize(
    ("location", "is_told"),
    [
        ("/y", True),
        ("http://127.0.0.1:9/y", True),
        ("http://127.0.0.1:10/y", False),
        ("https://127.0.0.1:9/y", False),
        ("//other/y", False),
    ],
)
def test_secrets_stay_with_the_origin_that_they_are_for(location: str, *, is_told: bool) -> None:
    secrets = {"Authorization": "a", "X-Api-Key": "b", "api-key": "c", "cookie": "d", "x-goog-api-key": "e"}
    followed = redirected(_fetch(headers=secrets | {"x-a": "1", "host": "h"}), 307, location)
    assert {name.lower() in followed.headers for name in secrets} == {is_told}
    assert followed.headers["x-a"] == "1"
    assert "host" not in followed.headers


@pytest.mark.parametrize("location", ["ftp://h/x", "mailto:a@b", "http://h:port/"])
def test_a_redirect_to_something_that_cannot_be_called_is_refused(location: str) -> None:
    with pytest.raises(GatewayRequestError):
        redirected(_fetch(), 302, location)
