"""TypeScript: steps side by side. Nothing runs twice, however the calls race each other."""

from __future__ import annotations

import pytest
from support.typescript import Lab, TypeScriptApp

from durable_engine import RunStatus, StepStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]


@pytest.fixture(params=["default", "switched"])
def mode(request: pytest.FixtureRequest, ts_app: TypeScriptApp) -> str:
    """The function is called again after each step (version 3) or after the whole group (4), or switched."""
    if request.param == "default":
        return ""
    return "-optimized" if ts_app.version == "v3" else "-unoptimized"


def joins_groups(lab: Lab, mode: str) -> bool:
    """Whether `Promise.race` is decided only when the whole group has ended."""
    return mode == "-optimized" or (not mode and lab.app.version == "v4")


async def test_parallel_steps_run_once_each_and_then_the_function_goes_on(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.finish(f"together{mode}")

    assert run.output == ["a", "b", "c", "after"]
    ran = (await ts_lab.journal(run.id)).ran
    assert sorted(ran[:3]) == ["a", "b", "c"]
    assert ran[3:] == ["after"]
    assert all(step.status is StepStatus.COMPLETED and step.attempts == 1 for step in run.steps)


async def test_120_parallel_steps_run_once_each(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.finish(f"wide{mode}", steps=120)

    assert run.output == sum(range(120))
    counts = (await ts_lab.journal(run.id)).counts
    assert len(counts) == 121
    assert set(counts.values()) == {1}


async def test_a_group_with_a_sleep_goes_on_when_both_are_over(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.run(f"with-sleep{mode}")
    assert run.status is RunStatus.RUNNING
    assert (await ts_lab.journal(run.id)).ran == ["a"]
    (wait,) = run.waiting_for
    assert wait.until_ms == ts_lab.clock.now_ms() + 3_600_000

    run = await ts_lab.advance(3_600, run.id)
    assert run.output == ["a", None, "after"]
    assert (await ts_lab.journal(run.id)).ran == ["a", "after"]


async def test_a_race_is_decided_by_the_sdks_rules(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.run(f"race{mode}")
    ran = (await ts_lab.journal(run.id)).ran
    assert ran == (["quick"] if joins_groups(ts_lab, mode) else ["quick", "after"])

    # Version 4 returns no result while a step of the run is open, even one that lost.
    waits_for_losers = joins_groups(ts_lab, mode) or ts_lab.app.version == "v4"
    assert run.status is (RunStatus.RUNNING if waits_for_losers else RunStatus.COMPLETED)
    run = await ts_lab.advance(3_600, run.id)

    assert run.output == ["quick", "after"]
    assert (await ts_lab.journal(run.id)).ran == ["quick", "after"]


async def test_a_race_leaves_nothing_behind_that_wakes_the_run_again(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.finish(f"race{mode}")
    calls = (await ts_lab.journal(run.id)).calls

    run = await ts_lab.advance(7_200, run.id)
    assert run.status is RunStatus.COMPLETED
    assert run.waiting_for == ()
    assert (await ts_lab.journal(run.id)).calls == calls


async def test_the_loser_of_a_race_of_steps_runs_at_most_once(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.finish(f"race-of-steps{mode}")

    assert run.output == ["either", "after"]
    counts = (await ts_lab.journal(run.id)).counts
    assert counts["after"] == 1
    assert max(counts.values()) == 1


async def test_a_run_can_sleep_after_a_race(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.run(f"race-then-sleep{mode}")
    (wait,) = run.waiting_for
    assert (wait.kind, wait.until_ms) == ("sleep", ts_lab.clock.now_ms() + 3_600_000)

    run = await ts_lab.advance(3_600, run.id)
    assert run.output == "after"
    assert set((await ts_lab.journal(run.id)).counts.values()) == {1}


async def test_groups_in_groups_run_each_step_once(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.finish(f"nested{mode}")

    left, right = ["l1", "l2", "l3"], ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert run.output == [*left, *right, "join"]
    ran = (await ts_lab.journal(run.id)).ran
    assert sorted(ran) == sorted([*left, *right, "join"])
    assert [name for name in ran if name in left] == left
    assert ran[-1] == "join"


async def test_one_group_after_another(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.finish(f"two-groups{mode}")

    assert run.output == ["a", "b", "c", "d"]
    ran = (await ts_lab.journal(run.id)).ran
    assert (sorted(ran[:2]), sorted(ran[2:])) == (["a", "b"], ["c", "d"])


async def test_the_same_id_in_one_group_is_several_steps(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.finish(f"same-id{mode}")

    assert run.output == [0, 1, 2]
    assert sorted(step.index for step in run.steps) == [0, 1, 2]
    assert (await ts_lab.journal(run.id)).counts == {"twin": 3}


async def test_a_failing_step_of_a_group_is_tried_again_alone(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.finish(f"one-fails{mode}")

    assert run.output == [["fulfilled", "rejected"], "after"]
    default_attempts = 5
    assert (await ts_lab.journal(run.id)).counts == {"good": 1, "bad": default_attempts, "after": 1}


async def test_a_step_awaited_later_runs_once(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.finish(f"late-await{mode}")

    assert run.output == ["early", "then"]
    assert (await ts_lab.journal(run.id)).counts == {"early": 1, "then": 1}


async def test_steps_of_every_kind_in_one_group(ts_lab: Lab, mode: str) -> None:
    run = await ts_lab.run(f"mixed{mode}")
    assert {wait.kind for wait in run.waiting_for} == {"sleep", "event"}

    run = await ts_lab.advance(60, run.id)
    assert {wait.kind for wait in run.waiting_for} == {"event"}
    run = await ts_lab.advance(60, run.id)

    assert run.output == ["a", None, None, 1]
    assert (await ts_lab.journal(run.id)).ran == ["a"]


async def test_a_declared_race_goes_on_with_its_winner(ts_lab: Lab, mode: str) -> None:
    if ts_lab.app.version == "v3":
        pytest.skip("group.parallel came with version 4")
    run = await ts_lab.run(f"group-race{mode}")
    assert (await ts_lab.journal(run.id)).ran == ["quick", "after"]

    run = await ts_lab.advance(3_600, run.id)
    assert run.output == ["quick", "after"]
    assert (await ts_lab.journal(run.id)).ran == ["quick", "after"]
