"""TypeScript: a run is repeated as if a step had ended otherwise, with a result of each kind."""

from __future__ import annotations

import pytest
from support.typescript import Lab

from durable_engine import Edits, RunStatus, RunView, StepOutcome

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]


async def _again(it: Lab, run: RunView, step: str, outcome: StepOutcome) -> RunView:
    receipt = await it.engine.control.repeating.repeat(run.id, Edits(from_step=step, outcome=outcome))
    again = await it.settle(receipt.run_id)
    while not again.status.is_terminal:
        _, again = await it.next_due(again.id)
    return again


async def test_a_typescript_run_goes_on_as_if_a_step_had_returned_or_failed(ts_lab: Lab) -> None:
    first = await ts_lab.finish("edited")
    assert first.output == ["a", "b", "c"]

    again = await _again(ts_lab, first, "b", StepOutcome(result="better"))
    assert again.output == ["a", "better", "c"]
    assert (await ts_lab.journal(again.id)).ran == ["c"]

    error = {"name": "CardError", "message": "declined"}
    again = await _again(ts_lab, first, "b", StepOutcome(error=error))
    assert again.output == ["a", "declined", "c"]
    assert [step.edited for step in again.steps] == [None, "output", None]


async def test_typescript_waits_and_invokes_take_an_outcome(ts_lab: Lab) -> None:
    first = await ts_lab.finish("invoke-many")
    name = first.steps[0].name
    again = await _again(ts_lab, first, name, StepOutcome(result="mine"))
    assert "mine" in again.output

    first = await ts_lab.finish("mixed")
    assert first.output[2] is None
    again = await _again(ts_lab, first, "wait", StepOutcome(result={"n": 1}))
    assert again.status is RunStatus.COMPLETED
    assert again.output[2]["data"] == {"n": 1}
    assert again.output[2]["name"] == "ts/never"
