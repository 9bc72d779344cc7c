"""Stories about doing several things at once, and about code that is not the same from call to call."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import RunStatus, RunView, StepStatus

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)
Body = Callable[[inngest.Context], Awaitable[Any]]


class Bench:
    """A function `lab-work` with counted step bodies; `calls` counts how often its code ran."""

    def __init__(self, body: Callable[[Bench, inngest.Context], Awaitable[Any]], retries: int = 2) -> None:
        self.client = new_client()
        self.ran: Counter[str] = Counter()
        self.calls = 0

        @self.client.create_function(
            fn_id="work", retries=retries, trigger=inngest.TriggerEvent(event="t/work")
        )
        async def work(ctx: inngest.Context) -> Any:
            self.calls += 1
            return await body(self, ctx)

        self.functions = [work]

    def step(self, ctx: inngest.Context, name: str, *, failures: int = 0) -> Any:
        """Return a callable that runs the step `name`, which gives back its name and fails at first."""

        async def body() -> str:
            self.ran[name] += 1
            if ctx.attempt < failures:
                raise ConnectionError(f"{name} failed")
            return name

        return lambda: ctx.step.run(name, body)

    async def run(self, seconds: float = 0) -> RunView:
        """Run the function until nothing happens any more, and for so long after that."""
        async with lab(self.client, self.functions) as it:
            return await _rest(it, await it.start("t/work"), seconds)


async def _rest(it: Lab, run_id: str, seconds: float) -> RunView:
    """Let time pass until the run ends, but not more than `seconds` of it."""
    run = await it.settle(run_id)
    ends_ms = it.clock.now_ms() + seconds * 1_000
    while run.waiting_for:
        due_ms = min(wait.until_ms or 0 for wait in run.waiting_for)
        if due_ms > ends_ms:
            return run
        await it.clock.advance_to(due_ms)
        run = await it.settle(run_id)
    return run


async def test_steps_sleeps_waits_and_invokes_share_a_group_and_keep_their_order() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        results = await ctx.group.parallel(
            (
                lambda: ctx.step.sleep("nap", HOUR),
                bench.step(ctx, "left"),
                lambda: ctx.step.wait_for_event("sent", event="t/sent", timeout=HOUR),
                lambda: ctx.step.send_event("send", inngest.Event(name="t/sent", data={"n": 1})),
                lambda: ctx.step.wait_for_event("never", event="t/never", timeout=2 * HOUR),
                lambda: ctx.step.invoke_by_id("ask", function_id="child", data={"n": 2}),
                bench.step(ctx, "right"),
            )
        )
        nap, left, sent, ids, never, child, right = results
        return [nap, left, sent.data, len(ids), never, child, right, await bench.step(ctx, "after")()]

    bench = Bench(body)

    @bench.client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="t/child"))
    async def child(ctx: inngest.Context) -> Any:
        return ctx.event.data["n"] * 2

    bench.functions.append(child)
    async with lab(bench.client, bench.functions) as it:
        run_id = await it.start("t/work")
        run = await it.settle(run_id)
        assert {wait.kind for wait in run.waiting_for} == {"sleep", "event"}
        assert bench.calls == 4  # the first, and one for each of the three steps with code
        run = await it.advance(3_700, run_id)
        assert [wait.step_name for wait in run.waiting_for] == ["never"]
        assert bench.calls == 4
        run = await it.advance(3_700, run_id)

        assert run.output == [None, "left", {"n": 1}, 1, None, 4, "right", "after"]
        assert bench.ran == {"left": 1, "right": 1, "after": 1}


async def test_groups_inside_branches_and_chains_inside_branches_run_each_step_once() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        async def chain() -> str:
            first = await bench.step(ctx, "d")()
            await ctx.step.sleep("d-nap", HOUR)
            return str(first + await bench.step(ctx, "e")())

        def group(*names: str) -> Any:
            return lambda: ctx.group.parallel(tuple(bench.step(ctx, name) for name in names))

        return await ctx.group.parallel(
            (group("a", "b"), bench.step(ctx, "c"), chain, lambda: ctx.group.parallel((group("f", "g"),)))
        )

    bench = Bench(body)
    run = await bench.run(seconds=4_000)

    assert run.output == [["a", "b"], "c", "de", [["f", "g"]]]
    assert bench.ran == dict.fromkeys("abcdefg", 1)


async def test_an_empty_group_and_a_group_of_one_are_no_trouble() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        return [*await ctx.group.parallel(()), *await ctx.group.parallel((bench.step(ctx, "only"),))]

    bench = Bench(body)
    assert (await bench.run()).output == ["only"]
    assert bench.ran == {"only": 1}


async def test_a_hundred_and_fifty_steps_of_which_every_tenth_fails_at_first_join_once() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        steps = [bench.step(ctx, f"s{number}", failures=number % 10 == 0) for number in range(150)]
        return len(await ctx.group.parallel(tuple(steps)))

    bench = Bench(body)
    run = await bench.run(seconds=60)

    assert run.output == 150
    assert bench.ran.total() == 165
    assert bench.calls == 1 + 165 + 1


async def test_a_race_goes_on_with_what_is_done_and_starts_nobody_twice() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        async def winner() -> Any:
            return [await bench.step(ctx, "fast")(), await bench.step(ctx, "after")()]

        return await ctx.group.parallel(
            (bench.step(ctx, "slow", failures=1), winner, lambda: ctx.step.sleep("nap", HOUR)),
            parallel_mode=inngest.ParallelMode.RACE,
        )

    bench = Bench(body)
    async with lab(bench.client, bench.functions) as it:
        run_id = await it.start("t/work")
        run = await it.settle(run_id)
        assert bench.ran == {"slow": 1, "fast": 1, "after": 1}
        assert {wait.kind for wait in run.waiting_for} == {"retry", "sleep"}
        run = await _rest(it, run_id, 4_000)

        assert run.output == ["slow", ["fast", "after"], None]
        assert bench.ran == {"slow": 2, "fast": 1, "after": 1}


async def test_a_branch_that_fails_for_good_ends_the_run_when_the_others_are_done() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        return await ctx.group.parallel(
            (
                bench.step(ctx, "good"),
                bench.step(ctx, "bad", failures=9),
                lambda: ctx.step.sleep("nap", HOUR),
            )
        )

    bench = Bench(body, retries=1)
    async with lab(bench.client, bench.functions) as it:
        run_id = await it.start("t/work")
        run = await _rest(it, run_id, 60)
        assert run.status is RunStatus.RUNNING
        assert [wait.kind for wait in run.waiting_for] == ["sleep"]
        run = await _rest(it, run_id, 4_000)

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["message"] == "bad failed"
        assert bench.ran == {"good": 1, "bad": 2}
        assert [step.status for step in run.steps if step.name != "nap"] == [
            StepStatus.COMPLETED,
            StepStatus.FAILED,
        ]


async def test_a_branch_that_fails_for_good_can_be_caught_inside_and_around_the_group() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        async def careful() -> Any:
            try:
                return await bench.step(ctx, "x", failures=9)()
            except inngest.StepError:
                return await bench.step(ctx, "x-undo")()

        inside = await ctx.group.parallel((careful, bench.step(ctx, "y")))
        try:
            await ctx.group.parallel((bench.step(ctx, "z"), bench.step(ctx, "bad", failures=9)))
        except inngest.StepError as error:
            return [*inside, error.message, await bench.step(ctx, "undo")()]

    bench = Bench(body, retries=0)
    run = await bench.run()

    assert run.output == ["x-undo", "y", "bad failed", "undo"]
    assert bench.ran == {"x": 1, "x-undo": 1, "y": 1, "z": 1, "bad": 1, "undo": 1}


async def test_a_step_is_tried_again_although_its_sibling_has_failed_for_good() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        async def bad() -> Any:
            async def fail() -> None:
                bench.ran["bad"] += 1
                if ctx.attempt == 0:
                    raise inngest.RetryAfterError("soon", 1_000, quiet=True)
                raise ValueError("no")

            return await ctx.step.run("bad", fail)

        try:
            await ctx.group.parallel((bad, bench.step(ctx, "flaky", failures=1)))
        except inngest.StepError as error:
            return [error.message, await bench.step(ctx, "undo")()]

    bench = Bench(body, retries=1)
    run = await bench.run(seconds=600)

    assert bench.ran == {"bad": 2, "flaky": 2, "undo": 1}
    assert (run.status, run.output) == (RunStatus.COMPLETED, ["no", "undo"])


async def test_equal_step_ids_are_numbered_in_the_order_in_which_the_code_comes_to_them() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        async def loop() -> Any:
            return [await bench.step(ctx, "s")() for _ in range(3)]

        return [await ctx.group.parallel((bench.step(ctx, "s"),) * 2), await loop()]

    bench = Bench(body)
    run = await bench.run()

    assert run.output == [["s", "s"], ["s", "s", "s"]]
    assert bench.ran == {"s": 5}
    assert [step.index for step in run.steps] == [0, 1, 2, 3, 4]


async def test_a_loop_in_one_branch_takes_the_numbers_of_the_next_as_sdks_count_them() -> None:
    # The branches share a step id, so what the first call knew as the second branch's step is later the
    # loop's second round: its memo answers, and what runs instead is a new number. Never one id twice.
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        async def loop() -> Any:
            return [await bench.step(ctx, "s")() for _ in range(2)]

        return await ctx.group.parallel((loop, bench.step(ctx, "s")))

    bench = Bench(body)
    run = await bench.run()

    assert run.output == [["s", "s"], "s"]
    assert bench.ran == {"s": 3}
    assert [(step.index, step.attempts) for step in run.steps] == [(0, 1), (1, 1), (2, 1)]


async def test_code_that_changes_its_order_at_every_call_still_runs_each_step_once() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        names = ["a", "b", "c", "d"]
        shift = bench.calls % 4
        order = names[shift:] + names[:shift]
        found = [await bench.step(ctx, name)() for name in order]
        more = await ctx.group.parallel(tuple(bench.step(ctx, name * 2) for name in reversed(order)))
        return sorted([*found, *more])

    bench = Bench(body)
    run = await bench.run()

    assert run.output == ["a", "aa", "b", "bb", "c", "cc", "d", "dd"]
    assert set(bench.ran.values()) == {1}


async def test_steps_that_appear_between_calls_are_run_when_they_are_found() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        names = ["a", "b"] if bench.calls < 3 else ["new", "a", "b", "c"]
        return await ctx.group.parallel(tuple(bench.step(ctx, name) for name in names))

    bench = Bench(body)
    run = await bench.run()

    assert run.output == ["new", "a", "b", "c"]
    assert bench.ran == {"a": 1, "b": 1, "new": 1, "c": 1}


async def test_a_planned_step_that_vanishes_is_cancelled_and_the_function_goes_on() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        names = ["a", "b"] if bench.calls == 1 else ["a"]
        return list(await ctx.group.parallel(tuple(bench.step(ctx, name) for name in names)))

    bench = Bench(body)
    run = await bench.run()

    assert (run.status, run.output) == (RunStatus.COMPLETED, ["a"])
    assert {step.name: step.status for step in run.steps} == {
        "a": StepStatus.COMPLETED,
        "b": StepStatus.CANCELLED,
    }
    assert bench.ran == {"a": 1}


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_planned_step_that_is_renamed_is_looked_for_as_often_as_it_may_be_tried(
    *, comes_back: bool
) -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        is_old = bench.calls == 1 or (comes_back and bench.calls > 3)
        both = await ctx.group.parallel((bench.step(ctx, "a"), bench.step(ctx, "b" if is_old else "b2")))
        return [*both, await bench.step(ctx, "after")()]

    bench = Bench(body)
    run = await bench.run(seconds=600)

    if comes_back:
        assert run.output == ["a", "b", "after"]
        assert bench.ran == {"a": 1, "b": 1, "after": 1}
    else:
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "StepUnexpectedError"
        assert bench.ran == {"a": 1}


async def test_a_planned_step_that_becomes_a_sleep_is_an_error_and_not_a_hang() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        def second() -> Any:
            return bench.step(ctx, "b")() if bench.calls == 1 else ctx.step.sleep("b", HOUR)

        return await ctx.group.parallel((bench.step(ctx, "a"), second))

    run = await Bench(body).run(seconds=600)

    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["name"] == "StepNotExecutedError"
    assert "'b'" in run.error["message"]


async def test_a_step_that_becomes_another_kind_keeps_the_result_it_has() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        if bench.calls == 1:
            await ctx.step.sleep("x", HOUR)
        return [await bench.step(ctx, "x")(), await bench.step(ctx, "y")()]

    bench = Bench(body)
    run = await bench.run(seconds=4_000)

    assert run.output == [None, "y"]
    assert bench.ran == {"y": 1}


async def test_a_loop_that_shrinks_and_grows_between_calls_never_repeats_a_round() -> None:
    async def body(bench: Bench, ctx: inngest.Context) -> Any:
        rounds = [4, 2, 5, 1, 3, 5][min(bench.calls - 1, 5)]
        return [await bench.step(ctx, "s")() for _ in range(rounds)]

    bench = Bench(body)
    run = await bench.run()

    assert run.status is RunStatus.COMPLETED
    assert [step.attempts for step in run.steps] == [1] * len(run.steps)
    assert bench.ran.total() == len(run.steps)
