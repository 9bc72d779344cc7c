"""Tasks for waits, on runs of the real SDK in a real engine."""

import datetime

import anyio
import inngest
import pytest
from mcp import Client, MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, MISSING_REQUIRED_CLIENT_CAPABILITY
from support.sdk_app import ENGINE_ORIGIN, lab, new_client
from support.task_client import TASKS, about, begin, get, task_client
from support.wall import wall_ms

from durable_engine import Engine, EngineConfig, ManualClock
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio
HOUR = 3_600


def functions():
    client = new_client()

    @client.create_function(fn_id="nap", trigger=inngest.TriggerEvent(event="t/nap"), retries=0)
    async def nap(ctx):
        await ctx.step.sleep("rest", datetime.timedelta(seconds=40))

        async def sing():
            if ctx.event.data.get("fails"):
                raise inngest.NonRetriableError("no voice")
            return "la"

        song = await ctx.step.run("sing", sing)
        if ctx.event.data.get("again"):
            await ctx.step.sleep("rest-again", datetime.timedelta(seconds=40))
        return {"song": song}

    @client.create_function(fn_id="quick", trigger=inngest.TriggerEvent(event="t/nap"), retries=0)
    async def quick(ctx):
        return {"quick": True}

    @client.create_function(fn_id="ask", trigger=inngest.TriggerEvent(event="t/ask"), retries=0)
    async def ask(ctx):
        answer = await ctx.step.wait_for_event("reply", event="t/reply", timeout=datetime.timedelta(days=7))
        return {"answered": answer is not None}

    return client, [nap, quick, ask]


@pytest.fixture
async def it():
    async with lab(*functions(), clock=ManualClock(wall_ms(), wall=wall_ms)) as running:
        yield running


@pytest.fixture
def new(it, docs):
    def build(**settings):
        config = ServerConfig(**{"engine_url": ENGINE_ORIGIN, "task_grace_s": 0, **settings})
        return build_server(it.engine, docs, config=config)

    return build


@pytest.fixture
async def client(new):
    async with task_client(new()) as connected:
        yield connected


async def wake(it):
    """Let the sleeps end."""
    await it.engine.settle()
    await it.clock.advance(2 * HOUR)
    await it.engine.settle()


async def test_an_invocation_becomes_the_task_of_its_run_and_ends_with_its_answer(it, client):
    task = await begin(client, "invoke_function", functionId="nap", timeout=20)
    await it.engine.settle()
    working = await get(client, task["taskId"])
    await wake(it)
    done = await get(client, task["taskId"])

    assert (task["resultType"], task["status"], task["ttlMs"]) == ("task", "working", None)
    assert task["createdAt"] <= task["lastUpdatedAt"]
    assert (await it.engine.get_run(task["taskId"])).function_slug == "lab-nap"
    assert (working["resultType"], working["status"]) == ("complete", "working")
    assert "waits for the end of a sleep (step 'rest')" in working["statusMessage"]
    assert "result" not in working
    assert working["pollIntervalMs"] > 1_000
    assert done["status"] == "completed"
    assert done["result"]["structuredContent"]["output"] == {"song": "la"}
    assert task["taskId"] in done["result"]["content"][0]["text"]
    assert done["createdAt"] == task["createdAt"] < done["lastUpdatedAt"]


async def test_a_failed_run_is_a_completed_task_with_the_failure_as_the_tool_tells_it(it, client):
    task = await begin(client, "invoke_function", functionId="nap", data={"fails": True})
    await wake(it)
    done = await get(client, task["taskId"])

    assert done["status"] == "completed"
    assert done["result"].get("isError", False) is False
    assert done["result"]["structuredContent"]["status"] == "FAILED"
    assert "no voice" in done["result"]["content"][0]["text"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("invoke_function", {"functionId": "ask"}), ("send_event", {"name": "t/ask", "wait": 20})],
)
async def test_who_started_a_run_that_rests_is_told_so_and_who_waits_for_it_has_a_task(
    it, new, tool, arguments
):
    async def on_progress(*_):
        await it.engine.settle()
        await it.clock.advance(1)

    async with task_client(new(task_grace_s=1, progress_interval_s=0.01)) as client:
        told = await client.call_tool(tool, arguments, progress_callback=on_progress)
    async with task_client(new()) as client:
        (run,) = (await client.call_tool("list_runs", {})).structured_content["runs"]
        run_id = run["runId"]
        task = await begin(client, "poll_run_status", runIds=[run_id], timeout=20)
        await client.call_tool("send_event", {"name": "t/reply"})
        await it.engine.settle()
        done = await get(client, task["taskId"])

    assert run_id in told.content[0].text
    assert "t/reply" in told.content[0].text
    assert task["taskId"].startswith(f"wait_{run_id}_")
    assert done["status"] == "completed"


