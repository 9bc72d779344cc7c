"""Answers that our own server never gives: the tools say what is certain, and nothing beyond that."""

from __future__ import annotations

import json

import httpx
import pytest
from mcp import Client
from support.remote_server import PassingClock, ScriptedServer, dev_server, refusal, target, v1, v2
from support.shipped_docs import shipped_docs

from mcp_server.config import ServerConfig
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote_server import build_remote_server

pytestmark = pytest.mark.anyio

RUN, OTHER, CHILD = (f"01KF000000000000000000000{digit}" for digit in "123")
EVENT = "01KF0000000000000000000009"
STACK = "Error: declined\n    at charge (/app/src/pay.ts:12:9)\n    at node_modules/inngest/x.js:1:1"
DECLINED = {"name": "Error", "message": "declined", "stack": STACK}
LONG_AGO = "2027-01-15T07:00:00Z"


def a_run(status="RUNNING", run_id=RUN, **more):
    return {
        "id": run_id,
        "app": {"id": "shop"},
        "function": {"id": "pay", "name": "Pay"},
        "status": status,
        "queuedAt": LONG_AGO,
        "startedAt": LONG_AGO,
        "trigger": {"eventIds": [EVENT], "eventName": "shop/paid"},
        **more,
    }


def a_step(name, status="COMPLETED", op="RUN", **more):
    times = {"queuedAt": LONG_AGO, "startedAt": LONG_AGO}
    if status in {"COMPLETED", "FAILED"}:
        times["endedAt"] = "2027-01-15T07:00:01Z"
    return {"name": name, "stepId": f"id-{name}", "stepOp": op, "status": status, **times, **more}


def an_attempt(number, **more):
    at = {"startedAt": LONG_AGO, "endedAt": LONG_AGO}
    return {"name": f"Attempt {number}", "status": "FAILED", "output": {"error": DECLINED}, **at, **more}


def a_function(function_id="pay", **more):
    trigger = {"type": "EVENT", "value": "shop/paid", "if": "event.data.n > 0"}
    configuration = {"retries": {"value": 4}}
    return {
        "id": function_id,
        "name": function_id,
        "triggers": [trigger],
        "configuration": configuration,
    } | more


EVENT_V1 = {
    "internal_id": EVENT,
    "id": EVENT,
    "name": "shop/paid",
    "data": {"n": 1},
    "received_at": LONG_AGO,
    "source": "0f3c",
}


def a_server(run=None, spans=None, functions=None, **routes):
    """A Dev Server with one app, one event, and one run with these spans."""
    known = {
        "GET /v2/apps": v2([{"id": "shop", "name": "Shop", "latestSync": {"url": "http://shop:3000/x"}}]),
        "GET /v2/apps/shop/functions": v2([a_function()] if functions is None else functions),
        f"GET /v1/events/{EVENT}": v1(EVENT_V1),
        "GET /v1/events": v1([EVENT_V1]),
        f"GET /v2/events/{EVENT}/runs": v2([]),
    }
    if run is not None:
        known[f"GET /v2/runs/{RUN}"] = v2(run)
    if spans is not None:
        known[f"GET /v2/runs/{RUN}/trace"] = v2(
            {"runId": RUN, "rootSpan": {"name": "run", "children": spans}}
        )
    return dev_server(**known, **routes)


async def called(scripted, tool, config=None, engine="http://127.0.0.1:8288", **arguments):
    """Call a tool over the scripted server; return the result."""
    opened = RemoteBackend.open(target(engine), clock=PassingClock(), transport=scripted)
    async with opened as backend:
        await backend.api.known()
        given = ServerConfig(is_remote=True, engine_url=engine, **(config or {}))
        async with Client(build_remote_server(backend, shipped_docs(), config=given)) as client:
            return await client.call_tool(tool, arguments)


async def told(scripted, tool, **arguments):
    """Return the structured answer of a tool, which the text repeats."""
    result = await called(scripted, tool, **arguments)
    assert not result.is_error, result.content
    assert result.structured_content["message"] in result.content[0].text
    return result.structured_content


def texts(found):
    return [fact["text"] for fact in found["evidence"]]


