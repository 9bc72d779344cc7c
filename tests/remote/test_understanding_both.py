"""One contract for the tools that make runs understood, on either backend; where a server tells less, how."""

from __future__ import annotations

import datetime
import json
import re

import inngest
import pytest
from mcp.types import ResourceTemplateReference
from support.sdk_app import lab, new_client
from support.shipped_docs import shipped_docs
from support.two_backends import ask, refused, tools_over

from durable_engine import RealClock
from mcp_server.tools.catalog import definitions

pytestmark = pytest.mark.anyio
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(params=["embedded", "remote"])
def kind(request):
    return request.param


@pytest.fixture
async def it(kind):
    """An engine with an app of which some runs have ended, and a client of the tools."""
    client = new_client()

    def on(name, **more):
        return inngest.TriggerEvent(event=f"t/{name}", **more)

    @client.create_function(fn_id="pay", trigger=on("paid", expression="event.data.n > 0"), retries=1)
    async def pay(ctx):
        total = await ctx.step.run("add", lambda: ctx.event.data["n"] + 1)
        return {"total": total, "list": await ctx.step.run("list", lambda: [1, total])}

    @client.create_function(fn_id="break", trigger=on("broken"), retries=0)
    async def breaks(ctx):
        def charge():
            raise ValueError("no such card")

        await ctx.step.run("charge", charge)

    @client.create_function(fn_id="retry", trigger=on("retried"), retries=3)
    async def retry(ctx):
        def flaky():
            raise ConnectionResetError("gone")

        await ctx.step.run("flaky", flaky)

    @client.create_function(fn_id="wait", trigger=on("waits"))
    async def waits(ctx):
        answer = await ctx.step.wait_for_event("answer", event="t/answer", timeout=HOUR)
        return {"data": answer.data}

    @client.create_function(fn_id="parent", trigger=on("parent"), retries=0)
    async def parent(ctx):
        await ctx.step.invoke("ask", function=breaks)

    @client.create_function(fn_id="nap", trigger=on("nap"))
    async def nap(ctx):
        await ctx.step.sleep("cool-down", HOUR)

    functions = [pay, breaks, retry, waits, parent, nap]
    async with (
        lab(client, functions, clock=RealClock()) as made,
        tools_over(kind, made.engine, shipped_docs()) as tools,
    ):
        made.tools = tools
        yield made


async def run_of(it, name, data=None):
    """Start a run and let everything happen that can happen now; return its id."""
    sent = await ask(it.tools, "send_event", name=f"t/{name}", data=data or {})
    await it.engine.settle()
    return sent["runIds"][0]


async def explained(it, **what):
    return await ask(it.tools, "explain", **what)


async def test_a_failed_run_is_explained_with_the_place_in_the_users_code(it, kind):
    run_id = await run_of(it, "broken")

    found = await explained(it, runId=run_id)

    assert (found["cause"], found["status"]) == ("failed-in-step", "FAILED")
    assert found["evidence"][0]["kind"] == "frame"
    assert "test_understanding_both.py" in found["evidence"][0]["text"]
    assert "in charge" in found["evidence"][0]["text"]
    assert any(fact["text"] == "ValueError: no such card" for fact in found["evidence"])
    assert found["docs"][0] == "causes/failed-in-step"
    if kind == "remote":
        assert found["environment"].startswith("Stepcue at http")


async def test_open_runs_are_explained_with_what_they_wait_for(it, kind):
    waiting = await explained(it, runId=await run_of(it, "waits"))
    sleeping = await explained(it, runId=await run_of(it, "nap"))
    retrying = await explained(it, runId=await run_of(it, "retried"))

    assert (waiting["cause"], sleeping["cause"]) in {
        ("event-never-seen", "sleeping"),
        ("waiting-for-event", "sleeping"),
    }
    assert "'answer'" in waiting["message"]
    assert "'cool-down'" in sleeping["message"]
    assert (retrying["cause"], retrying["status"]) == ("retrying-step", "RUNNING")
    assert "attempt 1 of 4" in retrying["message"]
    assert retrying["happensNext"]["what"] == "attempt 2 of 4 is made"
    told = [waiting, sleeping, retrying]
    # What the API leaves out is left out, and said to be.
    assert all(("does not say" in found["message"]) is (kind == "remote") for found in told)
    assert any("advance_time" in " ".join(found["whatToDo"]) for found in told) is (kind == "embedded")


