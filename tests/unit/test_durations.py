"""Durations and dates as text: what is read, what is refused, what people see."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_engine.durations import (
    format_duration,
    parse_date_ns,
    parse_due_ms,
    parse_duration_ms,
    parse_duration_ns,
    parse_rfc3339_ns,
    parse_since_ms,
)
from durable_engine.errors import InvalidDurationError

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
NOW = 1_136_200_000_000  # 2006-01-02T11:06:40Z


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("0s", 0),
        ("5s", 5 * SECOND),
        ("250ms", 250),
        ("1h30m", 90 * MINUTE),
        ("1h0m0s", HOUR),
        ("2.5d", 60 * HOUR),
        ("1w2d3h4m5.5s", WEEK + 2 * DAY + 3 * HOUR + 4 * MINUTE + 5_500),
        (".5s", 500),
        ("5.s", 5 * SECOND),
        ("3d 4h", 3 * DAY + 4 * HOUR),
        (" 5s\n", 5 * SECOND),
        ("+5s", 5 * SECOND),
        ("1m1m", 2 * MINUTE),
        ("0.1s", 100),
        ("366d", 366 * DAY),
    ],
)
def test_units_are_added_up(text: str, ms: int) -> None:
    assert parse_duration_ms(text) == ms


@pytest.mark.parametrize("text", ["1ns", "1us", "1\u00b5s", "1\u03bcs", "0.1ms", "0.0000000001s"])
def test_parts_of_a_millisecond_round_up(text: str) -> None:
    assert parse_duration_ms(text) == 1


def test_only_the_sum_is_rounded() -> None:
    assert parse_duration_ms("500us500us") == 1


def test_a_leading_minus_counts_backwards() -> None:
    assert parse_duration_ns("-1h30m") == -90 * MINUTE * 1_000_000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a duration"),
        ("  ", "is not a duration"),
        ("-", "is not a duration"),
        ("- 5s", "is not a duration"),
        ("soon", "is not a duration"),
        (".s", "is not a duration"),
        ("1h  30m", "is not a duration"),
        ("1h-5m", "is not a duration"),
        ("30", "has a number without a unit"),
        ("1h30", "has a number without a unit"),
        ("5 s", "has a number without a unit"),
        ("3 hours", "has a number without a unit"),
        ("5y", "has the unknown unit 'y'"),
        ("5S", "has the unknown unit 'S'"),
        ("\u0665s", "is not a duration"),
        ("-5s", "is negative"),
        ("16000w", "is longer than 292 years"),
        ("9" * 101 + "s", "is too long for a duration"),
    ],
)
def test_other_text_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidDurationError, match=why):
        parse_duration_ms(text)


def test_the_message_names_what_is_allowed_and_cuts_the_text() -> None:
    with pytest.raises(InvalidDurationError) as caught:
        parse_duration_ms("x" * 60)
    assert "ns, us, ms, s, m, h, d or w" in str(caught.value)
    assert "x" * 41 not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2006-01-02T15:04:05Z", "2006-01-02T15:04:05+00:00"),
        ("2006-01-02t15:04:05z", "2006-01-02T15:04:05+00:00"),
        ("2006-01-02 15:04:05Z", "2006-01-02T15:04:05+00:00"),
        ("2006-01-02T15:04:05.613Z", "2006-01-02T15:04:05.613+00:00"),
        ("2006-01-02T15:04:05.9999999999Z", "2006-01-02T15:04:05.999999+00:00"),
        ("2006-01-02T15:04:05-07:00", "2006-01-02T22:04:05+00:00"),
        ("2006-01-02T15:04:05+05:30", "2006-01-02T09:34:05+00:00"),
        ("2006-01-02T15:04:05", "2006-01-02T15:04:05+00:00"),
        ("2006-01-02", "2006-01-02T00:00:00+00:00"),
        ("Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05+00:00"),
        ("Mon, 02 Jan 2006 15:04:05 -0700", "2006-01-02T22:04:05+00:00"),
        ("02 Jan 06 15:04 EST", "2006-01-02T20:04:00+00:00"),
        ("02 jan 70 15:04 UTC", "1970-01-02T15:04:00+00:00"),
        ("Monday, 02-Jan-06 15:04:05 MST", "2006-01-02T22:04:05+00:00"),
        ("Mon Jan  2 15:04:05 2006", "2006-01-02T15:04:05+00:00"),
        ("Mon Jan  2 15:04:05 UTC 2006", "2006-01-02T15:04:05+00:00"),
        ("Mon Jan 02 15:04:05 -0700 2006", "2006-01-02T22:04:05+00:00"),
    ],
)
def test_a_date_is_read_in_every_style_the_sdks_may_send(text: str, iso: str) -> None:
    instant = datetime.fromtimestamp(parse_date_ns(text) // 1_000 / 1_000_000, tz=UTC)
    assert abs(instant - datetime.fromisoformat(iso)).total_seconds() < 0.000_01


@pytest.mark.parametrize(
    "text",
    [
        "2006-13-01",
        "2006-02-30",
        "2006-01-02T25:00:00Z",
        "2006-01-02T15:04:60Z",
        "2006-01-02T15:04:05+24:00",
        "2006-01-02T15:04",
        "20060102T150405Z",
        "2006-W01-1",
        "Mon, 02 Foo 2006 15:04:05 GMT",
        "Mon, 02 Jan 2006 15:04:05 CET",
        "1136214245",
        "tomorrow at noon",
        "2006-01-02" + " " * 10 + "x" * 100,
        "",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidDurationError, match="is not a date"):
        parse_date_ns(text)


def test_an_rfc_3339_timestamp_keeps_its_nanoseconds() -> None:
    assert parse_rfc3339_ns("1970-01-01T00:00:01.123456789Z") == 1_123_456_789


@pytest.mark.parametrize("text", ["2006-01-02", "2006-01-02T15:04:05", "2006-02-30T00:00:00Z", "x" * 200])
def test_an_rfc_3339_timestamp_names_its_offset(text: str) -> None:
    with pytest.raises(InvalidDurationError, match="is not an RFC 3339 timestamp"):
        parse_rfc3339_ns(text)


@pytest.mark.parametrize(
    ("text", "due_ms"),
    [
        ("", NOW),
        ("  ", NOW),
        ("1s", NOW + SECOND),
        ("1d2h", NOW + 26 * HOUR),
        ("-5s", NOW),
        ("2006-01-02T15:04:05Z", 1_136_214_245_000),
        ("2006-01-02T15:04:05.0001Z", 1_136_214_245_001),
        ("2006-01-03", 1_136_246_400_000),
        ("2006-01-02", NOW),
        ("1999-01-01T00:00:00Z", NOW),
        ("Mon, 02 Jan 2006 15:04:05 GMT", 1_136_214_245_000),
        ("1w2d3h4m5.5s", NOW + WEEK + 2 * DAY + 3 * HOUR + 4 * MINUTE + 5_500),
    ],
)
def test_a_sleep_ends_at_its_date_or_after_its_duration_but_never_in_the_past(text: str, due_ms: int) -> None:
    assert parse_due_ms(text, now_ms=NOW) == due_ms


def test_a_short_sleep_text_that_is_no_duration_is_refused_as_one() -> None:
    with pytest.raises(InvalidDurationError, match="'5x' has the unknown unit 'x'"):
        parse_due_ms("5x", now_ms=NOW)


def test_a_long_sleep_text_that_is_nothing_names_both_forms() -> None:
    with pytest.raises(
        InvalidDurationError, match=r"neither a date nor a duration: write a date .* or write numbers"
    ):
        parse_due_ms("2006-13-01", now_ms=NOW)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0ms"),
        (250, "250ms"),
        (999, "999ms"),
        (1_000, "1s"),
        (1_234, "1.2s"),
        (59_999, "59.9s"),
        (60_000, "1m"),
        (65_000, "1m 5s"),
        (HOUR - 1, "59m 59s"),
        (HOUR + MINUTE, "1h 1m"),
        (3 * DAY + 4 * HOUR + 5 * MINUTE, "3d 4h"),
        (3 * DAY + 5 * MINUTE, "3d"),
        (366 * DAY, "366d"),
        (-1_500, "-1.5s"),
    ],
)
def test_people_see_at_most_two_units(ms: int, text: str) -> None:
    assert format_duration(ms) == text


@given(st.integers(min_value=0, max_value=2**42))
def test_what_people_see_reads_back_as_nearly_as_much(ms: int) -> None:
    shown = parse_duration_ms(format_duration(ms))
    assert shown <= ms < shown + max(100, shown // 10 + 1)


@given(st.text())
def test_any_text_is_either_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidDurationError):
        assert parse_due_ms(text, now_ms=NOW) >= NOW


def test_since_is_a_date_or_how_long_ago() -> None:
    now_ms = 1_790_000_000_000

    assert parse_since_ms("2h", now_ms=now_ms) == now_ms - 7_200_000
    assert parse_since_ms("2026-09-21T14:13:20Z", now_ms=0) == now_ms
    for text in ("yesterday", "-1h", "2 hours", ""):
        with pytest.raises(InvalidDurationError, match="neither a date nor a duration") as refusal:
            parse_since_ms(text, now_ms=now_ms)
        assert "how long ago" in refusal.value.hint