FAILED = {"status": "FAILED", "endedAt": "2027-01-15T07:00:02Z"}
FAILURES = {
    "wrapped": {"error": DECLINED},
    "bare": DECLINED,
    "in data": {"data": {"error": DECLINED}},
    "null beside it": {"data": None, "error": DECLINED},
}


@pytest.mark.parametrize("output", FAILURES.values(), ids=FAILURES)
async def test_errors_are_found_however_they_are_wrapped(output):
    run = a_run(**FAILED, output=output)
    found = await told(a_server(run, [a_step("charge", "FAILED", output=output)]), "explain", runId=RUN)

    assert found["cause"] == "failed-in-step"
    assert texts(found)[:2] == ["/app/src/pay.ts:12:9 in charge", "Error: declined"]


@pytest.mark.parametrize("output", ["declined", {"error": "declined"}, {"data": "declined"}])
async def test_an_error_that_is_text_alone_is_quoted(output):
    run = a_run(**FAILED, output=output)
    found = await told(a_server(run, [a_step("charge", "FAILED", output=output)]), "explain", runId=RUN)

    assert found["cause"] == "failed-in-step"
    assert texts(found)[0] == "Error: declined"


async def test_a_failed_run_without_a_trace_has_its_place_in_the_code_and_no_guess_at_a_step():
    found = await told(a_server(a_run(**FAILED, output={"error": DECLINED})), "explain", runId=RUN)

    assert found["cause"] == "unreported"
    assert texts(found)[0] == "/app/src/pay.ts:12:9 in charge"
    assert "whether in a step, the server does not say" in found["message"]


async def test_an_early_end_of_attempts_is_not_taken_for_an_error_that_is_not_retried():
    spans = [a_step("charge", "FAILED", output={"error": DECLINED}, children=[an_attempt(0)])]
    scripted = a_server(a_run(**FAILED, output={"error": DECLINED}), spans)

    found = await told(scripted, "explain", runId=RUN)
    assert (found["cause"], "attempt 1 of 5" in found["message"]) == ("failed-in-step", True)


async def test_the_names_of_our_engines_errors_mean_nothing_on_another_server():
    error = {"name": "TimeoutError", "message": "slow"}
    run = a_run(**FAILED, output={"error": error})
    found = await told(a_server(run, [a_step("a", "FAILED", output={"error": error})]), "explain", runId=RUN)
    limit = {"name": "InngestErrFunctionOverflowed", "message": "too many steps"}
    other = await told(a_server(a_run(**FAILED, output={"error": limit}), []), "explain", runId=RUN)

    assert (found["cause"], other["cause"]) == ("failed-in-step", "step-limit")


OPEN = {
    "retrying-step": [a_step("charge", "WAITING", children=[an_attempt(0, stepId="id-charge")])],
    "call-in-flight": [a_step("charge", "RUNNING")],
    "sleeping": [a_step("charge", "WAITING", "SLEEP")],
    "waiting-for-event": [a_step("charge", "WAITING", "WAIT_FOR_EVENT")],
    "waiting-for-signal": [a_step("charge", "WAITING", "waitForSignal")],
    "waiting-for-run": [a_step("charge", "INVOKING", "InvokeFunction")],
    "unreported": [a_step("done")],
}


@pytest.mark.parametrize(("cause", "spans"), OPEN.items(), ids=OPEN)
async def test_an_open_run_is_where_its_trace_shows_it(cause, spans):
    found = await told(a_server(a_run(), spans), "explain", runId=RUN)

    assert (found["cause"], found["status"]) == (cause, "RUNNING")
    assert found["docs"][0] == f"causes/{cause}"
    assert ("'charge'" in found["message"]) is (cause != "unreported")
    assert "at" not in found["happensNext"]
    assert not any("advance_time" in text or "rerun" in text for text in found["whatToDo"])


@pytest.mark.parametrize("status", ["QUEUED", "WAITING"])
async def test_a_step_that_is_open_somehow_is_named_and_not_said_to_be_none(status):
    found = await told(a_server(a_run(), [a_step("done"), a_step("charge", status)]), "explain", runId=RUN)

    assert found["cause"] == "unreported"
    assert f"Step 'charge' is {status}; what it waits for, if for anything" in found["message"]


