"""Tools that change something on a server elsewhere: what it may answer, and what is said of that."""

from __future__ import annotations

import json

import httpx
import pytest
from mcp import Client
from support.remote_server import FAR, ORIGIN, PassingClock, Turns, dev_server, refusal, target, v1, v2
from support.shipped_docs import shipped_docs

from mcp_server.config import ServerConfig
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.control import SHOWN_S
from mcp_server.remote.errors import NotOfferedError, WritesRefusedError
from mcp_server.remote_server import build_remote_server

pytestmark = pytest.mark.anyio

RUN = "01KF0000000000000000000001"
NEW = "01KF0000000000000000000002"
INVOKE = "POST /v2/apps/shop/functions/pay/invoke"
CANCEL, RERUN = f"POST /v2/runs/{RUN}/cancel", f"POST /v2/runs/{RUN}/rerun"
NO_PAGE = httpx.Response(404, text="404 page not found")
HTML = httpx.Response(200, text="<html>a page</html>")
STEPCUE = {"GET /dev": httpx.Response(200, json={"server": "stepcue"})}
ACTING = ["send_event", "invoke_function", "cancel_run", "pause_function", "rerun"]


def run(status="RUNNING", run_id=RUN, **more):
    return v2({"id": run_id, "app": {"id": "shop"}, "function": {"id": "pay"}, "status": status, **more})


def server(**routes):
    pay = {"id": "pay", "slug": "shop-pay", "name": "Pay", "triggers": [{"type": "EVENT", "value": "a/b"}]}
    return dev_server(
        **{
            "GET /v2/apps": v2([{"id": "shop", "name": "shop"}], hasMore=False),
            "GET /v2/apps/shop/functions": v2([pay], hasMore=False),
            INVOKE: v2({"runId": NEW}),
            RERUN: v2({"runId": NEW}),
            CANCEL: v2({"id": RUN}),
            f"GET /v2/runs/{RUN}": run(),
            f"GET /v2/runs/{NEW}": run("COMPLETED", NEW, output={"ok": True}),
            **routes,
        }
    )


async def call(scripted, *calls, engine=ORIGIN, config=None, **options):
    """Call tools one after the other; return their results, the names of all, and the clock."""
    clock = PassingClock()
    async with RemoteBackend.open(target(engine, **options), clock=clock, transport=scripted) as backend:
        await backend.api.known()
        given = ServerConfig(is_remote=True, engine_url=engine, **(config or {}))
        async with Client(build_remote_server(backend, shipped_docs(), config=given)) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            return [await client.call_tool(name, arguments) for name, arguments in calls], names, clock


def text_of(result):
    return result.content[0].text


def orders(scripted):
    """Return what was asked for that changes something."""
    return [path for path in scripted.paths() if not path.startswith("GET ")]


def bodies(scripted, path):
    return [
        json.loads(request.content)
        for request in scripted.asked
        if f"{request.method} {request.url.path}" == path
    ]


async def test_each_answer_says_what_was_done_and_where():
    invoke = ("invoke_function", {"functionId": "pay", "data": {"n": 1}})
    scripted = server(**{f"GET /v2/runs/{RUN}": Turns(run(), run("CANCELLED"))})

    (invoked, cancelled, repeated), names, _ = await call(
        scripted, invoke, ("cancelRun", {"runId": RUN}), ("rerun", {"runId": RUN})
    )

    facts = [result.structured_content for result in (invoked, cancelled, repeated)]
    assert [fact["environment"] for fact in facts] == [f"Inngest Dev Server at {ORIGIN}"] * 3
    assert [fact["status"] for fact in facts] == ["COMPLETED", "CANCELLED", "COMPLETED"]
    assert facts[0]["output"] == {"ok": True}
    assert "is now CANCELLED. If a call to the app had begun" in facts[1]["message"]
    assert facts[2]["repeats"] == {"originalRunId": RUN}
    assert set(ACTING) - {"pause_function"} <= set(names)


