"""get_run_status: one run, step by step."""

import json
import shlex

import pytest
from mcp_scripted import (
    EVENT_ID,
    NOW_MS,
    RUN_ID,
    a_failure,
    a_run,
    a_step,
    a_waiting_run,
    an_event,
    ask,
    connected,
    refused,
    text_of,
)

from durable_engine import RunStatus, StartedRun, StepKind, StepStatus, WaitingFor
from mcp_server.render.budget import MAX_CHARS

pytestmark = pytest.mark.anyio
THIS_RUN = {"runId": RUN_ID}


async def test_a_completed_run_shows_everything_about_it(server, backend, era):
    backend.runs[RUN_ID] = a_run(parent_run_id="parent", child_run_ids=("child",))

    answer = await ask(server, "get_run_status", THIS_RUN, era=era)

    assert answer == {
        "message": f"Run {RUN_ID} of 'shop-pay' is COMPLETED after 1.2s, 1 of 1 steps completed.",
        "runId": RUN_ID,
        "functionId": "shop-pay",
        "functionName": "Pay",
        "appId": "shop",
        "status": "COMPLETED",
        "queuedAt": "2026-09-21T14:13:20.000Z",
        "startedAt": "2026-09-21T14:13:20.000Z",
        "endedAt": "2026-09-21T14:13:21.200Z",
        "duration": "1.2s",
        "durationMs": 1200,
        "eventId": EVENT_ID,
        "eventName": "shop/order.placed",
        "output": {"paid": True},
        "stepCount": 1,
        "eventData": {"orderId": "o-1"},
        "eventTs": "2026-09-21T14:13:20.000Z",
        "attempt": 0,
        "maxAttempts": 5,
        "parentRunId": "parent",
        "childRunIds": ["child"],
        "steps": [
            {
                "stepName": "charge",
                "stepId": "hash-charge",
                "kind": "RUN",
                "status": "COMPLETED",
                "attempt": 0,
                "attempts": 1,
                "startedAt": "2026-09-21T14:13:20.000Z",
                "endedAt": "2026-09-21T14:13:20.250Z",
                "duration": "250ms",
                "output": {"charged": True},
            }
        ],
    }


async def test_a_wait_for_an_event_says_how_to_satisfy_it(server, backend):
    backend.runs[RUN_ID] = a_waiting_run()

    answer = await ask(server, "get_run_status", THIS_RUN)

    wait = answer["steps"][1]["waitingFor"]
    assert wait["kind"] == "event"
    assert wait["eventName"] == "shop/approved"
    assert wait["expression"] == "async.data.orderId == event.data.orderId"
    assert wait["until"] == "2026-09-21T14:14:22.000Z"
    assert wait["remaining"] == "1m"
    assert wait["how"].startswith("send_event with this eventName and data for which `expression` holds")
    assert "waits for an event 'shop/approved' (step 'approval'), 1m left" in answer["message"]
    assert answer["next"].startswith('send_event name="shop/approved"')
    assert "waitingFor" not in answer


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("sleep", "ends by itself"),
        ("invoke", "get_run_status"),
        ("retry", "called again"),
        ("start", "future"),
        ("report", "handling the request"),
    ],
)
async def test_each_kind_of_wait_says_what_ends_it(server, backend, kind, words):
    wait = WaitingFor(kind=kind, until_ms=NOW_MS + 5_000, run_id="child")
    backend.runs[RUN_ID] = a_waiting_run(steps=(), waiting_for=(wait,))

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert words in answer["waitingFor"][0]["how"]


async def test_failed_attempts_of_a_step_show_error_and_next_attempt(server, backend):
    failures = tuple(a_failure(attempt=number) for number in range(5))
    step = a_step(
        status=StepStatus.WAITING,
        output=None,
        error={"message": "card declined"},
        attempts=5,
        failures=failures,
        ended_ms=None,
    )
    backend.runs[RUN_ID] = a_waiting_run(steps=(step,), waiting_for=())

    answer = await ask(server, "get_run_status", THIS_RUN)

    shown = answer["steps"][0]
    assert [failure["attempt"] for failure in shown["failures"]] == [2, 3, 4]
    assert shown["failuresOmitted"] == 2
    assert shown["failures"][0]["nextAttemptAt"] == "2026-09-21T14:13:50.100Z"
    assert (shown["attempt"], shown["attempts"]) == (4, 5)
    assert "retried" in answer["next"]


async def test_a_call_that_never_reached_the_app_shows_on_the_run(server, backend):
    failure = a_failure(error={"name": "AppUnreachable", "message": "connection refused"})
    backend.runs[RUN_ID] = a_waiting_run(steps=(), waiting_for=(), failures=(failure,))

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert answer["failures"][0]["error"] == {"name": "AppUnreachable", "message": "connection refused"}