async def test_after_the_last_attempt_no_other_is_announced():
    spans = [a_step("charge", "RUNNING", children=[an_attempt(number) for number in range(5)])]
    found = await told(a_server(a_run(), spans), "explain", runId=RUN)

    assert (found["cause"], "attempt 5 of 5" in found["message"]) == ("retrying-step", True)
    assert found["happensNext"]["what"].startswith("that was the last attempt")


async def test_a_run_is_shown_without_a_word_about_what_nobody_told():
    done = await told(a_server(a_run("COMPLETED", endedAt=LONG_AGO)), "get_run_status", runId=RUN)
    between = await told(a_server(a_run(), [a_step("done")]), "get_run_status", runId=RUN)
    queued = await told(a_server({**a_run("QUEUED"), "startedAt": None}), "get_run_status", runId=RUN)

    assert "of its steps nothing is known" in done["message"]
    assert "what it is doing now, the server does not say" in between["message"]
    assert "its first call has not been made" in queued["message"]


async def test_spans_without_times_are_steps_all_the_same():
    span = {"name": "charge", "stepId": "x", "status": "WAITING", "stepOp": "SLEEP"}
    scripted = a_server(a_run(), [span])

    found = await told(scripted, "explain", runId=RUN)
    seen = await told(scripted, "get_run_status", runId=RUN)

    assert found["message"].endswith("It sleeps in step 'charge'; until when, the server does not say.")
    assert [step["status"] for step in seen["steps"]] == ["WAITING"]
    assert "1970" not in json.dumps(seen)


async def test_a_trace_that_is_behind_does_not_make_an_ended_run_wait():
    run = a_run("CANCELLED", endedAt="2027-01-15T07:30:00Z")
    scripted = a_server(run, [a_step("nap", "WAITING", "SLEEP")], [a_function(configuration=CANCELS)])

    found = await told(scripted, "explain", runId=RUN)
    seen = await told(scripted, "get_run_status", runId=RUN)

    assert found["cause"] == "unreported"
    assert "by somebody or something that the server does not name" in found["message"]
    assert "an event 'shop/stop' cancels runs of this function" in texts(found)
    assert seen["steps"][0]["status"] == "CANCELLED"
    assert "waitingFor" not in seen


CANCELS = {"cancelOn": [{"event": "shop/stop"}], "retries": {"value": 1}}


async def test_a_paused_function_and_a_queued_run_are_said_to_be_that():
    queued = {**a_run("QUEUED"), "startedAt": None}
    paused = await told(a_server(queued, [], [a_function(isPaused=True)]), "explain", runId=RUN)
    waiting = await told(a_server(queued, []), "explain", runId=RUN)

    assert (paused["cause"], waiting["cause"]) == ("function-paused", "unreported")
    assert "has not made its first call" in waiting["message"]
    assert not any("pause_function" in text for text in paused.get("whatToDo", ()))


async def test_an_invoked_run_is_looked_into_and_one_that_cannot_be_read_is_named():
    spans = [a_step("ask", "FAILED", "INVOKE", output={"error": DECLINED}, childRunIds=[CHILD])]
    run = a_run(**FAILED, output={"error": DECLINED})
    gone = await told(a_server(run, spans), "explain", runId=RUN)
    failed = a_run(run_id=CHILD, **FAILED, output={"error": DECLINED})
    below = {"GET /v2/runs/" + CHILD: v2(failed)}
    there = await told(a_server(run, spans, **below), "explain", runId=RUN)

    assert gone["cause"] == there["cause"] == "invoked-run-failed"
    assert f"it invoked run {CHILD}" in texts(gone)
    assert "There: The function failed at pay.ts:12" in there["message"]


async def test_an_event_without_a_run_is_not_said_to_start_nothing():
    found = await told(a_server(), "explain", eventId=EVENT)

    assert found["cause"] == found["notStarted"][0]["cause"] == "unreported"
    assert "the server has reported no run of it so far" in found["message"]
    assert "event.data.n > 0" in found["message"]
    assert f'list_runs eventId="{EVENT}"' in found["next"]


async def test_an_event_is_listed_although_its_runs_cannot_be_asked_for():
    routes = {f"GET /v2/events/{EVENT}/runs": httpx.Response(500, text="oops")}
    found = await told(with_routes(a_server(), routes), "list_events")

    (event,) = found["events"]
    assert (event["sentBy"], event["runs"]) == ("0f3c", [])
    assert "its runs could not be asked for" in event["notStarted"][0]
    assert found["message"].endswith("1 of them have no run that this server reports.")