async def test_a_tool_called_by_another_name_becomes_a_task_as_well(it, client):
    task = await begin(client, "runFunction", functionId="nap", timeout=20)

    assert (await it.engine.get_run(task["taskId"])).function_slug == "lab-nap"


async def test_the_result_of_a_task_advises_only_tools_that_are_offered(it, new):
    few = frozenset({"send_event", "poll_run_status"})
    async with task_client(new(tools=few)) as client:
        task = await begin(client, "send_event", name="t/nap", wait=20)
        await wake(it)
        done = await get(client, task["taskId"])

    assert done["status"] == "completed"
    assert "get_run_status" not in str(done["result"])


async def test_what_ends_within_the_grace_is_answered_directly(new):
    async with task_client(new(task_grace_s=30)) as client:
        result = await client.call_tool("invoke_function", {"functionId": "quick"})

    assert result.structured_content["output"] == {"quick": True}


@pytest.mark.parametrize("timeout", [0, 2])
async def test_a_wait_no_longer_than_the_grace_is_answered_in_its_own_time(it, new, timeout):
    run_id, _ = await it.send("t/nap")
    await it.engine.settle()

    async def on_progress(progress, total, message):
        await it.clock.advance(timeout)

    async with task_client(new(task_grace_s=2, progress_interval_s=0.01)) as client:
        result = await client.call_tool(
            "poll_run_status", {"runIds": [run_id], "timeout": timeout}, progress_callback=on_progress
        )

    assert result.structured_content["allEnded"] is False
    await wake(it)


async def test_progress_is_reported_within_the_grace(it, new):
    seen = []

    async def on_progress(progress, total, message):
        seen.append((total, message))
        await it.clock.advance(5)

    async with task_client(new(task_grace_s=5, progress_interval_s=0.01)) as client:
        answer = await client.session.call_tool(
            "invoke_function",
            {"functionId": "nap", "timeout": 20},
            progress_callback=on_progress,
            allow_claimed=True,
        )

    assert answer.result_type == "task"
    assert seen[0][0] == 5
    assert "Waiting for 1 run to end" in seen[0][1]
    await wake(it)


async def test_a_wait_for_runs_ends_with_the_answer_of_the_tool(it, client):
    run_ids = await it.send("t/nap")
    ids = [*run_ids, "01JD4Z9QW3V8T5N2B7K1M6X0CR"]
    await it.engine.settle()
    task = await begin(client, "poll_run_status", runIds=ids)
    await wake(it)
    done = await get(client, task["taskId"])
    plain = await client.call_tool("poll_run_status", {"runIds": ids})

    assert task["taskId"].startswith(f"wait_{run_ids[0]}_")
    assert task["statusMessage"].startswith("1 of 2 runs have ended. Run ")
    assert done["result"]["structuredContent"] == plain.structured_content
    assert done["result"]["content"][0]["text"] == plain.content[0].text
    assert plain.structured_content["completed"] == 2
    assert plain.structured_content["notFound"][0]["runId"] == ids[-1]


async def test_a_sent_event_ends_with_what_came_of_its_runs(it, client):
    task = await begin(client, "send_event", name="t/nap", wait=1)
    await wake(it)
    done = await get(client, task["taskId"])

    answer = done["result"]["structuredContent"]
    assert answer["message"] == "Event 't/nap' was accepted and started 2 runs. 2 of 2 ended."
    assert {run["functionId"]: run["output"] for run in answer["runs"]} == {
        "lab-nap": {"song": "la"},
        "lab-quick": {"quick": True},
    }
    assert answer["runIds"] == [run["runId"] for run in answer["runs"]]


async def test_a_rerun_becomes_the_task_of_the_new_run(it, client):
    run_id, _ = await it.send("t/nap", {"fails": True})
    await wake(it)
    task = await begin(client, "rerun", runId=run_id, data={"fails": False})
    await wake(it)
    done = await get(client, task["taskId"])

    answer = done["result"]["structuredContent"]
    assert answer["runId"] == task["taskId"] != run_id
    assert answer["repeats"] == {"originalRunId": run_id, "edited": {"eventData": True}}
    assert answer["run"]["output"] == {"song": "la"}
    assert answer["message"].startswith(f"Run {run_id} is run again from its start, with edited event data.")