async def test_a_run_that_failed_with_the_run_it_invoked_leads_to_the_root(it):
    found = await explained(it, runId=await run_of(it, "parent"))

    assert found["cause"] == "invoked-run-failed"
    assert "no such card" in str(found["evidence"]) or "ValueError" in found["message"]
    assert any(fact.get("runId") for fact in found["evidence"])
    assert found["whatToDo"][0].startswith("explain runId=")


async def test_who_cancelled_a_run_is_not_guessed(it, kind):
    run_id = await run_of(it, "nap")
    await it.engine.control.cancel(run_id)

    found = await explained(it, runId=run_id)

    assert found["status"] == "CANCELLED"
    assert found["cause"] == ("unreported" if kind == "remote" else "cancelled-by-request")


async def test_events_are_explained_by_what_came_of_them(it, kind):
    paid = await ask(it.tools, "send_event", name="t/paid", data={"n": 1}, wait=20)
    unmet = await ask(it.tools, "send_event", name="t/paid", data={"n": 0})
    unheard = await ask(it.tools, "send_event", name="t/payd")

    did = await explained(it, eventId=paid["eventId"])
    declined = await explained(it, eventId=unmet["eventId"])
    nothing = await explained(it, eventId=unheard["eventId"])

    assert (did["cause"], did["effects"]["runs"][0]["runId"]) == ("started-runs", paid["runIds"][0])
    assert (declined["cause"], declined["notStarted"][0]["cause"]) == ("expression-false", "expression-false")
    assert nothing["cause"] == "no-function-listens"
    assert any("'t/paid'" in fact["text"] for fact in nothing["evidence"])
    if kind == "remote":
        assert "whether a run waited for it, the server does not say" in nothing["message"]


async def test_events_are_listed_with_their_runs_and_page_by_page(it, kind):
    run_id = await run_of(it, "paid", {"n": 1})
    await ask(it.tools, "send_event", name="t/paid", data={"n": 0})
    await ask(it.tools, "send_event", name="t/payd", id="mine")

    first = await ask(it.tools, "list_events", limit=2)
    second = await ask(it.tools, "list_events", limit=2, cursor=first["nextCursor"])
    named = await ask(it.tools, "list_events", name="t/payd")
    none = await ask(it.tools, "list_events", name="t/nope")

    unheard, unmet, paid = [*first["events"], *second["events"]]
    assert (unheard["givenId"], named["count"]) == ("mine", 1)
    assert [run["runId"] for run in paid["runs"]] == [run_id]
    assert "event.data.n > 0" in unmet["notStarted"][0]
    assert "no function listens to this name" in unheard["nothingBecause"]
    assert ("does not say" in unheard["nothingBecause"]) is (kind == "remote")
    assert "t/paid" in none["message"]
    assert "nextCursor" not in second


async def test_two_runs_are_compared_step_by_step(it):
    one, two = await run_of(it, "paid", {"n": 1}), await run_of(it, "paid", {"n": 2})

    found = await ask(it.tools, "compare_runs", runIdA=one, runIdB=two)
    same = await ask(it.tools, "compare_runs", runIdA=one, runIdB=one)

    assert (found["same"], same["same"]) == (False, True)
    assert found["firstDifference"]["stepA"] == "add"
    assert found["steps"][0]["changes"][-1]["what"] == "$.output"
    assert found["differences"]["event"] is not None


async def test_what_runs_have_shown_is_counted_from_their_traces(it, kind):
    for number in (1, 2):
        await run_of(it, "paid", {"n": number})

    found = await ask(it.tools, "get_coverage", functionId="pay")

    assert found["overall"]["runs"] == 2
    assert [(step["stepName"], step["completed"]) for step in found["steps"]] == [("add", 2), ("list", 2)]
    assert {(branch["after"], branch["came"]) for branch in found["branches"]} == {
        ("(start)", "add"),
        ("add", "list"),
        ("list", "(end)"),
    }
    assert "runFailed" in {gap["kind"] for gap in found["neverSeen"]}
    assert ("suggestions" in found) is (kind == "embedded")
    none = await ask(it.tools, "get_coverage", functionId="nap")
    assert none["overall"]["runs"] == 0


