"""Stories about new versions of an app that are deployed while its runs are under way.

What should happen is documented at https://www.inngest.com/docs/learn/versioning, and for functions that
are gone at https://www.inngest.com/docs/apps/cloud.
"""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any

import httpx
import inngest
import pytest
from support.deploys import deploy
from support.sdk_app import APP_URL, Lab, lab, new_client

from durable_engine import NewEvent, RunStatus, RunView, StepStatus
from durable_engine.errors import FunctionNotFoundError, SyncError

pytestmark = pytest.mark.anyio

HOUR_S = 3_600
NEW_URL = "http://127.0.0.1:9000/api/inngest"


def _work(
    client: inngest.Inngest, ran: Counter[str], plan: str, *, fn_id: str = "work", **config: Any
) -> Any:
    """Return a function that does what `plan` says: `~nap` sleeps, `?go` waits, `!x` fails, `x` is a step."""
    config.setdefault("trigger", inngest.TriggerEvent(event="t/work"))

    @client.create_function(fn_id=fn_id, **config)
    async def work(ctx: inngest.Context) -> Any:
        done = []
        for word in plan.split():
            name = word.lstrip("~?!")

            async def body(word: str = word, name: str = name) -> str:
                ran[name] += 1
                if word.startswith("!"):
                    raise ConnectionError(f"{name} failed")
                return name

            if word.startswith("~"):
                await ctx.step.sleep(name, datetime.timedelta(hours=1))
            elif word.startswith("?"):
                timeout = datetime.timedelta(days=1)
                event = await ctx.step.wait_for_event(name, event="t/go", timeout=timeout)
                done.append(event and event.name)
            else:
                done.append(await ctx.step.run(name, body))
        return done

    return work


async def _rest(it: Lab, run_id: str, hours: float = 12) -> RunView:
    """Let retries and sleeps come due until the run has ended or only waits for an event."""
    run = await it.settle(run_id)
    ends_ms = it.clock.now_ms() + hours * HOUR_S * 1_000
    while run.waiting_for and run.waiting_for[0].kind != "event" and it.clock.now_ms() < ends_ms:
        await it.clock.advance_to(run.waiting_for[0].until_ms or 0)
        run = await it.settle(run_id)
    return run


@pytest.mark.parametrize(
    ("old", "new", "output", "ran"),
    [
        ("a b ~nap c", "a z b ~nap c", "a z b c", "a b c z"),
        ("a b ~nap c", "z a b ~nap c", "z a b c", "a b c z"),
        ("a ~nap c", "a ~nap c d", "a c d", "a c d"),
        ("a ~nap c", "a ~nap", "a", "a"),
        ("a b ~nap c", "b ~nap c", "b c", "a b c"),
        ("a b ~nap c", "a e ~nap c", "a e c", "a b c e"),
        ("a b ~nap c", "c ~nap b a", "c b a", "a b c"),
        ("a ~nap c", "a c", "a c", "a c"),
        ("a ~nap c", "a ~other c", "a c", "a c"),
        ("a ~nap c", "", "", "a"),
    ],
    ids=[
        "added between", "added before", "added after", "future step removed", "past step removed", "renamed",
        "reordered", "sleep removed", "sleep renamed", "all removed",
    ],
)  # fmt: skip
async def test_a_sleeping_run_wakes_up_in_the_new_code_and_repeats_nothing(
    old: str, new: str, output: str, ran: str
) -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, old)]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        await deploy(it, client, [_work(client, count, new)])
        run = await _rest(it, run_id)

        assert (run.status, run.output) == (RunStatus.COMPLETED, output.split())
        assert count == Counter(ran.split())


async def test_a_sleep_with_a_new_id_is_slept_anew_after_the_old_one() -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, "~nap a")]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        await deploy(it, client, [_work(client, count, "?go a")])
        run = await it.advance(HOUR_S + 60, run_id)
        assert [(wait.kind, wait.step_name) for wait in run.waiting_for] == [("event", "go")]

        await it.send("t/go")
        assert (await it.settle(run_id)).output == ["t/go", "a"]


@pytest.mark.parametrize(("new", "events"), [("a b", 1), ("a ?other b", 2), ("a ?go ?other b", 2)])
async def test_a_wait_that_the_new_code_does_not_have_still_ends_as_it_was_asked_for(
    new: str, events: int
) -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, "a ?go b")]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        await deploy(it, client, [_work(client, count, new)])
        for _ in range(events):
            assert (await it.settle(run_id)).status is RunStatus.RUNNING
            await it.send("t/go")
        run = await it.settle(run_id)

        assert run.status is RunStatus.COMPLETED
        assert count == {"a": 1, "b": 1}


