"""TypeScript 4: durable endpoints, which a request to the app starts and the engine carries to their end."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from support.typescript import Lab

from durable_engine import MockResult, NewDouble, RunStatus

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("ts_app", ["v4"], indirect=True),
]


async def _ask(it: Lab, path: str) -> httpx.Response:
    """Make a request to the app; it is sent away to wait when the endpoint has to."""
    return await it.app.http.get(f"{it.app.origin}{path}", follow_redirects=False)


async def _run_of(it: Lab, answer: httpx.Response) -> str:
    assert answer.status_code == 302, answer.text
    return answer.headers["location"].split("/")[-2]


async def _outcome(it: Lab, answer: httpx.Response) -> httpx.Response:
    return await it.app.http.get(answer.headers["location"])


async def _ran(it: Lab, path: str) -> list[str]:
    return (await it.journal(path)).ran


async def test_one_that_need_not_wait_answers_by_itself(ts_lab: Lab) -> None:
    before = len(await _ran(ts_lab, "quick"))
    answer = await _ask(ts_lab, "/quick")
    assert (answer.status_code, answer.json()) == (202, ["a", "b"])
    assert (await _ran(ts_lab, "quick"))[before:] == ["a", "b"]
    names = {function.name for function in (await ts_lab.engine.inventory()).functions}
    assert "GET /quick" in names


async def test_one_that_sleeps_sends_its_client_away_until_it_has_answered(ts_lab: Lab) -> None:
    before = len(await _ran(ts_lab, "slow"))
    answer = await _ask(ts_lab, "/slow?n=7")
    run_id = await _run_of(ts_lab, answer)
    run = await ts_lab.settle(run_id)
    assert run.status is RunStatus.RUNNING
    assert [wait.kind for wait in run.waiting_for] == ["sleep"]

    run = await ts_lab.advance(3_600, run_id)
    assert run.status is RunStatus.COMPLETED
    outcome = await _outcome(ts_lab, answer)
    assert outcome.json() == {"a": "a", "b": "b", "query": "7"}
    assert (await _ran(ts_lab, "slow"))[before:] == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "outcome"),
    [("/parallel", ["p", "q", "r"]), ("/rolls-back", {"caught": "never", "undone": "undo"})],
)
async def test_the_engine_runs_its_steps_and_its_rollbacks(ts_lab: Lab, path: str, outcome: Any) -> None:
    answer = await _ask(ts_lab, path)
    run = await ts_lab.settle(await _run_of(ts_lab, answer))
    assert run.status is RunStatus.COMPLETED, run.error
    assert (await _outcome(ts_lab, answer)).json() == outcome


async def test_a_step_that_fails_is_tried_again_by_the_engine(ts_lab: Lab) -> None:
    answer = await _ask(ts_lab, "/flaky")
    run_id = await _run_of(ts_lab, answer)
    seconds, run = await ts_lab.next_due(run_id)
    assert 15 <= seconds <= 45
    assert run.status is RunStatus.COMPLETED
    assert (await _outcome(ts_lab, answer)).json() == "in the end"


async def test_it_waits_for_an_event_and_its_client_with_it(ts_lab: Lab) -> None:
    answer = await _ask(ts_lab, "/waits")
    await ts_lab.engine.settle()
    waiting = asyncio.create_task(_outcome(ts_lab, answer))
    await ts_lab.send("ts/go", {"n": 3})
    assert (await waiting).json() == {"n": 3}


async def test_mocks_stand_in_for_what_the_engine_goes_on_with(ts_lab: Lab) -> None:
    before = len(await _ran(ts_lab, "slow"))
    answer = await _ask(ts_lab, "/slow?n=1")
    run_id = await _run_of(ts_lab, answer)
    await ts_lab.engine.doubles.add(NewDouble(step="b", outcomes=(MockResult(data="B"),)), run_id=run_id)
    await ts_lab.advance(3_600, run_id)
    assert (await _outcome(ts_lab, answer)).json() == {"a": "a", "b": "B", "query": "1"}

    function = (await ts_lab.engine.get_run(run_id)).function_slug
    for step, value in (("a", "A"), ("nap", None), ("b", "B")):
        double = NewDouble(function=function, step=step, outcomes=(MockResult(data=value),))
        await ts_lab.engine.doubles.add(double)
    answer = await _ask(ts_lab, "/slow?n=2")
    run = await ts_lab.settle(await _run_of(ts_lab, answer))
    # The app runs the steps before the first wait by itself, as nobody has asked it to plan.
    assert (await _outcome(ts_lab, answer)).json() == {"a": "a", "b": "B", "query": "2"}
    assert run.notes == ("Step 'a' ran for real before a double could stand in.",)
    assert (await _ran(ts_lab, "slow"))[before:] == ["a", "a"]