async def test_a_stack_that_the_answer_shows_already_is_not_shown_twice(server, backend):
    error = {"name": "ValueError", "message": "boom", "stack": "Traceback: boom"}
    other = {"name": "ValueError", "message": "earlier", "stack": "Traceback: earlier"}
    failures = (a_failure(error=other), a_failure(attempt=1, error=error))
    backend.runs[RUN_ID] = a_run(status=RunStatus.FAILED, output=None, error=error, failures=failures)

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert answer["error"]["stack"] == "Traceback: boom"
    assert answer["failures"][0]["error"]["stack"] == "Traceback: earlier"
    assert answer["failures"][1]["error"] == {"name": "ValueError", "message": "boom"}


async def test_summary_cuts_payloads_and_says_how_to_see_more(server, backend):
    backend.runs[RUN_ID] = a_run(output="y" * 3_000)

    summary = await ask(server, "get_run_status", THIS_RUN)
    full = await ask(server, "get_run_status", {**THIS_RUN, "detail": "full"})

    assert summary["output"] == "y" * 500 + "… [cut: 500 of 3,000 characters]"
    assert "detail=full" in summary["truncated"]
    assert full["output"] == "y" * 3_000
    assert "truncated" not in full


async def test_steps_come_in_pages_that_join_without_gap(server, backend):
    backend.runs[RUN_ID] = a_run(steps=tuple(a_step(f"s{number}") for number in range(120)))

    seen, cursor = [], None
    while True:
        answer = await ask(server, "get_run_status", {**THIS_RUN, **({"cursor": cursor} if cursor else {})})
        seen += [step["stepName"] for step in answer["steps"]]
        cursor = answer.get("nextCursor")
        if cursor is None:
            break
        assert f"cursor={cursor}" in answer["truncated"]

    assert seen == [f"s{number}" for number in range(120)]
    assert answer["stepCount"] == 120


@pytest.mark.parametrize("detail", ["summary", "full"])
async def test_a_run_with_huge_payloads_stays_within_the_budget(server, backend, detail):
    huge = {"text": "é\n" * 40_000}
    steps = tuple(
        a_step(
            "n" * 5_000, output=huge, input=huge, error={"message": "m" * 9_000}, failures=(a_failure(),) * 20
        )
        for _ in range(80)
    )
    backend.runs[RUN_ID] = a_run(output=huge, event=an_event(data=huge), steps=steps)

    async with connected(server) as client:
        result = await client.call_tool("get_run_status", {**THIS_RUN, "detail": detail})

    assert len(text_of(result)) <= MAX_CHARS
    assert len(json.dumps(result.structured_content, separators=(",", ":"), ensure_ascii=False)) <= MAX_CHARS
    assert result.structured_content["nextCursor"]


async def test_a_fan_out_of_waiting_steps_shows_some_and_counts_the_rest(server, backend):
    waits = [
        WaitingFor(kind="sleep", until_ms=NOW_MS + 9_000, step_id=f"hash-s{number}") for number in range(500)
    ]
    steps = tuple(
        a_step(f"s{number}", kind=StepKind.SLEEP, status=StepStatus.WAITING, waiting_for=wait)
        for number, wait in enumerate(waits)
    )
    backend.runs[RUN_ID] = a_waiting_run(steps=steps, waiting_for=tuple(waits))

    answer = await ask(server, "get_run_status", THIS_RUN)
    polled = await ask(server, "poll_run_status", {"runIds": [RUN_ID]})

    assert len(answer["waitingFor"]) + answer["waitsOmitted"] == 500 - len(answer["steps"])
    assert len(json.dumps(answer, separators=(",", ":"))) <= MAX_CHARS
    assert polled["runs"][0]["waitsOmitted"] == 495


@pytest.mark.parametrize("cursor", ["abc", "-1", "9999", "²"])
async def test_a_cursor_of_no_page_is_refused(server, backend, cursor):
    backend.runs[RUN_ID] = a_run()

    text = await refused(server, "get_run_status", {**THIS_RUN, "cursor": cursor})

    assert "is not a page of this run, which has 1 steps" in text


async def test_an_unknown_run_names_the_nearest(server, backend):
    backend.runs[RUN_ID] = a_run()

    text = await refused(server, "get_run_status", {"runId": "nope"})

    assert f"Nearest: {RUN_ID}." in text


