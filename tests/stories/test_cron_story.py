"""Cron: runs start when a schedule says, at each tick once, in the time zone that it names.

A schedule has five fields: minute, hour, day of month, month, day of week. It ticks in UTC unless it begins
with `TZ=`. Ticks that nobody kept, because the engine was closed, are not made up for.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.deploys import deploy
from support.event_record import record
from support.sdk_app import lab, new_client

from durable_engine import EventFilter, ManualClock, NewEvent

pytestmark = pytest.mark.anyio

MINUTE = 60
HOUR = 3_600
DAY = 86_400


def _clock(text: str) -> ManualClock:
    """Return a clock that stands at a date in UTC."""
    return ManualClock(round(datetime.datetime.fromisoformat(f"{text}+00:00").timestamp() * 1_000))


class Diary:
    """A function with schedules, and the events with which it ran."""

    def __init__(self, client: inngest.Inngest, *triggers: str | Any, **options: Any) -> None:
        self.events: list[inngest.Event] = []
        written = [inngest.TriggerCron(cron=entry) if isinstance(entry, str) else entry for entry in triggers]

        @client.create_function(fn_id="diary", trigger=written, retries=0, **options)
        async def diary(ctx: inngest.Context) -> None:
            self.events.append(ctx.event)

        self.function = diary

    @property
    def times(self) -> list[str]:
        """When it ran, in UTC."""
        return [_shown(event.ts) for event in self.events]


def _shown(at_ms: int) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1_000, datetime.UTC).strftime("%m-%d %H:%M")


async def test_a_run_starts_at_each_tick() -> None:
    client = new_client()
    diary = Diary(client, "*/20 8-9 * * MON-FRI")
    async with lab(client, [diary.function], clock=_clock("2027-01-15T08:10")) as it:  # a Friday
        (next_ms,) = (await it.engine.inventory()).ticks.values()
        assert _shown(next_ms) == "01-15 08:20"
        await it.pass_time(3 * DAY)
        assert diary.times == [
            *("01-15 08:20", "01-15 08:40", "01-15 09:00", "01-15 09:20", "01-15 09:40"),
            *("01-18 08:00",),
        ]


async def test_a_tick_comes_to_the_millisecond_and_not_before() -> None:
    client = new_client()
    diary = Diary(client, "0 9 * * *")
    async with lab(client, [diary.function], clock=_clock("2027-01-15T08:59")) as it:
        await it.pass_time(MINUTE - 0.001)
        assert diary.events == []
        await it.pass_time(0.001)
        assert diary.times == ["01-15 09:00"]


async def test_the_function_sees_the_event_of_its_schedule() -> None:
    client = new_client()
    diary = Diary(client, "TZ=Europe/Paris 0 9 * * *")
    async with lab(client, [diary.function], clock=_clock("2027-01-15T07:00")) as it:
        await it.pass_time(2 * HOUR)
        (event,) = diary.events
        assert event.name == "inngest/scheduled.timer"
        assert event.id == "2027-01-15T08:00:00Z"
        assert event.data == {
            "cron": "TZ=Europe/Paris 0 9 * * *",
            "scheduledAt": "2027-01-15T08:00:00Z",
            "fireAt": "2027-01-15T08:00:00.000Z",
        }
        (run,) = (await it.engine.records.runs()).runs
        assert (run.event_name, run.cron) == ("inngest/scheduled.timer", "TZ=Europe/Paris 0 9 * * *")


async def test_a_schedule_keeps_the_local_time_of_its_zone_over_the_year() -> None:
    client = new_client()
    diary = Diary(client, "TZ=America/New_York 0 9 1 1,7 *")
    async with lab(client, [diary.function], clock=_clock("2026-12-31T00:00")) as it:
        await it.pass_time(200 * DAY)
        assert diary.times == ["01-01 14:00", "07-01 13:00"]


async def test_on_the_day_the_clocks_are_set_a_daily_schedule_ticks_once() -> None:
    client = new_client()
    diary = Diary(client, "TZ=Europe/Berlin 30 2 * * *")
    async with lab(client, [diary.function], clock=_clock("2027-03-27T00:00")) as it:
        await it.pass_time(3 * DAY)  # 02:30 does not exist on 28 March
        assert diary.times == ["03-27 01:30", "03-28 01:00", "03-29 00:30"]

    diary = Diary(client, "TZ=Europe/Berlin 30 2 * * *")
    async with lab(client, [diary.function], clock=_clock("2027-10-30T00:00")) as it:
        await it.pass_time(3 * DAY)  # 02:30 comes twice on 31 October
        assert diary.times == ["10-30 00:30", "10-31 00:30", "11-01 01:30"]


async def test_on_the_day_the_clocks_are_set_an_hourly_schedule_ticks_every_hour() -> None:
    for day in ("2027-03-28", "2027-10-31"):
        client = new_client()
        diary = Diary(client, "TZ=Europe/Berlin 0 * * * *")
        async with lab(client, [diary.function], clock=_clock(f"{day}T00:00")) as it:
            await it.pass_time(5 * HOUR)
            assert diary.times == [f"{day[5:]} 0{hour}:00" for hour in range(1, 6)]


async def test_jitter_puts_each_run_off_within_its_bounds_and_differently() -> None:
    client = new_client()
    diary = Diary(client, inngest.TriggerCron(cron="0 * * * *", jitter="5m"))
    async with lab(client, [diary.function], clock=_clock("2027-01-15T00:00")) as it:
        await it.pass_time(DAY + 5 * MINUTE)
        ticks = [event.id for event in diary.events]
        assert ticks == [f"2027-01-{15 + hour // 24}T{hour % 24:02}:00:00Z" for hour in range(1, 25)]
        late = [event.ts % (HOUR * 1_000) for event in diary.events]
        assert all(0 <= delay_ms < 300_000 for delay_ms in late)
        assert len(set(late)) > 12


async def test_jitter_longer_than_the_time_between_two_ticks_loses_none_of_them() -> None:
    client = new_client()
    diary = Diary(client, inngest.TriggerCron(cron="* * * * *", jitter="5m"))
    async with lab(client, [diary.function], clock=_clock("2027-01-15T00:00")) as it:
        await it.pass_time(2 * HOUR)
        await it.pass_time(5 * MINUTE)
        ticks = [event.id for event in diary.events if str(event.id) <= "2027-01-15T02:00:00Z"]
        assert ticks == [f"2027-01-15T0{minute // 60}:{minute % 60:02}:00Z" for minute in range(1, 121)]
        for event in diary.events:
            tick = datetime.datetime.fromisoformat(str(event.id)).timestamp() * 1_000
            assert 0 <= event.ts - tick < 300_000


async def test_schedules_that_overlap_start_one_run_for_each_tick() -> None:
    client = new_client()
    diary = Diary(client, "*/10 * * * *", "*/15 * * * *", "TZ=Asia/Tokyo 0 * * * *")
    async with lab(client, [diary.function], clock=_clock("2027-01-15T00:01")) as it:
        await it.pass_time(HOUR)
        minutes = ["00:10", "00:15", "00:20", "00:30", "00:40", "00:45", "00:50", "01:00"]
        assert diary.times == [f"01-15 {minute}" for minute in minutes]


async def test_two_functions_with_the_same_schedule_have_a_run_each() -> None:
    client, seen = new_client(), list[str]()

    @client.create_function(fn_id="other", trigger=inngest.TriggerCron(cron="0 * * * *"))
    async def other(ctx: inngest.Context) -> None:
        seen.append(_shown(ctx.event.ts))

    diary = Diary(client, "0 * * * *")
    async with lab(client, [diary.function, other], clock=_clock("2027-01-15T00:01")) as it:
        await it.pass_time(2 * HOUR)
        assert diary.times == seen == ["01-15 01:00", "01-15 02:00"]


async def test_ticks_that_came_while_the_engine_was_closed_are_not_made_up_for(tmp_path: Path) -> None:
    client, clock, data_file = new_client(), _clock("2027-01-15T00:01"), tmp_path / "engine.db"
    diary = Diary(client, "0 * * * *")
    async with lab(client, [diary.function], clock=clock, data_file=data_file) as it:
        await it.pass_time(HOUR)
    await clock.advance(10 * HOUR)
    async with lab(client, [diary.function], clock=clock, data_file=data_file, syncs=False) as it:
        await it.pass_time(HOUR)
        assert diary.times == ["01-15 01:00", "01-15 12:00"]


async def test_ticks_that_came_while_the_machine_slept_start_one_run() -> None:
    client, clock = new_client(), _clock("2027-01-15T00:01")
    diary = Diary(client, "0 * * * *")
    async with lab(client, [diary.function], clock=clock) as it:
        await it.engine.settle()
        await clock.advance(10 * HOUR)
        await it.pass_time(HOUR)
        assert [event.id for event in diary.events] == ["2027-01-15T01:00:00Z", "2027-01-15T11:00:00Z"]


async def test_a_sync_that_changes_or_takes_away_a_schedule_counts_from_then_on() -> None:
    client = new_client()
    hourly, daily = Diary(client, "0 * * * *"), Diary(client, "0 4 * * *")
    by_event = Diary(client, inngest.TriggerEvent(event="t/now"))
    async with lab(client, [hourly.function], clock=_clock("2027-01-15T00:01")) as it:
        await it.pass_time(HOUR)
        await deploy(it, client, [daily.function])
        await it.pass_time(4 * HOUR)
        assert (hourly.times, daily.times) == (["01-15 01:00"], ["01-15 04:00"])

        await deploy(it, client, [by_event.function])
        await it.pass_time(2 * DAY)
        assert (daily.times, by_event.times) == (["01-15 04:00"], [])

        await deploy(it, client, [hourly.function])
        await it.pass_time(HOUR)
        assert hourly.times == ["01-15 01:00", "01-17 06:00"]


async def test_a_removed_app_has_no_ticks() -> None:
    client = new_client()
    diary = Diary(client, "0 * * * *")
    async with lab(client, [diary.function], clock=_clock("2027-01-15T00:01")) as it:
        response = await it.api.delete("/fn/remove", params={"url": "http://127.0.0.1:8000/api/inngest"})
        assert response.status_code == 200
        await it.pass_time(DAY)
        assert diary.events == []


async def test_ticks_of_a_paused_function_start_nothing_and_are_on_record() -> None:
    client = new_client()
    diary = Diary(client, "0 * * * *")
    async with lab(client, [diary.function], clock=_clock("2027-01-15T00:01")) as it:
        await it.engine.pause_function("diary")
        await it.pass_time(2 * HOUR)
        await it.engine.resume_function("diary")
        await it.pass_time(HOUR)
        assert diary.times == ["01-15 03:00"]
        page = await it.engine.records.events(EventFilter(with_internal=True))
        ticks = [event.id for event in page.events if event.name == "inngest/scheduled.timer"]
        decisions = [await record(it, event_id) for event_id in ticks]
        assert [[entry.decision.kind for entry in made] for made in decisions] == [[], ["drop"], ["drop"]]


async def test_a_schedule_and_an_event_start_the_same_function() -> None:
    client = new_client()
    diary = Diary(client, "0 * * * *", inngest.TriggerEvent(event="t/now"))
    async with lab(client, [diary.function], clock=_clock("2027-01-15T00:01")) as it:
        await it.send("t/now")
        await it.pass_time(HOUR)
        assert [event.name for event in diary.events] == ["t/now", "inngest/scheduled.timer"]


async def test_ticks_over_a_rate_limit_start_nothing() -> None:
    client = new_client()
    limit = inngest.RateLimit(limit=1, period=datetime.timedelta(hours=1))
    diary = Diary(client, "*/20 * * * *", rate_limit=limit)
    async with lab(client, [diary.function], clock=_clock("2027-01-15T00:01")) as it:
        await it.pass_time(3 * HOUR)
        assert diary.times == ["01-15 00:20", "01-15 01:20", "01-15 02:20"]


async def test_ticks_that_come_while_a_run_uses_up_the_concurrency_start_their_runs_after_it() -> None:
    client, clock = new_client(), _clock("2027-01-15T00:00")
    calls: list[tuple[str, str]] = []

    @client.create_function(
        fn_id="slow",
        trigger=inngest.TriggerCron(cron="* * * * *"),
        concurrency=[inngest.Concurrency(limit=1)],
    )
    async def slow(ctx: inngest.Context) -> None:
        calls.append((_shown(ctx.event.ts)[6:], _shown(clock.now_ms())[6:]))
        for _ in range(3 if len(calls) == 1 else 0):  # this call is open for three minutes
            await clock.advance(MINUTE)
            await clock.somebody_waits()

    async with lab(client, [slow], clock=clock) as it:
        await it.pass_time(5 * MINUTE)
        assert calls == [
            ("00:01", "00:01"),
            *(("00:02", "00:04"), ("00:03", "00:04"), ("00:04", "00:04")),
            ("00:05", "00:05"),
        ]


async def test_no_event_of_a_sender_can_pass_for_a_tick() -> None:
    client = new_client()
    diary = Diary(client, "0 * * * *")
    async with lab(client, [diary.function], clock=_clock("2027-01-15T00:01")) as it:
        response = await it.api.post("/e/key", json={"name": "inngest/scheduled.timer"})
        assert response.status_code == 400
        receipt = await it.engine.send_event(NewEvent(name="t/other"))
        assert receipt.not_started == ()
        assert diary.events == []
