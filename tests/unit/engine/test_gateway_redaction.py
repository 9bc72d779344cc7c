"""Keys and passwords stay out of what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from durable_engine.redaction import hide, is_secret_name, redacted, redacted_about, redacted_url, secrets_in


def test_a_model_request_is_shown_without_its_keys() -> None:
    opts = {
        "type": "step.ai.infer",
        "url": "https://h/v1:generate?key=sk-test&alt=sse",
        "auth_key": "sk-test",
        "format": "gemini",
        "headers": {"api-key": "sk-test", "Anthropic-Version": "1", "X-Session-Token": ["abcd"]},
        "body": {"model": "m", "max_tokens": 5},
        "options": {"apiKey": "sk-test", "region": "eu"},
    }
    before = repr(opts)
    assert redacted(opts) == {
        "type": "step.ai.infer",
        "url": "https://h/v1:generate?key=[redacted]&alt=sse",
        "auth_key": "[redacted]",
        "format": "gemini",
        "headers": {"api-key": "[redacted]", "Anthropic-Version": "1", "X-Session-Token": "[redacted]"},
        "body": {"model": "m", "max_tokens": 5},
        "options": {"apiKey": "[redacted]", "region": "eu"},
    }
    assert repr(opts) == before


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "X-API-Key",
        "api-key",
        "x-amz-security-token",
        "client_secret",
        "sig",
        "auth",
        "X-Amz-Signature",
        "password",
        "subscription-key",
    ],
)
def test_names_that_promise_a_secret_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["accept", "content-type", "keyword", "author", "design", "q", "passenger"])
def test_other_names_are_shown(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/p?a=1&b=2", "https://h/p?a=1&b=2"),
        ("https://user:pass@h:1/p", "https://[redacted]@h:1/p"),
        ("https://token@h", "https://[redacted]@h"),
        ("https://h/p?access_token=x&a=%20&api%5Fkey=y&flag", None),
        ("https://h/p?token=", "https://h/p?token="),
        ("https://h/p#access_token=x", "https://h/p"),
        ("https://h/p?a=b@c/d", "https://h/p?a=b@c/d"),
        ("not a url", "not a url"),
        ("", ""),
    ],
)
def test_urls_are_shown_without_passwords_and_secret_parameters(url: str, shown: str | None) -> None:
    expected = "https://h/p?access_token=[redacted]&a=%20&api%5Fkey=[redacted]&flag"
    assert redacted_url(url) == (expected if shown is None else shown)


@pytest.mark.parametrize(
    ("url", "text", "shown"),
    [
        ("http://h/p", "nothing at http://h/p", "nothing at http://h/p"),
        ("http://u:pw@h/p", "nothing at http://u:pw@h/p", "nothing at http://[redacted]@h/p"),
        ("http://u:hunter2@h/p", "login failed: hunter2", "login failed: [redacted]"),
        ("http://h/p?token=a%2Fbcd&x=1", "no /p?token=a/bcd", "no /p?token=[redacted]"),
    ],
)
def test_what_is_said_about_a_url_does_not_repeat_its_secrets(url: str, text: str, shown: str) -> None:
    assert redacted_about(url, text) == shown


@pytest.mark.parametrize(
    ("opts", "text", "shown"),
    [
        ({"auth_key": "sk-test"}, "bad key sk-test.", "bad key [redacted]."),
        ({"auth_key": "sk-test\n"}, "bad key sk-test.", "bad key [redacted]."),
        ({"headers": {"Authorization": "Bearer sk-test"}}, "Bearer sk-test", "[redacted]"),
        ({"headers": {"Authorization": "Bearer sk-test"}}, "(sk-test)", "([redacted])"),
        ({"headers": {"x-token": ["sk-test"]}}, "(sk-test)", "([redacted])"),
        (
            {"url": "http://me:hunter2@h/?sig=a%2Fbc"},
            "hunter2 a%2Fbc a/bc",
            "[redacted] [redacted] [redacted]",
        ),
        ({"auth_key": "k"}, "a kind key", "a kind key"),
        ({"auth_key": None, "url": 5, "headers": [1]}, "None 5", "None 5"),
        ({"url": "http://[::1"}, "text", "text"),
        ({"auth_key": "abcd", "headers": {"x-key": "abcdef"}}, "abcdef", "[redacted]"),
    ],
)
def test_secrets_that_come_back_in_a_text_are_hidden(opts: dict[str, Any], text: str, shown: str) -> None:
    assert hide(text, secrets_in(opts)) == shown