async def test_steps_of_every_kind_and_state_are_shown(server, backend):
    steps = tuple(
        a_step(f"{kind}-{status}", kind=kind, status=status, index=1, has_timed_out=True)
        for kind in StepKind
        for status in StepStatus
    )
    backend.runs[RUN_ID] = a_run(steps=steps)

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert {step["kind"] for step in answer["steps"]} == {kind.value for kind in StepKind}
    assert all(step["timedOut"] and step["index"] == 1 for step in answer["steps"])


@pytest.mark.parametrize("status", list(RunStatus))
async def test_every_status_has_its_sentence(server, backend, status):
    backend.runs[RUN_ID] = a_run(status=status, steps=())

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert f"is {status.value}" in answer["message"]


async def test_a_queued_run_has_no_start_and_no_duration(server, backend):
    backend.runs[RUN_ID] = a_run(status=RunStatus.QUEUED, started_ms=None, ended_ms=None, steps=())

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert not {"startedAt", "endedAt", "duration"} & answer.keys()
    assert "its first call is due" in answer["message"]


async def test_a_failure_that_no_reported_step_accounts_for_says_so(server, backend):
    backend.runs[RUN_ID] = a_run(
        status=RunStatus.FAILED, output=None, error={"message": "boom", "stack": "at x"}
    )

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert "outside any reported step (1 of 1 steps completed; see the stack)" in answer["message"]


async def test_an_error_without_a_stack_does_not_send_readers_to_one(server, backend):
    error = {"name": "StepOutputTooLargeError", "message": "The output of step 'charge' is too large."}
    backend.runs[RUN_ID] = a_run(status=RunStatus.FAILED, output=None, error=error)

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert "outside" not in answer["message"]
    assert answer["message"].endswith("is FAILED after 1.2s, 1 of 1 steps completed.")


async def test_a_cancelled_run_says_what_cancelled_it(server, backend):
    backend.runs[RUN_ID] = a_run(
        status=RunStatus.CANCELLED,
        output=None,
        error={"name": "Error", "message": "function cancelled"},
        cancelled="because it did not end within timeouts.finish of 5m",
        original_run_id="01M7Z5WVGKJTHKSQ6DZMJBMJ3W",
    )

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert answer["cancelled"] == "Cancelled because it did not end within timeouts.finish of 5m."
    assert "CANCELLED (because it did not end within timeouts.finish of 5m)" in answer["message"]
    assert answer["originalRunId"] == "01M7Z5WVGKJTHKSQ6DZMJBMJ3W"
    assert "error" not in answer


async def test_a_wait_for_a_signal_says_how_to_send_it(server, backend):
    wait = WaitingFor(
        kind="signal", until_ms=NOW_MS + 62_000, step_id="hash-ok", step_name="ok", signal="ok/7"
    )
    step = a_step("ok", kind=StepKind.WAIT_FOR_SIGNAL, status=StepStatus.WAITING, waiting_for=wait)
    backend.runs[RUN_ID] = a_waiting_run(waiting_for=(wait,), steps=(step,))

    answer = await ask(server, "get_run_status", THIS_RUN)

    shown = answer["steps"][0]["waitingFor"]
    assert shown["signal"] == "ok/7"
    command = """curl -X POST http://127.0.0.1:8288/v1/signals -d '{"signal": "ok/7", "data": {}}'"""
    assert shown["how"].startswith(f"{command} (or let the app send it).")
    assert answer["next"].startswith(f"{command} satisfies the wait;")
    assert "a signal 'ok/7'" in answer["message"]


@pytest.mark.parametrize("signal", ["it's \u2028here\n; rm -rf /", "🧨" * 100, "'\"$(x)`"])
async def test_the_command_for_a_signal_is_one_line_that_a_shell_takes_as_it_is_meant(
    server, backend, signal
):
    wait = WaitingFor(kind="signal", until_ms=NOW_MS, step_id="hash-ok", step_name="ok", signal=signal)
    backend.runs[RUN_ID] = a_waiting_run(waiting_for=(wait,), steps=())

    answer = await ask(server, "get_run_status", THIS_RUN)

    command = answer["next"].partition(" satisfies the wait")[0]
    assert len(command.splitlines()) == 1
    assert json.loads(shlex.split(command)[-1]) == {"signal": signal, "data": {}}


