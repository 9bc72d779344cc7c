"""Sign requests to apps that run in cloud mode, check the signatures of their answers, know their bearers.

Source: SDK behaviour as observed: HMAC-SHA256 keyed with the signing key without its prefix, over the
body followed by the Unix time in seconds. SDKs put a request into JCS form (RFC 8785) before they check
it, and sign the exact bytes of their answer.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import Final

import jcs

from durable_engine.errors import ConfigError
from durable_engine.model.json_value import InvalidJSONError, parse_json, read_float

SIGNATURE_HEADER: Final = "X-Inngest-Signature"
_PREFIX: Final = r"(?:signkey-\w+-)?"
_KEY: Final = re.compile(rf"{_PREFIX}((?:[0-9a-fA-F]{{2}})+)")
_SIGNATURE: Final = re.compile(r"t=(\d{1,20})&s=([0-9a-fA-F]{64})")
_ODD_TEXT: Final = re.compile(rb"\d{16}|[\xf0-\xff]|\\u[dD]")
"""What JCS writes otherwise than `json.dumps` may: integers beyond 2^53, keys beyond the BMP."""


class Signer:
    """Signs and checks with one key: `signkey-<environment>-<hex>`, or the bare hex.

    Raises:
        ConfigError: not a signing key; the key itself is never repeated in messages.
    """

    def __init__(self, signing_key: str) -> None:
        match = _KEY.fullmatch(signing_key)
        if match is None:
            raise ConfigError(
                "The signing key is not of the form signkey-<environment>-<hex digits>.",
                hint="Pass the key that the app has in INNGEST_SIGNING_KEY.",
            )
        self._key = match.group(1).encode()
        self._bearer = hashlib.sha256(bytes.fromhex(match.group(1))).hexdigest().encode()

    def sign(self, body: bytes) -> str:
        """Return the value of the signature header for a JSON body, or for an empty one."""
        # The receiver compares with its own wall clock, so engine time, which may be shifted, is no use.
        timestamp = str(int(time.time()))
        return f"t={timestamp}&s={self._mac(canonical_json(body) if body else b'', timestamp)}"

    def is_signature_of(self, signature: str, body: bytes) -> bool:
        """Whether a signature header was made with this key for this answer.

        Its age is not looked at: it comes over the connection that asked, from a clock that may be off.
        """
        match = _SIGNATURE.fullmatch(signature)
        if match is None:
            return False
        timestamp, mac = match.group(1), match.group(2).lower()
        # Go ends its answers with a newline that it did not sign.
        if any(self._is_mac(mac, text, timestamp) for text in {body, body.removesuffix(b"\n")}):
            return True
        try:
            return self._is_mac(mac, canonical_json(body), timestamp)
        except InvalidJSONError:
            return False

    def is_bearer(self, token: str) -> bool:
        """Whether an API request's bearer token is this key or its hash, with a prefix or without."""
        bare = re.sub(f"^{_PREFIX}", "", token).encode()
        is_hash = hmac.compare_digest(bare, self._bearer)
        return hmac.compare_digest(bare, self._key) or is_hash

    def _is_mac(self, mac: str, text: bytes, timestamp: str) -> bool:
        return hmac.compare_digest(mac, self._mac(text, timestamp))

    def _mac(self, text: bytes, timestamp: str) -> str:
        digest = hmac.new(self._key, text, hashlib.sha256)
        digest.update(timestamp.encode())
        return digest.hexdigest()


def canonical_json(body: bytes) -> bytes:
    """Return JSON text in JCS form.

    The encoder in C is ten times as fast as `jcs` and writes the same, unless there are floats, integers
    that JavaScript rounds, or keys that UTF-16 sorts otherwise.

    Raises:
        InvalidJSONError: not JSON, or nested too deeply.
    """
    has_floats = False

    def note(text: str) -> float:
        nonlocal has_floats
        has_floats = True
        return read_float(text)

    value = parse_json(body, parse_float=note)
    try:
        if has_floats or _ODD_TEXT.search(body):
            text = str(jcs.canonicalize(value, utf8=False))
        else:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise InvalidJSONError("the JSON is nested too deeply") from None
    # JavaScript writes half of a surrogate pair as an escape, as this does.
    return text.encode("utf-8", "backslashreplace")
