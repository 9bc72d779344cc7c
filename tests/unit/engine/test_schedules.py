"""Cron schedules: what is read, what is refused, and when they fire."""

from __future__ import annotations

import pytest
from schedule_walk import ms, ticks

from durable_engine.errors import InvalidCronError, InvalidInputError
from durable_engine.schedules import MAX_SCHEDULE_CHARS, Schedule, jittered_ms


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("* * * * *", "2026-03-04T10:31", "2026-03-04T10:32"),
        ("*/15 * * * *", "2026-03-04T10:45", "2026-03-04T11:00"),
        ("5/20 * * * *", "2026-03-04T10:45", "2026-03-04T11:05"),
        ("10-20/5,50 * * * *", "2026-03-04T10:50", "2026-03-04T11:10"),
        ("5-5/10 * * * *", "2026-03-04T11:05", "2026-03-04T12:05"),
        ("59/2 * * * *", "2026-03-04T10:59", "2026-03-04T11:59"),
        ("*/90 * * * *", "2026-03-04T11:00", "2026-03-04T12:00"),
        ("0 9-17/4 * * *", "2026-03-04T13:00", "2026-03-04T17:00"),
        ("00 09 * * *", "2026-03-05T09:00", "2026-03-06T09:00"),
        ("0 0 1 * *", "2026-04-01T00:00", "2026-05-01T00:00"),
        ("0 0 31 * *", "2026-03-31T00:00", "2026-05-31T00:00"),
        ("0 0 1 JAN *", "2027-01-01T00:00", "2028-01-01T00:00"),
        ("0 0 1 feb-Apr *", "2026-04-01T00:00", "2027-02-01T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00", "2032-02-29T00:00"),
        ("0 0 * * mon", "2026-03-09T00:00", "2026-03-16T00:00"),
        ("0 0 * * MON-FRI/2", "2026-03-06T00:00", "2026-03-09T00:00"),
        ("0 0 * * 0", "2026-03-08T00:00", "2026-03-15T00:00"),
        ("0 0 * * 7", "2026-03-08T00:00", "2026-03-15T00:00"),
        ("0 0 * * 5-7", "2026-03-06T00:00", "2026-03-07T00:00"),
        ("0 0 * * 5/2", "2026-03-06T00:00", "2026-03-13T00:00"),  # Saturday is the last day of a step
        ("0 0 ? * ?", "2026-03-05T00:00", "2026-03-06T00:00"),
        ("0 0 ? * 4", "2026-03-05T00:00", "2026-03-12T00:00"),
        ("0 0 6 * MON", "2026-03-06T00:00", "2026-03-09T00:00"),  # either day
        ("0 0 */2 * MON", "2026-03-09T00:00", "2026-03-23T00:00"),  # both: a star is no restriction
        ("0 0 30 2 MON", "2027-02-01T00:00", "2027-02-08T00:00"),
        ("  0\t0  * * *\n", "2026-03-05T00:00", "2026-03-06T00:00"),
        ("TZ=UTC 0 0 * * *", "2026-03-05T00:00", "2026-03-06T00:00"),
        ("TZ=Europe/Paris 0 12 * * 5", "2026-03-06T11:00", "2026-03-13T11:00"),
        ("CRON_TZ=Asia/Kathmandu 0 0 * * *", "2026-03-04T18:15", "2026-03-05T18:15"),
    ],
)
def test_a_schedule_fires_when_its_fields_say(text: str, first: str, second: str) -> None:
    assert ticks(text, after="2026-03-04T10:30", count=2) == [f"{first}Z", f"{second}Z"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("60 * * * *", "minute '60' is not in 0-59"),
        ("* 24 * * *", "hour '24' is not in 0-23"),
        ("0 0 32 * *", "day of month '32' is not in 1-31"),
        ("0 0 0 * *", "day of month '0' is not in 1-31"),
        ("0 0 * 13 *", "month '13' is not in 1-12 or JAN-DEC"),
        ("0 0 * mrz *", "month 'MRZ' is not in 1-12 or JAN-DEC"),
        ("0 0 * * 8", "day of week '8' is not in 0-7 or SUN-SAT"),
        ("0 0 * * MONDAY", "day of week 'MONDAY' is not in 0-7 or SUN-SAT"),
        ("JAN * * * *", "minute 'JAN' is not in 0-59"),
        ("0 0 L * *", "day of month 'L' is not in 1-31"),
        ("0 0 * * 5L", "day of week '5L' is not in 0-7"),
        ("0 0 * * MON#1", "day of week 'MON#1' cannot be read"),
        ("-5 * * * *", "minute '-5' cannot be read"),
        ("1.5 * * * *", "minute '1.5' cannot be read"),
        ("1,,2 * * * *", "minute '1,,2' cannot be read"),
        ("1, * * * *", "minute '1,' cannot be read"),
        ("1-2-3 * * * *", "minute '1-2-3' cannot be read"),
        ("*-5 * * * *", "minute '*-5' cannot be read"),
        ("*/ * * * *", "minute '*/' cannot be read"),
        ("*/x * * * *", "minute '*/x' cannot be read"),
        ("*/-1 * * * *", "minute '*/-1' cannot be read"),
        ("\u0663 * * * *", "cannot be read"),  # a digit, but not one of ours
        ("*/0 * * * *", "minute '*/0' has a step of 0"),
        ("? * * * *", "minute '?' may not be '?'"),
        ("0 ? * * *", "hour '?' may not be '?'"),
        ("0 17-9 * * *", "hour '17-9' runs backwards"),
        ("0 0 * * FRI-SUN", "where Sunday is also 7"),
        ("9" * 200 + " * * * *", "is not in 0-59"),
        ("", "it has no fields; write five"),
        ("   ", "it has no fields"),
        ("hourly", "it has 1 field; write five"),
        ("* * * *", "it has 4 fields; write five: minute, hour, day of month, month and day of week"),
        ("0 * * * * *", "it has 6 fields, and seconds cannot be scheduled; write five"),
        ("* * * * * * *", "it has 7 fields"),
        ("@daily", "'@daily' is a shorthand that is not supported; write '0 0 * * *'"),
        ("@Hourly", "write '0 * * * *'"),
        ("TZ=Europe/Paris @weekly", "write '0 0 * * 0'"),
        ("@every 5m", "write a step, such as '*/5 * * * *'"),
        ("@reboot", "'@reboot' is not supported; write five"),
        ("TZ=Europe/Paris", "it has no fields"),
        ("TZ=Europe/Berln 0 0 * * *", "time zone 'Europe/Berln' is not known; near names: Europe/Berlin"),
        ("TZ=europe/paris 0 0 * * *", "Europe/Paris"),
        ("TZ=Tokyo 0 0 * * *", "near names: Asia/Tokyo"),
        ("TZ=New_York 0 0 * * *", "near names: America/New_York"),
        ("TZ=Qqqqqq 0 0 * * *", "write a name such as Europe/Paris"),
        ("TZ= 0 0 * * *", "time zone '' is not known"),
        ("TZ=Europe 0 0 * * *", "time zone 'Europe' is not known"),
        ("TZ=../etc/passwd 0 0 * * *", "is not known"),
        ("TZ=/etc/localtime 0 0 * * *", "is not known"),
        ("TZ=localtime 0 0 * * *", "is not known"),
        ("TZ=right/Europe/Paris 0 0 * * *", "near names: Europe/Paris"),
        ("TZ=a\0b 0 0 * * *", "is not known"),
        ("TZ=+02:00 0 0 * * *", "is not known"),
        ("tz=Europe/Paris 0 0 * * *", "write the zone as TZ=Europe/Paris"),
        ("0 0 * * * TZ=Europe/Paris", "it has 6 fields"),
        ("0 0 30 2 *", "it never fires"),
        ("0 0 31 4,6,9,11 *", "it never fires"),
        ("0 0 31 2 */2", "it never fires"),
        # Only ever in the hour that the clocks of this zone skip, on the last Sunday of March.
        ("TZ=Europe/Berlin */5 2 25-31 3 */7", "it never fires"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_to_write(text: str, words: str) -> None:
    with pytest.raises(InvalidCronError) as refused:
        Schedule.parse(text)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 250


def test_a_text_that_is_too_long_is_refused() -> None:
    fits = "0," * 122 + "0 * * * *"
    assert len(fits) <= MAX_SCHEDULE_CHARS
    assert Schedule.parse(fits).next_after_ms(0) > 0
    with pytest.raises(InvalidCronError, match="at most 255"):
        Schedule.parse(fits + " " * MAX_SCHEDULE_CHARS)
    assert issubclass(InvalidCronError, InvalidInputError)


def test_a_schedule_is_read_once_and_equal_to_one_of_the_same_text() -> None:
    assert Schedule.parse("1 2 * * *") is Schedule.parse("1 2 * * *")
    assert Schedule.parse("1 2 * * *") != Schedule.parse("1 2  * * *")
    assert len({Schedule.parse("1 2 * * *"), Schedule.parse("1 2 * * *")}) == 1
    assert "1 2 * * *" in repr(Schedule.parse("1 2 * * *"))


def test_the_next_tick_is_strictly_later_to_the_millisecond() -> None:
    schedule = Schedule.parse("30 10 * * *")
    tick = ms("2026-03-04T10:30")
    assert schedule.next_after_ms(tick - 60_000) == tick
    assert schedule.next_after_ms(tick - 1) == tick
    assert schedule.next_after_ms(tick) == tick + 86_400_000
    assert schedule.next_after_ms(tick + 1) == tick + 86_400_000


def test_the_rarest_date_is_found_across_a_century_without_a_leap_day() -> None:
    assert ticks("0 0 29 2 *", after="2096-03-01T00:00", count=1) == ["2104-02-29T00:00Z"]
    # A Sunday: */7 begins with a star, so both day fields have to fit.
    assert ticks("0 0 29 2 */7", after="2088-03-01T00:00", count=1) == ["2128-02-29T00:00Z"]


# --- clocks that are set forward and back ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        # Berlin, 29 March: 02:00-02:59 does not exist, and a fixed time in it fires at 03:00 (01:00 UTC).
        ("TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00", ["2026-03-29T01:00Z", "2026-03-30T00:30Z"]),
        ("TZ=Europe/Berlin 0,20,40 2 * * *", "2026-03-29T00:00", ["2026-03-29T01:00Z", "2026-03-30T00:00Z"]),
        ("TZ=Europe/Berlin 0 2,3 * * *", "2026-03-29T00:00", ["2026-03-29T01:00Z", "2026-03-30T00:00Z"]),
        ("TZ=Europe/Berlin 30 2-3 * * *", "2026-03-29T00:00", ["2026-03-29T01:00Z", "2026-03-29T01:30Z"]),
        # An interval goes by the clock on the wall: every minute of 02:xx is left out.
        ("TZ=Europe/Berlin */30 * * * *", "2026-03-29T00:00", ["2026-03-29T00:30Z", "2026-03-29T01:00Z"]),
        ("TZ=Europe/Berlin */30 2 * * *", "2026-03-29T00:00", ["2026-03-30T00:00Z", "2026-03-30T00:30Z"]),
        ("TZ=Europe/Berlin 0 */2 * * *", "2026-03-28T23:00", ["2026-03-29T02:00Z", "2026-03-29T04:00Z"]),
        # Berlin, 25 October: 02:00-02:59 comes twice, and a fixed time fires the first time only.
        ("TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00", ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]),
        ("TZ=Europe/Berlin 30 2 * * *", "2026-10-25T01:00", ["2026-10-26T01:30Z"]),
        ("TZ=Europe/Berlin 30 2 * * *", "2026-10-25T01:15", ["2026-10-26T01:30Z"]),
        ("TZ=Europe/Berlin 0 2,3 * * *", "2026-10-24T23:00", ["2026-10-25T00:00Z", "2026-10-25T02:00Z"]),
        ("TZ=Europe/Berlin 0 * * * *", "2026-10-24T23:00", [f"2026-10-25T0{hour}:00Z" for hour in range(4)]),
        ("TZ=Europe/Berlin */30 2 * * *", "2026-10-25T00:30", ["2026-10-25T01:00Z", "2026-10-25T01:30Z"]),
        # New York: 02:00-02:59 is skipped on 8 March, 01:00-01:59 comes twice on 1 November.
        ("TZ=America/New_York 30 2 * * *", "2026-03-08T00:00", ["2026-03-08T07:00Z", "2026-03-09T06:30Z"]),
        ("TZ=America/New_York 30 1 * * *", "2026-11-01T00:00", ["2026-11-01T05:30Z", "2026-11-02T06:30Z"]),
        ("TZ=America/New_York 30 * * * *", "2026-11-01T05:00", ["2026-11-01T05:30Z", "2026-11-01T06:30Z"]),
        # Lord Howe, 4 October: 02:00 (15:30 UTC) becomes 02:30, so that 02:45 exists and 02:15 does not.
        ("TZ=Australia/Lord_Howe 15 2 * * *", "2026-10-03T12:00", ["2026-10-03T15:30Z", "2026-10-04T15:15Z"]),
        ("TZ=Australia/Lord_Howe 45 2 * * *", "2026-10-03T12:00", ["2026-10-03T15:45Z", "2026-10-04T15:45Z"]),
        ("TZ=Australia/Lord_Howe 45 * * * *", "2026-10-03T15:00", ["2026-10-03T15:15Z", "2026-10-03T15:45Z"]),
        ("TZ=Australia/Lord_Howe * 3 * * *", "2026-10-03T15:00", ["2026-10-03T16:00Z", "2026-10-03T16:01Z"]),
        # Lord Howe, 5 April: 02:00 (15:00 UTC on the 4th) becomes 01:30.
        ("TZ=Australia/Lord_Howe 45 1 * * *", "2026-04-04T12:00", ["2026-04-04T14:45Z", "2026-04-05T15:15Z"]),
        ("TZ=Australia/Lord_Howe 45 * * * *", "2026-04-04T14:30", ["2026-04-04T14:45Z", "2026-04-04T15:15Z"]),
        ("TZ=Australia/Lord_Howe 0 * * * *", "2026-04-04T14:00", ["2026-04-04T15:30Z", "2026-04-04T16:30Z"]),
        # Cairo, 24 April: there is no midnight.
        ("TZ=Africa/Cairo 0 0 * * *", "2026-04-23T12:00", ["2026-04-23T22:00Z", "2026-04-24T21:00Z"]),
        ("TZ=Africa/Cairo */20 0 24 4 *", "2026-04-23T12:00", ["2027-04-23T22:00Z"]),
    ],
)
def test_what_a_schedule_does_when_clocks_are_set(text: str, after: str, expected: list[str]) -> None:
    assert ticks(text, after=after, count=len(expected)) == expected


