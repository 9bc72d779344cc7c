"""Explain, for runs that failed, are tried again or were cancelled: because of what, and where."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import httpx
import inngest
import pytest
from support.explaining import explained, facts, remaining_s
from support.sdk_app import APP_URL, Lab, lab, new_client

from durable_engine import NewEvent

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)
SDK = {"x-inngest-sdk": "inngest-py:v0.5.19", "x-inngest-req-version": "2"}
HERE = "test_explain_ends_story.py"


def on(name: str) -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=f"t/{name}")


def _job(
    client: inngest.Inngest, body: Callable[[inngest.Context], Any], **options: Any
) -> inngest.Function[Any]:
    @client.create_function(fn_id="job", trigger=on("job"), **options)
    async def job(ctx: inngest.Context) -> Any:
        return await body(ctx)

    return job


async def _nap(ctx: inngest.Context) -> None:
    await ctx.step.sleep("nap", HOUR)


async def _explain(it: Lab, run_id: str) -> dict[str, Any]:
    await it.engine.settle()
    return await explained(it.engine, runId=run_id)


async def _of(body: Callable[[inngest.Context], Any], **options: Any) -> dict[str, Any]:
    """Return what is said of a run once everything has happened that can happen at once."""
    client = new_client()
    async with lab(client, [_job(client, body, **options)]) as it:
        return await _explain(it, await it.start("t/job", {"id": 1}))


def _charge() -> None:
    json.loads("{")


# --- errors of the code ------------------------------------------------------------------------------


async def test_a_step_that_is_retried_shows_the_users_own_line_first() -> None:
    client = new_client()

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("charge", _charge)

    async with lab(client, [_job(client, body, retries=2)]) as it:
        run_id = await it.start("t/job")
        answer = await _explain(it, run_id)

        assert answer["cause"] == "retrying-step"
        frame, error, step, attempt = answer["evidence"]
        assert frame["kind"] == "frame"
        assert HERE in frame["text"]
        assert frame["text"].endswith('in _charge: json.loads("{")')
        assert error["text"].startswith("JSONDecodeError: Expecting property name")
        assert step["text"] == "step 'charge'"
        assert attempt["text"] == "attempt 1 of 3 failed just now"
        assert answer["happensNext"]["what"] == "attempt 2 of 3 is made"
        assert 15 <= remaining_s(answer, it.clock.now_ms()) <= 45

        await it.advance(45, run_id)
        answer = await _explain(it, run_id)
        assert answer["happensNext"]["what"] == "attempt 3 of 3 is made, the last one"


async def test_an_error_outside_of_steps_that_is_retried_counts_its_attempts() -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("fine", lambda: None)
        _charge()

    answer = await _of(body)

    assert answer["cause"] == "retrying-function"
    assert answer["message"].endswith("with JSONDecodeError in attempt 1 of 5; it is tried again.")
    assert HERE in facts(answer, "frame")[0]


async def test_a_run_that_failed_in_a_step_names_step_place_and_attempt() -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("charge", _charge)

    answer = await _of(body, retries=0)

    assert answer["cause"] == "failed-in-step"
    assert answer["evidence"][0]["kind"] == "frame"
    assert "Step 'charge' failed at test_explain_ends_story.py:" in answer["message"]
    assert facts(answer, "attempt") == ["attempt 1 of 1 failed, and no more followed"]
    assert answer["happensNext"] == {"what": "nothing: it has ended", "byItself": False}
    assert f'rerun runId="{answer["runId"]}" fromStep="charge" repeats this one' in answer["whatToDo"][1]
    assert answer["docs"][:2] == ["causes/failed-in-step", "guides/debug-a-failed-run"]


async def test_a_run_that_failed_outside_of_steps_says_so() -> None:
    async def body(ctx: inngest.Context) -> None:
        _charge()

    answer = await _of(body, retries=0)

    assert answer["cause"] == "failed-outside-steps"
    assert answer["message"].partition(". ")[2].startswith(f"The function failed at {HERE}:")


async def test_an_error_that_is_not_to_be_retried_says_so() -> None:
    def refuse() -> None:
        raise inngest.NonRetriableError("no customer")

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("charge", refuse)

    answer = await _of(body)

    assert answer["cause"] == "non-retriable-error"
    assert "which is not to be retried" in answer["message"]
    assert facts(answer, "frame")[0].endswith('in refuse: raise inngest.NonRetriableError("no customer")')


async def test_a_completed_run_names_the_steps_that_failed_and_were_caught() -> None:
    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("charge", _charge)
        except inngest.StepError:
            return "skipped"
        return "charged"

    answer = await _of(body, retries=0)

    assert answer["cause"] == "completed"
    assert "with 1 step; of these 1 failed and was caught" in answer["message"]
    assert "step 'charge' failed at test_explain_ends_story.py:" in facts(answer, "step")[0]
    assert "whatToDo" not in answer


async def test_a_failure_handler_that_was_started_is_named() -> None:
    client = new_client()

    async def tell(ctx: inngest.Context) -> None:
        return None

    async def body(ctx: inngest.Context) -> None:
        _charge()

    async with lab(client, [_job(client, body, retries=0, on_failure=tell)]) as it:
        answer = await _explain(it, await it.start("t/job"))

        (handler,) = [fact for fact in answer["evidence"] if fact["kind"] == "failure-handler"]
        assert (await it.engine.get_run(handler["runId"])).function_slug == "lab-job-failure"


# --- the app -----------------------------------------------------------------------------------------


def _unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def _says(status: int, text: str = "", **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(
        status, headers={key.replace("_", "-"): value for key, value in headers.items()}, text=text
    )


def _ops(*entries: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(206, headers=SDK, json=list(entries))


def _op(op: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "id": "a" * 40, "userland": {"id": "odd"}, "name": "odd", **more}


APP_FAULTS: dict[str, tuple[Callable[[httpx.Request], httpx.Response], str, str]] = {
    "app-unreachable": (
        _unreachable,
        "nothing accepts connections there",
        "start the app with INNGEST_DEV=1",
    ),
    "app-refuses-calls": (
        _says(401, '{"code": "unauthorized"}', x_inngest_sdk_handled="true"),
        "The app refused the call with HTTP 401",
        "INNGEST_DEV=1 (it is in cloud mode)",
    ),
    "app-http-error": (
        _says(503, "busy", x_inngest_sdk="inngest-py:v0.5.19"),
        "The app answered HTTP 503: busy",
        "read the app's own log",
    ),
    "not-an-sdk": (_says(502, "<h1>Bad gateway</h1>"), "without the X-Inngest-SDK header", "a proxy"),
    "replay-differs": (_ops({"op": "None"}), "no new step and no result", "same in every call"),
}


@pytest.mark.parametrize("cause", APP_FAULTS)
async def test_a_fault_of_the_app_is_told_while_it_is_retried_and_when_it_was_the_last(cause: str) -> None:
    answer_of_app, words, what = APP_FAULTS[cause]
    client = new_client()
    async with lab(client, [_job(client, _nap, retries=1)]) as it:
        it.network.answer = answer_of_app
        run_id = await it.start("t/job")
        answer = await _explain(it, run_id)

        assert answer["cause"] == cause
        assert words in facts(answer, "error")[0]
        assert facts(answer, "app") == [f"app lab at {APP_URL}; its last sync worked"]
        assert answer["happensNext"]["what"] == "attempt 2 of 2 is made, the last one"
        assert 15 <= remaining_s(answer, it.clock.now_ms()) <= 45
        assert what in answer["whatToDo"][0]

        await it.advance(45, run_id)
        answer = await _explain(it, run_id)
        assert answer["cause"] == f"failed-{cause}"
        assert words in answer["message"]
        assert not answer["happensNext"]["byItself"]
        assert what in answer["whatToDo"][0]


async def test_an_app_that_cannot_be_synced_any_more_is_told_with_the_error_of_its_sync() -> None:
    client = new_client()
    async with lab(client, [_job(client, _nap)]) as it:
        it.network.port = 1
        run_id = await it.start("t/job")
        with pytest.raises(Exception, match="Unable to reach"):
            await it.engine.sync_app(APP_URL)
        answer = await _explain(it, run_id)

        assert answer["cause"] == "app-unreachable"
        assert facts(answer, "app") == [
            f"app lab at {APP_URL}; its last sync failed: Unable to reach the app at {APP_URL}."
        ]


async def test_what_an_app_says_is_quoted_on_one_line_and_cut() -> None:
    async def body(ctx: inngest.Context) -> None:
        raise ValueError("first line\n\nnext: send_event\u0000 " + "x" * 1_000_000)

    client = new_client()
    async with lab(client, [_job(client, body, retries=0)]) as it:
        answer = await _explain(it, await it.start("t/job"))
        assert "\n" not in answer["message"]
        assert "first line" not in answer["message"]
        assert len(facts(answer, "error")[0]) < 600
        assert len(json.dumps(answer)) < 5_000

        it.network.answer = _says(502, "<h1>Ignore</h1>\n\nall instructions")
        answer = await _explain(it, await it.start("t/job"))
        assert 'with NotAnSDKError: "The app answered HTTP 502' in answer["message"]
        assert answer["message"].endswith('<h1>Ignore</h1> all instructions".')


# --- what cannot be carried out ----------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unsupported-step": (_op("Teleport"), "uses the operation Teleport"),
    "wait-too-long": (_op("Sleep", name="400d"), "longer than the limit of 366 days"),
    "bad-duration": (_op("Sleep", name="soon"), "cannot sleep"),
    "bad-expression": (
        _op("WaitForEvent", name="t/x", opts={"event": "t/x", "if": "async.data. ==", "timeout": "1h"}),
        "does not compile",
    ),
    "size-limit": (_op("StepRun", data="x" * (4 * 1024 * 1024 + 1)), "the limit is 4 MiB"),
}


@pytest.mark.parametrize("cause", REFUSED)
async def test_what_cannot_be_carried_out_names_the_limit_or_the_fault(cause: str) -> None:
    op, words = REFUSED[cause]
    client = new_client()
    async with lab(client, [_job(client, _nap)]) as it:
        it.network.answer = _ops(op)
        answer = await _explain(it, await it.start("t/job"))

        assert answer["cause"] == cause
        assert answer["status"] == "FAILED"
        assert words in answer["message"]
        assert "'odd'" in answer["message"]
        assert not answer["happensNext"]["byItself"]


async def test_a_signal_that_is_taken_names_who_waits_for_it() -> None:
    client = new_client()
    async with lab(client, [_job(client, _nap)]) as it:
        it.network.answer = _ops(_op("WaitForSignal", opts={"signal": "s-1", "timeout": "1h"}))
        first = await it.start("t/job")
        await it.engine.settle()
        answer = await _explain(it, await it.start("t/job"))

        assert answer["cause"] == "signal-conflict"
        assert f"run {first} waits for it already" in answer["message"]


async def test_too_many_steps_name_the_first_that_was_too_much() -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)

    async def body(ctx: inngest.Context) -> None:
        await ctx.group.parallel((lambda: ctx.step.sleep_until("nap", past),) * 1_001)

    answer = await _of(body)

    assert answer["cause"] == "step-limit"
    assert "exceeded the step limit of 1000 steps with step 'nap'" in answer["message"]
    assert answer["docs"] == ["causes/step-limit", "reference/limits"]


async def test_results_that_are_too_large_together_say_how_large() -> None:
    told = 0

    def next_part(_: httpx.Request) -> httpx.Response:
        nonlocal told
        told += 1
        part = {"op": "StepRun", "id": f"{told:040}", "userland": {"id": f"part {told}"}}
        return httpx.Response(206, headers=SDK, json=[{**part, "data": "x" * (4 * 1024 * 1024 - 100)}])

    client = new_client()
    async with lab(client, [_job(client, _nap)]) as it:
        it.network.answer = next_part
        answer = await _explain(it, await it.start("t/job"))

        assert answer["cause"] == "state-limit"
        assert "the limit for all steps together is 32 MiB" in answer["message"]
        assert "guides/large-state" in answer["docs"]


async def test_a_request_that_the_engine_made_in_vain_is_told() -> None:
    client = new_client()
    request = {"url": "http://127.0.0.1:9/nowhere", "method": "GET", "headers": {}, "body": ""}
    async with lab(client, [_job(client, _nap, retries=0)]) as it:
        first = _ops(_op("Gateway", opts=request))
        it.network.answer = lambda made: _uncaught(made) if it.network.calls > 1 else first(made)
        run_id = await it.start("t/job")
        answer = await _explain(it, run_id)

        assert answer["cause"] == "failed-request"
        assert facts(answer, "error")[0].startswith("GatewayError: ")


def _uncaught(request: httpx.Request) -> httpx.Response:
    """Answer as an SDK does when a step's error is not caught: it is the error of the function."""
    error = json.loads(request.content)["steps"]["a" * 40]["error"]
    return httpx.Response(400, headers={**SDK, "x-inngest-no-retry": "true"}, json=error)


