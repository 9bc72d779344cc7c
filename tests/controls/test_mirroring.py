"""Runs that begin with a record: what is not on it is not carried out, and nothing holds their start back."""

from __future__ import annotations

import datetime
from dataclasses import replace

import inngest
import pytest
from support.sdk_app import lab, new_client

from durable_engine import Event, MockResult, NewDouble, RunStatus, StepStatus, Withheld
from durable_engine.errors import FunctionNotFoundError, InvalidInputError
from durable_engine.mirroring import MAX_RECORDED, Mirrored

pytestmark = pytest.mark.anyio

NOT_ON_RECORD = Withheld(message="Step {step} is not on record.")
GUARD = NewDouble(outcomes=(NOT_ON_RECORD,), step="*")
EVENT = Event(
    id="01KAM000000000000000000000",
    public_id="mine",
    name="inngest/function.failed",
    data={"n": 1},
    user={"id": "u"},
    ts_ms=1_700_000_000_000,
    received_ms=1_700_000_000_000,
)


@pytest.fixture
async def it():
    client, bodies = new_client(), []

    @client.create_function(
        fn_id="way",
        trigger=inngest.TriggerEvent(event="t/way"),
        idempotency="event.data.n",
        rate_limit=inngest.RateLimit(limit=1, period=datetime.timedelta(hours=1)),
        retries=0,
    )
    async def way(ctx):
        known = await ctx.step.run("known", lambda: bodies.append("known") or "real")
        await ctx.step.sleep("nap", datetime.timedelta(days=1))
        answer = await ctx.step.wait_for_event("wait", event="t/x", timeout=datetime.timedelta(days=1))
        if ctx.event.data["n"] == 1:
            return await ctx.step.invoke("child", function=other)
        await ctx.step.run("last", lambda: bodies.append("last"))
        return [known, answer, ctx.event.name, ctx.event.ts]

    @client.create_function(fn_id="other", trigger=inngest.TriggerEvent(event="inngest/function.failed"))
    async def other(ctx):
        bodies.append("other")

    async with lab(client, [way, other]) as made:
        made.bodies = bodies
        yield made


async def start(it, *doubles, event=EVENT, function="way", **more):
    wanted = Mirrored(function=function, event=event, doubles=doubles, note="It repeats a run.", **more)
    run_id = await it.engine.control.mirroring.start(wanted)
    return await it.settle(run_id)


KNOWN = NewDouble(outcomes=(MockResult(data="recorded"),), step="known", index=0)


async def test_an_invoke_that_is_not_on_record_starts_nothing(it):
    run = await start(it, KNOWN, GUARD)

    assert run.status is RunStatus.FAILED
    assert [(step.name, step.status, step.doubled) for step in run.steps] == [
        ("known", StepStatus.COMPLETED, "result"),
        ("nap", StepStatus.COMPLETED, None),
        ("wait", StepStatus.COMPLETED, None),
        ("child", StepStatus.FAILED, "withheld"),
    ]
    assert run.steps[-1].error["message"] == "Step 'child' is not on record."
    assert run.notes == ("It repeats a run.",)
    assert run.unused_doubles == ()
    assert it.bodies == []
    assert run.skipped_ms >= 2 * 86_400_000


async def test_a_step_that_is_named_runs_and_only_that(it):
    named = NewDouble(outcomes=(Withheld(message="no", but=("known",)),), step="*")
    event = Event(**{**{name: getattr(EVENT, name) for name in EVENT.__dataclass_fields__}, "data": {"n": 2}})

    run = await start(it, named, event=event)

    assert (run.status, run.steps[-1].error["message"]) == (RunStatus.FAILED, "no")
    assert it.bodies == ["known"]


async def test_without_a_guard_what_is_not_on_record_runs_and_the_function_sees_the_event_as_it_was(it):
    event = Event(**{**{name: getattr(EVENT, name) for name in EVENT.__dataclass_fields__}, "data": {"n": 2}})

    run = await start(it, KNOWN, event=event)

    assert it.bodies == ["last"]

    assert run.output == ["recorded", None, EVENT.name, EVENT.ts_ms]
    assert (run.event.id != EVENT.id, run.event.user) == (True, {"id": "u"})


async def test_no_limit_of_the_function_holds_the_start_back_and_no_other_function_hears_the_event(it):
    first = await start(it, KNOWN, GUARD)
    second = await start(it, KNOWN, GUARD)

    assert first.id != second.id
    assert {first.status, second.status} == {RunStatus.FAILED}
    assert "other" not in it.bodies


async def test_time_is_skipped_no_further_than_asked_for(it):
    run = await start(it, KNOWN, GUARD, until_ms=3_600_000)

    assert run.status is RunStatus.RUNNING
    assert run.skipped_ms <= 3_600_000
    assert [wait.kind for wait in run.waiting_for] == ["sleep"]


@pytest.mark.parametrize(
    ("doubles", "function", "error"),
    [
        ((GUARD,), "nope", FunctionNotFoundError),
        ((GUARD,) * (MAX_RECORDED + 2), "way", InvalidInputError),
        ((NewDouble(outcomes=(MockResult(data="x"),), step=""),), "way", InvalidInputError),
    ],
)
async def test_what_cannot_be_begun_leaves_nothing_behind(it, doubles, function, error):
    with pytest.raises(error):
        await start(it, *doubles, function=function)

    assert (await it.engine.records.runs()).runs == ()
    assert (await it.engine.records.events()).events == ()


async def test_no_failure_handler_and_no_other_function_hears_of_the_end_of_the_run():
    client, bodies = new_client(), []

    async def mail(_):
        bodies.append("mail")

    paid = inngest.TriggerEvent(event="t/paid")

    @client.create_function(fn_id="pay", trigger=paid, retries=0, on_failure=mail)
    async def pay(ctx):
        await ctx.step.run("charge", lambda: bodies.append("charge"))

    @client.create_function(fn_id="alert", trigger=inngest.TriggerEvent(event="inngest/function.failed"))
    async def alert(_):
        bodies.append("alert")

    async with lab(client, [pay, alert]) as it:
        mirrored = await start(it, GUARD, event=replace(EVENT, name="t/paid"), function="pay")
        # A run after it that is not mirrored: by its end, all that the first one started has started, too.
        again = await it.engine.control.repeating.repeat(mirrored.id)
        await it.settle(again.run_id)
        runs = (await it.engine.records.runs()).runs

    assert mirrored.status is RunStatus.FAILED
    assert bodies == ["charge"]
    assert {run.id for run in runs} == {mirrored.id, again.run_id}
