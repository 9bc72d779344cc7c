"""One contract for the tools on either backend: the engine in here, or the same engine over its HTTP API.

With STEPCUE_TEST_SERVER also over an Inngest server that runs there: see CONTRIBUTING.md.
"""

from __future__ import annotations

import datetime

import inngest
import pytest
from support.real_server import needs_server, tools_on_server
from support.sdk_app import lab, new_client
from support.shipped_docs import shipped_docs
from support.two_backends import ask, refused, tools_over

from durable_engine import RealClock

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["embedded", "remote", pytest.param("server", marks=needs_server)])
def kind(request):
    return request.param


def app(client, prefix="t/"):
    """Return the functions of the app; the names of their events begin with `prefix`."""

    @client.create_function(
        fn_id="pay",
        trigger=inngest.TriggerEvent(event=f"{prefix}paid", expression="event.data.n > 0"),
        retries=1,
    )
    async def pay(ctx):
        total = await ctx.step.run("add", lambda: ctx.event.data["n"] + 1)
        return {"total": total, "list": await ctx.step.run("list", lambda: [1, total])}

    @client.create_function(fn_id="break", trigger=inngest.TriggerEvent(event=f"{prefix}broken"), retries=0)
    async def breaks(ctx):
        def step():
            raise ValueError("no such card")

        await ctx.step.run("charge", step)

    @client.create_function(fn_id="wait", trigger=inngest.TriggerEvent(event=f"{prefix}waits"))
    async def waits(ctx):
        answer = await ctx.step.wait_for_event(
            "answer", event=f"{prefix}answer", timeout=datetime.timedelta(hours=1)
        )
        return {"data": answer.data, "also": 1}

    return [pay, breaks, waits]


@pytest.fixture
async def it(kind):
    """An engine with an app, or the server that is named; a client of the tools over it."""
    if kind == "server":
        async with tools_on_server(app, shipped_docs()) as tools:
            yield tools
        return
    client = new_client()
    async with (
        lab(client, app(client), clock=RealClock()) as made,
        tools_over(kind, made.engine, shipped_docs()) as tools,
    ):
        yield tools


async def test_functions_are_listed_with_what_starts_them(it, kind):
    answer = await ask(it, "list_functions", query="pay")

    (pay,) = answer["functions"]
    assert answer["count"] == 1
    assert answer["total"] == 3 or kind == "server"  # where other apps may be
    assert pay["id"].endswith("-pay")
    assert pay["triggers"] == [{"event": "t/paid", "expression": "event.data.n > 0"}]
    assert pay["retries"] == 1
    assert pay["reachable"]
    assert answer.get("environment", "").startswith("Stepcue at http" if kind == "remote" else "")


async def test_an_event_starts_runs_that_are_waited_for(it):
    sent = await ask(it, "send_event", name="t/paid", data={"n": 2}, wait=20)

    (run,) = sent["runs"]
    assert sent["runIds"] == [run["runId"]]
    assert (run["status"], run["output"]) == ("COMPLETED", {"total": 3, "list": [1, 3]})

    seen = await ask(it, "get_run_status", runId=run["runId"])
    assert seen["eventData"] == {"n": 2}
    assert (seen["eventId"], seen["eventName"]) == (sent["eventId"], "t/paid")
    assert [(step["stepName"], step["status"], step["attempts"]) for step in seen["steps"]] == [
        ("add", "COMPLETED", 1),
        ("list", "COMPLETED", 1),
    ]
    assert [step["output"] for step in seen["steps"]] == [3, [1, 3]]
    assert seen["maxAttempts"] == 2
    assert seen["output"] == {"total": 3, "list": [1, 3]}


async def test_a_failed_run_says_where_and_why(it):
    sent = await ask(it, "send_event", name="t/broken", wait=20)
    run_id = sent["runIds"][0]

    seen = await ask(it, "get_run_status", runId=run_id)
    listed = await ask(it, "list_runs", status="FAILED")

    assert seen["status"] == "FAILED"
    assert "in step 'charge'" in seen["message"]
    assert (seen["error"]["name"], seen["error"]["message"]) == ("ValueError", "no such card")
    (step,) = seen["steps"]
    assert (step["status"], step["error"]["message"]) == ("FAILED", "no such card")
    assert [(run["runId"], run["error"]) for run in listed["runs"]] == [(run_id, "ValueError: no such card")]


async def test_a_run_that_waits_is_polled_to_the_end_of_the_patience(it):
    sent = await ask(it, "send_event", name="t/waits")
    (run_id,) = sent["runIds"]

    polled = await ask(it, "poll_run_status", runIds=[run_id], timeout=0)
    assert (polled["allEnded"], polled["running"] + polled["queued"]) == (False, 1)

    await ask(it, "send_event", name="t/answer", data={"is": "yes"})
    polled = await ask(it, "poll_run_status", runIds=[run_id], timeout=20)
    assert (polled["allEnded"], polled["completed"]) == (True, 1)
    assert polled["runs"][0]["output"]["data"] == {"is": "yes"}


async def test_an_event_that_starts_nothing_says_no_more_than_is_known(it, kind):
    unheard = await ask(it, "send_event", name="t/payd")
    unmet = await ask(it, "send_event", name="t/paid", data={"n": 0})

    assert unheard["runIds"] == unmet["runIds"] == []
    assert unheard["nearestTriggers"][0] == "t/paid"
    assert "no function listens to it" in unheard["message"]
    (missed,) = unmet["notStarted"]
    assert missed["functionId"].endswith("-pay")
    if kind != "server":  # which does not say why
        assert "event.data.n > 0" in missed["reason"]
    told = (
        "no run waits for it"
        if kind == "embedded"
        else "whether a run waits for it, this server does not say"
    )
    assert told in unheard["message"]