async def test_a_bug_fixed_between_two_attempts_lets_the_run_go_on() -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, "a !b c")]) as it:
        run_id = await it.start("t/work")
        run = await it.settle(run_id)
        assert [wait.step_name for wait in run.waiting_for] == ["b"]
        await deploy(it, client, [_work(client, count, "a b2 c")])
        run = await _rest(it, run_id)

        assert run.output == ["a", "b2", "c"]
        assert count == {"a": 1, "b": 1, "b2": 1, "c": 1}
        by_name = {step.name: step.status for step in run.steps}
        assert by_name["b"] is StepStatus.CANCELLED


@pytest.mark.parametrize(("before", "after", "attempts"), [(4, 1, 2), (1, 4, 5), (4, 0, 2)])
async def test_the_number_of_retries_is_that_of_the_newest_version(
    before: int, after: int, attempts: int
) -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, "!a", retries=before)]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        await deploy(it, client, [_work(client, count, "!a", retries=after)])
        run = await _rest(it, run_id)

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["message"] == "a failed"
        assert count == {"a": attempts}
        assert run.max_attempts == after + 1


async def test_a_new_trigger_starts_new_runs_and_leaves_old_ones_alone() -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, "a ~nap b")]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        new = inngest.TriggerEvent(event="t/new", expression="event.data.n > 1")
        await deploy(it, client, [_work(client, count, "a ~nap b", trigger=new)])

        assert await it.send("t/work") == ()
        assert await it.send("t/new", {"n": 1}) == ()
        assert len(await it.send("t/new", {"n": 2})) == 1
        assert (await _rest(it, run_id)).output == ["a", "b"]


async def test_a_second_version_beside_the_first_takes_over_at_a_moment_of_its_own() -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, "a")]) as it:
        moment = it.clock.now_ms() + 1_000

        def trigger(comparison: str) -> inngest.TriggerEvent:
            return inngest.TriggerEvent(event="t/work", expression=f"event.ts {comparison} {moment}")

        first = _work(client, count, "a", trigger=trigger("<"))
        await deploy(it, client, [first, _work(client, count, "b", fn_id="work-v2", trigger=trigger(">="))])
        slugs = []
        for ts_ms in (moment - 1, moment):
            receipt = await it.engine.send_event(NewEvent(name="t/work", ts_ms=ts_ms))
            slugs += [run.function_slug for run in receipt.started]
        assert slugs == ["lab-work", "lab-work-v2"]


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_run_whose_function_was_removed_fails_by_name_unless_it_comes_back(
    *, comes_back: bool
) -> None:
    client, count = new_client(), Counter[str]()
    work = _work(client, count, "a ~nap b")
    async with lab(client, [work]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        await deploy(it, client, [_work(client, count, "x", fn_id="other")])
        assert [function.slug for function in (await it.engine.inventory()).functions] == ["lab-other"]
        assert [
            run.function_slug for run in (await it.engine.send_event(NewEvent(name="t/work"))).started
        ] == ["lab-other"]
        with pytest.raises(FunctionNotFoundError):
            await it.engine.invoke_function("lab-work")

        run = await it.advance(HOUR_S + 60, run_id)
        assert run.status is RunStatus.RUNNING
        assert run.failures[0].error["name"] == "FunctionNotFoundError"
        assert "lab-work" in run.failures[0].error["message"]
        if comes_back:
            await deploy(it, client, [work])
        run = await _rest(it, run_id)

        if comes_back:
            assert run.output == ["a", "b"]
            assert len(await it.send("t/work")) == 1
        else:
            assert run.status is RunStatus.FAILED
            assert len(run.failures) == 5
            assert (run.function_slug, run.steps[0].output) == ("lab-work", "a")
        assert count["a"] == 1


async def test_runs_of_an_app_that_was_removed_go_on_to_their_end() -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, "a ~nap b")]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        assert await it.engine.remove_app(APP_URL)

        assert await it.send("t/work") == ()
        assert (await _rest(it, run_id)).output == ["a", "b"]

        await it.engine.sync_app(APP_URL)
        assert len(await it.send("t/work")) == 1


