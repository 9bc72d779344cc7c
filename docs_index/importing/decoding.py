"""Turn bytes into text, whatever their character set is said to be."""

from __future__ import annotations

import codecs
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(raw: bytes, declared: str = "") -> str:
    """Return the text: UTF-8 if it can be that, else what was declared, else Windows-1252."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode(declared or "cp1252")
    except (LookupError, UnicodeError, ValueError):
        return raw.decode("cp1252", "replace")
