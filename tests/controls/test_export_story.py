"""Runs of every kind become tests that pass on the same app at once, and fail on what is different."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import AsyncIterator
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client
from support.wall import wall_ms

from durable_engine import (
    Conditions,
    Fault,
    FaultKind,
    ManualClock,
    MockError,
    MockResult,
    MockTimeout,
    NewDouble,
    NewEvent,
    PlannedEvent,
)
from durable_engine.errors import ConflictError, InvalidInputError
from durable_engine.exporting.repeating import RepeatingTest, repeat
from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.model import Verdict
from durable_engine.scenarios.runner import run_scenario

pytestmark = pytest.mark.anyio
SKIPS = Conditions(skips_time=True)


@pytest.fixture(name="bodies")
def all_bodies() -> list[str]:
    return []


@pytest.fixture(name="it")
async def one_lab(bodies: list[str]) -> AsyncIterator[Lab]:
    client = new_client()

    def noted(name: str, value: Any) -> Any:
        async def body() -> Any:
            bodies.append(name)
            return value() if callable(value) else value

        return body

    @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="t/pay"), retries=2)
    async def pay(ctx: inngest.Context) -> Any:
        made = await ctx.step.run("make", noted("make", lambda: {"id": str(uuid.uuid4())}))
        paid = await ctx.step.wait_for_event(
            "paid",
            event="t/paid",
            if_exp=f"async.data.id == '{made['id']}'",
            timeout=datetime.timedelta(days=1),
        )
        return {"paid": paid is not None, "by": paid and paid.data["by"]}

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        asked = await ctx.step.invoke("ask", function=child, data={"n": 2})
        values = [await ctx.step.run("again", noted("again", index)) for index in range(3)]
        return [asked, values]

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="t/child"))
    async def child(ctx: inngest.Context) -> Any:
        found = await ctx.step.wait_for_event("go", event="t/go", timeout=datetime.timedelta(days=1))
        return found and found.data["v"]

    @client.create_function(fn_id="signalled", trigger=inngest.TriggerEvent(event="t/signalled"))
    async def signalled(ctx: inngest.Context) -> Any:
        return await ctx.step.run("only", noted("only", 7))

    @client.create_function(
        fn_id="batched",
        trigger=inngest.TriggerEvent(event="t/batched"),
        batch_events=inngest.Batch(max_size=2, timeout=datetime.timedelta(seconds=60)),
    )
    async def batched(ctx: inngest.Context) -> int:
        return len(ctx.events)

    @client.create_function(
        fn_id="debounced",
        trigger=inngest.TriggerEvent(event="t/debounced"),
        debounce=inngest.Debounce(period=datetime.timedelta(seconds=60)),
    )
    async def debounced(ctx: inngest.Context) -> Any:
        return ctx.event.data

    functions = [pay, parent, child, signalled, batched, debounced]
    async with lab(client, functions, clock=ManualClock(wall_ms(), wall=wall_ms)) as it:
        yield it


async def _repeated(it: Lab, run_id: str, *, mocks_all: bool = False) -> tuple[RepeatingTest, Verdict]:
    """Return the test of a run, and what comes of it at once."""
    test = repeat(await it.engine.recordings.of_run(run_id), mocks_all=mocks_all)
    verdict = await run_scenario(it.engine, read_scenario(test.document))
    assert verdict.passed, (test.document, verdict.first_failure)
    return test, verdict


async def _start(it: Lab, name: str, data: Any = None, **more: Any) -> str:
    receipt = await it.engine.send_event(NewEvent(name=name, data=data or {}), under=SKIPS, **more)
    await it.engine.settle()
    return receipt.started[0].run_id


async def test_an_event_with_an_id_that_a_step_made_up_becomes_a_mock(it: Lab) -> None:
    run_id = await it.start("t/pay")
    made = (await it.settle(run_id)).steps[0].output
    assert isinstance(made, dict)
    await it.send("t/paid", {"id": made["id"], "by": "card"})
    run = await it.settle(run_id)
    assert run.output == {"paid": True, "by": "card"}
    test, _ = await _repeated(it, run_id)
    assert test.document["mocks"] == [{"stepId": "paid", "event": {"data": {"id": made["id"], "by": "card"}}}]
    assert "events" not in test.document


async def test_a_wait_in_an_invoked_run_gets_its_event(it: Lab, bodies: list[str]) -> None:
    (run_id,) = await it.send("t/parent")
    await it.settle(run_id)
    await it.send("t/go", {"v": 5})
    assert (await it.settle(run_id)).output == [5, [0, 1, 2]]
    test, verdict = await _repeated(it, run_id)
    assert test.document["events"] == [{"name": "t/go", "data": {"v": 5}}]
    assert test.document["expect"]["ran"] == ["ask", "again", "again[1]", "again[2]"]
    assert verdict.run is not None
    bodies.clear()
    _, verdict = await _repeated(it, run_id, mocks_all=True)
    assert bodies == []
    assert verdict.run is not None
    assert verdict.run.child_run_ids == ()


async def test_planned_events_and_signals_are_planned_again(it: Lab) -> None:
    planned = (PlannedEvent(name="t/go", data={"v": 1}, after_ms=3_600_000),)
    receipt = await it.engine.invoke_function("child", under=Conditions(skips_time=True, events=planned))
    run = await it.settle(receipt.started[0].run_id)
    assert run.output == 1
    test, verdict = await _repeated(it, run.id)
    assert test.document["events"] == [{"name": "t/go", "data": {"v": 1}, "after": "1h"}]
    assert "event" not in test.document
    assert verdict.run is not None
    assert verdict.run.skipped_ms >= 3_600_000


async def test_doubles_of_the_run_and_standing_ones_apply_again(it: Lab, bodies: list[str]) -> None:
    busy = NewDouble(
        outcomes=(MockError(message="busy", name="Busy"), MockResult(data={"id": "mock"})), step="make"
    )
    late = NewDouble(outcomes=(MockTimeout(),), step="paid")
    run_id = await _start(it, "t/pay", doubles=[busy, late])
    test, _ = await _repeated(it, run_id)
    assert test.document["mocks"] == [
        {
            "stepId": "make",
            "sequence": [{"error": {"message": "busy", "name": "Busy"}}, {"result": {"id": "mock"}}],
        },
        {"stepId": "paid", "timeout": True},
    ]
    assert test.document["expect"]["steps"]["make"] == {"attempts": 2}
    assert bodies == []

    double = await it.engine.doubles.add(
        NewDouble(outcomes=(MockResult(data=1),), step="only", function="signalled")
    )
    run_id = await _start(it, "t/signalled")
    for _ in range(2):
        test, _ = await _repeated(it, run_id)
        assert test.document["mocks"] == [{"stepId": "only", "result": 1}]
        await it.engine.doubles.clear()  # what stood is taken from the record now
    assert double.uses == 0
    assert bodies == []


async def test_faults_apply_again(it: Lab, bodies: list[str]) -> None:
    fault = NewDouble(outcomes=(Fault(kind=FaultKind.REPLY_LOST),), step="only", times=1)
    run_id = await _start(it, "t/signalled", doubles=[fault])
    test, _ = await _repeated(it, run_id)
    assert test.document["faults"] == [{"stepId": "only", "times": 1, "kind": "reply_lost"}]
    assert test.document["expect"]["steps"]["only"] == {"output": 7, "attempts": 2}
    assert bodies == ["only"] * 4

    slow = Fault(kind=FaultKind.SLOW_REPLY, delay_ms=5_000)
    await it.engine.doubles.add(NewDouble(outcomes=(slow,), step="only", function="signalled"))
    test, _ = await _repeated(it, await _start(it, "t/signalled"))
    assert test.document["mocks"] == [
        {"stepId": "only", "sequence": [{"fault": "slow_reply", "delay": "5000ms"}]}
    ]
    assert test.document["expect"]["steps"]["only"]["output"] == 7
    assert "Mocked" not in str(test.notes)
    call = NewDouble(outcomes=(Fault(kind=FaultKind.UNREACHABLE),), times=2)
    test, _ = await _repeated(it, await _start(it, "t/signalled", doubles=[call]))
    assert test.document["faults"] == [{"times": 2, "kind": "unreachable"}]


async def test_what_a_repeated_run_took_over_is_mocked(it: Lab, bodies: list[str]) -> None:
    (first,) = await it.send("t/parent")
    await it.settle(first)
    await it.send("t/go", {"v": 5})
    run = await it.settle(first)
    step = next(step for step in run.steps if step.name == "again" and step.index == 1)
    again = await it.engine.control.rerun(first, from_step=step.id)
    await it.settle(again)
    bodies.clear()
    test, _ = await _repeated(it, again)
    assert [mock["stepId"] for mock in test.document["mocks"]] == ["ask", "again"]
    assert bodies == ["again", "again"]
    assert any("took over from there is mocked" in note for note in test.notes)


async def test_a_debounced_run_is_repeated_at_once(it: Lab) -> None:
    await it.send("t/debounced", {"n": 1})
    await it.pass_time(61)
    (record,) = (await it.engine.records.runs()).runs
    test, _ = await _repeated(it, record.id)
    assert test.document["expect"]["output"] == {"n": 1}


async def test_what_cannot_be_repeated_is_refused_with_the_reason(it: Lab) -> None:
    run_id = await it.start("t/child")
    await it.settle(run_id)
    with pytest.raises(ConflictError, match="is RUNNING: only what has ended") as caught:
        repeat(await it.engine.recordings.of_run(run_id))
    assert 'to="end"' in caught.value.hint
    await it.engine.control.cancel(run_id)
    with pytest.raises(InvalidInputError, match="which a test cannot repeat"):
        repeat(await it.engine.recordings.of_run(run_id))
    await it.send("t/batched")
    await it.send("t/batched")
    await it.engine.settle()
    (batch,) = [run for run in (await it.engine.records.runs()).runs if run.function_slug == "lab-batched"]
    with pytest.raises(InvalidInputError, match="A batch of 2 events"):
        repeat(await it.engine.recordings.of_run(batch.id))
