"""TypeScript: code that differs from call to call. Results are kept, new steps run, nothing runs twice."""

from __future__ import annotations

import pytest
from support.typescript import Lab

from durable_engine import RunStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "function",
    [
        "vanishing",
        "appearing",
        "reordering",
        "renaming",
        "growing-group",
        "reordering-group",
        "shrinking-group",
    ],
)
async def test_code_that_changes_between_calls_still_ends_and_runs_no_step_twice(
    ts_lab: Lab, function: str
) -> None:
    run = await ts_lab.finish(function)

    assert run.status is RunStatus.COMPLETED, run.error
    counts = (await ts_lab.journal(run.id)).counts
    assert counts
    assert set(counts.values()) == {1}
    assert run.failures == ()


async def test_a_step_that_vanished_keeps_its_result_in_the_run(ts_lab: Lab) -> None:
    run = await ts_lab.finish("vanishing")

    assert [step.name for step in run.steps] == ["first-call-only", "always", "last"]
    assert run.output[1:] == ["always", "last"]


async def test_steps_that_change_places_keep_their_own_results(ts_lab: Lab) -> None:
    assert await ts_lab.output("reordering") == {"a": "a", "b": "b", "c": "c"}
    assert await ts_lab.output("reordering-group") == ["a", "b", "c"]


async def test_a_sleep_planned_again_elsewhere_does_not_start_anew(ts_lab: Lab) -> None:
    run = await ts_lab.run("moving-sleep")
    assert [wait.until_ms for wait in run.waiting_for] == [ts_lab.clock.now_ms() + 3_600_000]

    run = await ts_lab.advance(3_600, run.id)
    assert (run.status, run.output) == (RunStatus.COMPLETED, ["a", "b"])
