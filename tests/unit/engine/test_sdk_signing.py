"""Signatures, checked by hand and by the Python SDK's own validator."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from inngest._internal import net, server_lib

from durable_engine.errors import ConfigError
from durable_engine.sdk.signing import SIGNATURE_HEADER, Signer

HEX = "ab12" * 16
KEY = f"signkey-test-{HEX}"


def _fields(signature: str) -> tuple[str, str]:
    time_part, _, digest = signature.partition("&s=")
    return time_part.removeprefix("t="), digest


def _expected(canonical: bytes, timestamp: str) -> str:
    return hmac.new(HEX.encode(), canonical + timestamp.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("key", [KEY, HEX, f"signkey-prod-{HEX}", f"signkey-branch_x1-{HEX}"])
@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b"", b""),
        (b'{"b": 2, "a": 1.0}', b'{"a":1,"b":2}'),
        (b'{"n": 1e21, "m": 0.1e1, "z": -0.0}', b'{"m":1,"n":1e+21,"z":0}'),
        (b'{"url":"http://x"}', b'{"url":"http://x"}'),
        (b'"\\u00e9\\u2028"', '"é\u2028"'.encode()),
        (b'{"\\ufb33":1,"\\ud83d\\ude02":2,"a":3}', '{"a":3,"\U0001f602":2,"\ufb33":1}'.encode()),
    ],
)
def test_the_signature_is_the_hmac_of_the_canonical_body_and_the_time(
    key: str, body: bytes, canonical: bytes
) -> None:
    timestamp, digest = _fields(Signer(key).sign(body))
    assert timestamp.isdecimal()
    assert digest == _expected(canonical, timestamp)


@pytest.mark.parametrize(
    "body",
    [
        b'{"ctx":{"attempt":0},"event":{"data":{"f":1.0,"e":1e2}},"steps":{}}',
        b'{"n":12345678901234567890,"m":9007199254740993,"s":"\\u0000 \\u007f \\ud83d\\ude00 / \\/"}',
        b'[0.1, 1e-7, 123456789.123, 5e-324, 1.7976931348623157e308, true, null, "\xc3\xa9"]',
        b"null",
    ],
)
def test_the_python_sdk_accepts_the_signature(body: bytes) -> None:
    fault = net.validate_request_sig(
        body=body,
        headers={SIGNATURE_HEADER.lower(): Signer(KEY).sign(body)},
        mode=server_lib.ServerKind.CLOUD,
        signing_key=KEY,
        signing_key_fallback=None,
    )
    assert not isinstance(fault, Exception), fault


def test_the_python_sdk_refuses_the_signature_of_another_key_or_body() -> None:
    signature = Signer(KEY).sign(b'{"a":1}')
    other_key = f"signkey-test-{'cd' * 32}"
    for body, key in ((b'{"a":2}', KEY), (b'{"a":1}', other_key)):
        fault = net.validate_request_sig(
            body=body,
            headers={SIGNATURE_HEADER.lower(): signature},
            mode=server_lib.ServerKind.CLOUD,
            signing_key=key,
            signing_key_fallback=None,
        )
        assert isinstance(fault, Exception)


@pytest.mark.parametrize("key", ["", "signkey-test-", "signkey-test-abc", "signkey-test-xyz0", "hunter2"])
def test_a_key_that_is_none_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Signer(key)
    assert not key or key not in str(refused.value) + refused.value.hint
