"""The SDKs that pages can be about, and the names people give them."""

from __future__ import annotations

import re

from docs_index.errors import InvalidArgumentError, quote

SDKS = ("typescript", "python", "go")

_ALIASES = {
    "typescript": "typescript",
    "ts": "typescript",
    "tsx": "typescript",
    "js": "typescript",
    "jsx": "typescript",
    "javascript": "typescript",
    "node": "typescript",
    "nodejs": "typescript",
    "python": "python",
    "py": "python",
    "go": "go",
    "golang": "go",
}
# "go" is an English verb, so a query means the language only when it says so.
_MENTIONS = {
    "typescript": re.compile(r"\b(?:typescript|javascript|ts|js|node(?:\.?js)?)\b", re.IGNORECASE),
    "python": re.compile(r"\b(?:python|py)\b", re.IGNORECASE),
    "go": re.compile(r"\b(?:golang|(?:in|for|with|using)\s+go|go\s+(?:sdk|language|code))\b", re.IGNORECASE),
}
_MARK = re.compile(r"^\s*<!--\s*(?:sdk:\s*(?P<names>[\w, +-]*?)|/sdk)\s*-->\s*$")


def named(name: str) -> str | None:
    """Return the SDK that a fence language, a tab or a person calls `name`, or None."""
    return _ALIASES.get(name.strip().lower())


def require(name: str) -> str:
    """Return the SDK called `name`.

    Raises:
        InvalidArgumentError: no SDK has this name.
    """
    sdk = named(name)
    if sdk is None:
        raise InvalidArgumentError(
            f"There is no SDK {quote(name)}.", hint=f"Use one of {', '.join(SDKS)}, or leave it out."
        )
    return sdk


def mentioned(query: str) -> frozenset[str]:
    """Return the SDKs that a query names."""
    return frozenset(sdk for sdk, pattern in _MENTIONS.items() if pattern.search(query))


def mark(line: str) -> tuple[str, ...] | None:
    """Return the names in a line such as `<!-- sdk: python, go -->`, or None when it is no such mark.

    What stands between it and `<!-- /sdk -->`, which names none, is for those SDKs.
    """
    found = _MARK.match(line) if "<!--" in line else None
    if found is None:
        return None
    return tuple(name for name in (found["names"] or "").split(",") if name.strip())


def in_path(path: str) -> tuple[str, ...]:
    """Return the SDKs after which folders of a path are called."""
    return in_order({sdk for part in path.split("/")[:-1] if (sdk := named(part))})


def in_order(sdks: set[str] | frozenset[str]) -> tuple[str, ...]:
    """Return the SDKs in the order of `SDKS`."""
    return tuple(sdk for sdk in SDKS if sdk in sdks) if sdks else ()
