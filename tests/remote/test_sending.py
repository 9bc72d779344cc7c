"""Sending an event to a server that reports its runs late: found by waiting, and never a false "none"."""

from __future__ import annotations

import json

import httpx
import pytest
from support.remote_server import FAR, PassingClock, Turns, dev_server, refusal, target, v1, v2

from durable_engine import NewEvent
from durable_engine.errors import InvalidEventError
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.errors import KeyRefusedError, WritesRefusedError
from mcp_server.remote.sending import FIND_S
from mcp_server.remote.unstarted import UNREPORTED

pytestmark = pytest.mark.anyio

EVENT = "01KF0000000000000000000000"
RUN = "01KF0000000000000000000001"
POST = "POST /e/NO_EVENT_KEY_SET"
RUNS = f"GET /v2/events/{EVENT}/runs"


def run(function="pay", status="RUNNING", run_id=RUN, **more):
    return {
        "id": run_id,
        "app": {"id": "shop"},
        "function": {"id": function, "name": function},
        "status": status,
        "queuedAt": "2027-01-15T08:00:00Z",
        "trigger": {"eventIds": [EVENT], "eventName": "shop/paid"},
        **more,
    }


def function(name, event="shop/paid", **trigger):
    return {"id": name, "slug": f"shop-{name}", "triggers": [{"type": "EVENT", "value": event, **trigger}]}


def server(*functions, **routes):
    return dev_server(
        **{
            "GET /v2/apps": v2([{"id": "shop", "name": "shop"}], hasMore=False),
            "GET /v2/apps/shop/functions": v2(list(functions), hasMore=False),
            POST: {"ids": [EVENT], "status": 200},
            **routes,
        }
    )


async def send(scripted, engine="http://127.0.0.1:8288", seed=None, **options):
    clock = PassingClock()
    async with RemoteBackend.open(target(engine, **options), clock=clock, transport=scripted) as backend:
        return await backend.send_event(NewEvent(name="shop/paid", data={"n": 1}), seed=seed), clock


async def test_runs_that_are_reported_late_are_waited_for():
    none = v2(None, hasMore=False)
    scripted = server(
        function("pay"), **{RUNS: Turns(none, refusal(404, "not_found", "x"), none, v2([run()]))}
    )

    receipt, clock = await send(scripted)

    assert [started.run_id for started in receipt.started] == [RUN]
    assert receipt.not_started == ()
    assert scripted.count(RUNS) == 4
    assert clock.waited == sorted(clock.waited)  # further and further apart


async def test_a_function_without_a_run_in_time_is_unreported_and_not_said_to_have_none():
    scripted = server(
        function("pay"),
        function("mail", **{"if": "event.data.n > 1"}),
        function("other", event="x/y"),
        **{RUNS: v2([run()])},
    )

    receipt, clock = await send(scripted)

    (missed,) = receipt.not_started
    assert (missed.function_slug, missed.decision) == ("shop-mail", UNREPORTED)
    assert "event.data.n > 1" in missed.reason
    assert sum(clock.waited) >= FIND_S


async def test_an_event_that_nothing_listens_to_is_looked_at_once():
    scripted = server(function("other", event="x/y"), **{RUNS: v2(None)})

    receipt, clock = await send(scripted)

    assert (receipt.started, receipt.not_started) == ((), ())
    assert scripted.count(RUNS) == 1
    assert clock.waited == []


async def test_a_server_that_lists_no_functions_leaves_it_open_whether_runs_start():
    scripted = server(**{"GET /v2/apps": httpx.Response(404, text="404 page not found"), RUNS: v2(None)})

    receipt, _ = await send(scripted)

    (missed,) = receipt.not_started
    assert missed.decision == UNREPORTED


async def test_looking_for_runs_may_fail_without_losing_the_event():
    scripted = server(function("pay"), **{RUNS: httpx.ReadError("gone")})

    receipt, _ = await send(scripted)

    assert receipt.event.id == EVENT
    assert [missed.decision for missed in receipt.not_started] == [UNREPORTED]


async def test_an_event_is_sent_again_with_the_same_seed_when_no_answer_came():
    scripted = server(
        function("pay"),
        **{POST: Turns(httpx.ReadError("gone"), {"ids": [EVENT], "status": 200}), RUNS: v2([run()])},
    )

    await send(scripted)

    sent = [request for request in scripted.asked if request.url.path.startswith("/e/")]
    seeds = {request.headers["x-inngest-event-id-seed"] for request in sent}
    assert len(sent) == 2
    assert len(seeds) == 1
    assert json.loads(sent[0].content) == [{"name": "shop/paid", "data": {"n": 1}}]


async def test_the_same_words_as_seed_are_the_same_event():
    scripted = server(function("pay"), **{RUNS: v2([run()])})

    await send(scripted, seed="case-1")
    await send(scripted, seed="case-1")

    seeds = [
        request.headers["x-inngest-event-id-seed"] for request in scripted.asked if "/e/" in request.url.path
    ]
    assert seeds[0] == seeds[1]
    assert seeds[0].partition(",")[0].isdecimal()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            httpx.Response(400, json={"ids": [""], "status": 400, "error": "event name is empty"}),
            InvalidEventError,
        ),
        (httpx.Response(401, json={"status": 401, "error": "Event key not found"}), KeyRefusedError),
    ],
)
async def test_a_refused_event_says_why(answer, kind):
    with pytest.raises(kind) as refused:
        await send(server(function("pay"), **{POST: answer}))

    assert str(answer.json()["error"]) in str(refused.value)


async def test_nothing_is_sent_to_a_server_elsewhere_unless_allowed():
    scripted = server(function("pay"), **{RUNS: v2([run()])})

    with pytest.raises(
        WritesRefusedError, match=r"would change Inngest Dev Server at https://inngest\.example"
    ) as no:
        await send(scripted, FAR)
    assert "--allow-writes" in no.value.hint
    assert scripted.count(POST) == 0

    receipt, _ = await send(scripted, FAR, allows_writes=True)
    assert receipt.started


async def test_nothing_is_sent_to_a_server_on_loopback_that_is_no_dev_server():
    scripted = server(function("pay"), **{"GET /dev": httpx.Response(404, text="404 page not found")})

    with pytest.raises(WritesRefusedError, match="self-hosted Inngest at http"):
        await send(scripted)

    assert scripted.count(POST) == 0


async def test_the_event_key_is_in_the_path_and_in_no_error():
    scripted = server(
        function("pay"), **{"POST /e/planted-key": httpx.Response(401, json={"error": "no key planted-key"})}
    )

    with pytest.raises(KeyRefusedError) as refused:
        await send(scripted, event_key="planted-key")

    assert "planted" not in f"{refused.value} {refused.value.hint}"


async def test_a_server_with_api_v1_alone_finds_runs_too():
    scripted = server(
        **{
            "GET /v2/health": None,
            "GET /v2/runs": None,
            "GET /v2/apps": None,
            f"GET /v1/events/{EVENT}/runs": v1([{"run_id": RUN, "status": "Running", "function_id": "uuid"}]),
        }
    )

    receipt, _ = await send(scripted)

    assert [started.run_id for started in receipt.started] == [RUN]