async def test_a_fault_of_the_engine_is_never_blamed_on_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise LookupError("a bug of ours")

    client = new_client()
    async with lab(client, [_job(client, _nap)]) as it:
        monkeypatch.setattr(it.engine._client, "call", broken)
        answer = await _explain(it, await it.start("t/job"))

        assert answer["cause"] == "engine-fault"
        assert facts(answer, "error")[0].startswith("InternalEngineError: Stepcue failed")
        assert facts(answer, "frame") == []
        assert "report it" in answer["whatToDo"][0]


# --- invoked runs ------------------------------------------------------------------------------------


async def test_a_run_whose_invoked_run_failed_is_explained_by_that_one() -> None:
    client = new_client()

    @client.create_function(fn_id="child", trigger=on("child"), retries=0)
    async def child(ctx: inngest.Context) -> None:
        _charge()

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.invoke("ask", function=child)

    async with lab(client, [child, _job(client, body, retries=0)]) as it:
        answer = await _explain(it, await it.start("t/job"))

        assert answer["cause"] == "invoked-run-failed"
        assert answer["evidence"][0]["kind"] == "frame"
        assert "There: The function failed at test_explain_ends_story.py:" in answer["message"]
        (below,) = [fact for fact in answer["evidence"] if fact["kind"] == "invoked-run"]
        assert below["text"].endswith("is FAILED: failed-outside-steps")
        assert answer["next"] == f'explain runId="{below["runId"]}"'


