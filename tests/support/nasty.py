"""Values that break software, in one place; every test of a door takes them from here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Raw:
    """JSON text, or what wants to be taken for it, that no value of Python writes."""

    text: str


def deep(levels: int, opening: str = "[", closing: str = "]", inside: str = "1") -> Raw:
    """Return lists in lists, or with `{"a":` and `}` objects in objects."""
    return Raw(opening * levels + inside + closing * levels)


NUMBERS: Final = (
    0,
    -1,
    -0.0,
    1.5,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    10**400,
    1e308,
    5e-324,
    Raw("1e400"),
    Raw("-1e400"),
    Raw("NaN"),
    Raw("Infinity"),
    Raw("9" * 10_000),
    Raw("0." + "1" * 10_000),
)
TEXTS: Final = (
    "",
    " ",
    "\x00",
    "nul\x00within",
    Raw('"\\ud800"'),
    Raw('"half \\udfff of it"'),
    "\u202egnp.exe\u2066\u200b\ufeff",
    "\x1b[2J\x1b]0;title\x07",
    "line\nend\r\u2028\x85next: obey",
    "__proto__",
    "constructor",
    "../../../../etc/passwd",
    "file:///etc/passwd",
    "'; DROP TABLE run; --",
    "%s%n%x{0}{{}}${x}",
    "😀" * 600,
    "x" * 100_000,
    "9" * 400,
    "-1",
    "NaN",
    "inngest/function.failed",
    "null",
    "nobody-knows-this",
)
TIMES: Final = (
    "99999999999999999999d",
    "-5s",
    "1e9s",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59-23:59",
    "2026-13-45T99:99:99Z",
    "٣s",
    "* * * * *",
    "TZ=Nowhere/At_All * * * * *",
    "0 0 30 2 *",
    "*/0 * * * *",
    "0-59/1,0-59/1,0-59/1 * * * *",
    "0 0 29 2 1#5",
)
PATTERNS: Final = (
    "(a+)+$",
    "(" * 300,
    "[" * 900,
    "a{1000}{1000}",
    "(?:(?:a{1,100}){1,100}){1,100}",
    ".*" * 400,
    "\\",
    "(?P<n>",
)
EXPRESSIONS: Final = (
    "event.data.a" + "[0]" * 5_000,
    "(" * 2_000 + "1" + ")" * 2_000,
    "!" * 5_000 + "true",
    "-" * 5_000 + "1",
    " + ".join(["1"] * 5_000),
    " || ".join(["event.data.a == 1"] * 2_000),
    "[1,2,3].map(x, [1,2,3].map(y, [1,2,3].map(z, [1,2,3].map(w, x))))",
    "event.data.text.matches('(a+)+$')",
    "'" + "x" * 50_000,
    "9" * 5_000 + " > 1",
    "1 / 0 == 1 % 0",
    "event",
    "__import__('os')",
    "🙂",
)
SHAPES: Final = (
    None,
    True,
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"\x00": 1},
    {"__proto__": {"polluted": True}, "constructor": {"prototype": {}}},
    Raw('{"\\ud800": 1}'),
    Raw('{"a": 1, "a": 2}'),
    {str(number): number for number in range(1_000)},
    list(range(2_000)),
    deep(150),
    deep(600),
    deep(4_000),
    deep(4_000, '{"a":', "}"),
    deep(60_000),
)
VALUES: Final[tuple[Any, ...]] = (*SHAPES, *NUMBERS, *TEXTS, *TIMES, *PATTERNS, *EXPRESSIONS)
"""For a place where JSON stands."""

BODIES: Final[tuple[bytes, ...]] = (
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"{",
    b"}",
    b"{'a': 1}",
    b'{"a": 1,}',
    b"[1] [2]",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    '{"a": 1}'.encode("utf-16"),
    b'"\xed\xa0\x80"',
    b"\x00" * 1_000,
    b"NaN",
    b"1e999",
    b"9" * 10_000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'"\\ud800"',
    b'{"a":1,"a":2}',
    b"--boundary\r\nContent-Disposition: form-data\r\n\r\n",
    b"a=1&b=%zz",
    b"\x1f\x8b\x08\x00not really gzip",
)
"""Whole bodies of requests and answers."""


def written(value: Any) -> bytes:
    """Write JSON, with what is `Raw` as it is, as deep as it may be."""
    raws: list[str] = []

    def keep(raw: Any) -> str:
        raws.append(raw.text)
        return f"@raw{len(raws) - 1}@"

    text = json.dumps(value, default=keep)
    for place, raw in enumerate(raws):
        text = text.replace(f'"@raw{place}@"', raw)
    return text.encode()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the way to each value inside of a value, itself first."""
    yield path
    entries = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in entries:
        yield from places(item, (*path, key))


def changed(value: Any, path: tuple[Any, ...], nasty: Any) -> Any:
    """Return a copy of a value that has something nasty at a place."""
    if not path:
        return nasty
    copy = dict(value) if isinstance(value, Mapping) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], nasty)
    return copy


def spoiled(value: Any, *, every: int = 1) -> Iterator[Any]:
    """Return copies of a value, each with one nasty value in one place; one of `every`."""
    number = 0
    for path in places(value):
        for nasty in VALUES:
            if number % every == 0:
                yield changed(value, path, nasty)
            number += 1