async def test_a_signal_that_was_taken_over_can_only_time_out(server, backend):
    wait = WaitingFor(
        kind="signal",
        until_ms=NOW_MS + 62_000,
        step_id="hash-ok",
        step_name="ok",
        signal="ok/7",
        is_displaced=True,
    )
    step = a_step("ok", kind=StepKind.WAIT_FOR_SIGNAL, status=StepStatus.WAITING, waiting_for=wait)
    backend.runs[RUN_ID] = a_waiting_run(waiting_for=(wait,), steps=(step,))

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert "waits for the time-out of signal 'ok/7', taken over (step 'ok')" in answer["message"]
    assert answer["steps"][0]["waitingFor"]["how"].startswith("Nothing can satisfy it")
    assert answer["next"].startswith("poll_run_status")


async def test_notes_of_the_engine_are_shown_as_its_own_sentences(server, backend, era):
    backend.runs[RUN_ID] = a_run(notes=('Realtime is not supported, so "x" was dropped.',))

    async with connected(server, era) as client:
        result = await client.call_tool("get_run_status", THIS_RUN)

    assert result.structured_content["notes"] == ['Realtime is not supported, so "x" was dropped.']
    assert 'notes: Realtime is not supported, so "x" was dropped.' in text_of(result)


ERROR = {"name": "CardDeclined", "message": "card declined"}


def a_failed_step(name, **changes):
    failure = a_failure(error={**ERROR, "stack": "at pay.ts:3"}, next_attempt_ms=None)
    fields = {"status": StepStatus.FAILED, "output": None, "error": failure.error, "failures": (failure,)}
    return a_step(name, **{**fields, **changes})


async def test_a_step_that_failed_far_down_in_a_fan_out_comes_first(server, backend, era):
    steps = [a_step(f"inv-{number}") for number in range(150)]
    steps[120] = a_failed_step("inv-120", error={"name": "Other", "message": "was caught"})
    steps[140] = a_failed_step("inv-140", index=2)
    backend.runs[RUN_ID] = a_run(
        status=RunStatus.FAILED, output=None, error={**ERROR, "stack": "s", "status": 500}, steps=tuple(steps)
    )

    answer = await ask(server, "get_run_status", THIS_RUN, era=era)
    page = await ask(server, "get_run_status", {**THIS_RUN, "cursor": answer["failedSteps"][0]["cursor"]})
    polled = await ask(server, "poll_run_status", {"runIds": [RUN_ID]})
    invoked = await ask(server, "invoke_function", {"functionId": "shop-pay"})

    assert "is FAILED in step 'inv-140'[2] (attempt 1 of 5) after 1.2s" in answer["message"]
    assert "148 of 150 steps completed, 1 other failed" in answer["message"]
    assert [step["stepName"] for step in answer["failedSteps"]] == ["inv-140", "inv-120"]
    assert answer["failedSteps"][0]["error"] == ERROR
    assert list(answer).index("failedSteps") < list(answer).index("steps")
    assert page["steps"][0]["stepName"] == "inv-140"
    assert [step["stepName"] for step in page["failedSteps"]] == ["inv-120"]
    assert [step["stepName"] for step in polled["runs"][0]["failedSteps"]] == ["inv-140"]
    assert [step["stepName"] for step in invoked["failedSteps"]] == ["inv-140", "inv-120"]


async def test_failed_steps_that_the_page_shows_are_not_told_twice_and_of_many_five(server, backend):
    few = a_run(status=RunStatus.FAILED, output=None, error=ERROR, steps=(a_step(), a_failed_step("pay")))
    many = a_run(id="many", steps=tuple(a_failed_step(f"s{number}") for number in range(200)))
    backend.runs = {RUN_ID: few, "many": many}

    assert "failedSteps" not in await ask(server, "get_run_status", THIS_RUN)
    answer = await ask(server, "get_run_status", {"runId": "many"})
    assert len(answer["failedSteps"]) == 5
    assert "0 of 200 steps completed, 200 failed and were caught" in answer["message"]


async def test_several_steps_with_the_error_of_the_run_are_counted(server, backend):
    steps = tuple(a_failed_step(f"s{number}") for number in range(3))
    backend.runs[RUN_ID] = a_run(status=RunStatus.FAILED, output=None, error=ERROR, steps=steps)

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert "in step 's0' (attempt 1 of 5) and 2 more with the same error after" in answer["message"]


async def test_a_failed_step_that_was_caught_is_told(server, backend):
    backend.runs[RUN_ID] = a_run(steps=(a_step("a"), a_failed_step("b"), a_step("c")))

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert answer["message"].endswith("2 of 3 steps completed, 1 failed and was caught.")