async def test_a_rerun_from_a_step_tells_afterwards_what_it_took_over(it, client):
    run_id, _ = await it.send("t/nap", {"again": True})
    await wake(it)
    await wake(it)
    task = await begin(client, "rerun", runId=run_id, fromStep="sing")
    await wake(it)
    done = await get(client, task["taskId"])

    answer = done["result"]["structuredContent"]
    assert answer["repeats"] == {"originalRunId": run_id, "takenOver": ["rest"]}
    assert "is run again from step 'sing' (1 result taken over)." in answer["message"]
    assert answer["next"].startswith(f'compare_runs runIdA="{run_id}"')


async def test_cancelling_an_invocation_cancels_its_run_once(it, client):
    task = await begin(client, "invoke_function", functionId="nap")
    await it.engine.settle()
    acks = [await about(client, "tasks/cancel", task["taskId"]) for _ in range(2)]
    cancelled = await get(client, task["taskId"])
    run = await it.engine.get_run(task["taskId"])

    assert [{key: ack[key] for key in ack if key != "_meta"} for ack in acks] == [
        {"resultType": "complete"}
    ] * 2
    assert (cancelled["status"], run.status) == ("cancelled", "CANCELLED")
    assert "result" not in cancelled
    assert cancelled["statusMessage"].startswith("Its run was cancelled. Run ")


async def test_cancelling_a_wait_leaves_the_run_and_other_waits_alone(it, client):
    run_id, _ = await it.send("t/nap")
    await it.engine.settle()
    first = await begin(client, "poll_run_status", runIds=[run_id])
    second = await begin(client, "poll_run_status", runIds=[run_id])
    sent = await begin(client, "send_event", name="t/nap", wait=5)
    for task in (first, sent):
        await about(client, "tasks/cancel", task["taskId"])
    before = [(await get(client, task["taskId"]))["status"] for task in (first, second, sent)]
    await wake(it)
    after = [(await get(client, task["taskId"]))["status"] for task in (first, second, sent)]

    assert before == ["cancelled", "working", "cancelled"]
    assert after == ["cancelled", "completed", "cancelled"]
    assert (await it.engine.get_run(run_id)).status == "COMPLETED"
    assert "Only the wait was ended" in (await get(client, first["taskId"]))["statusMessage"]


async def test_cancelling_a_task_that_has_ended_changes_nothing(it, client):
    task = await begin(client, "invoke_function", functionId="nap")
    wait = await begin(client, "poll_run_status", runIds=[task["taskId"]])
    await wake(it)
    before = [await get(client, one["taskId"]) for one in (task, wait)]
    for one in (task, wait):
        await about(client, "tasks/cancel", one["taskId"])

    assert [await get(client, one["taskId"]) for one in (task, wait)] == before
    assert [one["status"] for one in before] == ["completed", "completed"]


async def test_a_run_that_something_else_cancelled_is_a_result(it, client):
    task = await begin(client, "invoke_function", functionId="nap")
    await it.engine.settle()
    await it.engine.control.cancel(task["taskId"])
    done = await get(client, task["taskId"])

    assert done["status"] == "completed"
    assert done["result"]["structuredContent"]["status"] == "CANCELLED"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update"])
async def test_ids_that_are_no_task_are_refused(it, client, method):
    run_id, _ = await it.send("t/nap")
    for task_id in ("nope", "", run_id, f"wait_{run_id}_00000000", "wait_x_00000000", "a" * 5_000):
        with pytest.raises(MCPError) as caught:
            await about(client, method, task_id)
        assert caught.value.code == INVALID_PARAMS
        assert len(str(caught.value)) < 400

    await it.engine.settle()
    assert (await it.engine.get_run(run_id)).status == "RUNNING"
    await wake(it)


async def test_answers_to_questions_that_no_run_asked_are_ignored(it, client):
    task = await begin(client, "invoke_function", functionId="nap")
    ack = await about(client, "tasks/update", task["taskId"], inputResponses={"x": {"action": "accept"}})

    assert ack["resultType"] == "complete"
    assert (await get(client, task["taskId"]))["status"] == "working"
    await wake(it)


