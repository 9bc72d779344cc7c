"""What a server may answer to each question that is read: refusals, nothing, half of it, or anything else.

The answers are written by hand from the documented shapes; no server says all of this.
"""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest
from support.remote_server import FAR, PassingClock, Turns, dev_server, refusal, target, v1, v2

from durable_engine import (
    Event,
    EventFilter,
    MockEvent,
    MockTimeout,
    RunFilter,
    RunStatus,
    RunView,
    StepKind,
    StepStatus,
    StepView,
)
from durable_engine.errors import DurableEngineError, EventNotFoundError, RunNotFoundError
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.errors import (
    FaultyAnswerError,
    KeyRefusedError,
    NotAllowedError,
    NotOfferedError,
    RateLimitedError,
    RejectedError,
    UnreachableError,
)
from mcp_server.remote.recorded import stand_ins

pytestmark = pytest.mark.anyio

RUN_ID = "01KAM000000000000000000000"
EVENT_ID = "01KAM000000000000000000001"
RUN = f"GET /v2/runs/{RUN_ID}"
TRACE = f"{RUN}/trace"
EVENT = f"GET /v1/events/{EVENT_ID}"

READS = {
    "a run": (RUN, lambda backend: backend.get_run(RUN_ID)),
    "runs": ("GET /v2/runs", lambda backend: backend.records.runs(RunFilter())),
    "runs of an event": (
        f"GET /v2/events/{EVENT_ID}/runs",
        lambda backend: backend.records.runs(RunFilter(event_id=EVENT_ID)),
    ),
    "events": ("GET /v1/events", lambda backend: backend.records.events(EventFilter())),
    "an event": (EVENT, lambda backend: backend.records.find_event(EVENT_ID)),
    "functions": ("GET /v2/apps", lambda backend: backend.inventory()),
}
SLOW = refusal(429, "rate_limited", "slow", **{"retry-after": "600"})
FAULTS = {
    "401": (refusal(401, "unauthorized", "no"), KeyRefusedError),
    "403": (refusal(403, "forbidden", "no"), NotAllowedError),
    "404 of no API": (httpx.Response(404, text="404 page not found"), NotOfferedError),
    "409": (refusal(409, "conflict", "no"), RejectedError),
    "429": (SLOW, RateLimitedError),
    "500": (refusal(500, "internal", "oops"), FaultyAnswerError),
    "503 as a page": (httpx.Response(503, text="<html>down</html>"), FaultyAnswerError),
    "200 with an error": ({"error": "cached", "data": None, "status": 500}, FaultyAnswerError),
    "a page": (httpx.Response(200, text="<html>login</html>"), NotOfferedError),
    "a time-out": (httpx.ReadTimeout("slow"), UnreachableError),
    "a broken line": (httpx.RemoteProtocolError("cut"), UnreachableError),
    "nobody": (httpx.ConnectError("refused"), UnreachableError),
}
MISSING = {"a run": RunNotFoundError, "an event": EventNotFoundError}
"""What an id that the server refuses to look up is: it is none of its ids."""
ODD = {
    "nothing": {},
    "null": v2(None),
    "a number": v2(5),
    "a text": v2("ok"),
    "a list of anything": v2([None, 1, "x", [], {}, {"id": None}, {"id": 7, "status": 3, "children": "x"}]),
    "an object of anything": v2(
        {
            "id": [],
            "status": {},
            "app": 3,
            "function": [],
            "trigger": "x",
            "queuedAt": "yesterday",
            "startedAt": "0001-01-01T00:00:00Z",
            "endedAt": 12,
            "output": [1],
            "rootSpan": [],
            "name": 1,
            "data": "x",
            "ts": "soon",
            "configuration": None,
        }
    ),
    "a bare list": [1, None],
    "a bare text": httpx.Response(200, json="fine"),
}


def reading(scripted, engine=FAR):
    """Open the backend on a scripted server, with a clock that passes by itself."""
    return RemoteBackend.open(target(engine), clock=PassingClock(), transport=scripted)


def probed(path, reply):
    """Return a server that was well when it was probed, and then answers so at a path."""
    probes = {"GET /v2/runs": v2([]), "GET /v2/apps": v2([]), "GET /v1/events": v1([])}
    if path in probes:
        return dev_server(**{path: Turns(probes[path], reply)})
    return dev_server(**{path: reply})


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("read", READS)
async def test_a_refusal_of_any_question_is_a_sentence_with_what_to_do(read, fault):
    path, ask = READS[read]
    reply, kind = FAULTS[fault]
    if kind is RejectedError:
        kind = MISSING.get(read, kind)

    async with reading(probed(path, reply)) as backend:
        await backend.api.known()
        with pytest.raises(DurableEngineError) as refused:
            await ask(backend)

    assert type(refused.value) is kind
    assert refused.value.hint.endswith(".") or kind in MISSING.values()
    assert "Traceback" not in str(refused.value)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("read", READS)
async def test_an_answer_of_another_shape_is_read_as_far_as_it_goes(read, odd):
    path, ask = READS[read]

    async with reading(probed(path, ODD[odd])) as backend:
        await backend.api.known()
        with suppress(RunNotFoundError, EventNotFoundError):
            assert await ask(backend) is not None