async def test_a_failed_run_names_the_runs_of_its_failure_handler_and_they_name_it(server, backend):
    handler = StartedRun(run_id="handler", function_slug="shop-pay-failure", status="RUNNING", due_ms=NOW_MS)
    event = an_event(id=RUN_ID, name="inngest/function.failed", data={"run_id": RUN_ID})
    backend.runs[RUN_ID] = a_run(status=RunStatus.FAILED, error=ERROR, failure_handlers=(handler,))
    backend.runs["handler"] = a_run(id="handler", event=event)

    failed = await ask(server, "get_run_status", THIS_RUN)
    invoked = await ask(server, "invoke_function", {"functionId": "shop-pay"})
    handling = await ask(server, "get_run_status", {"runId": "handler"})

    told = [{"runId": "handler", "functionId": "shop-pay-failure", "status": "RUNNING"}]
    assert failed["failureHandlerRuns"] == invoked["failureHandlerRuns"] == told
    assert handling["failedRunId"] == RUN_ID
    assert not {"failedRunId", "failureHandlerRuns"} & (await ask_plain(server, backend)).keys()


async def ask_plain(server, backend):
    backend.runs[RUN_ID] = a_run(event=an_event(data={"run_id": "of the sender"}))
    return await ask(server, "get_run_status", THIS_RUN)


async def test_an_endpoint_that_works_by_itself_is_no_retry(server, backend):
    wait = WaitingFor(kind="report", until_ms=NOW_MS + 600_000)
    backend.runs[RUN_ID] = a_waiting_run(steps=(), waiting_for=(wait,))

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert "the app is handling the request; it is called again in 9m 58s unless" in answer["message"]
    assert answer["waitingFor"][0]["kind"] == "report"


async def test_a_step_in_progress_says_since_when(server, backend):
    first = a_step("x", status=StepStatus.RUNNING, output=None, ended_ms=None, started_ms=NOW_MS - 10_000)
    due = a_step("y", status=StepStatus.QUEUED, output=None, ended_ms=None, started_ms=None)
    again = a_step(
        "x",
        status=StepStatus.RUNNING,
        output=None,
        ended_ms=None,
        failures=(a_failure(next_attempt_ms=NOW_MS),),
    )
    messages = []
    for steps in ((due, first), (again,), (due,), (a_step(),), ()):
        backend.runs[RUN_ID] = a_waiting_run(steps=steps, waiting_for=())
        messages.append((await ask(server, "get_run_status", THIS_RUN))["message"].partition("RUNNING ")[2])

    assert messages == [
        "for 2s: step 'x' is in progress for 12s with 1 more.",
        "for 2s: step 'x' is in progress for 2s.",
        "for 2s: step 'y' is due.",
        "for 2s: the app is being called, 1.7s after its last step ended.",
        "for 2s: the app is being called.",
    ]


async def test_a_step_in_progress_is_told_beside_a_wait(server, backend):
    busy = a_step("x", status=StepStatus.RUNNING, output=None, ended_ms=None)
    run = a_waiting_run()
    backend.runs[RUN_ID] = a_waiting_run(steps=(*run.steps, busy))

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert answer["message"].endswith("(step 'approval'), 1m left; step 'x' is in progress for 2s.")


async def test_a_rerun_says_so_and_marks_what_it_has_from_the_original(server, backend):
    backend.runs[RUN_ID] = a_run(
        original_run_id="original", steps=(a_step("a", is_taken_over=True), a_step("b"))
    )

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert "'shop-pay' (rerun of original) is COMPLETED" in answer["message"]
    assert "2 of 2 steps completed (1 taken over)" in answer["message"]
    assert [step.get("takenOver") for step in answer["steps"]] == [True, None]


async def test_the_number_of_an_attempt_is_the_same_in_a_step_and_in_its_failures(server, backend):
    """A call that failed outside of steps before, as with Python's RetryAfterError, counts in both."""
    failure = a_failure(attempt=1)
    waiting = a_step("x", status=StepStatus.WAITING, output=None, ended_ms=None, failures=(failure,))
    done = a_step("y", attempts=2, failures=(failure,))
    backend.runs[RUN_ID] = a_waiting_run(steps=(waiting, done), waiting_for=())

    answer = await ask(server, "get_run_status", THIS_RUN)

    assert [(step["attempt"], step["attempts"]) for step in answer["steps"]] == [(1, 1), (2, 2)]
    assert answer["steps"][0]["failures"][0]["attempt"] == 1


async def test_an_id_that_may_be_an_events_says_how_to_find_its_runs(server, backend):
    text = await refused(server, "get_run_status", {"runId": EVENT_ID})
    polled = await refused(server, "poll_run_status", {"runIds": [EVENT_ID]})

    told = f'explain eventId="{EVENT_ID}" names the runs it started'
    assert told in text
    assert told in polled
    assert "explain eventId" not in await refused(server, "get_run_status", {"runId": "nope"})