@pytest.mark.parametrize("method", ["tasks/list", "tasks/result"])
async def test_tasks_cannot_be_listed_nor_waited_for(client, method):
    with pytest.raises(MCPError) as caught:
        await about(client, method, "x")

    assert caught.value.code == METHOD_NOT_FOUND


async def test_a_client_without_the_extension_gets_answers_and_no_tasks(it, new, era):
    run_id, _ = await it.send("t/nap")
    await it.engine.settle()

    async def on_progress(progress, total, message):
        await it.clock.advance(5)

    server = new(progress_interval_s=0.01)
    async with Client(server, mode=era) as plain:
        result = await plain.call_tool(
            "poll_run_status", {"runIds": [run_id], "timeout": 5}, progress_callback=on_progress
        )
        with pytest.raises(MCPError) as caught:
            await about(plain, "tasks/get", run_id)

    assert result.structured_content["running"] == 1
    if era == "legacy":
        assert caught.value.code == METHOD_NOT_FOUND
    else:
        assert caught.value.code == MISSING_REQUIRED_CLIENT_CAPABILITY
        assert caught.value.error.data == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
    await wake(it)


async def test_the_server_says_that_it_has_tasks(new):
    async with Client(new()) as client:
        assert client.server_capabilities.extensions == {TASKS: {}}


async def test_a_read_only_server_has_tasks_for_looking_only(it, new, client):
    invoked = await begin(client, "invoke_function", functionId="nap")
    async with task_client(new(read_only=True)) as reader:
        waiting = await begin(reader, "poll_run_status", runIds=[invoked["taskId"]])
        for method in ("tasks/get", "tasks/cancel"):
            with pytest.raises(MCPError) as caught:
                await about(reader, method, invoked["taskId"])
            assert caught.value.code == INVALID_PARAMS
        await about(reader, "tasks/cancel", waiting["taskId"])

    await it.engine.settle()
    assert (await it.engine.get_run(invoked["taskId"])).status == "RUNNING"
    await wake(it)


async def test_ten_tasks_at_once_each_end_with_their_own_answer(it, new):
    server, tasks = new(), {}

    async def one(number):
        async with task_client(server) as client:
            tasks[number] = await begin(
                client, "invoke_function", functionId="nap", data={"fails": number % 2 == 0}
            )

    async with anyio.create_task_group() as calls:
        for number in range(10):
            calls.start_soon(one, number)
    await wake(it)
    async with task_client(server) as client:
        done = {number: await get(client, task["taskId"]) for number, task in tasks.items()}

    assert len({task["taskId"] for task in tasks.values()}) == 10
    for number, task in done.items():
        answer = task["result"]["structuredContent"]
        assert answer["runId"] == tasks[number]["taskId"]
        assert answer["status"] == ("FAILED" if number % 2 == 0 else "COMPLETED")


async def test_a_task_goes_with_its_run(it, client):
    task = await begin(client, "invoke_function", functionId="nap")
    wait = await begin(client, "poll_run_status", runIds=[task["taskId"]])
    await it.engine.settle()
    await client.call_tool("reset_engine", {})

    for one in (task, wait):
        with pytest.raises(MCPError, match="a task goes when its run does"):
            await get(client, one["taskId"])


async def test_what_a_tool_refuses_is_refused_at_once(client):
    result = await client.call_tool("invoke_function", {"functionId": "nobody"})

    assert result.is_error


async def test_a_snapshot_brings_a_cancelled_wait_back_to_life(it, client):
    run_id, _ = await it.send("t/nap")
    await it.engine.settle()
    task = await begin(client, "poll_run_status", runIds=[run_id])
    await client.call_tool("snapshot_engine", {"name": "before"})
    await about(client, "tasks/cancel", task["taskId"])
    await client.call_tool("restore_engine", {"name": "before"})

    assert (await get(client, task["taskId"]))["status"] == "working"
    await wake(it)


async def test_a_fault_of_the_engine_is_told_as_one(docs):
    async with await Engine.open(EngineConfig()) as engine:
        server = build_server(engine, docs, config=ServerConfig())

    async with task_client(server) as client:
        with pytest.raises(MCPError, match="start it again") as caught:
            await get(client, "01JD4Z9QW3V8T5N2B7K1M6X0CR")

    assert caught.value.code == INTERNAL_ERROR