@pytest.mark.parametrize("beside", ["a trace", "an event", "functions"])
@pytest.mark.parametrize("reply", [refusal(403, "x", "no"), refusal(500, "x", "oops"), SLOW], ids=str)
async def test_a_run_is_shown_without_what_cannot_be_read_besides(beside, reply):
    path = {"a trace": TRACE, "an event": EVENT, "functions": "GET /v2/apps"}[beside]
    server = probed(path, reply)
    server.routes[RUN] = v2(
        {"id": RUN_ID, "status": "RUNNING", "trigger": {"eventIds": [EVENT_ID], "eventName": "a/b"}}
    )

    async with reading(server) as backend:
        await backend.api.known()
        if beside == "a trace" and reply.status_code != 500:
            with pytest.raises((KeyRefusedError, RateLimitedError)):
                await backend.get_run(RUN_ID)
            return
        run = await backend.get_run(RUN_ID)

    assert (run.id, run.status, run.event.name) == (RUN_ID, RunStatus.RUNNING, "a/b")
    assert "The server gave no trace of this run, so its steps are not known." in run.notes
    assert "The server does not tell the data of the event that started this run." in run.notes


async def test_a_trace_that_leaves_out_most_of_it_still_has_its_steps():
    root = {
        "name": "order",
        "children": [
            {"name": "load", "stepId": "load", "stepOp": "RUN", "status": "COMPLETED", "output": {"data": 3}},
            {
                "name": "group",
                "children": [{"name": "deep", "stepOp": "SOMETHING_NEW", "status": "DONE_ISH"}],
            },
            {"stepId": "nameless", "status": "SPAN_STATUS_FAILED", "output": "it broke"},
            {"name": "answer", "stepOp": "WAIT_FOR_EVENT", "status": "COMPLETED", "output": {"data": None}},
            {"name": "came", "stepOp": "WAIT_FOR_EVENT", "status": "COMPLETED", "output": {"name": "a/c"}},
            {"name": "nap", "stepOp": "SLEEP", "status": "WAITING"},
            None,
            "span",
        ],
    }
    server = dev_server(
        **{
            RUN: v2({"id": RUN_ID, "status": "RUN_STATUS_PAUSED", "startedAt": "2027-01-15T08:00:00Z"}),
            TRACE: v2({"rootSpan": root}),
        }
    )

    async with reading(server) as backend:
        run = await backend.get_run(RUN_ID)

    assert [(step.name, step.kind, step.status) for step in run.steps] == [
        ("load", StepKind.RUN, StepStatus.COMPLETED),
        ("deep", StepKind.RUN, StepStatus.RUNNING),
        ("nameless", StepKind.RUN, StepStatus.FAILED),
        ("answer", StepKind.WAIT_FOR_EVENT, StepStatus.COMPLETED),
        ("came", StepKind.WAIT_FOR_EVENT, StepStatus.COMPLETED),
        ("nap", StepKind.SLEEP, StepStatus.WAITING),
    ]
    assert [step.has_timed_out for step in run.steps] == [False, False, False, True, False, False]
    assert run.steps[0].output == 3
    assert run.steps[2].error == {"message": "it broke"}
    assert "'RUN_STATUS_PAUSED'; RUNNING is read from its times" in run.notes[0]


async def test_waiting_outlives_refusals_in_between_and_gives_up_in_time():
    done = {"id": RUN_ID, "status": "COMPLETED", "endedAt": "2027-01-15T08:00:01Z", "output": {"data": 1}}
    server = dev_server(
        **{
            RUN: Turns(
                v2({"id": RUN_ID, "status": "RUNNING"}),
                refusal(503, "x", "busy"),
                httpx.ReadTimeout("slow"),
                refusal(429, "x", "slow", **{"retry-after": "1"}),
                v2(done),
            )
        }
    )
    async with reading(server) as backend:
        ended = await backend.wait_for_runs([RUN_ID], timeout_s=30)
    server.routes[RUN] = refusal(500, "x", "oops")
    async with reading(server) as backend:
        with pytest.raises(FaultyAnswerError):
            await backend.wait_for_runs([RUN_ID], timeout_s=5)

    assert (ended[RUN_ID].status, ended[RUN_ID].output) == (RunStatus.COMPLETED, 1)


def test_a_wait_of_which_no_end_is_told_is_not_taken_for_an_event_without_data():
    def wait(name, **more):
        told = {"kind": StepKind.WAIT_FOR_EVENT, "status": StepStatus.COMPLETED, **more}
        return StepView(id=name, name=name, index=0, queued_ms=0, started_ms=0, **told)

    event = Event(id=EVENT_ID, public_id=EVENT_ID, name="a/b", data={}, user={}, ts_ms=0, received_ms=0)
    given = {"id": RUN_ID, "status": RunStatus.COMPLETED, "app_name": "app", "event": event}
    names = {"function_slug": "app-f", "function_name": "f"}
    steps = (wait("came", output={"name": "a/c", "data": {"n": 1}}), wait("untold"))

    recorded = stand_ins(RunView(**given, **names, steps=steps, queued_ms=0, now_ms=0), ())

    assert [double.outcomes[0] for double in recorded.doubles[:2]] == [
        MockEvent(name="a/c", data={"n": 1}),
        MockTimeout(),
    ]
    assert recorded.notes == (
        "What ended the wait of step 'untold' the server does not tell: here its time is up.",
    )