# --- jitter ------------------------------------------------------------------------------------------


def test_jitter_puts_a_tick_off_by_less_than_itself_and_always_by_the_same() -> None:
    tick = ms("2026-03-04T10:30")
    instants = [jittered_ms(tick, 30_000, "app-fn", str(number)) for number in range(200)]
    assert all(tick <= instant < tick + 30_000 for instant in instants)
    assert len(set(instants)) > 150
    assert instants == [jittered_ms(tick, 30_000, "app-fn", str(number)) for number in range(200)]


def test_jitter_differs_from_tick_to_tick_and_from_name_to_name() -> None:
    offsets = {jittered_ms(minute * 60_000, 30_000, "app-fn") - minute * 60_000 for minute in range(100)}
    assert len(offsets) > 90
    assert jittered_ms(0, 300_000, "a", "bc") != jittered_ms(0, 300_000, "ab", "c")
    assert jittered_ms(0, 300_000, "half \ud800") >= 0


def test_no_jitter_leaves_the_tick_alone_and_the_result_stays_the_same_in_later_versions() -> None:
    assert jittered_ms(1_000, 0, "app-fn") == 1_000
    assert jittered_ms(1_000, 1, "app-fn") == 1_000
    assert jittered_ms(1_772_620_200_000, 300_000, "app-fn") == 1_772_620_366_595
