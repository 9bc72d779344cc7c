"""Stories about replaying the present code of an app against the record of a run, on the real Python SDK."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import inngest
import pytest
from support.sdk_app import APP_URL, Lab, lab, new_client
from support.wall import wall_ms

from durable_engine import Divergence, ManualClock, ReplayReport, RunStatus
from durable_engine.errors import InvalidInputError, ReplayError, RunNotFoundError
from durable_engine.replay_walk import MAX_CALLS
from durable_engine.storage.tables import Tables

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)
NEXT_MONTH = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)
Body = Callable[["App"], Awaitable[Any]]


class App:
    """One function whose code a test exchanges between two calls, and a journal of the bodies that ran."""

    def __init__(self, code: Body, *, retries: int = 1) -> None:
        self.client = new_client()
        self.code = code
        self.ran: list[str] = []
        self.ctx: inngest.Context

        @self.client.create_function(
            fn_id="work", retries=retries, trigger=inngest.TriggerEvent(event="t/work")
        )
        async def work(ctx: inngest.Context) -> Any:
            self.ctx = ctx
            return await self.code(self)

        @self.client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="t/child"))
        async def child(ctx: inngest.Context) -> Any:
            return {"got": ctx.event.data}

        self.child = child
        self.functions = [work, child]

    def body(self, name: str, result: Any = None, *, fails: bool = False) -> Callable[[], Awaitable[Any]]:
        async def run() -> Any:
            self.ran.append(name)
            if fails:
                raise ValueError(f"{name} fails")
            return name if result is None else result

        return run

    async def run(self, name: str, result: Any = None, *, fails: bool = False) -> Any:
        """Run a step that leaves a line in the journal."""
        return await self.ctx.step.run(name, self.body(name, result, fails=fails))

    def later(self, name: str) -> Callable[[], Awaitable[Any]]:
        """Return a callable that runs such a step, for a parallel group."""
        return lambda: self.run(name)


@asynccontextmanager
async def recorded(app: App, *, seconds: float = 0) -> AsyncIterator[tuple[Lab, str]]:
    """Run the function, let `seconds` pass, and keep what is stored from changing afterwards."""
    clock = ManualClock(wall_ms(), wall=wall_ms)
    async with lab(app.client, app.functions, clock=clock) as it:
        run_id = await it.start("t/work", {"n": 1})
        await it.settle(run_id)
        if seconds:
            await it.pass_time(seconds)
        app.ran.clear()
        before = await _stored(it)
        yield it, run_id
        assert app.ran == [], "a replay ran a step body"
        assert await _stored(it) == before, "a replay changed what is stored"


async def _stored(it: Lab) -> list[Any]:
    def dump(tables: Tables) -> list[Any]:
        names = ("run", "step", "history", "queue_item", "pause", "event")
        connection = tables.runs._connection
        return [list(map(tuple, connection.execute(f"SELECT * FROM {name}"))) for name in names]  # noqa: S608

    return await it.engine._database.transact(dump)


async def check(
    before: Body, after: Body | None = None, *, seconds: float = 0, **options: Any
) -> ReplayReport:
    """Record a run with one code, and replay it with another, or with the same."""
    app = App(before)
    async with recorded(app, seconds=seconds) as (it, run_id):
        app.code = after or before
        return await it.engine.replay.check(run_id)


async def three(app: App) -> Any:
    return [await app.run("a"), await app.run("b"), await app.run("c")]


async def parallel(app: App) -> Any:
    first = await app.run("first")
    group = await app.ctx.group.parallel((app.later("left"), app.later("right"), app.later("middle")))
    return [first, *group, await app.run("join")]


async def looping(app: App) -> Any:
    return [await app.run("again", number) for number in range(5)]


async def catching(app: App) -> Any:
    try:
        await app.run("risky", fails=True)
    except inngest.StepError as error:
        return [await app.run("undo"), str(error)]
    return "never"


async def waiting(app: App) -> Any:
    wait = app.ctx.step.wait_for_event
    never = await wait("never", event="t/never", if_exp="event.data.n == async.data.n", timeout=HOUR)
    return [never, await app.run("after")]


async def invoking(app: App) -> Any:
    answer = await app.ctx.step.invoke("ask", function=app.child, data={"n": 1})
    return [answer["got"]["n"], await app.run("after")]


async def sending(app: App) -> Any:
    await app.ctx.step.send_event("tell", inngest.Event(name="t/told", data={"n": 1}))
    return await app.run("after")


async def sleeping(app: App) -> Any:
    await app.ctx.step.sleep("nap", HOUR)
    return await app.run("after")


async def failing(app: App) -> Any:
    await app.run("fine")
    await app.run("risky", fails=True)


async def raising(app: App) -> Any:
    await app.run("fine")
    raise KeyError("outside")


async def nothing(app: App) -> Any:
    return {"n": app.ctx.event.data["n"]}


@pytest.mark.parametrize(
    "code",
    [three, parallel, looping, catching, waiting, invoking, sending, sleeping, failing, raising, nothing],
)
async def test_code_that_did_not_change_follows_the_record_of_its_run(code: Body) -> None:
    report = await check(code, seconds=7_200)

    assert report.differences == ()
    assert report.is_deterministic
    assert report.checked == report.points == len(report.durations_ms)
    assert report.status is (RunStatus.FAILED if code in {failing, raising} else RunStatus.COMPLETED)
    assert report.notes == ()


async def test_names_that_a_run_uses_more_than_once_are_named() -> None:
    report = await check(looping)

    assert report.repeated == (("again", 5),)
    assert report.points == 6


async def renamed(app: App) -> Any:
    return [await app.run("a"), await app.run("better"), await app.run("c")]


async def reordered(app: App) -> Any:
    return [await app.run("a"), await app.run("c"), await app.run("b")]


async def removed(app: App) -> Any:
    return [await app.run("a"), await app.run("c")]


async def removed_at_the_end(app: App) -> Any:
    return [await app.run("a"), await app.run("b")]


async def added(app: App) -> Any:
    return [await app.run("a"), await app.run("more"), await app.run("b"), await app.run("c")]


async def added_at_the_end(app: App) -> Any:
    return [*await three(app), await app.run("more")]


async def with_random_id(app: App) -> Any:
    return [await app.run("a"), await app.run(f"b-{secrets.token_hex(4)}"), await app.run("c")]


async def now_asleep(app: App) -> Any:
    await app.run("a")
    await app.ctx.step.sleep("nap", HOUR)
    return [await app.run("b"), await app.run("c")]


async def other_kind(app: App) -> Any:
    await app.run("a")
    await app.ctx.step.sleep("b", HOUR)
    return [await app.run("c")]


async def raises_early(app: App) -> Any:
    await app.run("a")
    raise TypeError("not any more")


async def other_output(app: App) -> Any:
    return {"all": await three(app)}


@pytest.mark.parametrize(
    ("code", "kind", "ended", "recorded_name", "found_name"),
    [
        (renamed, Divergence.RENAMED, 1, "b", "better"),
        (reordered, Divergence.REORDERED, 1, "b", "c"),
        (removed, Divergence.MISSING, 1, "b", "c"),
        (removed_at_the_end, Divergence.MISSING, 2, "c", None),
        (added, Divergence.NEW, 1, "b", "more"),
        (added_at_the_end, Divergence.NEW, 3, None, "more"),
        (now_asleep, Divergence.NEW, 1, "b", "nap"),
        (other_kind, Divergence.INPUT, 1, "b", None),
        (raises_early, Divergence.RAISED, 1, "b", None),
        (other_output, Divergence.OUTPUT, 3, None, None),
    ],
)
async def test_code_that_changed_is_told_by_its_first_difference(
    code: Body, kind: Divergence, ended: int, recorded_name: str | None, found_name: str | None
) -> None:
    report = await check(three, code)

    first = report.differences[0]
    assert (first.kind, first.ended_steps) == (kind, ended)
    assert (first.recorded.name if first.recorded else None) == recorded_name
    assert (first.found.name if first.found else None) == found_name
    assert (first.after.name if first.after else None) == "abc"[ended - 1]


async def test_an_id_that_differs_between_two_replays_is_random() -> None:
    report = await check(with_random_id)

    (found,) = report.differences
    assert (found.kind, found.ended_steps) == (Divergence.RANDOM_ID, 1)
    assert found.recorded is not None
    assert found.found is not None
    assert found.recorded.name.startswith("b-")
    assert found.found.name != found.recorded.name


async def test_code_that_takes_another_way_at_each_call_is_unstable() -> None:
    calls = []

    async def flipping(app: App) -> Any:
        calls.append(1)
        return [await app.run("a" if len(calls) % 2 else "b")]

    async def straight(app: App) -> Any:
        return [await app.run("b"), await app.run("a")]

    report = await check(straight, flipping)
    assert [found.kind for found in report.differences] == [Divergence.UNSTABLE]


async def sleeping_longer(app: App) -> Any:
    await app.ctx.step.sleep("nap", 2 * HOUR)
    return await app.run("after")


async def until(app: App) -> Any:
    await app.ctx.step.sleep_until("nap", NEXT_MONTH)


async def until_later(app: App) -> Any:
    await app.ctx.step.sleep_until("nap", NEXT_MONTH + 24 * HOUR)


async def waiting_for_another(app: App) -> Any:
    wait = app.ctx.step.wait_for_event
    never = await wait("never", event="t/other", if_exp="event.data.n == async.data.n", timeout=HOUR)
    return [never, await app.run("after")]


async def waiting_otherwise(app: App) -> Any:
    wait = app.ctx.step.wait_for_event
    never = await wait("never", event="t/never", if_exp="async.data.n == 7", timeout=2 * HOUR)
    return [never, await app.run("after")]


async def invoking_with_other_data(app: App) -> Any:
    await app.ctx.step.invoke("ask", function=app.child, data={"n": 2})
    return [1, await app.run("after")]


async def invoking_another(app: App) -> Any:
    await app.ctx.step.invoke_by_id("ask", app_id="lab", function_id="other", data={"n": 1})
    return [1, await app.run("after")]


@pytest.mark.parametrize(
    ("before", "after", "step", "keys"),
    [
        (sleeping, sleeping_longer, "nap", ["until"]),
        (until, until_later, "nap", ["until"]),
        (waiting, waiting_for_another, "never", ["event"]),
        (waiting, waiting_otherwise, "never", ["expression", "timeout"]),
        (invoking, invoking_with_other_data, "ask", ["data"]),
        (invoking, invoking_another, "ask", ["function"]),
    ],
)
async def test_a_step_that_is_asked_to_do_something_else_is_found(
    before: Body, after: Body, step: str, keys: list[str]
) -> None:
    seconds = 0 if before is until else 7_200
    report = await check(before, after, seconds=seconds)

    (found,) = report.differences
    assert found.kind is Divergence.INPUT
    assert found.recorded is not None
    assert found.recorded.name == step
    assert sorted(change.key for change in found.changes) == keys


async def test_a_changed_input_and_a_changed_way_are_told_in_their_order() -> None:
    async def after(app: App) -> Any:
        await app.ctx.step.sleep("nap", 2 * HOUR)
        return await app.run("afterwards")

    report = await check(sleeping, after, seconds=7_200)
    assert [found.kind for found in report.differences] == [Divergence.INPUT, Divergence.RENAMED]


async def test_an_input_that_differs_at_each_replay_is_a_hint_and_no_difference() -> None:
    async def rolling(app: App) -> Any:
        await app.ctx.step.invoke("ask", function=app.child, data={"n": secrets.token_hex(4)})
        return await app.run("after")

    report = await check(rolling)
    assert report.is_deterministic
    assert report.unstable_inputs == ("ask",)


async def test_an_output_that_differs_at_each_replay_is_told_from_one_that_changed() -> None:
    async def rolling(app: App) -> Any:
        return [await app.run("a"), secrets.token_hex(4)]

    report = await check(rolling)
    assert [found.kind for found in report.differences] == [Divergence.OUTPUT]
    assert "differs at each replay" in report.notes[0]
    assert (await check(three, other_output)).notes == ()


async def test_code_that_raises_at_first_and_takes_another_way_at_last_is_named_by_that_way() -> None:
    async def before(app: App) -> Any:
        return [await app.run("a"), await app.run("b")]

    async def after(app: App) -> Any:
        if app.ctx.attempt == 0:
            raise ConnectionError("not yet")
        return [await app.run("better"), await app.run("b")]

    (found,) = (await check(before, after)).differences
    assert (found.kind, found.found and found.found.name) == (Divergence.RENAMED, "better")


async def test_a_member_of_a_parallel_group_that_is_renamed_or_gone_is_found() -> None:
    def grouping(*names: str) -> Body:
        async def code(app: App) -> Any:
            await app.run("first")
            await app.ctx.group.parallel(tuple(map(app.later, names)))
            await app.run("join")

        return code

    before = grouping("left", "right", "middle")
    report = await check(before, grouping("left", "straight", "middle"))
    (found,) = report.differences
    assert (found.kind, found.ended_steps) == (Divergence.RENAMED, 1)
    assert (found.recorded and found.recorded.name, found.found and found.found.name) == ("right", "straight")

    report = await check(before, grouping("left", "middle"))
    assert [found.kind for found in report.differences] == [Divergence.MISSING]

    report = await check(before, grouping("left", "right", "middle", "more"))
    assert [found.kind for found in report.differences] == [Divergence.NEW]

    report = await check(before, grouping("middle", "right", "left"))
    assert report.is_deterministic


async def test_steps_that_ran_at_once_and_now_one_after_the_other_are_reordered() -> None:
    async def together(app: App) -> Any:
        await app.ctx.group.parallel((app.later("left"), app.later("right")))

    async def in_turn(app: App) -> Any:
        await app.run("left")
        await app.run("right")

    report = await check(together, in_turn)
    (found,) = report.differences
    assert (found.kind, found.recorded and found.recorded.name) == (Divergence.REORDERED, "right")


async def test_a_run_that_still_waits_is_checked_as_far_as_it_is() -> None:
    assert (await check(waiting)).is_deterministic
    report = await check(waiting, waiting_for_another)
    assert [found.kind for found in report.differences] == [Divergence.INPUT]
    assert report.status is RunStatus.RUNNING

    async def not_waiting(app: App) -> Any:
        return [await app.run("after")]

    report = await check(waiting, not_waiting)
    (found,) = report.differences
    assert (found.kind, found.recorded and found.recorded.name) == (Divergence.NEW, "never")


async def test_a_failed_run_whose_code_returns_now_or_fails_otherwise() -> None:
    async def mended(app: App) -> Any:
        await app.run("fine")

    async def worse(app: App) -> Any:
        await app.run("fine")
        raise ValueError("another one")

    report = await check(raising, mended, seconds=7_200)
    assert [found.kind for found in report.differences] == [Divergence.OUTCOME]
    report = await check(raising, worse, seconds=7_200)
    (found,) = report.differences
    assert found.kind is Divergence.ERROR
    assert found.changes[0].found == {"name": "ValueError", "message": "another one"}


async def test_a_failed_run_whose_code_goes_on_now_is_no_difference_but_a_note() -> None:
    async def going_on(app: App) -> Any:
        await app.run("fine")
        await app.run("more")

    report = await check(raising, going_on, seconds=7_200)
    assert report.is_deterministic
    assert "the code asks for more steps there" in report.notes[0]


async def test_code_that_fails_outside_steps_at_its_first_attempt_only_is_replayed_at_the_last() -> None:
    async def flaky(app: App) -> Any:
        await app.run("a")
        if app.ctx.attempt == 0:
            raise ConnectionError("not yet")
        return await app.run("b")

    report = await check(flaky, seconds=7_200)
    assert report.is_deterministic
    assert report.status is RunStatus.COMPLETED


async def test_a_run_of_very_many_steps_is_replayed_in_parts() -> None:
    async def many(app: App) -> Any:
        for number in range(120):
            await app.run(f"step-{number}")

    async def many_with_another(app: App) -> Any:
        for number in range(120):
            await app.run(f"step-{number}" if number != 67 else "other")

    report = await check(many)
    assert report.is_deterministic
    assert (report.points, report.checked) == (121, 36)
    assert "evenly spread" in report.notes[0]

    report = await check(many, many_with_another)
    (found,) = report.differences
    assert (found.kind, found.ended_steps) == (Divergence.RENAMED, 67)
    assert len(report.durations_ms) <= MAX_CALLS


async def test_results_that_do_not_fit_into_a_replay_end_the_check_with_a_note() -> None:
    async def large(app: App) -> Any:
        for name in "abcd":
            await app.run(name, "x" * 1_500_000)

    report = await check(large)
    assert report.is_deterministic
    assert (report.points, report.checked) == (5, 3)
    assert "do not fit" in report.notes[0]


async def test_an_event_that_does_not_fit_into_a_replay_is_an_error_that_says_so() -> None:
    app = App(three)
    async with lab(app.client, app.functions) as it:
        run_id = await it.start("t/work", {"n": "x" * 2_500_000})
        await it.settle(run_id)
        with pytest.raises(ReplayError, match="does not fit into a replay"):
            await it.engine.replay.check(run_id)


async def test_an_app_that_cannot_be_replayed_is_an_error_that_says_why() -> None:
    app = App(three)
    async with recorded(app) as (it, run_id):
        with pytest.raises(RunNotFoundError):
            await it.engine.replay.check("01JD4Z9QW3V8T5N2B7K1M6X0CR")
        it.network.port = 1
        with pytest.raises(ReplayError, match="nothing accepts connections"):
            await it.engine.replay.check(run_id)
        it.network.port = None
        it.network.answer = lambda _: httpx.Response(200, text="<html>")
        with pytest.raises(ReplayError, match="not an Inngest endpoint"):
            await it.engine.replay.check(run_id)
        ran = {"op": "StepRun", "id": "x", "userland": {"id": "a"}, "data": 1}
        headers = {"X-Inngest-SDK": "js:v1", "X-Inngest-Req-Version": "1"}
        it.network.answer = lambda _: httpx.Response(206, json=[ran], headers=headers)
        with pytest.raises(ReplayError, match="ran step 'a'"):
            await it.engine.replay.check(run_id)


async def test_a_function_that_is_gone_is_an_error_that_says_so() -> None:
    app = App(three)
    async with lab(app.client, app.functions) as it:
        run_id = await it.start("t/work", {"n": 1})
        await it.settle(run_id)
        message = 'Could not find function with ID "lab-work"'
        of_typescript = httpx.Response(
            500, json={"name": "Error", "message": message}, headers={"X-Inngest-SDK": "js:v4.24.0"}
        )
        it.network.answer = lambda _: of_typescript
        with pytest.raises(ReplayError, match="does not know the function"):
            await it.engine.replay.check(run_id)
        renamed_code = httpx.Response(
            500,
            json={
                "code": "function_not_found",
                "message": "no such function",
                "name": "FunctionNotFoundError",
            },
            headers={"X-Inngest-SDK": "py:v0.5.19"},
        )
        it.network.answer = lambda _: renamed_code
        with pytest.raises(ReplayError, match="does not know the function"):
            await it.engine.replay.check(run_id)
        it.network.answer = None
        await it.engine.remove_app(APP_URL)
        with pytest.raises(InvalidInputError, match="not synced any more"):
            await it.engine.replay.check(run_id)