_DOUBT = 'list_runs functionId="shop-pay" would show'


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refusal(401, "unauthorized", "no"), "does not take the signing key: no."),
        (refusal(403, "forbidden", "not yours"), f"does not allow {INVOKE} with this key: not yours."),
        (
            refusal(404, "not_found", "x"),
            "The server does not know function 'shop-pay' any more. Call list_fun",
        ),
        (NO_PAGE, f"does not offer {INVOKE}."),
        (httpx.Response(404, json={"code": 5, "message": "Not Found", "details": []}), "does not offer"),
        (refusal(501, "not_implemented", "later"), "Nothing was changed."),
        (HTML, f"does not offer {INVOKE}."),
        (
            refusal(400, "invalid_field_format", "data is odd"),
            f"refuses {INVOKE}: data is odd. Nothing was ch",
        ),
        (refusal(409, "conflict", "not now"), f"refuses {INVOKE}: not now."),
        (refusal(409, "busy", f"run {NEW} is at work"), f"refuses {INVOKE}: run {NEW} is at work."),
        (
            refusal(422, "rate_limited", "1 per hour."),
            "The function was not started: 1 per hour. list_runs f",
        ),
        (refusal(422, "function_debounced", "waits 5 s"), "The function does not start at once: waits 5 s."),
        (refusal(422, "function_skipped", ""), "The function was not started: function skipped."),
        (httpx.Response(422), "The function was not started: the server gave no reason."),
        (
            refusal(429, "x", "slow", **{"retry-after": "600"}),
            "asks to wait (600 s): slow. This request was not",
        ),
        (
            refusal(429, "x", ""),
            "limits how often it may be asked. This request was not carried out; call again",
        ),
        (
            refusal(500, "internal", "oops"),
            f"with status 500: oops. A run may have been started, which {_DOUBT}",
        ),
        (refusal(503), _DOUBT),
        (v2({}), f"took the invocation and named no run. A run may have been started, which {_DOUBT}"),
        (httpx.Response(200, json=[3]), "named no run"),
        (httpx.ReadError("gone"), "broke off before its answer was complete. A run may have been st"),
        (httpx.ReadTimeout("slow"), _DOUBT),
        (Turns(httpx.ReadError("x"), httpx.ConnectError("down")), _DOUBT),
        (httpx.ConnectError("down"), f"Nobody answers at {ORIGIN}. Check that the server runs"),
    ],
)
async def test_an_invocation_that_fails_is_a_sentence_with_what_to_do(reply, words):
    (answer,), _, _ = await call(server(**{INVOKE: reply}), ("invoke_function", {"functionId": "shop-pay"}))

    assert answer.is_error
    assert words in text_of(answer)
    assert text_of(answer).endswith(f"(Environment: Inngest Dev Server at {ORIGIN}.)")


@pytest.mark.parametrize(
    "second",
    [
        v2({"runId": NEW}),
        httpx.Response(409, json={"data": {"runId": NEW}, "errors": [{"code": "x", "message": "used"}]}),
        refusal(409, "idempotency_key_used", f"the key has started run {NEW}."),
    ],
)
async def test_an_invocation_without_an_answer_is_sent_again_under_the_same_key_and_starts_one_run(second):
    scripted = server(**{INVOKE: Turns(httpx.ReadError("gone"), second)})

    (answer,), _, _ = await call(scripted, ("invoke_function", {"functionId": "Pay", "data": {"n": 1}}))

    first, again = bodies(scripted, INVOKE)
    assert first == again
    assert first.keys() == {"data", "idempotencyKey"}
    assert answer.structured_content["runId"] == NEW


async def test_two_invocations_have_two_keys():
    scripted = server()

    await call(scripted, *[("invoke_function", {"functionId": "pay"})] * 2)

    first, second = bodies(scripted, INVOKE)
    assert first["idempotencyKey"] != second["idempotencyKey"]


async def test_a_user_goes_along_only_where_the_server_takes_one():
    invoke = ("invoke_function", {"functionId": "pay", "user": {"id": "u-1"}})
    inngest, stepcue = server(), server(**STEPCUE)

    (refused,), _, _ = await call(inngest, invoke)
    (taken,), _, _ = await call(stepcue, invoke)

    assert "takes no user with an invocation. Leave user out" in text_of(refused)
    assert orders(inngest) == []
    assert not taken.is_error
    assert bodies(stepcue, INVOKE)[0]["user"] == {"id": "u-1"}


async def test_a_name_of_several_functions_starts_none():
    twice = [
        {"id": "pay", "slug": "shop-pay", "name": "Pay"},
        {"id": "pay2", "slug": "shop-pay2", "name": "Pay"},
    ]
    scripted = server(**{"GET /v2/apps/shop/functions": v2(twice, hasMore=False)})

    (several, none, no_app), _, _ = await call(
        scripted,
        ("invoke_function", {"functionId": "Pay"}),
        ("invoke_function", {"functionId": "pey"}),
        ("invoke_function", {"functionId": "pay", "appId": "shopp"}),
    )

    assert "'Pay' fits several functions: shop-pay, shop-pay2." in text_of(several)
    assert "No function 'pey'." in text_of(none)
    assert "No app named 'shopp' is synced. Nearest: shop." in text_of(no_app)
    assert orders(scripted) == []