def with_routes(scripted, routes):
    scripted.routes.update(routes)
    return scripted


async def test_internal_events_that_no_server_lists_are_not_said_to_be_none():
    scripted = with_routes(a_server(), {"GET /v1/events": v1([])})

    found = await told(scripted, "list_events", name="inngest/function.failed")
    assert found["message"] == "This server lists no internal events (inngest/…)."


async def test_a_cursor_that_the_server_ignores_ends_the_list():
    first = await told(a_server(), "list_events", limit=1)
    second = await told(a_server(), "list_events", limit=1, cursor=first["nextCursor"])

    assert (first["count"], second["count"]) == (1, 0)
    assert "nextCursor" not in second


async def test_filters_that_the_server_ignores_are_applied_here():
    others = [{**EVENT_V1, "internal_id": OTHER, "name": "shop/other"}, EVENT_V1]
    scripted = with_routes(a_server(), {"GET /v1/events": v1(others)})

    found = await told(scripted, "list_events", name="shop/paid")
    assert [event["eventId"] for event in found["events"]] == [EVENT]


async def test_runs_without_a_usable_trace_are_not_counted_and_said_to_be_left_out():
    runs = [a_run("COMPLETED", endedAt=LONG_AGO), a_run("COMPLETED", OTHER), a_run("COMPLETED", CHILD)]
    untimed = {"rootSpan": {"children": [{"name": "a", "stepId": "a", "status": "COMPLETED"}]}}
    routes = {
        "GET /v2/apps/shop/functions/pay/runs": v2(runs),
        f"GET /v2/runs/{OTHER}/trace": refusal(404, "not_found", "no trace"),
        f"GET /v2/runs/{CHILD}/trace": v2(untimed),
    }
    found = await told(a_server(runs[0], [a_step("charge")], **routes), "get_coverage", functionId="pay")

    assert found["overall"]["runs"] == 1
    assert found["notes"][-1] == "2 runs more: the server has no usable trace, so they are not counted."
    kinds = {gap["kind"] for gap in found["neverSeen"]}
    assert "stepFailed" in kinds
    assert kinds.isdisjoint({"flowControl", "timeout", "cancelOn", "failureHandler", "waitTimedOut"})


async def test_runs_whose_steps_nobody_knows_are_compared_by_their_ends_alone():
    routes = {f"GET /v2/runs/{OTHER}": v2(a_run("COMPLETED", OTHER, output={"data": [1]}))}
    one = a_run("COMPLETED", output={"data": [1]})
    found = await told(a_server(one, [a_step("charge")], **routes), "compare_runs", runIdA=RUN, runIdB=OTHER)

    assert (found["same"], found["steps"]) == (False, [])
    assert "firstDifference" not in found
    assert "The steps are not known of both" in found["message"]


NO_TESTS = {
    "no trace": (None, "has no trace of run"),
    "wait without its event": (
        [a_step("answer", op="WAIT_FOR_EVENT")],
        "what ended the wait of step 'answer'",
    ),
    "signal without a name": (
        [a_step("go", op="WAIT_FOR_SIGNAL", output={"data": {"x": 1}})],
        "what ended the wait of step 'go'",
    ),
}


@pytest.mark.parametrize(("spans", "words"), NO_TESTS.values(), ids=NO_TESTS)
async def test_what_a_trace_leaves_out_makes_no_test(spans, words):
    result = await called(a_server(a_run("COMPLETED"), spans), "export_test", runId=RUN)

    assert result.is_error
    assert words in result.content[0].text


async def test_a_timed_out_wait_is_one_when_its_word_or_its_null_says_so():
    for step in (
        a_step("w", "TIMED_OUT", "WAIT_FOR_EVENT"),
        a_step("w", output={"data": None}, op="WAIT_FOR_EVENT"),
    ):
        scripted = a_server(a_run("COMPLETED", output={"ok": 1}), [step])
        found = await told(scripted, "export_test", runId=RUN, format="scenario")
        assert '"timedOut": true' in found["code"]