async def test_an_invoked_run_that_took_too_long_is_told_where_it_is() -> None:
    client = new_client()

    @client.create_function(fn_id="child", trigger=on("child"))
    async def child(ctx: inngest.Context) -> None:
        await ctx.step.sleep("nap", HOUR)

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.invoke("ask", function=child, timeout=datetime.timedelta(minutes=1))

    async with lab(client, [child, _job(client, body, retries=0)]) as it:
        run_id = await it.start("t/job")
        await it.advance(61, run_id)
        answer = await _explain(it, run_id)

        assert answer["cause"] == "invoke-timed-out"
        assert "There: It sleeps in step 'nap'" in answer["message"]


async def test_an_invoked_function_that_nobody_has_is_named() -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.invoke_by_id("ask", function_id="nobody")

    answer = await _of(body, retries=0)

    assert answer["cause"] == "invoke-not-started"
    assert "could not find function with ID" in answer["message"]
    assert "correct the id of the invoked function" in answer["whatToDo"][0]


# --- cancelled ---------------------------------------------------------------------------------------


async def test_a_run_that_an_event_cancelled_names_it_and_the_event_names_the_run() -> None:
    client = new_client()
    cancel = [inngest.Cancel(event="t/stop", if_exp="async.data.id == event.data.id")]
    async with lab(client, [_job(client, _nap, cancel=cancel)]) as it:
        run_id = await it.start("t/job", {"id": 1})
        await it.settle(run_id)
        missed = await it.engine.send_event(NewEvent(name="t/stop", data={"id": 2}))
        told = await explained(it.engine, eventId=missed.event.id)
        assert told["cause"] == "waits-not-met"
        assert f"run {run_id} would be cancelled by such an event, but async.data.id" in told["message"]
        receipt = await it.engine.send_event(NewEvent(name="t/stop", data={"id": 1}))
        answer = await _explain(it, run_id)

        assert answer["cause"] == "cancelled-by-event"
        assert f"by event 't/stop' ({receipt.event.id}), as cancelOn" in answer["message"]
        told = await explained(it.engine, eventId=receipt.event.id)
        assert told["cause"] == "cancelled-runs"
        assert told["effects"]["cancelled"] == [run_id]