async def test_a_sync_that_is_refused_leaves_the_version_before_in_force() -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, "a ~nap b")]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        broken = inngest.TriggerEvent(event="t/work", expression="event.data.n >")
        with pytest.raises(SyncError, match="does not compile"):
            await deploy(it, client, [_work(client, count, "a ~nap b", trigger=broken)])

        assert (await _rest(it, run_id)).output == ["a", "b"]
        assert len(await it.send("t/work")) == 1


async def test_an_app_that_moved_to_another_port_is_called_there_once_it_synced() -> None:
    client, count = new_client(), Counter[str]()
    work = _work(client, count, "a ~nap b")
    async with lab(client, [work]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        await deploy(it, client, [work], url=NEW_URL, syncs=False)
        run = await it.advance(HOUR_S + 60, run_id)
        assert run.status is RunStatus.RUNNING
        assert run.failures[0].error["name"] == "AppUnreachableError"

        await it.engine.sync_app(NEW_URL)
        run = await _rest(it, run_id)
        assert run.output == ["a", "b"]
        assert count == {"a": 1, "b": 1}
        # Where it was is forgotten, although it is still polled when the app moves.
        await it.engine._apps.run_once()
        assert [(app.name, app.url) for app in (await it.engine.inventory()).apps] == [("lab", NEW_URL)]


async def test_an_app_that_never_comes_back_fails_the_run_and_says_where_it_was_looked_for() -> None:
    client, count = new_client(), Counter[str]()
    async with lab(client, [_work(client, count, "a ~nap b")]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        it.network.port = 1
        run = await _rest(it, run_id)

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "AppUnreachableError"
        assert "http://127.0.0.1:8000" in run.error["message"]
        assert len(run.failures) == 5


async def test_a_failure_handler_of_the_newest_version_handles_the_failure_of_an_old_run() -> None:
    client, count = new_client(), Counter[str]()

    async def on_failure(ctx: inngest.Context) -> None:
        count["handled"] += 1

    async with lab(client, [_work(client, count, "~nap !a", retries=0)]) as it:
        run_ids = [await it.start("t/work")]
        await it.settle(run_ids[0])
        await deploy(it, client, [_work(client, count, "~nap !a", retries=0, on_failure=on_failure)])
        assert (await _rest(it, run_ids[0])).status is RunStatus.FAILED
        assert count["handled"] == 1

        run_ids.append(await it.start("t/work"))
        await it.settle(run_ids[1])
        await deploy(it, client, [_work(client, count, "~nap !a", retries=0)])
        assert (await _rest(it, run_ids[1])).status is RunStatus.FAILED
        assert count["handled"] == 1


async def test_a_parent_hears_that_the_function_it_waits_for_was_removed() -> None:
    client, count = new_client(), Counter[str]()

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="t/parent"))
    async def parent(ctx: inngest.Context) -> Any:
        try:
            return await ctx.step.invoke_by_id("ask", function_id="work")
        except inngest.StepError as error:
            return error.name

    async with lab(client, [parent, _work(client, count, "a ~nap b")]) as it:
        run_id = await it.start("t/parent")
        run = await it.settle(run_id)
        await deploy(it, client, [parent])
        await _rest(it, run.child_run_ids[0])

        assert (await it.settle(run_id)).output == "FunctionNotFoundError"


async def test_a_planned_step_is_called_at_the_new_place_after_a_move() -> None:
    client, seen = new_client(), list[int]()

    @client.create_function(fn_id="work", trigger=inngest.TriggerEvent(event="t/work"))
    async def work(ctx: inngest.Context) -> Any:
        async def body(name: str) -> str:
            if name == "b" and ctx.attempt == 0:
                raise ConnectionError("not yet")
            return name

        return await ctx.group.parallel(
            (lambda: ctx.step.run("a", body, "a"), lambda: ctx.step.run("b", body, "b"))
        )

    async with lab(client, [work]) as it:
        run_id = await it.start("t/work")
        await it.settle(run_id)
        await deploy(it, client, [work], url=NEW_URL)

        def note(request: httpx.Request) -> httpx.Response:
            seen.append(request.url.port or 0)
            raise httpx.ConnectError("gone again", request=request)

        it.network.answer = note
        await it.advance(45, run_id)
        it.network.answer = None
        run = await _rest(it, run_id)

        assert run.output == ["a", "b"]
        assert seen == [9000]
