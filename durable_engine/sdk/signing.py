"""Sign requests to apps that run in cloud mode and check them.

Source: SDK behaviour as observed: HMAC-SHA256 keyed with the signing key without its prefix, over the
body in JCS form (RFC 8785) followed by the Unix time in seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import Final

import jcs

from durable_engine.errors import ConfigError
from durable_engine.model.json_value import parse_json

SIGNATURE_HEADER: Final = "X-Inngest-Signature"
_KEY: Final = re.compile(r"(?:signkey-\w+-)?((?:[0-9a-fA-F]{2})+)")


class Signer:
    """Signs with one key: `signkey-<environment>-<hex>`, or the bare hex.

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

    def sign(self, body: bytes) -> str:
        """Return the value of the signature header for a JSON body, or for an empty one."""
        canonical = jcs.canonicalize(parse_json(body)) if body else b""
        # The receiver compares with its own wall clock, so engine time, which may be shifted, is no use.
        timestamp = str(int(time.time()))
        digest = hmac.new(self._key, canonical + timestamp.encode(), hashlib.sha256).hexdigest()
        return f"t={timestamp}&s={digest}"
