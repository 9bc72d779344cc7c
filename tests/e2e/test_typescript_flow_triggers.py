"""TypeScript: schedules, several triggers, wildcards, and functions that others invoke past their limits."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.typescript import Lab

from durable_engine import RunFilter, RunRecord, RunStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

DAY_S = 86_400
PARIS = ZoneInfo("Europe/Paris")
REFUSED = "the invoked function was not started: "
SAME_KEY = (
    'an event with the same idempotency key (event.data.cart = "7") started its run {run} less than 24 h ago'
)


async def runs_of(lab: Lab, function: str) -> list[RunRecord]:
    page = await lab.engine.records.runs(RunFilter(function=function, oldest_first=True), with_output=True)
    return list(page.runs)


def fridays_at_noon(now_ms: int) -> list[datetime.datetime]:
    """Return the next two of them in Paris, whatever its clocks are set to by then."""
    now = datetime.datetime.fromtimestamp(now_ms / 1_000, PARIS)
    noons = [
        datetime.datetime.combine(now.date() + datetime.timedelta(days=days), datetime.time(12), PARIS)
        for days in range(21)
    ]
    return [noon for noon in noons if noon > now and noon.isoweekday() == 5][:2]


async def test_a_schedule_starts_a_run_at_each_tick_in_its_time_zone(flow_lab: Lab) -> None:
    ticks = fridays_at_noon(flow_lab.clock.now_ms())
    await flow_lab.pass_time(ticks[1].timestamp() - flow_lab.clock.now_ms() / 1_000)

    runs = await runs_of(flow_lab, "flow-weekly")
    assert [run.started_ms for run in runs] == [round(tick.timestamp() * 1_000) for tick in ticks]
    tick = ticks[0].astimezone(datetime.UTC)
    event = {
        "name": "inngest/scheduled.timer",
        "data": {
            "cron": "TZ=Europe/Paris 0 12 * * 5",
            "scheduledAt": f"{tick:%Y-%m-%dT%H:%M:%SZ}",
            "fireAt": f"{tick:%Y-%m-%dT%H:%M:%S.000Z}",
        },
        "id": f"{tick:%Y-%m-%dT%H:%M:%SZ}",
        "ts": runs[0].queued_ms,
        "user": {},
    }
    assert runs[0].output == {"event": event, "events": 1}
    assert (await flow_lab.journal(runs[0].id)).ran == ["tick"]


async def test_jitter_puts_runs_off_where_the_sdk_sends_it(flow_lab: Lab) -> None:
    await flow_lab.pass_time(3 * DAY_S)

    runs = await runs_of(flow_lab, "flow-jitter")
    assert len(runs) >= 2
    for run in runs:
        assert isinstance(run.output, dict)
        tick = datetime.datetime.fromisoformat(run.output["scheduledAt"])
        late_ms = (run.started_ms or 0) - round(tick.timestamp() * 1_000)
        # Version 3 knows no jitter.
        assert late_ms == 0 if flow_lab.app.version == "v3" else 0 <= late_ms < 300_000


async def test_each_of_several_triggers_starts_the_function(flow_lab: Lab) -> None:
    assert (await flow_lab.run("flow/one")).output == "flow/one"
    receipt = await flow_lab.deliver("flow/another", {"n": 1})
    assert [decision.control for decision in receipt.not_started] == ["trigger"]
    assert (await flow_lab.run("flow/another", n=2)).output == "flow/another"

    await flow_lab.pass_time(32 * DAY_S)
    outputs = [run.output for run in await runs_of(flow_lab, "flow-several")]
    assert outputs[:3] == ["flow/one", "flow/another", "inngest/scheduled.timer"]


async def test_a_wildcard_starts_the_function_for_every_event_that_begins_so(flow_lab: Lab) -> None:
    for name in ("flow/wild.cat", "flow/wild.cat.purred"):
        assert (await flow_lab.run(name)).output == name
    assert await flow_lab.send("flow/wild") == ()


async def invoked(lab: Lab, of: str, **data: Any) -> Any:
    """Invoke a function from another; return what that one makes of it."""
    return (await lab.run("flow/invoke", of=of, data=data)).output


def caught(message: str) -> dict[str, Any]:
    """Return what a function makes of an error that it catches."""
    return {"caught": "Error", "message": message, "isStepError": True}


async def test_an_invoked_function_waits_for_its_throttle(flow_lab: Lab) -> None:
    assert await invoked(flow_lab, "throttle", name="first") == "first"
    run = await flow_lab.run("flow/invoke", of="throttle", data={"name": "second"})
    assert run.status is RunStatus.RUNNING
    await flow_lab.pass_time(60)
    assert (await flow_lab.settle(run.id)).output == "second"


async def test_an_invoked_function_joins_no_batch(flow_lab: Lab) -> None:
    expected = {"first": 1, "written": [1], "names": ["inngest/function.invoked"]}
    assert await invoked(flow_lab, "batch", n=1, user="a") == expected


async def test_an_invoked_function_waits_for_its_debounce(flow_lab: Lab) -> None:
    first = await flow_lab.run("flow/invoke", of="debounce", data={"n": 1})
    assert first.status is RunStatus.RUNNING
    second = await flow_lab.run("flow/invoke", of="debounce", data={"n": 2})
    reason = f"{REFUSED}a newer event took its place in the debounce"
    assert (await flow_lab.settle(first.id)).output == caught(reason)

    await flow_lab.pass_time(5)
    assert (await flow_lab.settle(second.id)).output == 2


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        ("rate-limit", 'its rate limit of 2 per 1m (one every 30s) is used up for event.data.user = "a"'),
        ("skip", 'it is a singleton for event.data.user = "a", and its run {run} has not ended'),
        ("idempotent", SAME_KEY),
    ],
)
async def test_a_function_that_is_not_started_fails_the_step_that_invokes_it_and_can_be_caught(
    flow_lab: Lab, of: str, reason: str
) -> None:
    child = await flow_lab.run(f"flow/{of}", user="a", cart=7)
    run = await flow_lab.run("flow/invoke", of=of, data={"user": "a", "cart": 7})

    assert (run.status, run.output) == (
        RunStatus.COMPLETED,
        caught(REFUSED + reason.format(run=child.id)),
    )
    assert [step.status.value for step in run.steps] == ["FAILED", "COMPLETED"]
    assert (await flow_lab.journal(run.id)).ran == ["after"]


async def test_a_paused_function_fails_the_step_that_invokes_it(flow_lab: Lab) -> None:
    await flow_lab.engine.pause_function("flow-two")
    reason = "it is paused; events that come meanwhile start no runs"
    assert await invoked(flow_lab, "two", name="run") == caught(REFUSED + reason)

    await flow_lab.engine.resume_function("flow-two")
    assert await invoked(flow_lab, "two", name="run") == "run"
