"""Stories about repeating a run as if a step had ended otherwise, or with other event data."""

from __future__ import annotations

import datetime
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import Edits, RunStatus, RunView, StepOutcome
from durable_engine.errors import InvalidEventError, InvalidInputError

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)


class Shop:
    """A function with a step of each kind, one after the other, and a journal of the bodies that ran."""

    def __init__(self) -> None:
        self.client = new_client()
        self.ran: list[str] = []

        @self.client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="t/child"))
        async def child(ctx: inngest.Context) -> Any:
            return {"parcel": 7}

        @self.client.create_function(fn_id="order", retries=0, trigger=inngest.TriggerEvent(event="t/order"))
        async def order(ctx: inngest.Context) -> Any:
            step = ctx.step
            price = await step.run("price", self.body("price", ctx.event.data["count"] * 10))
            try:
                charge = await step.run("charge", self.body("charge", {"paid": price}))
            except inngest.StepError as error:
                return {
                    "refused": f"{error.name}: {error.message}",
                    "by": await step.run("undo", self.body("undo", 1)),
                }
            await step.sleep("nap", HOUR)
            approval = await step.wait_for_event("approval", event="t/approved", timeout=HOUR)
            try:
                sent = await step.invoke("send", function=child)
            except inngest.StepError as error:
                sent = error.name
            done = await step.run("done", self.body("done", "done"))
            by = None if approval is None else approval.data["by"]
            return {
                "charge": charge,
                "by": by,
                "sent": sent,
                "done": done,
                "event": approval and approval.name,
            }

        self.functions = [child, order]

    def body(self, name: str, result: Any) -> Any:
        async def run() -> Any:
            self.ran.append(name)
            return result

        return run


async def _original(it: Lab, shop: Shop) -> str:
    """Run an order to its end, approved by Ada."""
    run_id = await it.start("t/order", {"count": 2})
    await it.settle(run_id)
    await it.pass_time(3_660)
    await it.send("t/approved", {"by": "Ada"})
    run = await it.settle(run_id)
    assert run.output == {
        "charge": {"paid": 20},
        "by": "Ada",
        "sent": {"parcel": 7},
        "done": "done",
        "event": "t/approved",
    }
    shop.ran.clear()
    return run_id


async def _again(it: Lab, run_id: str, **edits: Any) -> RunView:
    receipt = await it.engine.control.repeating.repeat(run_id, Edits(**edits))
    await it.settle(receipt.run_id)
    await it.pass_time(7_300)
    return await it.engine.get_run(receipt.run_id)


def _edited(run: RunView) -> dict[str, str | None]:
    return {step.name: step.edited for step in run.steps if step.edited}


@pytest.mark.parametrize(
    ("step", "outcome", "output", "ran"),
    [
        ("charge", StepOutcome(result={"paid": 1}), {"charge": {"paid": 1}, "by": None}, ["done"]),
        ("nap", StepOutcome(), {"by": None}, ["done"]),
        ("approval", StepOutcome(result={"by": "Eve"}), {"by": "Eve", "event": "t/approved"}, ["done"]),
        ("approval", StepOutcome(has_timed_out=True), {"by": None}, ["done"]),
        ("send", StepOutcome(result={"parcel": 9}), {"by": "Ada", "sent": {"parcel": 9}}, ["done"]),
        ("send", StepOutcome(has_timed_out=True), {"sent": "InngestInvokeTimeoutError"}, ["done"]),
        ("send", StepOutcome(error={"name": "Lost", "message": "parcel"}), {"sent": "Lost"}, ["done"]),
        ("done", StepOutcome(result=None), {"done": None, "by": "Ada"}, []),
    ],
)
async def test_a_run_goes_on_as_if_a_step_had_ended_so(
    step: str, outcome: StepOutcome, output: dict[str, Any], ran: list[str]
) -> None:
    shop = Shop()
    async with lab(shop.client, shop.functions) as it:
        run = await _again(it, await _original(it, shop), from_step=step, outcome=outcome)

        assert run.status is RunStatus.COMPLETED
        assert output.items() <= run.output.items()
        assert shop.ran == ran
        assert _edited(run) == {step: "output"}
        (edited,) = [one for one in run.steps if one.edited]
        assert edited.has_timed_out is outcome.has_timed_out
        assert not edited.is_taken_over


async def test_a_run_goes_on_as_if_a_step_had_failed() -> None:
    shop = Shop()
    async with lab(shop.client, shop.functions) as it:
        original = await _original(it, shop)
        error = {"name": "CardError", "message": "declined"}
        receipt = await it.engine.control.repeating.repeat(
            original, Edits(from_step="charge", outcome=StepOutcome(error=error))
        )
        run = await it.settle(receipt.run_id)

        assert run.output == {"refused": "CardError: declined", "by": 1}
        assert shop.ran == ["undo"]
        assert (receipt.kept, receipt.edited_step) == (("price",), "charge")
        assert (receipt.original_run_id, run.original_run_id) == (original, original)
        assert [step.is_taken_over for step in run.steps] == [True, False, False]
        assert run.steps[1].error == error


