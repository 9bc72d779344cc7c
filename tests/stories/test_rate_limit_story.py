"""Rate limit: how many runs of a function events may start; whatever is over the limit starts none.

`limit` runs per `period` are spread evenly: after each start the next one is due `period / limit` later, and
an event that comes before that is dropped. Nothing waits: a rate limit loses events, a throttle keeps them.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.deploys import deploy
from support.event_record import record
from support.sdk_app import Lab, lab, new_client

from durable_engine import NewEvent, RunStatus
from durable_engine.model.event import NotStarted

pytestmark = pytest.mark.anyio

MINUTE = 60
HOUR = 3_600


def _limited(
    client: inngest.Inngest, limit: int, period: datetime.timedelta, key: str | None = None, **options: Any
) -> Any:
    @client.create_function(
        fn_id="mail",
        trigger=inngest.TriggerEvent(event="t/mail"),
        rate_limit=inngest.RateLimit(limit=limit, period=period, key=key),
        **options,
    )
    async def mail(ctx: inngest.Context) -> Any:
        if ctx.event.data.get("fail"):
            raise ValueError("no such address")
        if ctx.event.data.get("nap"):
            await ctx.step.sleep("nap", datetime.timedelta(minutes=10))
        return "sent"

    return mail


async def _dropped(it: Lab, data: dict[str, Any] | None = None) -> NotStarted:
    """Send an event that starts nothing; return why."""
    receipt = await it.engine.send_event(NewEvent(name="t/mail", data=data or {}))
    assert receipt.started == ()
    (refused,) = receipt.not_started
    assert (refused.decision, refused.control) == ("drop", "rateLimit")
    return refused


async def test_events_over_the_limit_start_nothing_and_are_told_until_when() -> None:
    client = new_client()
    async with lab(client, [_limited(client, 1, datetime.timedelta(hours=1))]) as it:
        began_ms = it.clock.now_ms()
        first = await it.start("t/mail")
        await it.pass_time(10 * MINUTE)

        refused = await _dropped(it)
        assert refused.reason == "its rate limit of 1 per 1h is used up"
        assert refused.until_ms == began_ms + HOUR * 1_000

        await it.pass_time(50 * MINUTE - 0.001)
        await _dropped(it)
        await it.pass_time(0.001)
        second = await it.start("t/mail")
        await it.engine.settle()
        assert [(await it.engine.get_run(run_id)).output for run_id in (first, second)] == ["sent", "sent"]
        assert it.network.calls == 2


async def test_a_limit_of_several_is_spread_evenly_over_its_period() -> None:
    client = new_client()
    async with lab(client, [_limited(client, 10, datetime.timedelta(hours=1))]) as it:
        started = []
        for minute in range(120):
            if await it.send("t/mail"):
                started.append(minute)
            await it.pass_time(MINUTE)
        assert started == list(range(0, 120, 6))

        await it.start("t/mail")
        refused = await _dropped(it)
        assert refused.reason == "its rate limit of 10 per 1h (one every 6m) is used up"


async def test_time_without_events_is_not_saved_up() -> None:
    client = new_client()
    async with lab(client, [_limited(client, 10, datetime.timedelta(hours=1))]) as it:
        await it.pass_time(5 * HOUR)
        await it.start("t/mail")
        await _dropped(it)


async def test_each_value_of_the_key_has_a_limit_of_its_own() -> None:
    client = new_client()
    function = _limited(client, 1, datetime.timedelta(hours=1), "event.data.to")
    async with lab(client, [function]) as it:
        for to in ("ann", "bob", ["ann"], 5, None):
            await it.start("t/mail", {"to": to})
        refused = await _dropped(it, {"to": "bob"})
        assert refused.reason == 'its rate limit of 1 per 1h is used up for event.data.to = "bob"'
        await _dropped(it, {})  # what is missing is null


async def test_an_event_whose_key_is_false_is_not_limited() -> None:
    client = new_client()
    function = _limited(client, 1, datetime.timedelta(hours=1), "event.data.to == 'root' ? false : 'all'")
    async with lab(client, [function]) as it:
        await it.start("t/mail", {"to": "ann"})
        await _dropped(it, {"to": "bob"})
        for _ in range(3):
            await it.start("t/mail", {"to": "root"})
        await _dropped(it, {"to": "bob"})


async def test_a_run_that_failed_or_was_cancelled_has_used_its_part_of_the_limit() -> None:
    client = new_client()
    function = _limited(client, 1, datetime.timedelta(hours=1), "event.data.to", retries=0)
    async with lab(client, [function]) as it:
        failed = await it.start("t/mail", {"to": "ann", "fail": True})
        cancelled = await it.start("t/mail", {"to": "bob", "nap": True})
        assert (await it.settle(failed)).status is RunStatus.FAILED
        await it.engine.control.cancel(cancelled)

        await _dropped(it, {"to": "ann"})
        await _dropped(it, {"to": "bob"})


async def test_an_event_that_is_dropped_uses_nothing_up() -> None:
    client = new_client()
    async with lab(client, [_limited(client, 1, datetime.timedelta(hours=1))]) as it:
        await it.start("t/mail")
        for _ in range(6):
            await it.pass_time(9 * MINUTE)
            await _dropped(it)
        await it.pass_time(6 * MINUTE)
        await it.start("t/mail")


async def test_another_function_that_listens_is_not_limited() -> None:
    client = new_client()

    @client.create_function(fn_id="log", trigger=inngest.TriggerEvent(event="t/mail"))
    async def log(ctx: inngest.Context) -> None: ...

    async with lab(client, [_limited(client, 1, datetime.timedelta(hours=1)), log]) as it:
        assert len(await it.send("t/mail")) == 2
        receipt = await it.engine.send_event(NewEvent(name="t/mail"))
        assert [run.function_slug for run in receipt.started] == ["lab-log"]
        assert [refused.function_slug for refused in receipt.not_started] == ["lab-mail"]


async def test_events_of_one_request_are_counted_one_by_one() -> None:
    client = new_client()
    async with lab(client, [_limited(client, 1, datetime.timedelta(hours=1))]) as it:
        receipts = await it.engine.send_events([NewEvent(name="t/mail") for _ in range(3)])
        assert [len(receipt.started) for receipt in receipts] == [1, 0, 0]


async def test_a_step_that_invokes_a_function_over_its_limit_ends_with_an_error_that_says_why() -> None:
    client = new_client()
    mail = _limited(client, 1, datetime.timedelta(hours=1))

    @client.create_function(fn_id="parent", retries=0, trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        sent = await ctx.step.invoke("first", function=mail)
        try:
            await ctx.step.invoke("second", function=mail)
        except inngest.StepError as error:
            return [sent, error.message]
        return None

    async with lab(client, [mail, parent]) as it:
        run = await it.settle(await it.start("t/parent"))
        assert run.output == [
            "sent",
            "the invoked function was not started: its rate limit of 1 per 1h is used up",
        ]
        assert len(run.child_run_ids) == 1


async def test_a_direct_start_is_limited_too() -> None:
    client = new_client()
    async with lab(client, [_limited(client, 1, datetime.timedelta(hours=1))]) as it:
        assert (await it.engine.invoke_function("mail")).started
        receipt = await it.engine.invoke_function("mail")
        assert receipt.started == ()
        assert receipt.not_started[0].control == "rateLimit"


async def test_a_limit_survives_a_restart(tmp_path: Path) -> None:
    client, data_file = new_client(), tmp_path / "engine.db"
    functions = [_limited(client, 1, datetime.timedelta(hours=1))]
    async with lab(client, functions, data_file=data_file) as it:
        began_ms, clock = it.clock.now_ms(), it.clock
        await it.settle(await it.start("t/mail"))
        await it.pass_time(30 * MINUTE)
    async with lab(client, functions, data_file=data_file, clock=clock) as it:
        assert (await _dropped(it)).until_ms == began_ms + HOUR * 1_000
        await it.pass_time(30 * MINUTE)
        await it.start("t/mail")


async def test_why_an_event_started_nothing_stays_on_its_record() -> None:
    client = new_client()
    async with lab(client, [_limited(client, 1, datetime.timedelta(hours=1))]) as it:
        await it.start("t/mail")
        receipt = await it.engine.send_event(NewEvent(name="t/mail"))
        (entry,) = await record(it, receipt.event.id)
        assert entry.function_slug == "lab-mail"
        assert entry.at_ms == it.clock.now_ms()
        assert entry.decision.reason == receipt.not_started[0].reason
        assert entry.decision.until_ms == receipt.not_started[0].until_ms


async def test_a_sync_that_loosens_the_limit_counts_from_then_on() -> None:
    client = new_client()
    async with lab(client, [_limited(client, 1, datetime.timedelta(hours=24))]) as it:
        await it.start("t/mail")
        await deploy(it, client, [_limited(client, 60, datetime.timedelta(hours=1))])
        assert (await _dropped(it)).until_ms == it.clock.now_ms() + MINUTE * 1_000
        await it.pass_time(MINUTE)
        await it.start("t/mail")


async def test_a_sync_that_changes_something_else_does_not_renew_what_is_used_up() -> None:
    client = new_client()
    async with lab(client, [_limited(client, 1, datetime.timedelta(hours=1))]) as it:
        until_ms = it.clock.now_ms() + HOUR * 1_000
        await it.start("t/mail")
        await it.pass_time(30 * MINUTE)
        await deploy(it, client, [_limited(client, 1, datetime.timedelta(hours=1), retries=1)])
        assert (await _dropped(it)).until_ms == until_ms
