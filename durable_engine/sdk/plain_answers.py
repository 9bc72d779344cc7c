"""The head of an answer as almost all are: HTTP/1.1, a length, and nothing out of the ordinary.

It is read in one go. Whatever is not of this form is for h11, which also knows what is wrong with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_HEAD_BYTES: Final = 16 * 1024
MAX_BODY_BYTES: Final = 64 * 1024
"""Longer ones are worth looking at while they come."""

_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2})(?: [\t -~]*+)?\r\n"
    rb"((?:[-!#$%&'*+.^_`|~0-9A-Za-z]++:[\t -~]*+\r\n)++)\r\n"
)
_LENGTH: Final = re.compile(r"[0-9]{1,9}")
_NO_BODY: Final = frozenset({"204", "304"})


@dataclass(frozen=True, slots=True)
class PlainHead:
    """The head of an answer: `size` bytes, and the answer ends after `end` bytes."""

    status: int
    headers: dict[str, str]
    size: int
    end: int


def read_plain_head(data: bytes) -> PlainHead | None:
    """Read the head of the answer that begins with `data`; None for what h11 has to look at.

    Left to it are those that say more of their body or of the connection than a length, or what is not ASCII.
    """
    found = _HEAD.match(data, 0, MAX_HEAD_BYTES)
    if found is None:
        return None
    status, lines = found[1].decode(), found[2]
    headers: dict[str, str] = {}
    for line in lines.decode("ascii").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if name not in headers:
            headers[name] = value
        elif name == "content-length":
            return None
        else:
            headers[name] = f"{headers[name]}, {value}"
    length = headers.get("content-length", "")
    if (
        status in _NO_BODY
        or "transfer-encoding" in headers
        or headers.get("connection", "keep-alive").lower() != "keep-alive"
        or _LENGTH.fullmatch(length) is None
        or int(length) > MAX_BODY_BYTES
    ):
        return None
    return PlainHead(int(status), headers, found.end(), found.end() + int(length))
