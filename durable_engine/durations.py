"""Durations and dates written as text: read as integers, and printed for people.

One reader serves every place where Inngest takes such text: sleeps, wait time-outs, flow-control periods and
the time functions of expressions. All arithmetic is on integers, so `0.1s` is exactly 100 ms.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from durable_engine.errors import InvalidDurationError

NS_PER_MS = 1_000_000
NS_PER_SECOND = 1_000_000_000

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek mu: both are in use, as in Go
    "ms": NS_PER_MS,
    "s": NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "h": 3_600 * NS_PER_SECOND,
    "d": 86_400 * NS_PER_SECOND,
    "w": 604_800 * NS_PER_SECOND,
}
_ALLOWED = 'write numbers with units ns, us, ms, s, m, h, d or w, as in "30s", "1h30m" or "1.5d"'
_DATE_ALLOWED = 'write a date as "2006-01-02T15:04:05Z" or "2006-01-02"'
_PART = re.compile(r" ?([0-9]*)(?:\.([0-9]*))?([^\s0-9.+-]*)")
_MAX_TEXT = 100
_MAX_NS = 2**63 - 1  # Go's time.Duration, the widest that an SDK can mean: about 292 years
_SHORTEST_DATE = len("2006-01-02")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?"
_OFFSET = "[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]"
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    rf"(?:[Tt ]([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}})(?:\.([0-9]+))?(?P<zone>[Zz]|{_OFFSET})?)?"
)
# "Mon, 02 Jan 2006 15:04:05 GMT" (RFC 1123), "02 Jan 06 15:04 -0700" (RFC 822),
# "Monday, 02-Jan-06 15:04:05 UTC" (RFC 850)
_MAIL = re.compile(
    r"(?:[A-Za-z]+, )?([0-9]{1,2})[ -]([A-Za-z]{3})[ -]([0-9]{4}|[0-9]{2}) "
    rf"{_CLOCK} ([A-Z]+|{_OFFSET})"
)
# "Mon Jan  2 15:04:05 2006" (ANSI C), with "UTC" (Unix date) or "-0700" (Ruby) before the year
_UNIX = re.compile(
    rf"[A-Za-z]{{3}} ([A-Za-z]{{3}}) +([0-9]{{1,2}}) {_CLOCK}(?: ([A-Z]+|{_OFFSET}))? ([0-9]{{4}})"
)
# RFC 822 section 5.1. Other abbreviations mean different things in different places, so they are refused.
_ZONE_HOURS = {"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5}
_ZONE_HOURS |= {"MST": -7, "MDT": -6, "PST": -8, "PDT": -7}


def parse_duration_ms(text: str) -> int:
    """Return the length of a duration such as `30s`, `1h30m` or `1w2d3h4m5.5s` in milliseconds.

    A part of a millisecond rounds up: a time-out never fires early.

    Raises:
        InvalidDurationError: not a duration, negative, or longer than Go's 292 years.
    """
    nanoseconds = parse_duration_ns(text)
    if nanoseconds < 0:
        raise InvalidDurationError(f"{_quoted(text)} is negative: a duration counts forward")
    return _ceil_ms(nanoseconds)


def parse_duration_ns(text: str) -> int:
    """Return the length of a duration in nanoseconds; a leading `-` makes it negative.

    Source: Go's time.ParseDuration, with `d` and `w` added as the Inngest SDKs use them.

    Raises:
        InvalidDurationError: not a duration, or longer than Go's 292 years.
    """
    body = text.strip()
    sign = -1 if body.startswith("-") else 1
    body = body.removeprefix("-") if sign < 0 else body.removeprefix("+")
    if len(body) > _MAX_TEXT:
        raise InvalidDurationError(f"{_quoted(text)} is too long for a duration: {_ALLOWED}")
    if body == "0":
        return 0
    if not body or body.startswith(" "):
        raise InvalidDurationError(f"{_quoted(text)} is not a duration: {_ALLOWED}")
    total = 0
    position = 0
    while position < len(body):
        length, position = _read_part(body, position, text)
        total += length
    if total > _MAX_NS:
        raise InvalidDurationError(f"{_quoted(text)} is longer than 292 years")
    return sign * total


def parse_due_ms(text: str, *, now_ms: int) -> int:
    """Return when a sleep with this text ends, in Unix milliseconds, never before `now_ms`.

    Text of ten characters or more is tried as a date first. A date in the past, a negative duration (Go
    writes it for a negative sleep) and empty text mean now.

    Source: what the SDKs send as a sleep, protocol.md 7.6.

    Raises:
        InvalidDurationError: neither a date nor a duration.
    """
    body = text.strip()
    if not body:
        return now_ms
    if len(body) < _SHORTEST_DATE:
        return now_ms + max(0, _ceil_ms(parse_duration_ns(body)))
    instant_ns = _date_ns(body)
    if instant_ns is not None:
        return max(now_ms, _ceil_ms(instant_ns))
    try:
        return now_ms + max(0, _ceil_ms(parse_duration_ns(body)))
    except InvalidDurationError:
        raise InvalidDurationError(
            f"{_quoted(text)} is neither a date nor a duration: {_DATE_ALLOWED}, or {_ALLOWED}"
        ) from None


def parse_since_ms(text: str, *, now_ms: int) -> int:
    """Return the instant that a date names, or that was a duration ago, in Unix milliseconds.

    Raises:
        InvalidDurationError: neither a date nor a duration.
    """
    instant_ns = _date_ns(text.strip())
    if instant_ns is not None:
        return instant_ns // NS_PER_MS
    try:
        return now_ms - parse_duration_ms(text)
    except InvalidDurationError:
        raise InvalidDurationError(
            f"{_quoted(text)} is neither a date nor a duration.",
            hint='Say how long ago, as "30m", "2h" or "1d", or when, as "2006-01-02T15:04:05Z".',
        ) from None


def parse_date_ns(text: str) -> int:
    """Return the instant of a date in any accepted style, in Unix nanoseconds; UTC where it names no zone.

    Styles: RFC 3339, `YYYY-MM-DD[THH:MM:SS]`, RFC 1123, RFC 822, RFC 850, ANSI C, Unix date and Ruby.

    Raises:
        InvalidDurationError: not a date.
    """
    instant_ns = _date_ns(text.strip())
    if instant_ns is None:
        raise InvalidDurationError(f"{_quoted(text)} is not a date: {_DATE_ALLOWED}")
    return instant_ns


def parse_rfc3339_ns(text: str) -> int:
    """Return the instant of an RFC 3339 timestamp, which must name its offset, in Unix nanoseconds.

    Raises:
        InvalidDurationError: not an RFC 3339 timestamp.
    """
    found = _ISO.fullmatch(text[: _MAX_TEXT + 1])
    instant_ns = _from_iso(found) if found and found["zone"] else None
    if instant_ns is None:
        raise InvalidDurationError(
            f'{_quoted(text)} is not an RFC 3339 timestamp: write "2006-01-02T15:04:05Z"'
        )
    return instant_ns


def format_duration(ms: int) -> str:
    """Return a duration for people, cut (not rounded) to two units: `250ms`, `1.2s`, `1m 5s`, `3d 4h`."""
    if ms < 0:
        return "-" + format_duration(-ms)
    if ms < 1_000:
        return f"{ms}ms"
    if ms < 60_000:
        seconds, tenths = divmod(ms // 100, 10)
        return f"{seconds}.{tenths}s" if tenths else f"{seconds}s"
    units = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))
    (unit, size), (smaller, smaller_size) = next(pair for pair in pairwise(units) if ms >= pair[0][1])
    rest = ms % size // smaller_size
    return f"{ms // size}{unit} {rest}{smaller}" if rest else f"{ms // size}{unit}"


def _read_part(body: str, position: int, text: str) -> tuple[int, int]:
    found = _PART.match(body, position)
    whole, fraction, unit = found.groups() if found else ("", "", "")
    if found is None or not (whole or fraction):
        raise InvalidDurationError(f"{_quoted(text)} is not a duration: {_ALLOWED}")
    if unit not in _UNIT_NS:
        fault = f"has the unknown unit {_quoted(unit)}" if unit else "has a number without a unit"
        raise InvalidDurationError(f"{_quoted(text)} {fault}: {_ALLOWED}")
    digits = fraction or ""
    scale = 10 ** len(digits)
    # Rounds up below a nanosecond, for the same reason as milliseconds do.
    return -(-int(whole + digits) * _UNIT_NS[unit] // scale), found.end()


def _date_ns(text: str) -> int | None:
    if len(text) > _MAX_TEXT:
        return None
    if found := _ISO.fullmatch(text):
        return _from_iso(found)
    if found := _MAIL.fullmatch(text):
        day, month, year, hour, minute, second, zone = found.groups()
    elif found := _UNIX.fullmatch(text):
        month, day, hour, minute, second, zone, year = found.groups()
    else:
        return None
    if month.lower() not in _MONTHS:
        return None
    full_year = int(year)
    if len(year) == len("06"):
        full_year += 1900 if full_year >= 69 else 2000  # POSIX strptime %y
    time_of_day = (int(hour), int(minute), int(second or 0))
    return _instant_ns((full_year, _MONTHS.index(month.lower()) + 1, int(day)), time_of_day, zone)


def _from_iso(found: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    time_of_day = (int(hour or 0), int(minute or 0), int(second or 0))
    whole = _instant_ns((int(year), int(month), int(day)), time_of_day, zone)
    return None if whole is None else whole + int((fraction or "").ljust(9, "0")[:9])


def _instant_ns(
    date: tuple[int, int, int], time_of_day: tuple[int, int, int], zone: str | None
) -> int | None:
    offset_s = _offset_s(zone or "UTC")
    if offset_s is None:
        return None
    try:
        local = datetime(*date, *time_of_day, tzinfo=UTC)
    except ValueError:  # no such day or time
        return None
    return ((local - _EPOCH) // timedelta(seconds=1) - offset_s) * NS_PER_SECOND


def _offset_s(zone: str) -> int | None:
    if zone[0] in "+-":
        seconds = int(zone[1:3]) * 3_600 + int(zone[-2:]) * 60
        return -seconds if zone[0] == "-" else seconds
    hours = _ZONE_HOURS.get(zone.upper())
    return None if hours is None else hours * 3_600


def _ceil_ms(nanoseconds: int) -> int:
    return -(-nanoseconds // NS_PER_MS)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