async def test_a_function_synced_a_moment_ago_is_found():
    functions = Turns(v2([], hasMore=False), v2([{"id": "pay", "slug": "shop-pay"}], hasMore=False))
    scripted = server(**{"GET /v2/apps/shop/functions": functions})

    (answer,), _, _ = await call(scripted, ("invoke_function", {"functionId": "pay"}))

    assert answer.structured_content["runId"] == NEW


async def test_a_run_that_the_server_shows_late_counts_as_started():
    late = Turns(*[refusal(404, "not_found", "x")] * 10, run("COMPLETED", NEW))
    scripted = server(**{f"GET /v2/runs/{NEW}": late})

    (started, explained, polled), _, clock = await call(
        scripted,
        ("invoke_function", {"functionId": "pay", "timeout": 0}),
        ("explain", {"runId": NEW}),
        ("poll_run_status", {"runIds": [NEW], "timeout": 55}),
    )

    assert not started.is_error
    assert (started.structured_content["runId"], started.structured_content["status"]) == (NEW, "QUEUED")
    assert "has not made its first call" in text_of(explained)
    assert polled.structured_content["runs"][0]["status"] == "COMPLETED"
    assert sum(clock.waited) > SHOWN_S


@pytest.mark.parametrize("tool", ["invoke_function", "rerun"])
async def test_a_run_that_was_started_is_named_though_nothing_can_be_read_of_it(tool):
    arguments = {"functionId": "pay"} if tool == "invoke_function" else {"runId": RUN}
    scripted = server(**{f"GET /v2/runs/{NEW}": refusal(401, "unauthorized", "expired")})

    (answer,), _, _ = await call(scripted, (tool, arguments))

    assert text_of(answer).startswith(
        f'Run {NEW} was started, and poll_run_status runIds=["{NEW}"] waits for it.'
    )
    assert "does not take the signing key: expired" in text_of(answer)


async def test_an_accepted_event_is_named_though_nothing_can_be_read_after_it():
    event = "01KF0000000000000000000000"
    runs = v2([{"id": RUN, "app": {"id": "shop"}, "function": {"id": "pay"}, "status": "RUNNING"}])
    scripted = server(
        **{
            "POST /e/NO_EVENT_KEY_SET": {"ids": [event], "status": 200},
            f"GET /v2/events/{event}/runs": runs,
            f"GET /v2/runs/{RUN}": refusal(401, "unauthorized", "expired"),
        }
    )

    (answer,), _, _ = await call(scripted, ("send_event", {"name": "a/b", "wait": 5}))

    assert text_of(answer).startswith(
        f'Event {event} was accepted, and list_runs eventId="{event}" shows its runs.'
    )


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refusal(500), "The event may have been accepted all the same"),
        (httpx.ReadTimeout("slow"), "with the same eventIdSeed as before it is sent only once"),
        (httpx.ConnectError("down"), "Check that the server runs"),
        (NO_PAGE, "does not take the event key"),
        (HTML, "does not offer POST /e/"),
        (httpx.Response(200, json=[]), "answers an event with []. The event may have been accepted"),
        (refusal(429, "x", "y", **{"retry-after": "600"}), "This request was not carried out"),
    ],
)
async def test_an_event_of_which_nobody_knows_whether_it_was_accepted_is_not_simply_sent_again(reply, words):
    (answer,), _, _ = await call(
        server(**{"POST /e/NO_EVENT_KEY_SET": reply}), ("send_event", {"name": "a/b"})
    )

    assert words in text_of(answer)


