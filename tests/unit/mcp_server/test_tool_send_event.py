"""send_event: what an event started, known at once."""

from dataclasses import replace

import pytest
from mcp_scripted import (
    EVENT_ID,
    NOW_MS,
    RUN_ID,
    a_failure,
    a_receipt,
    a_run,
    a_waiting_run,
    an_app,
    ask,
    refused,
)

from durable_engine import (
    Inventory,
    NewEvent,
    NotStarted,
    RunStatus,
    StartedRun,
    UnmetWait,
    WaitingFor,
)
from durable_engine.errors import InvalidEventError

pytestmark = pytest.mark.anyio
EVENT = {"name": "shop/order.placed", "data": {"orderId": "o-1"}}


async def test_an_event_answers_with_the_runs_it_started(server, era):
    answer = await ask(server, "send_event", EVENT, era=era)

    assert answer["eventId"] == EVENT_ID
    assert answer["runIds"] == [RUN_ID]
    assert answer["runs"] == [{"runId": RUN_ID, "functionId": "shop-pay", "status": "QUEUED"}]
    assert answer["status"] == "accepted"
    assert f'poll_run_status runIds=["{RUN_ID}"]' in answer["next"]


async def test_every_argument_reaches_the_engine(server, backend):
    await ask(
        server,
        "send_event",
        {**EVENT, "user": {"id": "u-1"}, "eventIdSeed": "case-1", "id": "order-1", "ts": 1_767_225_600_000},
    )

    event = NewEvent(
        name="shop/order.placed",
        data={"orderId": "o-1"},
        user={"id": "u-1"},
        id="order-1",
        ts_ms=1_767_225_600_000,
    )
    assert backend.sent == [(event, "case-1")]


async def test_without_wait_nothing_is_waited_for(server, backend):
    await ask(server, "send_event", EVENT)

    assert backend.waits == []


async def test_with_wait_the_results_of_the_runs_come_along(server, backend):
    backend.runs[RUN_ID] = a_run()

    answer = await ask(server, "send_event", {**EVENT, "wait": 20})

    assert backend.waits == [((RUN_ID,), 20)]
    (run,) = answer["runs"]
    assert run["status"] == "COMPLETED"
    assert run["output"] == {"paid": True}
    assert run["duration"] == "1.2s"


async def test_a_failed_run_is_explained(server, backend):
    backend.runs[RUN_ID] = a_run(status=RunStatus.FAILED, output=None, error={"message": "boom"})

    answer = await ask(server, "send_event", {**EVENT, "wait": 20})

    assert answer["runs"][0]["error"] == {"message": "boom"}
    assert answer["next"].startswith(f'explain runId="{RUN_ID}"')


async def test_a_run_that_is_still_retrying_shows_its_newest_failure(server, backend):
    backend.runs[RUN_ID] = a_waiting_run(failures=(a_failure(), a_failure(attempt=1)))

    answer = await ask(server, "send_event", {**EVENT, "wait": 1})

    assert answer["runs"][0]["lastFailure"]["attempt"] == 1
    assert answer["runs"][0]["waitingFor"][0]["eventName"] == "shop/approved"


async def test_resumed_runs_are_named_and_waited_for(server, backend):
    backend.receipt = a_receipt(started=(), resumed=(RUN_ID,))
    backend.runs[RUN_ID] = a_run()

    answer = await ask(server, "send_event", {**EVENT, "wait": 5})

    assert answer["resumed"] == [RUN_ID]
    assert answer["resumedRuns"][0]["output"] == {"paid": True}
    assert answer["runIds"] == []


async def test_functions_that_did_not_start_say_why(server, backend):
    missed = NotStarted(function_slug="shop-mail", reason="its condition event.data.paid is false")
    backend.receipt = a_receipt(started=(), not_started=(missed,))

    answer = await ask(server, "send_event", EVENT)

    assert answer["notStarted"] == [
        {
            "functionId": "shop-mail",
            "decision": "drop",
            "reason": "its condition event.data.paid is false",
        }
    ]
    assert "did not start 1 function" in answer["message"]


async def test_an_event_nobody_listens_to_names_the_nearest_triggers(server, backend):
    backend.receipt = a_receipt(started=())
    backend.triggers = ("shop/order.placed", "shop/order.paid")

    answer = await ask(server, "send_event", {"name": "shop/order.place"})

    assert answer["nearestTriggers"] == ["shop/order.placed", "shop/order.paid"]
    assert "no function listens to it" in answer["message"]
    assert 'name="shop/order.placed" data={"orderId":"o-1"}' in answer["next"]


async def test_without_any_app_it_says_how_to_connect_one(server, backend):
    backend.receipt = a_receipt(started=())
    backend.view = Inventory(functions=(), apps=())

    answer = await ask(server, "send_event", EVENT)

    assert "no app is synced" in answer["message"]
    assert "stepcue dev -u" in answer["next"]
    assert "INNGEST_DEV=1" in answer["next"]


