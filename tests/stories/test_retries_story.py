"""Stories about trying again: when, how often, who counts, and what is told when it was all in vain."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import RunStatus, RunView, StepStatus

pytestmark = pytest.mark.anyio

BACKOFF_S = (15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600, 7_200)
JITTER_S = 30
DAY_S = 86_400


async def _until_it_ends(it: Lab, run_id: str) -> tuple[RunView, list[float]]:
    """Return the ended run and the delay before each further attempt, which is not made a moment early."""
    delays_s: list[float] = []
    run = await it.settle(run_id)
    while run.waiting_for:
        (wait,) = run.waiting_for
        assert (wait.kind, run.status) == ("retry", RunStatus.RUNNING)
        assert wait.until_ms is not None
        delays_s.append((wait.until_ms - it.clock.now_ms()) / 1_000)
        calls = it.network.calls
        await it.clock.advance_to(wait.until_ms - 1)
        await it.engine.settle()
        assert it.network.calls == calls
        await it.clock.advance_to(wait.until_ms)
        run = await it.settle(run_id)
    return run, delays_s


@pytest.mark.parametrize("place", ["step", "function"])
@pytest.mark.parametrize("retries", [0, 1, 10, 20])
async def test_every_attempt_waits_as_long_as_the_table_says(retries: int, place: str) -> None:
    client, attempts = new_client(), list[int]()

    @client.create_function(fn_id="fail", retries=retries, trigger=inngest.TriggerEvent(event="t/fail"))
    async def fail(ctx: inngest.Context) -> None:
        async def body() -> None:
            attempts.append(ctx.attempt)
            raise ValueError(f"attempt {ctx.attempt}")

        await (ctx.step.run("explode", body) if place == "step" else body())

    async with lab(client, [fail]) as it:
        run, delays_s = await _until_it_ends(it, await it.start("t/fail"))

        assert attempts == list(range(retries + 1))
        expected = [*BACKOFF_S, *[BACKOFF_S[-1]] * 10][:retries]
        assert len(delays_s) == retries
        for delay_s, base_s in zip(delays_s, expected, strict=True):
            assert base_s <= delay_s <= base_s + JITTER_S
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert (run.error["name"], run.error["message"]) == ("ValueError", f"attempt {retries}")
        failures = run.steps[0].failures if place == "step" else run.failures
        assert [failure.error["message"] for failure in failures] == [f"attempt {n}" for n in attempts]
        # The call after the step's last attempt learns that nobody catches its error.
        assert it.network.calls == retries + (2 if place == "step" else 1)


async def test_runs_that_fail_together_are_not_all_tried_again_at_the_same_moment() -> None:
    client = new_client()

    @client.create_function(fn_id="fail", trigger=inngest.TriggerEvent(event="t/fail"))
    async def fail(ctx: inngest.Context) -> None:
        raise ValueError("together")

    async with lab(client, [fail]) as it:
        runs = [await it.settle(run_id) for run_id in [await it.start("t/fail") for _ in range(10)]]
        assert len({run.waiting_for[0].until_ms for run in runs}) > 5


@pytest.mark.parametrize("place", ["step", "function"])
@pytest.mark.parametrize(
    ("make", "delay_s", "tolerance_s"),
    [
        # The SDK counts a length of time from its own, real clock: a little later than the engine's.
        (lambda _: 5_400_000, 5_400, 60),
        (lambda _: datetime.timedelta(hours=3), 3 * 3_600, 60),
        (lambda now: now + datetime.timedelta(minutes=7, milliseconds=250), 420.25, 0),
        (lambda now: now - datetime.timedelta(days=1), 1, 0),
        (lambda now: now + datetime.timedelta(milliseconds=20), 1, 0),
        (lambda _: datetime.timedelta(days=9), DAY_S, 0),
        (lambda now: now + datetime.timedelta(days=400), DAY_S, 0),
    ],
    ids=["milliseconds", "timedelta", "datetime", "past", "too-soon", "too-long", "far-date"],
)
async def test_retry_after_is_kept_within_a_second_and_a_day(
    make: Callable[[datetime.datetime], Any], delay_s: float, tolerance_s: float, place: str
) -> None:
    client, it_now = new_client(), list[datetime.datetime]()

    @client.create_function(fn_id="later", trigger=inngest.TriggerEvent(event="t/later"))
    async def later(ctx: inngest.Context) -> str:
        async def body() -> str:
            if ctx.attempt == 0:
                raise inngest.RetryAfterError("come back", make(it_now[0]), quiet=True)
            return f"attempt {ctx.attempt}"

        return await (ctx.step.run("ask", body) if place == "step" else body())

    async with lab(client, [later]) as it:
        it_now.append(datetime.datetime.fromtimestamp(it.clock.now_ms() / 1_000, tz=datetime.UTC))
        run, delays_s = await _until_it_ends(it, await it.start("t/later"))

        assert len(delays_s) == 1
        assert 0 <= delays_s[0] - delay_s <= tolerance_s
        assert run.output == "attempt 1"


@pytest.mark.parametrize("place", ["step", "function"])
async def test_retry_after_buys_no_attempt_more_than_there_are(place: str) -> None:
    client, attempts = new_client(), list[int]()

    @client.create_function(fn_id="later", retries=2, trigger=inngest.TriggerEvent(event="t/later"))
    async def later(ctx: inngest.Context) -> None:
        async def body() -> None:
            attempts.append(ctx.attempt)
            raise inngest.RetryAfterError("come back", 2_000, quiet=True)

        await (ctx.step.run("ask", body) if place == "step" else body())

    async with lab(client, [later]) as it:
        run, _ = await _until_it_ends(it, await it.start("t/later"))

        assert attempts == [0, 1, 2]
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "RetryAfterError"


@pytest.mark.parametrize("place", ["step", "except", "cause"])
async def test_a_non_retriable_error_ends_the_run_wherever_it_is_raised(place: str) -> None:
    client, ran = new_client(), list[str]()

    @client.create_function(fn_id="never", retries=3, trigger=inngest.TriggerEvent(event="t/never"))
    async def never(ctx: inngest.Context) -> None:
        async def body() -> None:
            ran.append(place)
            if place == "cause":
                try:
                    {}["customer"]
                except KeyError as error:
                    raise inngest.NonRetriableError("no such customer", quiet=True) from error
            if place == "except" and ctx.attempt < 3:
                raise KeyError("customer")
            raise (KeyError if place == "except" else inngest.NonRetriableError)("no such customer")

        try:
            await ctx.step.run("find", body)
        except inngest.StepError as error:
            raise inngest.NonRetriableError(f"gave up: {error.name}", quiet=True) from error

    async with lab(client, [never]) as it:
        run, delays_s = await _until_it_ends(it, await it.start("t/never"))

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "NonRetriableError"
        if place == "except":
            assert (len(ran), len(delays_s)) == (4, 3)
            assert run.error["message"] == "gave up: KeyError"
            assert run.steps[0].status is StepStatus.FAILED
        else:
            assert (len(ran), delays_s) == (1, [])
            assert run.error["message"] == "no such customer"


async def test_a_step_inside_a_step_is_refused_without_another_attempt() -> None:
    client, attempts = new_client(), list[int]()

    @client.create_function(fn_id="nested", trigger=inngest.TriggerEvent(event="t/nested"))
    async def nested(ctx: inngest.Context) -> Any:
        async def inner() -> None:
            raise AssertionError("never called")

        async def outer() -> None:
            attempts.append(ctx.attempt)
            await ctx.step.run("inner", inner)

        await ctx.step.run("outer", outer)

    async with lab(client, [nested]) as it:
        run, delays_s = await _until_it_ends(it, await it.start("t/nested"))

        assert (attempts, delays_s) == ([0], [])
        assert run.error is not None
        assert run.error["message"] == "Nested steps are not supported."
        assert [step.name for step in run.steps] == ["outer"]


async def test_each_step_and_the_function_itself_count_attempts_of_their_own() -> None:
    client, seen = new_client(), list[tuple[str, int]]()

    @client.create_function(fn_id="own", retries=2, trigger=inngest.TriggerEvent(event="t/own"))
    async def own(ctx: inngest.Context) -> Any:
        async def body(name: str) -> str:
            seen.append((name, ctx.attempt))
            if ctx.attempt < 2:
                raise ConnectionError(name)
            return name

        first = await ctx.step.run("first", body, "first")
        second = await ctx.step.run("second", body, "second")
        return [first, second, await body("function")]

    async with lab(client, [own]) as it:
        run, delays_s = await _until_it_ends(it, await it.start("t/own"))

        assert run.output == ["first", "second", "function"]
        assert seen == [(name, attempt) for name in run.output for attempt in range(3)]
        bases_s = BACKOFF_S[:2] * 3
        assert all(
            0 <= delay_s - base_s <= JITTER_S for delay_s, base_s in zip(delays_s, bases_s, strict=True)
        )
        assert [step.attempts for step in run.steps] == [3, 3]
        assert [failure.error["message"] for failure in run.failures] == ["function"] * 2


async def test_steps_that_fail_in_parallel_count_attempts_of_their_own() -> None:
    client, seen = new_client(), list[tuple[str, int]]()

    @client.create_function(fn_id="both", retries=3, trigger=inngest.TriggerEvent(event="t/both"))
    async def both(ctx: inngest.Context) -> Any:
        async def body(name: str, failures: int) -> str:
            seen.append((name, ctx.attempt))
            if ctx.attempt < failures:
                raise ConnectionError(name)
            return name

        return await ctx.group.parallel(
            (lambda: ctx.step.run("a", body, "a", 1), lambda: ctx.step.run("b", body, "b", 3))
        )

    async with lab(client, [both]) as it:
        run_id = await it.start("t/both")
        run = await it.settle(run_id)
        assert sorted(wait.step_name or "" for wait in run.waiting_for) == ["a", "b"]
        for _ in range(3):
            run = await it.advance(150, run_id)

        assert run.output == ["a", "b"]
        assert sorted(seen) == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2), ("b", 3)]


def _told(client: inngest.Inngest, events: list[Any]) -> Any:
    """Return a function that keeps every event about the end of a run."""
    ends = [inngest.TriggerEvent(event=f"inngest/function.{word}") for word in ("failed", "finished")]

    @client.create_function(fn_id="told", trigger=ends)
    async def told(ctx: inngest.Context) -> None:
        events.append(ctx.event)

    return told


@pytest.mark.parametrize("retriable", [True, False])
async def test_the_events_of_a_failed_run_say_exactly_what_inngest_says(*, retriable: bool) -> None:
    client, events, handled = new_client(), list[Any](), list[Any]()

    async def on_failure(ctx: inngest.Context) -> None:
        handled.append(ctx.event)

    @client.create_function(
        fn_id="doomed", retries=0, on_failure=on_failure, trigger=inngest.TriggerEvent(event="t/doomed")
    )
    async def doomed(ctx: inngest.Context) -> None:
        raise ValueError("fnboom") if retriable else inngest.NonRetriableError("fnboom", quiet=True)

    async with lab(client, [doomed, _told(client, events)]) as it:
        run_id = await it.start("t/doomed", {"k": 1}, id="mine", user={"u": 2})
        run = await it.settle(run_id)

        by_name = {event.name: event for event in events if event.data["run_id"] == run_id}
        failed, finished = by_name["inngest/function.failed"], by_name["inngest/function.finished"]
        assert handled == [failed]
        assert failed.id == run_id
        assert failed.data == finished.data
        assert finished.id not in {run_id, None}
        name, code = ("ValueError", "unknown") if retriable else ("NonRetriableError", "non_retriable_error")
        assert run.error is not None
        told = {"name": name, "message": "fnboom", "stack": run.error["stack"]}
        trigger = {
            "id": "mine",
            "name": "t/doomed",
            "data": {"k": 1},
            "ts": run.event.ts_ms,
            "user": {"u": 2},
        }
        assert failed.data == {
            "function_id": "lab-doomed",
            "run_id": run_id,
            "event": trigger,
            "events": [trigger],
            "error": {"error": "invalid status code: 500" if retriable else "NonRetriableError", **told},
            "result": {"code": code, **told},
            "_inngest": {"status": "Failed"},
        }


async def test_the_event_of_a_completed_run_carries_its_result_and_no_handler_runs() -> None:
    client, events, handled = new_client(), list[Any](), list[Any]()

    async def on_failure(ctx: inngest.Context) -> None:
        handled.append(ctx.event)

    @client.create_function(
        fn_id="caught", retries=0, on_failure=on_failure, trigger=inngest.TriggerEvent(event="t/caught")
    )
    async def caught(ctx: inngest.Context) -> Any:
        async def body() -> None:
            raise ValueError("caught")

        try:
            await ctx.step.run("fail", body)
        except inngest.StepError as error:
            return {"caught": error.message, "none": None}

    async with lab(client, [caught, _told(client, events)]) as it:
        run_id = await it.start("t/caught")
        await it.settle(run_id)

        (finished,) = [event for event in events if event.data["run_id"] == run_id]
        assert finished.name == "inngest/function.finished"
        assert finished.data["result"] == {"caught": "caught", "none": None}
        assert finished.data["_inngest"] == {"status": "Completed"}
        assert "error" not in finished.data
        assert handled == []


async def test_the_event_of_a_run_whose_app_is_gone_does_not_invent_a_status_code() -> None:
    client, events = new_client(), list[Any]()

    @client.create_function(fn_id="gone", retries=0, trigger=inngest.TriggerEvent(event="t/gone"))
    async def gone(ctx: inngest.Context) -> None:
        return None

    async with lab(client, [gone, _told(client, events)]) as it:
        it.network.port = 1
        run_id = await it.start("t/gone")
        await it.settle(run_id)
        it.network.port = None
        await it.advance(60, run_id)

        (failed,) = [event for event in events if event.name == "inngest/function.failed"]
        assert failed.data["error"]["name"] == "AppUnreachableError"
        assert "Unable to reach" in failed.data["error"]["error"]
        assert failed.data["result"] is None
        assert failed.data["event"]["user"] == {}
        assert "user" not in failed.data["events"][0]


async def test_a_handler_has_steps_like_any_function_and_one_attempt_as_the_sdk_registers_it() -> None:
    client, events, handlers = new_client(), list[Any](), list[tuple[str, int]]()

    async def on_failure(ctx: inngest.Context) -> None:
        handlers.append((ctx.run_id, ctx.attempt))

        async def clean() -> str:
            return "clean"

        async def fail() -> None:
            raise OSError("the handler fails too")

        await ctx.step.run("clean", clean)
        await ctx.step.run("tell", fail)

    @client.create_function(
        fn_id="doomed", retries=0, on_failure=on_failure, trigger=inngest.TriggerEvent(event="t/doomed")
    )
    async def doomed(ctx: inngest.Context) -> None:
        raise ValueError("doomed")

    async with lab(client, [doomed, _told(client, events)]) as it:
        run_id = await it.start("t/doomed")
        await it.advance(DAY_S, run_id)

        assert {attempt for _, attempt in handlers} == {0}
        ((handler_id, _),) = set(handlers)
        handler = await it.engine.get_run(handler_id)
        assert (handler.function_slug, handler.max_attempts) == ("lab-doomed-failure", 1)
        assert handler.status is RunStatus.FAILED
        assert [step.status for step in handler.steps] == [StepStatus.COMPLETED, StepStatus.FAILED]
        assert handler.error is not None
        assert handler.error["message"] == "the handler fails too"
        failed = [event for event in events if event.name == "inngest/function.failed"]
        assert [event.data["run_id"] for event in failed] == [run_id]
