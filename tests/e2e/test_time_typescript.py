"""TypeScript: a workflow of weeks is tested at once, with mocks, faults and events, on both versions."""

from __future__ import annotations

from typing import Any

import pytest
from support.typescript import Lab

from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.matrix import run_matrix
from durable_engine.scenarios.model import Verdict
from durable_engine.scenarios.runner import run_scenario

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

DAY_MS = 86_400_000


async def _test(it: Lab, **document: Any) -> Verdict:
    scenario = {"event": "ts/onboard", "data": {"amount": 5}, **document}
    return await run_scenario(it.engine, read_scenario(scenario))


async def test_a_month_two_days_a_week_and_retries_pass_at_once(ts_lab: Lab) -> None:
    verdict = await _test(
        ts_lab,
        data={"amount": 5, "failures": 3},
        expect={
            "output": {"amount": 5, "stars": None, "mailed": "mailed"},
            "steps": {"survey": {"timedOut": True}, "mail": {"attempts": 4}},
            "notRan": ["thank"],
        },
    )
    assert verdict.passed, verdict.first_failure
    run = verdict.run
    assert run is not None
    spans = {step.name: (step.ended_ms or 0) - (step.started_ms or 0) for step in run.steps}
    assert spans["a-month"] == pytest.approx(30 * DAY_MS, abs=60_000)
    assert spans["two-days"] == pytest.approx(2 * DAY_MS, abs=60_000)
    assert spans["survey"] == 7 * DAY_MS
    assert (await ts_lab.journal(run.id)).counts == {"charge": 1, "note": 1, "mail": 4}


async def test_the_other_path_with_a_mock_and_an_event(ts_lab: Lab) -> None:
    verdict = await _test(
        ts_lab,
        mocks=[
            {"stepId": "charge", "result": {"amount": 7}},
            {"stepId": "mail", "error": {"message": "no smtp", "retriable": False}},
        ],
        events=[{"name": "ts/answered", "data": {"stars": 5}, "after": "33d"}],
        expect={
            "output": {"amount": 7, "stars": 5, "mailed": "caught: no smtp"},
            "eventsSent": ["ts/thanked"],
        },
    )
    assert verdict.passed, verdict.first_failure
    assert verdict.run is not None
    assert (await ts_lab.journal(verdict.run.id)).counts == {"note": 1}


async def test_the_matrix_accuses_only_the_step_that_gives_another_result(ts_lab: Lab) -> None:
    scenario = read_scenario({"event": "ts/onboard", "data": {"amount": 5}})
    kinds = ("reply_lost", "request_twice", "restart", "reply_twice")
    matrix = await run_matrix(ts_lab.engine, scenario, kinds=kinds, timeout_s=120)

    assert matrix.problem is None
    assert matrix.left_out == 0
    suspects = {suspicion.step for cell in matrix.cells for suspicion in cell.suspicions}
    assert suspects == {"charge"}
    assert all(cell.hit for cell in matrix.cells if cell.step is not None)
    ran_again = {cell.kind for cell in matrix.cells if cell.step == "note" and cell.ran_again}
    assert ran_again == {"reply_lost", "request_twice", "restart"}
    assert {cell.difference for cell in matrix.cells} == {None}


async def test_the_time_of_a_run_that_waits_is_skipped_and_then_goes_on_with_the_engine_s(
    ts_lab: Lab,
) -> None:
    run = await ts_lab.run("onboard", amount=1)
    advance = await ts_lab.engine.time.skip(run.id, patience_s=30)
    assert [fired.step_name for fired in advance.fired] == ["a-month"]
    await ts_lab.pass_time(2.5 * 86_400)
    run = await ts_lab.settle(run.id)
    assert run.waiting_for[0].event_name == "ts/answered"