async def test_a_test_is_written_from_a_server_that_is_only_read():
    scripted = a_server(a_run("COMPLETED", output={"ok": 1}), [a_step("charge", output={"data": 5})])
    result = await called(
        scripted, "export_test", engine="https://inngest.example.com", runId=RUN, format="scenario"
    )

    assert not result.is_error, result.content
    code = result.structured_content["code"]
    assert '"charge"' in code
    assert result.content[0].text.endswith(code)
    assert "\nenvironment: " in result.content[0].text
    assert all(request.method == "GET" for request in scripted.asked)


async def test_advice_names_no_tool_that_is_not_there():
    spans = [a_step("nap", "WAITING", "SLEEP"), a_step("answer", "WAITING", "WAIT_FOR_EVENT")]
    for tool in ("get_run_status", "explain"):
        result = await called(a_server(a_run(), spans), tool, engine="https://inngest.example.com", runId=RUN)
        said = json.dumps(result.structured_content) + result.content[0].text
        for hidden in ("advance_time", "send_event", "test_function", "pause_function", "mock_step"):
            assert hidden not in said


async def test_a_server_with_api_v1_alone_tells_what_it_can_and_refuses_the_rest_in_a_sentence():
    run = {
        "run_id": RUN,
        "status": "Failed",
        "function_id": "5f1c",
        "event_id": EVENT,
        "run_started_at": LONG_AGO,
        "ended_at": LONG_AGO,
        "output": json.dumps({"name": "Error"}),
    }
    scripted = dev_server(
        **{
            "GET /v2/runs": None,
            "GET /v2/apps": None,
            "GET /v1/events": v1([EVENT_V1]),
            f"GET /v1/events/{EVENT}": v1(EVENT_V1),
            f"GET /v1/events/{EVENT}/runs": v1([run]),
            f"GET /v1/runs/{RUN}": v1(run),
        }
    )
    failed = await told(scripted, "explain", runId=RUN)
    event = await told(scripted, "explain", eventId=EVENT)
    listed = await told(scripted, "list_events")
    refused = await called(scripted, "get_coverage", functionId="pay")

    assert (failed["cause"], failed["status"]) == ("unreported", "FAILED")
    assert (event["cause"], event["effects"]["runs"][0]["runId"]) == ("started-runs", RUN)
    assert listed["events"][0]["runs"][0]["runId"] == RUN
    assert refused.is_error
    assert "has no API v2" in refused.content[0].text


async def test_the_names_of_dev_servers_work_for_what_there_is():
    config = {"toolsets": frozenset({"core", "compat"})}
    scripted = a_server(a_run("COMPLETED"), [a_step("charge")])
    seen = await called(scripted, "get_run", config=config, runId=RUN)

    assert seen.structured_content["steps"][0]["stepName"] == "charge"
    assert "environment" in seen.structured_content


async def test_an_event_is_found_by_the_id_of_its_sender_even_if_that_looks_like_one_of_the_server():
    unknown = {f"GET /v1/events/{OTHER}": {"error": "not found", "data": None, "status": 404}}
    scripted = with_routes(a_server(), {"GET /v1/events": v1([{**EVENT_V1, "id": OTHER}]), **unknown})

    found = await told(scripted, "explain", eventId=OTHER)
    assert found["eventId"] == EVENT


async def test_a_list_of_functions_that_takes_for_ever_is_given_up_and_events_are_shown_without_it():
    clock = PassingClock()

    class Slow(ScriptedServer):
        async def handle_async_request(self, request):
            if request.url.path == "/v2/apps":
                await clock.advance(14)
                self.routes["GET /v2/apps"] = v2([], hasMore=True, cursor=f"after {len(self.asked)}")
            return await super().handle_async_request(request)

    scripted = Slow(a_server().routes)
    async with RemoteBackend.open(target(), clock=clock, transport=scripted) as backend:
        config = ServerConfig(is_remote=True, engine_url="http://127.0.0.1:8288")
        async with Client(build_remote_server(backend, shipped_docs(), config=config)) as client:
            functions = await client.call_tool("list_functions", {})
            events = await client.call_tool("list_events", {})

    assert "did not list all its apps and functions within 25 s. Call again" in functions.content[0].text
    assert [event["eventId"] for event in events.structured_content["events"]] == [EVENT]
    assert scripted.count("GET /v2/apps") == 4