async def test_a_cancellation_is_waited_for_and_one_that_the_server_does_not_show_is_said_so():
    late = server(**{f"GET /v2/runs/{RUN}": Turns(*[run()] * 4, run("CANCELLED"))})
    never = server()

    (shown,), _, _ = await call(late, ("cancel_run", {"runId": RUN}))
    (hidden,), _, clock = await call(never, ("cancel_run", {"runId": RUN}))

    assert (shown.structured_content["status"], orders(late)) == ("CANCELLED", [CANCEL])
    assert (
        "the server has taken the order, and shows it as RUNNING so far"
        in hidden.structured_content["message"]
    )
    assert hidden.structured_content["next"].startswith("poll_run_status")
    assert sum(clock.waited) >= SHOWN_S


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("run_already_ended", "COMPLETED", "cannot be cancelled: it has ended and is COMPLETED."),
        ("run_already_cancelled", "CANCELLED", "was CANCELLED before; nothing was changed."),
        ("", "FAILED", "cannot be cancelled: it has ended and is FAILED."),
        ("busy", "RUNNING", f"refuses {CANCEL}: no."),
    ],
)
async def test_a_cancellation_that_comes_too_late_says_how_the_run_ended(code, status, words):
    scripted = server(**{CANCEL: refusal(409, code, "no"), f"GET /v2/runs/{RUN}": run(status)})

    (answer,), _, _ = await call(scripted, ("cancel_run", {"runId": RUN}))

    assert words in text_of(answer)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refusal(404, "not_found", "x"), f"No run '{RUN}'."),
        (refusal(403, "forbidden", "no"), f"does not allow {CANCEL} with this key"),
        (
            refusal(502),
            f'get_run_status runId="{RUN}" shows whether it is cancelled; cancelling it again does no',
        ),
        (httpx.ReadError("gone"), "cancelling it again does no harm"),
        (refusal(429, "x", "y", **{"retry-after": "60"}), "This request was not carried out"),
    ],
)
async def test_a_cancellation_that_fails_says_what_to_do(reply, words):
    (answer,), _, _ = await call(server(**{CANCEL: reply}), ("cancel_run", {"runId": RUN}))

    assert answer.is_error
    assert words in text_of(answer)


@pytest.mark.parametrize("missing", [{CANCEL: NO_PAGE}, {"GET /v2/health": None, "GET /v2/runs": None}])
async def test_api_v1_cancels_where_v2_does_not(missing):
    shown = Turns(*[v1({"run_id": RUN, "status": "Running"})] * 2, v1({"run_id": RUN, "status": "Cancelled"}))
    delete = f"DELETE /v1/runs/{RUN}"
    routes = {delete: httpx.Response(200), f"GET /v1/runs/{RUN}": shown}
    if CANCEL in missing:
        routes[f"GET /v2/runs/{RUN}"] = Turns(run(), run(), run("CANCELLED"))
    else:
        missing = {**missing, "GET /v2/apps": None}

    (answer,), _, _ = await call(server(**routes, **missing), ("cancel_run", {"runId": RUN}))

    assert answer.structured_content["status"] == "CANCELLED"


async def test_api_v1_is_not_asked_to_cancel_what_has_ended():
    routes = {CANCEL: NO_PAGE, f"GET /v2/runs/{RUN}": run("COMPLETED"), f"DELETE /v1/runs/{RUN}": v1(None)}
    scripted = server(**routes)

    (answer,), _, _ = await call(scripted, ("cancel_run", {"runId": RUN}))

    assert "it has ended and is COMPLETED" in text_of(answer)
    assert orders(scripted) == [CANCEL]


async def test_a_rerun_names_the_step_as_the_server_does():
    spans = [
        {"name": "charge", "stepId": "a1", "stepOp": "RUN", "status": "COMPLETED"},
        {"name": "charge", "stepId": "a2", "stepOp": "RUN", "status": "FAILED"},
    ]
    trace = {f"GET /v2/runs/{RUN}/trace": v2({"rootSpan": {"children": spans}})}
    scripted = server(**trace)

    results, _, _ = await call(
        scripted,
        *[("rerun", {"runId": RUN, "fromStep": step}) for step in ("charge", "charge:1", "a2", "chrage")],
        ("rerun", {"runId": RUN, "fromStep": "charge", "input": [3]}),
    )

    assert [body.get("fromStep") for body in bodies(scripted, RERUN)] == [
        {"stepId": "a1"},
        {"stepId": "a2"},
        {"stepId": "a2"},
        {"stepId": "a1", "input": [3]},
    ]
    assert "from step 'charge:1'. Run" in results[1].structured_content["message"]
    assert "The run has no step 'chrage'. Its steps: 'charge', 'charge[1]'." in text_of(results[3])
    assert "from step 'charge', with edited input." in results[4].structured_content["message"]
    assert results[4].structured_content["repeats"]["edited"] == {"stepInput": "charge"}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"fromStep": "charge", "output": {"result": 5}}, "with output needs the embedded engine"),
        ({"data": {"n": 2}}, "invoke_function starts a run with other data here"),
        ({"input": [1]}, "no step is named"),
    ],
)
async def test_what_only_the_embedded_engine_edits_is_said_before_anything_is_done(edit, words):
    scripted = server()

    (answer,), _, _ = await call(scripted, ("rerun", {"runId": RUN, **edit}))

    assert answer.is_error
    assert words in text_of(answer)
    assert orders(scripted) == []


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refusal(404, "not_found", "x"), f"does not know run '{RUN}' any more"),
        (refusal(422, "invalid", "It is gone."), f"refuses {RERUN}: It is gone. Nothing was changed. Call"),
        (
            httpx.Response(400, json={"errors": [{"code": "x", "message": "no", "hint": "Sync it."}]}),
            f"{ORIGIN} refuses {RERUN}: no. Nothing was changed. Sync it. (Env",
        ),
        (NO_PAGE, f"does not offer {RERUN}."),
        (refusal(504), _DOUBT),
        (httpx.ReadError("gone"), _DOUBT),
        (v2({"run": 3}), "named no run"),
        (HTML, "does not offer"),
    ],
)
async def test_a_rerun_that_fails_says_what_to_do(reply, words):
    scripted = server(**{RERUN: reply})

    (answer,), _, _ = await call(scripted, ("rerun", {"runId": RUN}))

    assert answer.is_error
    assert words in text_of(answer)
    assert orders(scripted) == [RERUN]


