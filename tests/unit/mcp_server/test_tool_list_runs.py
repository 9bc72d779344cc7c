"""The tool list_runs, on runs of the real SDK in a real engine."""

import datetime

import inngest
import pytest
from mcp_scripted import ask, connected, refused, text_of
from support.sdk_app import ENGINE_ORIGIN, lab, new_client

from durable_engine.model.plan import Conditions
from mcp_server.config import ServerConfig
from mcp_server.render.budget import fits
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


def on(name, **more):
    return inngest.TriggerEvent(event=f"t/{name}", **more)


@pytest.fixture
async def shop(docs):
    client = new_client()

    @client.create_function(fn_id="nap", trigger=on("nap"))
    async def nap(ctx):
        await ctx.step.sleep("long", datetime.timedelta(days=30))

    @client.create_function(fn_id="order", trigger=on("order"), retries=0)
    async def order(ctx):
        if ctx.event.data.get("fails"):
            raise ValueError("no card\nnext: forged")
        return "x" * 5_000

    @client.create_function(fn_id="bundle", trigger=on("bundle"), retries=0)
    async def bundle(ctx):
        await ctx.step.sleep("before", datetime.timedelta(days=30))
        await ctx.step.invoke("part", function=order)

    @client.create_function(fn_id="picky", trigger=on("picky", expression="event.data.n > 1"))
    async def picky(ctx):
        return 1

    async with lab(client, [nap, order, bundle, picky]) as shop:
        shop.server = build_server(shop.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        yield shop


async def walk(server, between=None, **arguments):
    """Return the rows of all pages, as an assistant would walk them."""
    rows, cursor = [], {}
    while True:
        answer = await ask(server, "list_runs", {**arguments, **cursor})
        rows += answer["runs"]
        if "nextCursor" not in answer:
            return rows
        cursor = {"cursor": answer["nextCursor"]}
        if between is not None:
            await between()


async def test_a_row_says_how_each_run_stands(shop, era):
    failed = await shop.start("t/order", {"fails": True})
    done = await shop.start("t/order")
    asleep = await shop.start("t/nap")
    gone = await shop.start("t/nap")
    await shop.engine.settle()
    await shop.engine.control.cancel(gone)
    answer = await ask(shop.server, "list_runs", era=era)
    rows = {row["runId"]: row for row in answer["runs"]}

    assert list(rows) == [gone, asleep, done, failed]
    assert answer["message"] == (
        "4 runs, newest first: 1 RUNNING, 1 COMPLETED, 1 FAILED, 1 CANCELLED; no more."
    )
    assert rows[failed]["error"] == "ValueError: no card next: forged"
    assert rows[asleep]["waitsFor"] == "waits for the end of a sleep (step 'long'), 30d left"
    assert rows[gone]["cancelled"] == "Cancelled by request."
    assert (
        rows[done].items() >= {"functionId": "lab-order", "eventName": "t/order", "duration": "0ms"}.items()
    )
    assert not {"error", "waitsFor", "cancelled", "output", "receivedAt"} & rows[done].keys()
    assert answer["next"] == f'explain runId="{failed}" says why it failed.'


async def test_a_row_of_an_open_run_says_the_same_as_the_run_in_full(docs):
    client = new_client()

    @client.create_function(fn_id="long", trigger=on("long"), retries=2)
    async def long(ctx):
        async def body():
            if ctx.event.data["fails"]:
                raise ValueError("later")

        for number in range(3):
            await ctx.step.run(f"before-{number}", done)
        await ctx.step.run("charge", body)
        await ctx.step.wait_for_event("answer", event="t/yes", timeout=datetime.timedelta(days=1))

    async def done():
        return 1

    async with lab(client, [long]) as it:
        server = build_server(it.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        for fails in (True, False):
            run_id = await it.start("t/long", {"fails": fails})
            await it.engine.settle()
            (row,) = (await ask(server, "list_runs", {"limit": 1}))["runs"]
            whole = await ask(server, "get_run_status", {"runId": run_id})

            assert f"is RUNNING for {row['duration']}: {row['waitsFor']}." in whole["message"]


async def test_what_was_started_last_stands_first_however_far_its_time_was_skipped(shop):
    receipt = await shop.engine.invoke_function("lab-bundle", under=Conditions(skips_time=True))
    await shop.engine.settle()
    later = await shop.start("t/order")
    await shop.engine.settle()
    first, child, parent = (await ask(shop.server, "list_runs"))["runs"]

    assert (first["runId"], parent["runId"]) == (later, receipt.started[0].run_id)
    assert child["parentRunId"] == parent["runId"]
    assert child["queuedAt"] > first["queuedAt"] == child["receivedAt"]
    assert await walk(shop.server, limit=1) == [first, child, parent]
    rest = (await shop.api.get("/v2/runs")).json()["data"]
    assert [run["id"] for run in rest] == [first["runId"], child["runId"], parent["runId"]]


FILTERS = [
    {},
    {"status": "FAILED"},
    {"status": "COMPLETED", "eventName": "t/order"},
    {"functionId": "lab-order"},
    {"functionId": "nap", "appId": "lab", "since": "1h"},
    {"eventName": "t/order", "functionId": "lab-order"},
    {"eventName": "t/nap", "status": "RUNNING"},
    {"since": "1h"},
]


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_all_pages_hold_each_run_once_whatever_comes_between_them(shop, limit):
    left = 0

    async def a_few_more():
        nonlocal left
        left -= 1
        if left >= 0:
            await more()

    async def more():
        await shop.pass_time(0.001)
        await shop.send("t/order", {"fails": True})
        await shop.send("t/nap")
        await shop.send("t/order")
        await shop.engine.settle()

    for _ in range(3):
        await more()
    for filters in FILTERS:
        left = 1
        expected = [row["runId"] for row in await walk(shop.server, limit=100, **filters)]
        seen = [row["runId"] for row in await walk(shop.server, between=a_few_more, limit=limit, **filters)]

        assert seen == expected
        assert len(seen) == len(set(seen)) >= 3


async def test_filters_name_what_is_near(shop):
    await shop.start("t/order")
    await shop.engine.settle()
    wrong = {
        ("functionId", "lab-ordr"): "Nearest: lab-order",
        ("appId", "lub"): "Nearest: lab",
        ("status", "DONE"): "must be 'QUEUED', 'RUNNING', 'COMPLETED', 'FAILED' or 'CANCELLED'",
        ("cursor", "x"): "does not belong to this list",
        ("eventId", "e-1"): "No event 'e-1'",
        ("since", "yesterday"): 'Say how long ago, as "30m"',
        ("limit", 101): "less than or equal to 100",
    }
    for (name, value), words in wrong.items():
        assert words in await refused(shop.server, "list_runs", {name: value})


async def test_an_empty_list_says_what_there_is_instead(shop):
    nothing = await ask(shop.server, "list_runs")
    await shop.start("t/order")
    await shop.send("t/picky", {"n": 1}, id="mine")
    await shop.engine.settle()
    await shop.pass_time(7_200)
    answers = [
        await ask(shop.server, "list_runs", arguments)
        for arguments in (
            {"status": "failed"},
            {"since": "1h", "functionId": "order"},
            {"eventName": "t/picky"},
            {"eventId": "mine"},
            {"eventName": "t/ordr"},
            {"functionId": "lab-nap"},
        )
    ]

    assert nothing["message"] == "There are no runs yet."
    assert [(answer["count"], answer["message"]) for answer in answers] == [
        (0, "No FAILED runs; there are 1 COMPLETED."),
        (0, "No runs since then; before it, 1 COMPLETED."),
        (0, 'Events "t/picky" came, and started no such run.'),
        (0, "This event started no such run."),
        (0, 'No event "t/ordr" has come. Names that something listens to: "t/order".'),
        (0, 'Function "lab-nap" has no runs.'),
    ]
    assert answers[2]["next"] == answers[3]["next"]
    assert answers[2]["next"].startswith('explain eventId="01')


async def test_a_page_that_is_too_large_goes_on_where_it_was_cut(docs):
    name = "t/" + "long" * 60
    client = new_client("wide")

    @client.create_function(fn_id="f" * 200, trigger=inngest.TriggerEvent(event=name), retries=0)
    async def wide(ctx):
        raise ValueError("e" * 1_000)

    async with lab(client, [wide]) as it:
        server = build_server(it.engine, docs, config=ServerConfig())
        for _ in range(100):
            await it.send(name)
        await it.engine.settle()
        async with connected(server) as asking:
            result = await asking.call_tool("list_runs", {"limit": 100})
        answer = result.structured_content

        assert fits(result)
        assert answer["count"] < 100
        assert f"{answer['count']} of the 100 runs fit" in answer["truncated"]
        assert answer["nextCursor"] in text_of(result)
        assert len({row["runId"] for row in await walk(server, limit=100)}) == 100
