"""Signatures of answers, and bearer tokens: what counts as right, and what does not."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import jcs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inngest._internal import net, transforms

from durable_engine.model.json_value import InvalidJSONError
from durable_engine.model.reply import Failed, Ops, Reply, Returned
from durable_engine.sdk.reply import read_reply
from durable_engine.sdk.signing import SIGNATURE_HEADER, Signer, canonical_json

HEX = "ab12" * 16
KEY = f"signkey-test-{HEX}"
OTHER = f"signkey-test-{'cd' * 32}"
SIGNER = Signer(KEY)
SDK = {"x-inngest-sdk": "inngest-py:v0.5.19"}
STEP = b'[{"op": "StepRun", "id": "86f7", "data": {"b": 1.0, "a": "\xc3\xa9"}}]'


def _signed(body: bytes, *, key: str = HEX, timestamp: str = "1795267809") -> str:
    mac = hmac.new(key.encode(), body + timestamp.encode(), hashlib.sha256).hexdigest()
    return f"t={timestamp}&s={mac}"


def test_the_exact_bytes_of_an_answer_are_what_is_signed() -> None:
    assert SIGNER.is_signature_of(_signed(STEP), STEP)
    assert SIGNER.is_signature_of(_signed(b""), b"")
    assert SIGNER.is_signature_of(_signed(b"plain text"), b"plain text")
    assert SIGNER.is_signature_of(_signed(STEP).upper().replace("T=", "t=").replace("S=", "s="), STEP)


def test_the_python_sdks_own_signature_is_right() -> None:
    signed = net.sign_response(STEP, KEY)
    assert not isinstance(signed, Exception)
    assert SIGNER.is_signature_of(signed, STEP)


def test_the_newline_that_go_appends_after_signing_is_not_part_of_it() -> None:
    assert SIGNER.is_signature_of(_signed(STEP), STEP + b"\n")
    assert SIGNER.is_signature_of(_signed(STEP + b"\n"), STEP + b"\n")
    assert not SIGNER.is_signature_of(_signed(STEP), STEP + b"\n\n ")


def test_the_canonical_form_is_right_too() -> None:
    assert SIGNER.is_signature_of(_signed(jcs.canonicalize(json.loads(STEP))), STEP)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t=&s=",
        "t=1795267809",
        "s=" + "0" * 64,
        _signed(STEP, key="cd" * 32),
        _signed(STEP).replace("t=1795267809", "t=1795267810"),
        _signed(STEP)[:-1],
        _signed(STEP) + "0",
        "t=1795267809&s=" + "é" * 64,
        "t=٣&s=" + "0" * 64,
    ],
)
@pytest.mark.parametrize("body", [STEP, STEP.replace(b"1.0", b"2.0"), b"{", b"[" * 100_000, b"\xff"])
def test_another_key_body_time_or_form_is_wrong(signature: str, body: bytes) -> None:
    assert not SIGNER.is_signature_of(signature, body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(_JSON, st.booleans())
def test_the_fast_canonical_form_is_that_of_the_specification(value: Any, is_ascii: bool) -> None:  # noqa: FBT001
    body = json.dumps(value, ensure_ascii=is_ascii).encode()
    assert canonical_json(body) == jcs.canonicalize(value)


def test_half_of_a_surrogate_pair_is_written_as_javascript_does() -> None:
    assert canonical_json(b'{"b":1.5,"a":"\\uD800"}') == b'{"a":"\\ud800","b":1.5}'


@pytest.mark.parametrize(
    "body", [b"[" * 200_000 + b"]" * 200_000, b"[" * 990 + b"1.5" + b"]" * 990, b"{", b"NaN"]
)
def test_what_is_no_json_or_nested_too_deeply_has_no_canonical_form(body: bytes) -> None:
    with pytest.raises(InvalidJSONError):
        canonical_json(body)


def _read(status: int, body: bytes, signature: str | None, *, signer: Signer | None = SIGNER) -> Reply:
    headers = SDK if signature is None else {**SDK, SIGNATURE_HEADER.lower(): signature}
    return read_reply(status, headers, body, now_ms=0, signer=signer)


def _forged(reply: Reply) -> Failed:
    assert isinstance(reply, Failed)
    assert reply.error["name"] == "InvalidSignatureError"
    assert "INNGEST_SIGNING_KEY" in reply.error["message"]
    # The step has run; whatever changed the answer changes the next one too.
    assert not reply.is_retriable
    return reply


@pytest.mark.parametrize("status", [200, 206, 400, 401, 500])
def test_an_answer_with_a_wrong_signature_is_a_failure_at_any_status(status: int) -> None:
    _forged(_read(status, STEP, _signed(STEP, key="cd" * 32)))


def test_a_right_signature_and_none_at_all_are_accepted() -> None:
    assert isinstance(_read(206, STEP, _signed(STEP)), Ops)
    # Apps in development mode sign nothing, with a key too.
    assert isinstance(_read(206, STEP, None), Ops)


def test_without_a_key_signatures_are_not_looked_at() -> None:
    assert isinstance(_read(206, STEP, "nonsense", signer=None), Ops)


def _streamed(body: Any, signature: str | None, *, status: int = 200) -> bytes:
    headers = {"x-inngest-sdk": "inngest-js:v4.24.0"}
    headers |= {} if signature is None else {"X-Inngest-Signature": signature}
    return b"   " + json.dumps({"status": status, "headers": headers, "body": body}).encode()


def test_a_streamed_answer_is_signed_inside() -> None:
    right = _read(201, _streamed('{"a":1}', _signed(b'{"a":1}')), None)
    assert right == Returned(data={"a": 1})
    _forged(_read(201, _streamed('{"a":2}', _signed(b'{"a":1}')), None))


def test_the_signature_of_the_envelope_is_not_taken_for_that_of_its_content() -> None:
    envelope = _streamed('{"a":1}', None)
    assert _read(201, envelope, _signed(envelope)) == Returned(data={"a": 1})
    _forged(_read(201, envelope, _signed(b"another")))


def test_a_streamed_body_that_is_no_text_cannot_be_checked_and_is_read() -> None:
    assert _read(201, _streamed({"a": 1}, _signed(b'{"a": 1}')), None) == Returned(data={"a": 1})


@pytest.mark.parametrize("signer", [None, SIGNER])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_401_says_whether_a_key_is_missing_or_another_one(
    signer: Signer | None, *, is_streamed: bool
) -> None:
    body = b'{"message":"Unauthorized"}'
    headers = {"x-inngest-sdk-handled": "true"}
    status = 401
    if is_streamed:
        status, body = 201, json.dumps({"status": 401, "headers": headers, "body": body.decode()}).encode()
    reply = read_reply(status, headers, body, now_ms=0, signer=signer)
    assert isinstance(reply, Failed)
    assert reply.error["name"] == "UnauthorizedError"
    assert reply.is_retriable  # no code has run, and the next attempt may find another key
    words = "another one than Stepcue's" if signer else "start Stepcue with its --signing-key"
    assert words in reply.error["message"]


def test_the_bearers_of_all_sdks_belong_to_the_key() -> None:
    bare = transforms.hash_signing_key(KEY)
    assert bare == hashlib.sha256(bytes.fromhex(HEX)).hexdigest()
    for token in (bare, f"signkey-test-{bare}", f"signkey-prod-{bare}", KEY, HEX):
        assert SIGNER.is_bearer(token)
        assert not Signer(OTHER).is_bearer(token)


@pytest.mark.parametrize(
    "token", ["", "undefined", "signkey-test-", "0" * 64, "é", "signkey-a-signkey-b-" + HEX]
)
def test_other_tokens_do_not(token: str) -> None:
    assert not SIGNER.is_bearer(token)
