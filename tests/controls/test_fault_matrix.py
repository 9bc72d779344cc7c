"""The fault matrix finds a step that is not safe to run twice, and does not accuse one that is."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client
from support.wall import wall_ms

from durable_engine import ManualClock
from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.matrix import Cell, Matrix, run_matrix

pytestmark = pytest.mark.anyio


@pytest.fixture(name="it")
async def one_lab() -> AsyncIterator[Lab]:
    client = new_client()
    charges: list[str] = []

    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="t/order"), retries=2)
    async def order(ctx: inngest.Context) -> Any:
        async def charge() -> str:
            charges.append(ctx.run_id)
            return f"ch-{charges.count(ctx.run_id)}"  # another charge each time

        async def reserve() -> str:
            return f"rsv-{ctx.event.data['id']}"

        reserved = await ctx.step.run("reserve", reserve)
        await ctx.step.sleep("cool-off", datetime.timedelta(days=2))
        try:
            charged = await ctx.step.run("charge", charge)
        except inngest.StepError:
            await ctx.step.run("release", reserve)
            return {"reserved": None}
        return {"reserved": reserved, "charged": charged}

    async with lab(client, [order], clock=ManualClock(wall_ms(), wall=wall_ms)) as opened:
        yield opened


async def _matrix(it: Lab, **more: Any) -> Matrix:
    scenario = read_scenario({"event": "t/order", "data": {"id": 7}, **more})
    return await run_matrix(it.engine, scenario, timeout_s=30)


def _cells(matrix: Matrix, step: str | None) -> dict[str, Cell]:
    return {cell.kind: cell for cell in matrix.cells if cell.step == step}


async def test_the_step_that_is_not_idempotent_is_found_and_no_other(it: Lab) -> None:
    matrix = await _matrix(it)
    assert matrix.problem is None
    assert all(cell.hit for cell in matrix.cells)

    charge = _cells(matrix, "charge")
    assert charge["reply_lost"].ran_again == ("charge",)
    (suspicion,) = charge["reply_lost"].suspicions
    assert (suspicion.step, suspicion.first, suspicion.then) == ("charge", '"ch-1"', '"ch-2"')
    assert charge["reply_lost"].difference == '$.charged is "ch-2", not "ch-1"'
    (suspicion,) = charge["request_twice"].suspicions
    assert {suspicion.first, suspicion.then} == {'"ch-1"', '"ch-2"'}
    assert charge["restart"].suspicions
    assert charge["reply_twice"].ran_again == ()
    assert charge["unreachable"].difference is None
    assert charge["step_fails"].difference == '$.reserved is null, not "rsv-7"'

    reserve = _cells(matrix, "reserve")
    assert reserve["reply_lost"].ran_again == ("reserve",)
    suspects = {suspicion.step for cell in matrix.cells for suspicion in cell.suspicions}
    assert suspects == {"charge"}
    assert reserve["step_fails"].difference is not None
    assert "FAILED instead of COMPLETED" in reserve["step_fails"].difference
    # The function's own calls run no step, so that all of these end as if nothing had happened.
    own = [cell for cell in matrix.cells if cell.step is None]
    assert {cell.index for cell in own} == {0, 1, 2, 3}
    assert {(cell.difference, cell.ran_again) for cell in own} == {(None, ())}


async def test_a_step_that_is_mocked_is_left_alone(it: Lab) -> None:
    matrix = await _matrix(it, mocks=[{"stepId": "charge", "result": "ch-0"}])
    assert {cell.step for cell in matrix.cells} == {"reserve", None}
    assert not [cell for cell in matrix.cells if cell.suspicions]


async def test_a_run_that_does_not_end_gives_no_measure(it: Lab) -> None:
    matrix = await _matrix(it, faults=[{"stepId": "reserve", "kind": "step_error", "times": 1}])
    assert matrix.problem is None  # it is retried
    scenario = read_scenario({"event": "t/nothing"})
    matrix = await run_matrix(it.engine, scenario, timeout_s=30)
    assert matrix.problem == (
        "the run with nothing broken gives no measure: no function listens to 't/nothing'"
    )