async def test_an_app_that_failed_to_sync_shows_its_error(server, backend):
    backend.receipt = a_receipt(started=())
    app = an_app(name=None, is_reachable=False, last_sync_ms=None, error="connection refused")
    backend.view = Inventory(functions=(), apps=(app,))

    answer = await ask(server, "send_event", EVENT)

    assert answer["appErrors"] == [{"url": app.url, "error": "connection refused"}]


async def test_a_delayed_run_says_when_it_starts(server, backend):
    later = StartedRun(run_id=RUN_ID, function_slug="shop-pay", status="QUEUED", due_ms=NOW_MS + 60_000)
    backend.receipt = a_receipt(started=(later,))

    answer = await ask(server, "send_event", EVENT)

    assert answer["runs"][0]["startsAt"] == "2026-09-21T14:14:20.000Z"


async def test_a_repeated_event_says_that_the_run_existed(server, backend):
    run = replace(backend.receipt.started[0], existed=True)
    backend.receipt = a_receipt(started=(run,))

    answer = await ask(server, "send_event", EVENT)

    assert answer["runs"][0]["existed"] is True


async def test_a_refused_event_says_why_and_what_an_event_is(server, backend):
    backend.error = InvalidEventError("Event names that start with inngest/ are reserved.")

    text = await refused(server, "send_event", {"name": "inngest/x"})

    assert text.startswith("Event names that start with inngest/ are reserved.")
    assert "shop/order.placed" in text


@pytest.mark.parametrize("data", ["hello", 3, ["a"], True])
async def test_data_that_is_no_object_is_refused_with_an_example(server, backend, data):
    text = await refused(server, "send_event", {"name": "a", "data": data})

    assert "data: must" in text
    assert backend.sent == []


async def test_data_given_as_json_text_is_read(server, backend):
    await ask(server, "send_event", {"name": "a", "data": '{"orderId": "o-1"}'})

    assert backend.sent[0][0].data == {"orderId": "o-1"}


async def test_text_that_looks_like_json_stays_text(server, backend):
    await ask(server, "send_event", {"name": "[1]", "id": "null", "eventIdSeed": '{"a":1}'})

    event, seed = backend.sent[0]
    assert (event.name, event.id, seed) == ("[1]", "null", '{"a":1}')


async def test_many_started_runs_stay_within_the_budget(server, backend):
    started = tuple(
        StartedRun(run_id=f"run-{number}", function_slug="shop-pay", status="QUEUED", due_ms=NOW_MS)
        for number in range(300)
    )
    backend.receipt = a_receipt(started=started)

    answer = await ask(server, "send_event", EVENT)

    assert len(answer["runIds"]) == 300
    assert "the first 60 of 300 runs" in answer["truncated"]


async def test_runs_that_the_event_cancelled_are_named(server, backend):
    backend.receipt = a_receipt(started=(), cancelled=(RUN_ID,))

    answer = await ask(server, "send_event", EVENT)

    assert answer["cancelled"] == [RUN_ID]
    assert "cancelled 1 run" in answer["message"]
    assert RUN_ID in answer["next"]
    assert "nearestTriggers" not in answer


async def test_an_event_that_meets_no_condition_says_which_run_waits_and_what_is_false(server, backend):
    waits = (
        UnmetWait(run_id=RUN_ID, step_name="approval", reason="async.data.ok == true is false"),
        UnmetWait(run_id="01M7Z5WVGKJTHKSQ6DZMJBMJ3W", reason="async.data.id == event.data.id is false"),
    )
    backend.receipt = a_receipt(started=(), unmet=waits)

    answer = await ask(server, "send_event", EVENT)

    assert answer["unmet"][0] == {
        "runId": RUN_ID,
        "stepName": "approval",
        "reason": "async.data.ok == true is false",
    }
    assert "stepName" not in answer["unmet"][1]
    assert f"did nothing: run {RUN_ID} waits for it, but async.data.ok == true is false" in answer["message"]
    assert RUN_ID in answer["next"]
    assert "nearestTriggers" not in answer


async def test_a_run_that_waits_for_a_signal_comes_with_the_command_that_sends_it(server, backend):
    wait = WaitingFor(
        kind="signal", until_ms=NOW_MS + 5_000, step_id="hash-ok", step_name="ok", signal="ok/7"
    )
    backend.runs[RUN_ID] = a_waiting_run(steps=(), waiting_for=(wait,))

    answer = await ask(server, "send_event", {**EVENT, "wait": 1})

    command = "curl -X POST http://127.0.0.1:8288/v1/signals"
    assert answer["next"].startswith(command)
    assert answer["runs"][0]["waitingFor"][0]["how"].startswith(command)
