"""What the answers say of runs of the real SDK in a real engine."""

import datetime
import json
import shlex

import httpx
import inngest
import pytest
from mcp_scripted import ask
from support.sdk_app import ENGINE_ORIGIN, lab, new_client

from durable_engine.ids import new_ulid
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio
SDK = {"X-Inngest-SDK": "js:v4.24.0", "X-Inngest-Req-Version": "2"}


def on(name):
    return inngest.TriggerEvent(event=f"t/{name}")


@pytest.fixture
def asking(docs):
    def connect(it):
        server = build_server(it.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))

        async def status(run_id, **arguments):
            return await ask(server, "get_run_status", {"runId": run_id, **arguments})

        return status

    return connect


async def test_one_failed_child_of_a_large_fan_out_is_found_at_once(asking):
    client = new_client()

    @client.create_function(fn_id="child", trigger=on("child"), retries=0)
    async def child(ctx):
        if ctx.event.data["number"] == 70:
            raise KeyError("no such part")

    @client.create_function(fn_id="parent", trigger=on("parent"), retries=0)
    async def parent(ctx):
        await ctx.group.parallel(
            tuple(
                lambda number=number: ctx.step.invoke(
                    f"inv-{number}", function=child, data={"number": number}
                )
                for number in range(80)
            )
        )

    async with lab(client, [child, parent]) as it:
        run = await it.settle(await it.start("t/parent"))
        answer = await asking(it)(run.id)
        (failed,) = answer["failedSteps"]
        reason = await asking(it)(failed["childRunId"])

        assert f"is FAILED in step 'inv-70' (invoked run {failed['childRunId']})" in answer["message"]
        assert f'get_run_status runId="{failed["childRunId"]}" shows why' in answer["next"]
        assert failed["error"]["name"] == reason["error"]["name"] == "KeyError"
        assert reason["parentRunId"] == run.id
        assert all(step["childRunId"] in run.child_run_ids for step in answer["steps"])


async def test_a_parent_of_a_cancelled_run_leads_to_what_cancelled_it(asking):
    client = new_client()

    @client.create_function(fn_id="child", trigger=on("child"))
    async def child(ctx):
        await ctx.step.sleep("nap", datetime.timedelta(hours=1))

    @client.create_function(fn_id="parent", trigger=on("parent"), retries=0)
    async def parent(ctx):
        await ctx.step.invoke("ask", function=child)

    async with lab(client, [child, parent]) as it:
        run = await it.settle(await it.start("t/parent"))
        await it.engine.control.cancel(run.child_run_ids[0])
        await it.settle(run.id)
        answer = await asking(it)(run.id)

        (step,) = answer["steps"]
        assert f'runId="{step["childRunId"]}" shows why' in answer["next"]
        assert (await asking(it)(step["childRunId"]))["cancelled"] == "Cancelled by request."


async def test_a_function_that_no_app_has_is_named_and_not_the_apps_code(asking):
    client = new_client()

    @client.create_function(fn_id="parent", trigger=on("parent"), retries=0)
    async def parent(ctx):
        await ctx.step.invoke_by_id("ask", function_id="nobody")

    async with lab(client, [parent]) as it:
        answer = await asking(it)((await it.settle(await it.start("t/parent"))).id)

        assert "is FAILED in step 'ask'" in answer["message"]
        assert answer["next"].startswith("No synced function has the id that the step invokes")
        assert "childRunId" not in answer["steps"][0]


async def test_a_failed_run_and_its_handler_name_each_other(asking):
    client = new_client()

    async def tell(ctx):
        await ctx.step.sleep("later", datetime.timedelta(hours=1))

    @client.create_function(fn_id="pay", trigger=on("pay"), retries=0, on_failure=tell)
    async def pay(ctx):
        raise KeyError("no card")

    async with lab(client, [pay]) as it:
        run = await it.settle(await it.start("t/pay"))
        answer = await asking(it)(run.id)

        (handler,) = answer["failureHandlerRuns"]
        assert (handler["functionId"], handler["status"]) == ("lab-pay-failure", "RUNNING")
        assert (await asking(it)(handler["runId"]))["failedRunId"] == run.id


async def test_an_app_that_is_not_there_is_not_an_error_of_its_code(asking):
    client = new_client()

    @client.create_function(fn_id="pay", trigger=on("pay"), retries=0)
    async def pay(ctx):
        return 1

    async with lab(client, [pay]) as it:
        it.network.port = 1
        answer = await asking(it)((await it.settle(await it.start("t/pay"))).id)

        assert answer["error"]["name"] == "AppUnreachableError"
        assert answer["next"].startswith("Stepcue could not reach the app")


async def test_a_function_that_is_gone_is_not_proposed_again(asking):
    client = new_client()

    @client.create_function(fn_id="pay", trigger=on("pay"), retries=0)
    async def pay(ctx):
        raise KeyError("no card")

    async with lab(client, [pay]) as it:
        run = await it.settle(await it.start("t/pay"))
        await it.engine.remove_app("http://127.0.0.1:8000/api/inngest")
        answer = await asking(it)(run.id)

        assert "invoke_function" not in answer["next"]
        assert '"lab-pay" is not synced any more' in answer["next"]