async def test_runs_are_found_by_what_they_are_and_page_by_page(it, kind):
    for number in range(1, 4):
        await ask(it, "send_event", name="t/paid", data={"n": number}, wait=20)
    other = await ask(it, "send_event", name="t/waits")

    first = await ask(it, "list_runs", eventName="t/paid", limit=2)
    second = await ask(it, "list_runs", eventName="t/paid", limit=2, cursor=first["nextCursor"])
    of_function = await ask(it, "list_runs", functionId="wait")
    of_event = await ask(it, "list_runs", eventId=other["eventId"])
    none = await ask(it, "list_runs", status="CANCELLED")

    assert (first["count"], second["count"]) == (2, 1)
    ids = [run["runId"] for run in first["runs"] + second["runs"]]
    assert len(set(ids)) == 3
    assert "nextCursor" not in second
    for answer in (of_function, of_event):
        assert [run["runId"] for run in answer["runs"]] == other["runIds"]
    assert none["message"].startswith("No CANCELLED runs; there are ") or kind == "server"


async def test_what_there_is_not_is_said_by_name(it):
    assert "No run '01KAM000000000000000000000'" in await refused(
        it, "get_run_status", runId="01KAM000000000000000000000"
    )
    assert "nope" in await refused(it, "poll_run_status", runIds=["nope"], timeout=0)
    assert "No function 'nope'" in await refused(it, "list_runs", functionId="nope")
    assert "does not belong to" in await refused(it, "list_runs", cursor="nope")


async def test_one_function_is_invoked_and_waited_for(it):
    done = await ask(it, "invoke_function", functionId="pay", data={"n": 2})
    waits = await ask(it, "invoke_function", functionId="wait", timeout=0)
    polled = await ask(it, "poll_run_status", runIds=[waits["runId"]], timeout=0)

    assert (done["status"], done["output"]) == ("COMPLETED", {"total": 3, "list": [1, 3]})
    assert [(step["stepName"], step["output"]) for step in done["steps"]] == [("add", 3), ("list", [1, 3])]
    assert waits["status"] in {"QUEUED", "RUNNING"}
    assert polled["runs"][0]["runId"] == waits["runId"]
    assert "No function 'payy'" in await refused(it, "invoke_function", functionId="payy")
    assert "No app named 'nope' is synced." in await refused(
        it, "invoke_function", functionId="pay", appId="nope"
    )


async def test_a_run_is_cancelled_once(it):
    (run_id,) = (await ask(it, "send_event", name="t/waits"))["runIds"]
    ended = await ask(it, "invoke_function", functionId="pay", data={"n": 1})

    first = await ask(it, "cancel_run", runId=run_id)
    again = await ask(it, "cancel_run", runId=run_id)

    assert first["status"] == again["status"] == "CANCELLED"
    assert "is now CANCELLED" in first["message"]
    assert (first.get("alreadyCancelled"), again["alreadyCancelled"]) == (None, True)
    assert first["next"] == f'rerun runId="{run_id}" starts it again.'
    assert "it has ended and is COMPLETED" in await refused(it, "cancel_run", runId=ended["runId"])
    assert "No run '01KAM000000000000000000000'" in await refused(
        it, "cancel_run", runId="01KAM000000000000000000000"
    )


async def test_a_run_is_repeated_whole_and_from_a_step(it):
    run_id = (await ask(it, "invoke_function", functionId="pay", data={"n": 4}))["runId"]

    whole = await ask(it, "rerun", runId=run_id)
    part = await ask(it, "rerun", runId=run_id, fromStep="list")

    for answer, words in ((whole, "from its start."), (part, "from step 'list'")):
        assert f"Run {run_id} is run again {words}" in answer["message"]
        assert answer["repeats"]["originalRunId"] == run_id
        assert answer["run"]["output"] == {"total": 5, "list": [1, 5]}
    assert len({run_id, whole["runId"], part["runId"]}) == 3
    seen = await ask(it, "get_run_status", runId=part["runId"])
    assert seen["originalRunId"] == run_id
    assert [step["output"] for step in seen["steps"]] == [5, [1, 5]]
    assert "The run has no step 'nope'." in await refused(it, "rerun", runId=run_id, fromStep="nope")


async def test_only_the_embedded_engine_edits_outcomes_and_data(it, kind):
    run_id = (await ask(it, "invoke_function", functionId="pay", data={"n": 4}))["runId"]

    for edit in ({"fromStep": "add", "output": {"result": 7}}, {"data": {"n": 6}}):
        if kind == "embedded":
            assert (await ask(it, "rerun", runId=run_id, **edit))["run"]["output"]["total"] == 7
        else:
            said = await refused(it, "rerun", runId=run_id, **edit)
            assert "needs the embedded engine" in said
            assert "`stepcue dev` without --engine" in said


@pytest.mark.parametrize("kind", ["embedded", "remote"])
async def test_a_paused_function_starts_no_run_until_it_is_resumed(it):
    paused = await ask(it, "pause_function", functionId="pay")
    missed = await refused(it, "invoke_function", functionId="pay", data={"n": 1})
    (listed,) = (await ask(it, "list_functions", query="pay"))["functions"]
    resumed = await ask(it, "pause_function", functionId="pay", resume=True)
    done = await ask(it, "invoke_function", functionId="pay", data={"n": 1})

    assert (paused["paused"], resumed["paused"]) == (True, False)
    assert listed["pausedSince"] == paused["pausedSince"]
    assert "The function was not started: " in missed
    assert "paused" in missed
    assert done["status"] == "COMPLETED"
