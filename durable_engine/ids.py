"""Ids: ULIDs for events and runs, name-based UUIDs for apps and functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import Final
from uuid import UUID, uuid5

from ulid import ULID

_NAMESPACE: Final = UUID("6b1f64c4-6f2b-5a53-9c38-0d5a3bb0c5b1")
MAX_ULID_MS: Final = 2**48 - 1
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]
_PLACES: Final = range(120, -1, -10)


def new_ulid(now_ms: int) -> str:
    """Make a random ULID whose time part is `now_ms` (Unix epoch, milliseconds)."""
    return _ulid(now_ms, os.urandom(10))


def derived_ulid(at_ms: int, *parts: str) -> str:
    """Make the ULID that belongs to `parts`: the same decision made again gives the same id."""
    return _ulid(at_ms, hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()[:10])


def seeded_ulid(seed: str, position: int, *, now_ms: int) -> str:
    """Make the reproducible ULID of the event at `position` (from 0) of a request.

    `seed` as SDKs send it in `x-inngest-event-id-seed` is `<milliseconds>,<base64 of 10 bytes>`; the
    position + 1 is added to the last four bytes (big-endian). Any other text is hashed instead, so that
    a person may write a plain word.

    Source: SDK behaviour as observed (a repeated seeded post returns identical ids).
    """
    parsed = _sdk_seed(seed)
    if parsed is None:
        digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()
        parsed = (int.from_bytes(digest[10:15], "big"), digest[:10])
    at_ms, entropy = parsed
    tail = (int.from_bytes(entropy[6:], "big") + position + 1) % 2**32
    return _ulid(at_ms or now_ms, entropy[:6] + tail.to_bytes(4, "big"))


def uuid_for(kind: str, name: str) -> str:
    """Return the UUID that stands for the app or function `name` after every restart."""
    return str(uuid5(_NAMESPACE, f"{kind}:{name}"))


def span_id(*parts: str) -> str:
    """Return the id, 16 hex digits, of the span that belongs to `parts`."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def is_ulid(text: str) -> bool:
    """Whether `text` is a well-formed ULID."""
    try:
        ULID.from_str(text)
    except ValueError:
        return False
    return True


def ulid_ms(text: str) -> int:
    """Return the time that is part of a well-formed ULID."""
    return int(ULID.from_str(text).milliseconds)


def _ulid(at_ms: int, entropy: bytes) -> str:
    """Write an id by two digits at a time, which costs half of what the library needs: each call has one."""
    number = int.from_bytes(at_ms.to_bytes(6, "big") + entropy, "big")
    return "".join([_PAIRS[number >> place & 1023] for place in _PLACES])


def _sdk_seed(seed: str) -> tuple[int, bytes] | None:
    milliseconds, comma, encoded = seed.partition(",")
    if not comma or not milliseconds.isdecimal():
        return None
    at_ms = int(milliseconds[:20])
    try:
        entropy = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return (at_ms, entropy) if len(entropy) == 10 and at_ms <= MAX_ULID_MS else None