async def test_the_command_for_a_signal_wakes_the_run_and_the_one_that_was_displaced_times_out(asking):
    client = new_client()
    options = {"signal": "it's/7", "timeout": "1h", "conflict": "replace"}
    wait = {"op": "WaitForSignal", "id": "hash-ok", "userland": {"id": "ok"}, "opts": options}

    def as_typescript(request):
        if "hash-ok" in json.loads(request.content)["steps"]:
            return httpx.Response(200, json="woken", headers=SDK)
        return httpx.Response(206, json=[wait], headers=SDK)

    async with lab(client, [function_that_returns(client)]) as it:
        it.network.answer = as_typescript
        first = await it.settle(await it.start("t/none"))
        second = await it.settle(await it.start("t/none"))
        displaced, waiting = await asking(it)(first.id), await asking(it)(second.id)
        url, body = shlex.split(waiting["next"].partition(" satisfies the wait")[0])[3::2]
        await it.api.post(url, content=body)

        assert "can only time out" in displaced["notes"][0]
        assert "taken over" in displaced["message"]
        assert displaced["steps"][0]["waitingFor"]["how"].startswith("Nothing can satisfy it")
        assert (await it.settle(second.id)).output == "woken"


async def test_a_request_that_the_app_handles_itself_is_not_between_attempts(asking):
    client = new_client()
    async with lab(client, [function_that_returns(client)]) as it:
        run_id = new_ulid(it.clock.now_ms())
        request = {"domain": "http://127.0.0.1:3000", "method": "GET", "path": "/buy", "fn": ""}
        step = {"op": "StepRun", "id": "hash-a", "userland": {"id": "a"}, "data": 1}
        begun = {
            "run_id": run_id,
            "event": {"name": "inngest/http.request", "data": {**request, "query_params": "", "body": ""}},
            "steps": [step],
            "request_version": 2,
            "retries": 1,
        }
        assert (await it.api.post("/v1/checkpoint", json=begun)).is_success
        answer = await asking(it)(run_id)
        await it.engine.control.cancel(run_id)

        (wait,) = answer["waitingFor"]
        assert (wait["kind"], wait["remaining"]) == ("report", "10m")
        assert "the app is handling the request; it is called again in 10m unless" in answer["message"]


def function_that_returns(client):
    @client.create_function(fn_id="none", trigger=on("none"))
    async def none(ctx):
        return None

    return none


async def test_a_rerun_tells_of_its_original_and_what_it_took_over(asking):
    client, fails = new_client(), [True]

    @client.create_function(fn_id="pay", trigger=on("pay"), retries=0)
    async def pay(ctx):
        async def charge():
            if fails:
                raise KeyError("no card")

        async def reserve():
            return "r"

        await ctx.step.run("reserve", reserve)
        await ctx.step.run("charge", charge)

    async with lab(client, [pay]) as it:
        first = await it.settle(await it.start("t/pay"))
        failed = await asking(it)(first.id)
        fails.clear()
        second = await it.settle(await it.engine.control.rerun(first.id, from_step="charge"))
        answer = await asking(it)(second.id)

        assert "is FAILED in step 'charge' (attempt 1 of 1)" in failed["message"]
        assert failed["next"].startswith("The error above is quoted from the app. After a fix, rerun")
        assert f'rerun runId="{first.id}" fromStep="charge" repeats this one' in failed["next"]
        assert 'invoke_function functionId="lab-pay" starts a new run' in failed["next"]
        assert f"(rerun of {first.id}) is COMPLETED" in answer["message"]
        assert [step.get("takenOver") for step in answer["steps"]] == [True, None]
        assert all("takenOver" not in step for step in failed["steps"])


async def test_calls_that_failed_count_in_the_numbers_of_later_attempts(asking):
    client, errors = new_client(), [inngest.RetryAfterError("later", 5_000), KeyError("no card")]

    @client.create_function(fn_id="pay", trigger=on("pay"), retries=3)
    async def pay(ctx):
        async def charge():
            if errors:
                raise errors.pop(0)

        await ctx.step.run("charge", charge)

    async with lab(client, [pay]) as it:
        run_id = await it.start("t/pay")
        await it.settle(run_id)
        await it.advance(5, run_id)
        waiting = await asking(it)(run_id)
        await it.advance(100, run_id)
        done = await asking(it)(run_id)

        assert [failure["attempt"] for failure in waiting["failures"]] == [0]
        (step,) = waiting["steps"]
        assert [failure["attempt"] for failure in step["failures"]] == [1]
        assert (waiting["attempt"], step["attempt"], step["attempts"]) == (2, 1, 1)
        assert (done["steps"][0]["attempt"], done["steps"][0]["attempts"]) == (2, 2)


async def test_a_run_whose_reason_lies_in_another_one_leads_to_its_explanation(asking):
    client = new_client()

    @client.create_function(fn_id="child", trigger=on("child"), retries=0)
    async def child(ctx):
        if ctx.event.data["fails"]:
            raise KeyError("x")
        await ctx.step.sleep("nap", datetime.timedelta(hours=1))

    @client.create_function(fn_id="parent", trigger=on("parent"), retries=0)
    async def parent(ctx):
        await ctx.step.invoke("ask", function=child, data=ctx.event.data)

    async with lab(client, [child, parent]) as it:
        waiting = await it.settle(await it.start("t/parent", {"fails": False}))
        failed = await it.settle(await it.start("t/parent", {"fails": True}))

        told = (await asking(it)(waiting.id))["next"]
        assert told.startswith(f'explain runId="{waiting.id}" says what is behind that; poll_run_status')
        assert (await asking(it)(failed.id))["next"].endswith(f'explain runId="{failed.id}" names the cause.')
