"""What the tools say of flow control: why something waits, is dropped or merged, and what to do about it."""

import pytest
from mcp_scripted import EVENT_ID, NOW_MS, RUN_ID, a_receipt, a_run, ask, refused

from durable_engine import Hold, NotStarted, RunStatus, StartedRun, WaitingFor
from durable_engine.errors import FunctionNotFoundError

pytestmark = pytest.mark.anyio

EVENT = {"name": "shop/order.placed"}
LATER_MS = NOW_MS + 5_000
LATER = "2026-09-21T14:13:25.000Z"


def a_missed(**changes):
    fields = {"function_slug": "shop-pay", "reason": "its debounce waits for 5s", "control": "debounce"}
    return NotStarted(**{**fields, **changes})


async def test_an_event_that_starts_a_function_later_says_when_and_how_to_find_the_run(server, backend, era):
    missed = a_missed(decision="delay", until_ms=LATER_MS)
    backend.receipt = a_receipt(started=(), not_started=(missed,))

    answer = await ask(server, "send_event", EVENT, era=era)

    assert answer["message"].endswith("was accepted and will start 1 function later (see notStarted).")
    assert answer["notStarted"] == [
        {
            "functionId": "shop-pay",
            "decision": "delay",
            "control": "debounce",
            "reason": "its debounce waits for 5s",
            "until": LATER,
        }
    ]
    assert f"starts by itself at {LATER}" in answer["next"]
    assert f"/v1/events/{EVENT_ID}/decisions" in answer["next"]


async def test_an_event_that_became_part_of_a_run_names_it(server, backend):
    missed = a_missed(decision="merge", control="batchEvents", run_id=RUN_ID)
    backend.receipt = a_receipt(started=(), not_started=(missed,), is_known=True)

    answer = await ask(server, "send_event", EVENT)

    assert answer["notStarted"][0]["runId"] == RUN_ID
    assert RUN_ID in answer["next"]


@pytest.mark.parametrize(
    ("missed", "words"),
    [
        (a_missed(control="rateLimit", until_ms=LATER_MS), f'starts "shop-pay" again from {LATER} on'),
        (a_missed(control="pause"), 'pause_function functionId="shop-pay" resume=true'),
        (a_missed(control="singleton", run_id=RUN_ID), f'get_run_status runId="{RUN_ID}"'),
    ],
)
async def test_an_event_that_was_dropped_says_what_to_do(server, backend, missed, words):
    backend.receipt = a_receipt(started=(), not_started=(missed,))

    answer = await ask(server, "send_event", EVENT)

    assert "did not start 1 function" in answer["message"]
    assert words in answer["next"]


async def test_a_run_that_waits_for_its_turn_says_what_holds_it(server, backend):
    held = "its concurrency limit of 1 call is reached"
    run = StartedRun(run_id=RUN_ID, function_slug="shop-pay", status="QUEUED", due_ms=NOW_MS, held=held)
    backend.receipt = a_receipt(started=(run,))

    answer = await ask(server, "send_event", EVENT)

    assert answer["runs"][0]["held"] == held


@pytest.mark.parametrize(
    ("kind", "until_ms", "how"),
    [
        ("concurrency", None, "goes on when a call that is open now ends: its limit"),
        ("throttle", LATER_MS, "starts at `until` at the earliest: its limit"),
        ("paused", None, "pause_function with resume=true"),
    ],
)
async def test_get_run_status_says_what_a_queued_run_waits_for(server, backend, kind, until_ms, how):
    wait = WaitingFor(kind=kind, until_ms=until_ms, reason="its limit\nof 1")
    backend.runs[RUN_ID] = a_run(
        status=RunStatus.QUEUED, output=None, started_ms=None, ended_ms=None, steps=(), waiting_for=(wait,)
    )

    answer = await ask(server, "get_run_status", {"runId": RUN_ID})

    assert answer["waitingFor"][0]["kind"] == kind
    assert how in answer["waitingFor"][0]["how"]
    assert "\n" not in answer["waitingFor"][0]["how"]
    assert "waits for its" in answer["message"]


async def test_turns_that_were_waited_for_are_told_once_for_each_cause(server, backend, era):
    holds = [Hold(by="its throttle", from_ms=NOW_MS, until_ms=NOW_MS + 3_000)]
    holds += [Hold(by="its concurrency limit", from_ms=NOW_MS, until_ms=NOW_MS + 60_000)] * 2
    backend.runs[RUN_ID] = a_run(holds=tuple(holds))

    answer = await ask(server, "get_run_status", {"runId": RUN_ID}, era=era)

    assert answer["notes"] == [
        "A call waited 3s for a turn: its throttle.",
        "2 calls waited, together 2m for a turn: its concurrency limit.",
    ]


async def test_a_run_of_a_batch_names_all_its_events(server, backend):
    backend.runs[RUN_ID] = a_run(event_ids=(EVENT_ID, RUN_ID))
    answer = await ask(server, "get_run_status", {"runId": RUN_ID})
    assert answer["batchEventIds"] == [EVENT_ID, RUN_ID]

    backend.runs[RUN_ID] = a_run(event_ids=(EVENT_ID,))
    assert "batchEventIds" not in await ask(server, "get_run_status", {"runId": RUN_ID})


async def test_an_invocation_that_is_debounced_says_that_it_comes(server, backend):
    backend.receipt = a_receipt(started=(), not_started=(a_missed(decision="delay", until_ms=LATER_MS),))

    message = await refused(server, "invoke_function", {"functionId": "shop-pay"})

    assert "does not start at once: its debounce waits for 5s" in message
    assert LATER in message


async def test_a_function_is_paused_and_resumed(server, backend, era):
    answer = await ask(server, "pause_function", {"functionId": "pay", "cancelRuns": True}, era=era)
    assert (answer["paused"], answer["pausedSince"]) == (True, "2026-09-21T14:13:20.000Z")
    assert "resume=true" in answer["next"]
    assert "is paused since" in answer["message"]

    answer = await ask(server, "pause_function", {"functionId": "pay", "appId": "shop", "resume": True})
    assert answer["paused"] is False
    assert "pausedSince" not in answer
    assert backend.paused == [
        {"function": "pay", "app": None, "cancels_runs": True},
        {"function": "pay", "app": "shop", "resumes": True},
    ]


async def test_resuming_and_cancelling_are_not_asked_for_together(server, backend):
    asked = {"functionId": "pay", "resume": True, "cancelRuns": True}

    assert "not both" in await refused(server, "pause_function", asked)
    assert backend.paused == []


async def test_pausing_an_unknown_function_names_the_nearest(server, backend):
    backend.error = FunctionNotFoundError("No function 'pai'.", nearest=["shop-pay"])

    message = await refused(server, "pause_function", {"functionId": "pai"})

    assert "shop-pay" in message