async def test_an_error_without_a_name_is_an_error_all_the_same() -> None:
    shop = Shop()
    async with lab(shop.client, shop.functions) as it:
        outcome = StepOutcome(error={"message": "declined", "retriable": False})
        run = await _again(it, await _original(it, shop), from_step="charge", outcome=outcome)

        assert run.output["refused"] == "Error: declined"
        assert run.steps[1].error == {"name": "Error", "message": "declined"}


async def test_a_step_that_had_not_ended_can_be_given_an_outcome_too() -> None:
    shop = Shop()
    async with lab(shop.client, shop.functions) as it:
        run_id = await it.start("t/order", {"count": 2})
        await it.settle(run_id)
        await it.pass_time(3_660)
        run = await _again(it, run_id, from_step="approval", outcome=StepOutcome(result={"by": "Eve"}))
        await it.engine.control.cancel(run_id) if not (
            await it.engine.get_run(run_id)
        ).status.is_terminal else None

        assert run.output["by"] == "Eve"
        assert run.output["event"] == "t/approved"
        assert [step.name for step in run.steps if step.is_taken_over] == ["price", "charge", "nap"]


async def test_a_run_starts_anew_with_other_event_data() -> None:
    shop = Shop()
    async with lab(shop.client, shop.functions) as it:
        original = await _original(it, shop)
        receipt = await it.engine.control.repeating.repeat(original, Edits(data={"count": 5}))
        run = await it.settle(receipt.run_id)

        assert [step.output for step in run.steps[:2]] == [50, {"paid": 50}]
        assert run.event.id == receipt.event_id != (await it.engine.get_run(original)).event.id
        assert (run.event.name, run.event.data) == ("t/order", {"count": 5})
        assert "edited event data" in run.notes[0]
        assert len(run.notes) == 1
        await it.engine.control.cancel(run.id)


async def test_results_that_are_kept_beside_other_event_data_are_said_to_be_of_the_old() -> None:
    shop = Shop()
    async with lab(shop.client, shop.functions) as it:
        run = await _again(it, await _original(it, shop), from_step="charge", data={"count": 5})

        assert run.output["charge"] == {"paid": 20}
        assert shop.ran == ["charge", "done"]
        assert "computed from its own event data" in run.notes[1]


async def test_an_invoked_run_keeps_what_the_engine_says_in_its_event() -> None:
    shop = Shop()
    async with lab(shop.client, shop.functions) as it:
        original = await it.engine.get_run(await _original(it, shop))
        (child_id,) = original.child_run_ids
        before = (await it.engine.get_run(child_id)).event
        run = await _again(it, child_id, data={"n": 1})

        assert run.event.name == before.name == "inngest/function.invoked"
        assert run.event.data == {"n": 1, "_inngest": before.data["_inngest"]}
        assert run.output == {"parcel": 7}


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ({"outcome": StepOutcome(result=1)}, "no step is named"),
        ({"given": [1]}, "no step is named"),
        ({"from_step": "charge", "given": [1], "outcome": StepOutcome()}, "or it gets an outcome"),
        ({"from_step": "charge", "given": [1]}, "Python SDK cannot"),
        ({"from_step": "chrge", "outcome": StepOutcome()}, "has no step 'chrge'"),
        ({"from_step": "nap", "outcome": StepOutcome(result=1)}, "is a sleep"),
        ({"from_step": "nap", "outcome": StepOutcome(error={"message": "x"})}, "cannot fail"),
        ({"from_step": "approval", "outcome": StepOutcome(error={"message": "x"})}, "cannot fail"),
        ({"from_step": "approval", "outcome": StepOutcome(result="text")}, "whose data is an object"),
        ({"from_step": "charge", "outcome": StepOutcome(has_timed_out=True)}, "cannot time out"),
        ({"from_step": "charge", "outcome": StepOutcome(result=float("nan"))}, "cannot be written as JSON"),
    ],
)
async def test_edits_that_make_no_sense_are_refused(edits: dict[str, Any], says: str) -> None:
    shop = Shop()
    async with lab(shop.client, shop.functions) as it:
        original = await _original(it, shop)
        with pytest.raises(InvalidInputError, match=says):
            await it.engine.control.repeating.repeat(original, Edits(**edits))
        assert len((await it.engine.records.runs()).runs) == 2


async def test_data_that_is_no_event_is_refused() -> None:
    shop = Shop()
    async with lab(shop.client, shop.functions) as it:
        original = await _original(it, shop)
        with pytest.raises(InvalidEventError, match="cannot be written"):
            await it.engine.control.repeating.repeat(original, Edits(data={"n": float("inf")}))
        with pytest.raises(InvalidEventError, match="bytes"):
            await it.engine.control.repeating.repeat(original, Edits(data={"n": "x" * 4_000_000}))


async def test_a_run_of_a_batch_takes_no_other_event_data() -> None:
    client = new_client()

    @client.create_function(
        fn_id="work",
        trigger=inngest.TriggerEvent(event="t/work"),
        batch_events=inngest.Batch(max_size=2, timeout=HOUR),
    )
    async def work(ctx: inngest.Context) -> Any:
        return len(ctx.events)

    async with lab(client, [work]) as it:
        await it.send("t/work")
        await it.send("t/work")
        await it.engine.settle()
        (run,) = (await it.engine.records.runs()).runs
        with pytest.raises(InvalidInputError, match="started by 2 events"):
            await it.engine.control.repeating.repeat(run.id, Edits(data={}))
