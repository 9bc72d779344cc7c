"""Sizes on the command line: `512KB`, `3MB`, `1GB`, or bytes; a KB is 1,024 bytes, as Inngest counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import click

_UNITS: Final = {"": 1, "k": 1_024, "m": 1_024**2, "g": 1_024**3}
_SIZE: Final = re.compile(r"(\d{1,12})(?:\.(\d{1,3}))?\s*(?:([kmg])(?:i?b)?|b)?", re.IGNORECASE | re.ASCII)


def reading_size(least: int, most: int) -> Callable[[click.Context, click.Parameter, str], int]:
    """Return the callback of an option that takes a size between two bounds, in bytes."""
    example = show_size(max(least, 512 * _UNITS["k"]))
    allowed = f"{show_size(least)} to {show_size(most)} are allowed, such as {example}."

    def read(_: click.Context, __: click.Parameter, text: str) -> int:
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise click.BadParameter(f"{text!r} is not a size; {allowed}")
        whole, fraction, unit = match.groups()
        size = round(float(f"{whole}.{fraction or 0}") * _UNITS[(unit or "").lower()])
        if not least <= size <= most:
            raise click.BadParameter(f"{text!r} is out of range; {allowed}")
        return size

    return read


def show_size(size: int) -> str:
    """Return bytes in the largest unit that leaves no rest, such as `3MB`."""
    for unit, factor in (("GB", _UNITS["g"]), ("MB", _UNITS["m"]), ("KB", _UNITS["k"])):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"