async def test_a_run_is_written_down_as_a_test(it):
    run_id = await run_of(it, "waits")
    await ask(it.tools, "send_event", name="t/answer", data={"is": "yes"})
    await it.engine.settle()

    found = await ask(it.tools, "export_test", runId=run_id, format="scenario", mock="all")
    early = await refused(it.tools, "export_test", runId=await run_of(it, "nap"))

    assert '"name": "t/answer"' in found["code"] or "t/answer" in found["code"]
    assert '"COMPLETED"' in found["code"]
    assert "only what has ended" in early


async def test_what_there_is_not_is_said_by_name(it):
    unknown = "01KAM000000000000000000000"

    assert f"No run '{unknown}'" in await refused(it.tools, "explain", runId=unknown)
    assert f"No event '{unknown}'" in await refused(it.tools, "explain", eventId=unknown)
    assert "No event 'nope'" in await refused(it.tools, "explain", eventId="nope")
    assert f"No run '{unknown}'" in await refused(it.tools, "compare_runs", runIdA=unknown, runIdB=unknown)
    assert "No function 'nope'" in await refused(it.tools, "get_coverage", functionId="nope")
    assert f"No run '{unknown}'" in await refused(it.tools, "export_test", runId=unknown)


async def read(it, uri):
    """Return a resource as text."""
    (contents,) = (await it.tools.read_resource(uri)).contents
    return contents.text


async def test_runs_and_functions_are_resources_and_ids_are_completed(it, kind):
    run_id = await run_of(it, "paid", {"n": 1})
    (slug,) = [function.slug for function in it.engine.records.functions() if function.slug.endswith("-pay")]

    run, function = await read(it, f"run://{run_id}"), await read(it, f"function://{slug}")
    recent, page = await read(it, "run://recent"), await read(it, "docs://index")
    listed = [str(resource.uri) for resource in (await it.tools.list_resources()).resources]
    ref = ResourceTemplateReference(uri="run://{runId}")
    runs = await it.tools.complete(ref, {"name": "runId", "value": run_id[:20]})
    functions = await it.tools.complete(ref, {"name": "functionId", "value": "pay"})

    assert json.loads(run)["steps"][0]["stepName"] == "add"
    seen = json.loads(function)
    assert [step["stepId"] for step in seen["stepsSeen"]] == ["add", "list"]
    assert [line["runId"] for line in seen["recentRuns"]] == [run_id]
    assert run_id in recent
    assert f"function://{slug}" in listed
    assert run_id in runs.completion.values
    assert functions.completion.values == [slug]
    assert ["environment" in json.loads(text) for text in (run, function, recent)] == [kind == "remote"] * 3
    assert page.startswith("# Documentation")


async def test_prompts_name_what_there_is_and_only_tools_that_are_offered(it, kind):
    run_id = await run_of(it, "broken")
    names = {prompt.name for prompt in (await it.tools.list_prompts()).prompts}
    offered = {tool.name for tool in (await it.tools.list_tools()).tools}

    debug = (await it.tools.get_prompt("debug_run", {"runId": run_id})).messages[0].content.text
    found = (await it.tools.get_prompt("debug_run", {})).messages[0].content.text
    review = (await it.tools.get_prompt("review_function", {"functionId": "break"})).messages[0].content.text

    assert {"debug_run", "review_function"} <= names
    assert ("test_function" in names) is (kind == "embedded")
    assert f'explain runId="{run_id}"' in debug
    assert "no such card" in debug
    assert run_id in found
    assert "Steps seen in its runs" in review
    everything = {tool.name for tools in definitions().values() for tool in tools}
    for text in (debug, found, review):
        assert ("Environment: Stepcue at http" in text) is (kind == "remote")
        assert set(re.findall(r"\b[a-z]+_[a-z_]+\b", text)) & everything <= offered
    assert ("synced again by itself" in debug) is (kind == "embedded")
