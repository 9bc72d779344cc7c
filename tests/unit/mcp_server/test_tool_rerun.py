"""The tools rerun and compare_runs, on runs of the real SDK in a real engine."""

import inngest
import pytest
from mcp_scripted import a_run, a_step, ask, refused
from support.sdk_app import ENGINE_ORIGIN, lab, new_client

from durable_engine import StepKind, StepStatus, compare
from mcp_server.config import ServerConfig
from mcp_server.render.budget import fits
from mcp_server.render.comparisons import compare_answer
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(docs):
    client = new_client()

    @client.create_function(fn_id="order", retries=0, trigger=inngest.TriggerEvent(event="t/order"))
    async def order(ctx):
        async def price():
            return {"sum": ctx.event.data["n"] * 10, "currency": "EUR"}

        async def fails():
            raise ValueError("no card")

        async def done():
            return "done"

        price = await ctx.step.run("price", price)
        if price["sum"] > 100:
            await ctx.step.run("check", fails)
        return [price["sum"], await ctx.step.run("mail", done)]

    @client.create_function(fn_id="other", retries=0, trigger=inngest.TriggerEvent(event="t/other"))
    async def other(ctx):
        async def price():
            return {"sum": 10, "currency": "EUR"}

        return await ctx.step.run("price", price)

    async with lab(client, [order, other]) as shop:
        shop.server = build_server(shop.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        shop.run_id = await shop.start("t/order", {"n": 2})
        await shop.settle(shop.run_id)
        yield shop


async def test_a_rerun_as_it_was_waits_for_its_end_and_links_to_the_original(shop):
    answer = await ask(shop.server, "rerun", {"runId": shop.run_id})

    assert answer["status"] == "COMPLETED"
    assert answer["runId"] != shop.run_id
    assert answer["repeats"]["originalRunId"] == shop.run_id
    assert answer["run"]["output"] == [20, "done"]
    assert f"Run {shop.run_id} is run again from its start." in answer["message"]
    assert "edited" not in answer["repeats"]
    assert answer["next"].startswith(f'compare_runs runIdA="{shop.run_id}" runIdB="{answer["runId"]}"')


async def test_a_step_counts_as_ended_otherwise_and_is_marked(shop):
    output = {"result": {"sum": 500, "currency": "EUR"}}
    answer = await ask(
        shop.server, "rerun", {"runId": shop.run_id, "fromStep": "price", "output": output, "wait": 5}
    )

    assert answer["status"] == "FAILED"
    assert answer["repeats"]["edited"] == {"stepOutput": "price"}
    assert "whose outcome is edited (0 results taken over)" in answer["message"]
    status = await ask(shop.server, "get_run_status", {"runId": answer["runId"]})
    assert [(step["stepName"], step.get("edited")) for step in status["steps"]] == [
        ("price", "output"),
        ("check", None),
    ]


async def test_other_event_data_and_a_kept_result_are_both_told(shop):
    arguments = {"runId": shop.run_id, "fromStep": "mail", "data": {"n": 50}}
    answer = await ask(shop.server, "rerun", arguments)

    assert answer["repeats"]["takenOver"] == ["price"]
    assert answer["repeats"]["edited"] == {"eventData": True}
    assert answer["run"]["output"] == [20, "done"]
    assert "computed from its own event data" in answer["notes"][1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"output": {"result": 1}}, "Name it with fromStep"),
        ({"input": [1]}, "Name it with fromStep"),
        ({"fromStep": "price", "output": {}}, "exactly one key"),
        ({"fromStep": "price", "output": {"result": 1, "error": "x"}}, "exactly one key"),
        ({"fromStep": "price", "output": {"error": 1}}, "exactly one key"),
        ({"fromStep": "price", "output": {"timeout": False}}, "exactly one key"),
        ({"fromStep": "price", "output": {"timeout": True}}, "cannot time out"),
        ({"fromStep": "prize", "output": {"error": "x"}}, "Its steps: 'price'"),
        ({"fromStep": "price", "input": [1]}, "Python SDK"),
        ({"output": "text"}, "must be a JSON object"),
        ({"fromSteps": "price"}, "Did you mean 'fromStep'"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused(shop, arguments, says):
    assert says in await refused(shop.server, "rerun", {"runId": shop.run_id, **arguments})


async def test_a_run_that_does_not_exist_is_refused_by_both_tools(shop):
    assert "No run 'nobody'" in await refused(shop.server, "rerun", {"runId": "nobody"})
    arguments = {"runIdA": shop.run_id, "runIdB": "nobody"}
    assert "No run 'nobody'" in await refused(shop.server, "compare_runs", arguments)


async def test_a_run_and_its_rerun_do_not_differ(shop):
    again = (await ask(shop.server, "rerun", {"runId": shop.run_id}))["runId"]
    answer = await ask(shop.server, "compare_runs", {"runIdA": shop.run_id, "runIdB": again})

    assert answer["same"]
    assert "differences" not in answer
    assert answer["message"].startswith("No difference")
    assert [step["stepName"] for step in answer["steps"]] == ["price", "mail"]
    assert all("changes" not in step and "statusB" not in step for step in answer["steps"])
    assert answer["next"].startswith("check_replay")


async def test_runs_for_other_events_part_at_the_first_step_that_differs(shop):
    second = await shop.start("t/order", {"n": 20})
    await shop.settle(second)
    answer = await ask(shop.server, "compare_runs", {"runIdA": shop.run_id, "runIdB": second})

    assert not answer["same"]
    assert answer["firstDifference"] == {
        "kind": "outcome",
        "stepNumber": 1,
        "stepA": "price",
        "stepB": "price",
    }
    told = answer["differences"]
    assert (told["onlyInA"], told["onlyInB"]) == (["mail"], ["check"])
    assert told["event"] == [{"what": "$.data.n", "was": 2, "now": 20}]
    (price,) = answer["steps"]
    assert price["changes"] == [{"what": "$.output.sum", "was": 20, "now": 200}]
    gone, new = told["result"]
    assert (gone["what"], "now" in gone) == ("$.output", False)
    assert (new["what"], new["now"]["name"]) == ("$.error", "ValueError")
    assert answer["runB"]["status"] == "FAILED"


async def test_runs_of_different_functions_are_compared_by_the_names_of_steps(shop):
    second = await shop.start("t/other")
    await shop.settle(second)
    answer = await ask(shop.server, "compare_runs", {"runIdA": shop.run_id, "runIdB": second})

    assert "different functions" in answer["notes"][0]
    assert answer["differences"]["onlyInA"] == ["mail"]


def test_a_comparison_counts_attempts_and_leaves_out_what_differs_in_every_run():
    wait = {"id": "1", "ts": 1, "name": "e", "data": {"n": 1}, "user": {}}
    steps = (
        a_step("sent", kind=StepKind.SEND_EVENT, output={"ids": ["1", "2"]}),
        a_step("wait", kind=StepKind.WAIT_FOR_EVENT, output=wait),
        a_step("charge", attempts=1),
    )
    others = (
        a_step("sent", kind=StepKind.SEND_EVENT, output={"ids": ["3", "4"]}),
        a_step("wait", kind=StepKind.WAIT_FOR_EVENT, output={**wait, "id": "2", "ts": 2}),
        a_step("charge", attempts=3),
    )
    found = compare(a_run(steps=steps), a_run(steps=others))

    assert found.first is not None
    assert (found.first.kind, found.first.place) == ("attempts", 2)
    assert [step.differs for step in found.steps] == [False, False, True]


def test_a_comparison_of_long_runs_stays_within_its_budget_and_keeps_what_differs():
    steps = [a_step(f"s{number}", output="x" * 4_000) for number in range(600)]
    others = [*steps]
    others[500] = a_step("s500", output="y" * 4_000, status=StepStatus.COMPLETED)
    answer = compare_answer(compare(a_run(steps=tuple(steps)), a_run(steps=tuple(others))))

    assert fits(answer)
    shown = answer.structured_content["steps"]
    assert "s500" in {step["stepName"] for step in shown}
    assert "more steps of both runs" in answer.structured_content["truncated"]
