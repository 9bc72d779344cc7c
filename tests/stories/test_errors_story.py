"""Stories about failing: retries, errors that cannot be retried, apps that misbehave."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any

import httpx
import inngest
import pytest
from support.sdk_app import lab, new_client

from durable_engine import RunStatus, StepStatus

pytestmark = pytest.mark.anyio

BACKOFF_S = (15, 30, 60, 120)
JITTER_S = 30


async def test_a_failing_step_is_tried_five_times_with_the_documented_delays() -> None:
    client, ran = new_client(), Counter[str]()

    @client.create_function(fn_id="fail", trigger=inngest.TriggerEvent(event="t/fail"))
    async def fail(ctx: inngest.Context) -> None:
        async def body() -> None:
            ran["body"] += 1
            raise ValueError("boom")

        await ctx.step.run("explode", body)

    async with lab(client, [fail]) as it:
        run_id = await it.start("t/fail")
        run = await it.settle(run_id)
        for attempt, delay_s in enumerate(BACKOFF_S, start=1):
            assert ran["body"] == attempt
            assert run.status is RunStatus.RUNNING
            (wait,) = run.waiting_for
            assert (wait.kind, wait.step_name) == ("retry", "explode")
            assert wait.until_ms is not None
            delay_ms = wait.until_ms - it.clock.now_ms()
            assert delay_s * 1_000 <= delay_ms <= (delay_s + JITTER_S) * 1_000
            run = await it.advance(delay_ms / 1_000, run_id)

        assert ran["body"] == 5
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "ValueError"
        assert run.error["message"] == "boom"
        (step,) = run.steps
        assert step.status is StepStatus.FAILED
        assert step.attempts == 5
        assert [failure.attempt for failure in step.failures] == [0, 1, 2, 3, 4]
        assert step.error is not None
        assert "boom" in step.error["stack"]


async def test_a_step_that_fails_for_good_can_be_caught_and_rolled_back() -> None:
    client = new_client()

    @client.create_function(fn_id="undo", retries=0, trigger=inngest.TriggerEvent(event="t/undo"))
    async def undo(ctx: inngest.Context) -> Any:
        async def charge() -> None:
            raise RuntimeError("card declined")

        async def release() -> str:
            return "released"

        try:
            await ctx.step.run("charge", charge)
        except inngest.StepError as error:
            return [await ctx.step.run("release", release), error.message]
        return None

    async with lab(client, [undo]) as it:
        run = await it.settle(await it.start("t/undo"))

        assert run.status is RunStatus.COMPLETED
        assert run.output == ["released", "card declined"]
        assert [step.status for step in run.steps] == [StepStatus.FAILED, StepStatus.COMPLETED]


async def test_a_step_that_recovers_goes_on_and_shows_its_earlier_failure() -> None:
    client, ran = new_client(), Counter[str]()

    @client.create_function(fn_id="flaky", trigger=inngest.TriggerEvent(event="t/flaky"))
    async def flaky(ctx: inngest.Context) -> str:
        async def body() -> str:
            ran["body"] += 1
            if ran["body"] == 1:
                raise ConnectionError("not yet")
            return "ok"

        return await ctx.step.run("fetch", body)

    async with lab(client, [flaky]) as it:
        run_id = await it.start("t/flaky")
        await it.settle(run_id)
        run = await it.advance(45, run_id)

        assert run.status is RunStatus.COMPLETED
        assert run.output == "ok"
        assert run.steps[0].attempts == 2
        assert [failure.error["message"] for failure in run.steps[0].failures] == ["not yet"]
        assert run.steps[0].error is None


async def test_a_non_retriable_error_ends_the_run_at_once() -> None:
    client, ran = new_client(), Counter[str]()

    @client.create_function(fn_id="never", trigger=inngest.TriggerEvent(event="t/never"))
    async def never(ctx: inngest.Context) -> None:
        ran["body"] += 1
        raise inngest.NonRetriableError("no such customer")

    async with lab(client, [never]) as it:
        run = await it.settle(await it.start("t/never"))

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["message"] == "no such customer"
        assert ran["body"] == 1


async def test_a_retry_after_error_sets_the_delay_of_the_next_attempt() -> None:
    client, ran = new_client(), Counter[str]()

    @client.create_function(fn_id="later", trigger=inngest.TriggerEvent(event="t/later"))
    async def later(ctx: inngest.Context) -> str:
        ran["body"] += 1
        if ran["body"] == 1:
            raise inngest.RetryAfterError("rate limited", datetime.timedelta(minutes=10))
        return "ok"

    async with lab(client, [later]) as it:
        run_id = await it.start("t/later")
        run = await it.settle(run_id)
        (wait,) = run.waiting_for
        assert wait.until_ms is not None
        assert abs(wait.until_ms - it.clock.now_ms() - 600_000) < 5_000

        run = await it.advance(605, run_id)
        assert run.status is RunStatus.COMPLETED


async def test_an_error_outside_steps_is_retried_as_the_functions_own() -> None:
    client = new_client()

    @client.create_function(fn_id="own", retries=1, trigger=inngest.TriggerEvent(event="t/own"))
    async def own(ctx: inngest.Context) -> None:
        raise KeyError("configuration")

    async with lab(client, [own]) as it:
        run_id = await it.start("t/own")
        run = await it.settle(run_id)
        assert run.attempt == 1
        assert [failure.error["name"] for failure in run.failures] == ["KeyError"]

        run = await it.advance(45, run_id)
        assert run.status is RunStatus.FAILED
        assert len(run.failures) == 2


async def test_a_failure_handler_runs_with_the_failed_runs_event_and_error() -> None:
    client, seen = new_client(), list[Any]()

    async def on_failure(ctx: inngest.Context) -> None:
        seen.append(ctx.event.data)

    @client.create_function(
        fn_id="doomed",
        retries=0,
        on_failure=on_failure,
        trigger=inngest.TriggerEvent(event="t/doomed"),
    )
    async def doomed(ctx: inngest.Context) -> None:
        raise ValueError("doomed")

    async with lab(client, [doomed]) as it:
        run_id = await it.start("t/doomed", {"k": 1})
        await it.settle(run_id)

        (data,) = seen
        assert data["run_id"] == run_id
        assert data["function_id"] == "lab-doomed"
        assert data["error"]["message"] == "doomed"
        assert data["event"]["data"] == {"k": 1}


def _refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def _hang_up(request: httpx.Request) -> httpx.Response:
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)


def _too_slow(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("too slow", request=request)


SDK = {"x-inngest-sdk": "inngest-py:v0.5.19", "x-inngest-req-version": "2"}


@pytest.mark.parametrize(
    ("answer", "name", "words"),
    [
        (_refuse, "AppUnreachableError", "http://127.0.0.1:8000"),
        (_hang_up, "ConnectionError", "disconnected"),
        (_too_slow, "TimeoutError", "did not answer in time"),
        (lambda _: httpx.Response(200, html="<h1>nginx</h1>"), "NotAnSDKError", "<h1>nginx</h1>"),
        (lambda _: httpx.Response(502, text="Bad gateway"), "NotAnSDKError", "HTTP 502"),
        (lambda _: httpx.Response(206, text="{nope", headers=SDK), "InvalidReplyError", "{nope"),
        (lambda _: httpx.Response(206, json=[{"id": "x"}], headers=SDK), "InvalidReplyError", "`op`"),
        (lambda _: httpx.Response(206, json=[], headers=SDK), "EmptyReplyError", "no new step"),
        (lambda _: httpx.Response(418, text="teapot", headers=SDK), "Error", "HTTP 418: teapot"),
        (
            lambda _: httpx.Response(206, content=b"[" * 100_000, headers=SDK),
            "InvalidReplyError",
            "nested too deeply",
        ),
        (
            lambda request: httpx.Response(302, headers={"location": str(request.url)}),
            "ConnectionError",
            "redirects",
        ),
    ],
)
async def test_an_app_that_answers_nonsense_is_retried_and_the_reason_is_shown(
    answer: Any, name: str, words: str
) -> None:
    client = new_client()

    @client.create_function(fn_id="fine", trigger=inngest.TriggerEvent(event="t/fine"))
    async def fine(ctx: inngest.Context) -> str:
        return "fine"

    async with lab(client, [fine]) as it:
        it.network.answer = answer
        run_id = await it.start("t/fine")
        run = await it.settle(run_id)
        assert run.status is RunStatus.RUNNING
        (failure,) = run.failures
        assert failure.error["name"] == name
        assert words in failure.error["message"]
        assert failure.next_attempt_ms is not None

        it.network.answer = None
        run = await it.advance(45, run_id)

        assert run.status is RunStatus.COMPLETED
        assert run.output == "fine"


async def test_an_answer_over_the_size_limit_ends_the_run() -> None:
    client = new_client()

    @client.create_function(fn_id="big", trigger=inngest.TriggerEvent(event="t/big"))
    async def big(ctx: inngest.Context) -> str:
        return "x" * (9 * 1024 * 1024)

    async with lab(client, [big]) as it:
        run = await it.settle(await it.start("t/big"))

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "OutputTooLargeError"
        assert "8 MiB" in run.error["message"]


async def test_an_op_that_is_not_supported_ends_the_run_and_names_it() -> None:
    client = new_client()

    @client.create_function(fn_id="odd", trigger=inngest.TriggerEvent(event="t/odd"))
    async def odd(ctx: inngest.Context) -> None:
        return None

    async with lab(client, [odd]) as it:
        op = {"op": "Teleport", "id": "a" * 40, "name": "sig", "opts": {}}
        it.network.answer = lambda _: httpx.Response(206, json=[op], headers=SDK)
        run = await it.settle(await it.start("t/odd"))

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert "Teleport" in run.error["message"]