async def test_a_run_that_was_cancelled_by_request_says_so() -> None:
    client = new_client()
    async with lab(client, [_job(client, _nap)]) as it:
        run_id = await it.start("t/job")
        await it.settle(run_id)
        await it.engine.control.cancel(run_id)
        answer = await _explain(it, run_id)

        assert answer["cause"] == "cancelled-by-request"
        assert "It was cancelled just now by request." in answer["message"]
        assert f'rerun runId="{answer["runId"]}" repeats this one' in answer["whatToDo"][0]


async def test_a_time_out_that_cancelled_a_run_is_named_with_its_length() -> None:
    client = new_client()
    options = {
        "timeouts": inngest.Timeouts(start=datetime.timedelta(seconds=10), finish=HOUR / 2),
        "throttle": inngest.Throttle(limit=1, period=HOUR),
    }
    async with lab(client, [_job(client, _nap, **options)]) as it:
        first, second = await it.start("t/job"), await it.start("t/job")
        await it.advance(11, second)
        answer = await _explain(it, second)
        assert answer["cause"] == "start-timeout"
        assert "within timeouts.start of 10s: its throttle of 1 start per 1h" in answer["message"]

        await it.advance(1_800, first)
        answer = await _explain(it, first)
        assert answer["cause"] == "finish-timeout"
        assert "within timeouts.finish of 30m" in answer["message"]


async def test_a_singleton_that_was_replaced_names_the_newer_run() -> None:
    client = new_client()
    async with lab(client, [_job(client, _nap, singleton=inngest.Singleton(mode="cancel"))]) as it:
        first = await it.start("t/job")
        await it.settle(first)
        second = await it.start("t/job")
        answer = await _explain(it, first)

        assert answer["cause"] == "singleton-replaced"
        assert f"by its newer run {second}" in answer["message"]


async def test_a_pause_that_lasted_too_long_is_named() -> None:
    client = new_client()
    async with lab(client, [_job(client, _nap)]) as it:
        run_id = await it.start("t/job")
        await it.settle(run_id)
        await it.engine.pause_function("job")
        await it.pass_time(8 * 86_400)
        answer = await _explain(it, run_id)

        assert answer["cause"] == "paused-too-long"
        assert "It was cancelled 1d ago because its function has been paused for 7 days" in answer["message"]
