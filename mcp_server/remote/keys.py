"""Signing keys as servers ask for them.

Source: SDK behaviour as observed: the bearer is the SHA-256, in hex, of the hex-decoded part of the key, with
the prefix `signkey-<environment>-` in front, as TypeScript and Go send it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from pydantic import SecretStr

from durable_engine.errors import ConfigError

_KEY: Final = re.compile(r"(signkey-(\w+)-)?((?:[0-9a-fA-F]{2})+)")


class SigningKey:
    """A signing key; only its bearer ever leaves this object.

    Raises:
        ConfigError: not a signing key; `option` names where it came from, the key is not repeated.
    """

    def __init__(self, key: SecretStr, *, option: str = "--signing-key") -> None:
        match = _KEY.fullmatch(key.get_secret_value().strip())
        if match is None:
            raise ConfigError(
                f"The key in {option} is not of the form signkey-<environment>-<hex digits>.",
                hint="Copy the signing key of the environment from the server's settings.",
            )
        digest = hashlib.sha256(bytes.fromhex(match[3])).hexdigest()
        self.bearer = SecretStr(f"{match[1] or ''}{digest}")
        self.environment: str = match[2] or ""
        """The kind of environment in its prefix: `prod`, `test`, `branch`; "" without one."""