async def test_functions_are_paused_on_a_stepcue_only():
    pause = "POST /v2/apps/shop/functions/pay/pause"
    paused = {"id": "pay", "isPaused": True, "pausedAt": "2027-01-15T07:00:00Z"}
    inngest, stepcue = server(), server(**STEPCUE, **{pause: v2(paused)})
    ask = ("pause_function", {"functionId": "pay", "cancelRuns": True})

    (refused,), names, _ = await call(inngest, ask)
    (done,), offered, _ = await call(stepcue, ask)

    assert "pause_function" not in names
    assert "in its dashboard only" in text_of(refused)
    assert orders(inngest) == []
    assert "pause_function" in offered
    assert done.structured_content["pausedSince"] == "2027-01-15T07:00:00.000Z"
    assert bodies(stepcue, pause) == [{"cancelRuns": True}]


ORDERS = [
    ("invoke_function", {"functionId": "pay"}),
    ("cancel_run", {"runId": RUN}),
    ("rerun", {"runId": RUN}),
    ("pause_function", {"functionId": "pay"}),
]


@pytest.mark.parametrize("allowed", [False, True])
async def test_nothing_is_changed_on_a_server_elsewhere_unless_allowed(allowed):
    pause = {"POST /v2/apps/shop/functions/pay/pause": v2({"id": "pay", "isPaused": True})}
    scripted = server(**STEPCUE, **pause)

    answers, names, _ = await call(scripted, *ORDERS, engine=FAR, allows_writes=allowed)

    assert set(names).isdisjoint(ACTING) is not allowed
    assert [answer.is_error for answer in answers] == [not allowed] * 4
    assert len(orders(scripted)) == (4 if allowed else 0)
    assert all(allowed or "start it with --allow-writes" in text_of(answer) for answer in answers)


async def operations(backend):
    """Yield each operation that changes something, as whoever has the backend can call it."""
    yield backend.invoke_function("pay")
    yield backend.control.cancel(RUN)
    yield backend.control.repeating.repeat(RUN)
    yield backend.pause_function("pay")
    yield backend.resume_function("pay")


async def test_each_operation_refuses_by_itself_whatever_is_listed():
    scripted = server(**STEPCUE)
    opened = RemoteBackend.open(target(FAR), clock=PassingClock(), transport=scripted)

    async with opened as backend:
        async for operation in operations(backend):
            with pytest.raises(WritesRefusedError, match=r"would change Stepcue at https://inngest\.example"):
                await operation

    assert orders(scripted) == []


async def test_another_server_that_took_the_address_meanwhile_is_not_changed():
    dev = httpx.Response(200, json={"version": "1"}, headers={"x-inngest-server-kind": "dev"})
    scripted = server(**{"GET /dev": Turns(dev, dev, NO_PAGE)})

    async with RemoteBackend.open(target(), clock=PassingClock(), transport=scripted) as backend:
        await backend.invoke_function("pay")
        with pytest.raises(WritesRefusedError, match="self-hosted Inngest"):
            await backend.invoke_function("pay")
        assert not backend.may_write

    assert orders(scripted) == [INVOKE]


async def test_a_server_without_api_v2_says_that_it_cannot():
    v1_only = {"GET /v2/health": None, "GET /v2/runs": None, "GET /v2/apps": None}
    run_v1 = {f"GET /v1/runs/{RUN}": v1({"run_id": RUN, "status": "Running"})}

    async with RemoteBackend.open(
        target(), clock=PassingClock(), transport=server(**v1_only, **run_v1)
    ) as backend:
        with pytest.raises(NotOfferedError, match="has no API v2"):
            await backend.control.repeating.repeat(RUN)
        with pytest.raises(NotOfferedError, match="has no API v2"):
            await backend.invoke_function("pay", app="shop")
