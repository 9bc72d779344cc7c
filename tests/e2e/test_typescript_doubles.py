"""TypeScript: mocks and faults stand in for steps; bodies of mocked steps never run, checkpointing or not."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client
from support.shipped_docs import shipped_docs
from support.two_backends import ask, on_a_socket
from support.typescript import Lab

from durable_engine import (
    EventFilter,
    Fault,
    FaultKind,
    MockError,
    MockEvent,
    MockResult,
    MockTimeout,
    NewDouble,
    NewEvent,
    RunStatus,
    RunView,
)
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.target import read_target
from mcp_server.server import build_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]


def mock(step: str, *outcomes: Any, **more: Any) -> NewDouble:
    """Return a double; what is no outcome is a result."""
    kinds = MockResult | MockError | MockEvent | MockTimeout | Fault
    made = (entry if isinstance(entry, kinds) else MockResult(data=entry) for entry in outcomes)
    return NewDouble(step=step, outcomes=tuple(made), **more)


async def finish(it: Lab, function: str, *doubles: NewDouble, **data: Any) -> RunView:
    """Start a function by its event with doubles, and let time pass until the run has ended."""
    event = NewEvent(name=function if "/" in function else f"ts/{function}", data=data)
    receipt = await it.engine.send_event(event, doubles=doubles)
    run = await it.settle(receipt.started[0].run_id)
    while not run.status.is_terminal:
        _, run = await it.next_due(run.id)
    return run


async def test_a_mocked_step_among_real_ones_never_runs(ts_lab: Lab) -> None:
    for app in ("ts", "ts-streaming"):
        run = await finish(ts_lab, f"{app}/three", mock("b", {"mocked": True}))
        assert run.output == [1, {"mocked": True}]
        assert (await ts_lab.journal(run.id)).ran == ["a", "c"]
        assert [step.doubled for step in run.steps] == [None, "result", None]

    run = await finish(ts_lab, "three", mock("a", 10), mock("b", 20), mock("c", 30))
    assert run.output == 30
    assert (await ts_lab.journal(run.id)).ran == []


async def test_what_a_mocked_step_was_given_is_on_record(ts_lab: Lab) -> None:
    run = await finish(ts_lab, "input", mock("add", 6))
    assert run.output == 6
    assert [use.input for use in run.doubles] == [[2, 3]]
    assert run.steps[0].input == [2, 3]


async def test_repeats_are_mocked_one_by_one(ts_lab: Lab) -> None:
    run = await finish(ts_lab, "loop", mock("again", "x", "y", times=2), mock("again", "last", index=3))
    assert run.output == ["x", "y", 2, "last"]
    assert len((await ts_lab.journal(run.id)).ran) == 1


async def test_steps_of_a_group_are_mocked_beside_real_ones(ts_lab: Lab) -> None:
    for mode in ("", "-optimized" if ts_lab.app.version == "v3" else "-unoptimized"):
        run = await finish(ts_lab, f"together{mode}", mock("a", "A"), mock("after", "AFTER"))
        assert run.output == ["A", "b", "c", "AFTER"]
        assert sorted((await ts_lab.journal(run.id)).ran) == ["b", "c"]


async def test_a_mocked_error_is_retried_and_then_caught(ts_lab: Lab) -> None:
    run = await finish(ts_lab, "rollback", mock("charge", MockError(message="declined", name="CardError")))
    released, error = run.output
    assert (released, error["name"], error["message"]) == ("release", "CardError", "declined")
    assert error["isStepError"]
    assert (await ts_lab.journal(run.id)).ran == ["reserve", "release"]
    assert [use.attempt for use in run.doubles] == [0, 1]

    run = await finish(ts_lab, "three", mock("b", MockError(message="never", is_retriable=False)))
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["message"] == "never"


async def test_waits_for_events_end_with_what_they_are_told(ts_lab: Lab) -> None:
    options = {"timeout": "1h", "if": "async.data.ok == true"}
    run = await finish(ts_lab, "wait", mock("approval", MockEvent(data={"ok": True})), options=options)
    assert run.output == {"name": "ts/approved", "data": {"ok": True}, "hasId": True}
    assert run.doubles[0].input == {"event": "ts/approved", "if": options["if"], "timeout": "1h"}
    assert run.ended_ms == run.started_ms

    run = await finish(ts_lab, "wait", mock("approval", MockTimeout()), options=options)
    assert run.output is None
    assert run.ended_ms == run.started_ms

    run = await finish(
        ts_lab, "wait-twice", mock("first", MockEvent(data={"n": 1})), mock("second", MockTimeout())
    )
    assert run.output == [{"n": 1}, None]

    events = [MockEvent(data={"n": 1}), MockTimeout(), MockEvent(data={"n": 3})]
    assert (await finish(ts_lab, "wait-in-a-loop", mock("next", *events))).output == [1, None, 3]


async def test_waits_for_signals_end_with_what_they_are_told(ts_lab: Lab) -> None:
    run = await finish(ts_lab, "wait-for-signal", mock("signal", {"n": 1}), signal="s")
    assert run.output == {"signal": "s", "data": {"n": 1}}
    run = await finish(ts_lab, "wait-for-signal", mock("signal", MockTimeout()), signal="s")
    assert run.output is None


async def test_sleeps_are_skipped(ts_lab: Lab) -> None:
    began_ms = ts_lab.clock.now_ms()
    run = await finish(ts_lab, "sleep", mock("nap", None), time="30d")
    assert run.output == "after"
    assert ts_lab.clock.now_ms() == began_ms


async def test_invoked_functions_are_not_started(ts_lab: Lab) -> None:
    run = await finish(ts_lab, "invoke", mock("ask", {"answer": 42}), data={"n": 1})
    assert run.output == {"answer": 42}
    assert run.child_run_ids == ()
    run = await finish(ts_lab, "invoke", mock("ask", MockError(message="no")), data={"n": 1})
    assert run.output["message"] == "no"
    run = await finish(ts_lab, "invoke", mock("ask", MockTimeout()), data={"n": 1})
    assert run.output["caught"] == "InngestInvokeTimeoutError"
    assert run.doubles[0].input == {"function": "ts-child", "data": {"n": 1}, "timeout": None}

    run = await finish(ts_lab, "invoke-many", mock("ask", "first", "others"))
    assert run.output == ["first", "others", "others"]
    assert run.child_run_ids == ()


async def test_events_are_not_sent(ts_lab: Lab) -> None:
    run = await finish(ts_lab, "send", mock("one", {"ids": ["x"]}), mock("many", {"ids": ["y", "z"]}))
    assert run.output == [["x"], ["y", "z"]]
    sent = await ts_lab.engine.records.events(EventFilter(name="ts/received"), limit=9)
    assert sent.events == ()


async def test_requests_of_the_engine_are_not_made(ts_lab: Lab) -> None:
    url = "http://127.0.0.1:1/nobody?token=secret"
    reply = {"status_code": 418, "headers": {"x-answer": "tea"}, "body": {"short": True}}
    run = await finish(ts_lab, "fetch", mock("step.fetch: 127.0.0.1", reply), url=url)
    assert run.status is RunStatus.COMPLETED, (run.error, [step.name for step in run.steps])
    assert run.output == {"status": 418, "header": "tea", "body": '{"short":true}'}
    (use,) = run.doubles
    assert "secret" not in str(use)

    answer = {"choices": [{"message": {"content": "because"}}]}
    ask = {"provider": "openai", "model": "m", "apiKey": "k", "baseUrl": "http://127.0.0.1:1"}
    run = await finish(ts_lab, "infer", mock("ask", answer), **ask)
    assert run.output == answer
    run = await finish(
        ts_lab, "infer-caught", mock("ask", MockError(message="quota")), baseUrl="http://127.0.0.1:1"
    )
    assert run.output["message"] == "quota"
    assert run.doubles[0].input["body"]["model"] == "m"


async def test_a_mock_that_does_not_fit_fails_the_run_at_once(ts_lab: Lab) -> None:
    for function, step, outcome in (
        ("three", "b", MockEvent()),
        ("sleep", "nap", MockTimeout()),
        ("fetch", "step.fetch: 127.0.0.1", "no reply"),
    ):
        run = await finish(ts_lab, function, mock(step, outcome), time="1h", url="http://127.0.0.1:1/")
        assert run.status is RunStatus.FAILED, function
        assert run.error is not None
        assert run.error["name"] == "DoubleMismatchError", run.error


def fault(kind: FaultKind, step: str | None, **more: Any) -> NewDouble:
    """Return a fault that happens once."""
    return NewDouble(step=step, outcomes=(Fault(kind=kind),), times=1, **more)


async def test_bodies_run_again_when_replies_are_lost_and_engines_restart(ts_lab: Lab) -> None:
    doubles = (
        fault(FaultKind.REPLY_LOST, "a"),
        fault(FaultKind.RESTART, "b"),
        fault(FaultKind.REQUEST_TWICE, "c"),
        fault(FaultKind.REPLY_TWICE, "after"),
    )
    run = await finish(ts_lab, "together", *doubles)
    assert run.output == ["a", "b", "c", "after"]
    counts = (await ts_lab.journal(run.id)).counts
    assert counts == {"a": 2, "b": 2, "c": 2, "after": 1}
    assert {step.name: step.body_runs for step in run.steps} == counts
    assert [step.attempts for step in run.steps] == [2, 1, 1, 1]


@pytest.mark.parametrize("kind", [FaultKind.REPLY_LOST, FaultKind.RESTART, FaultKind.SLOW_REPLY])
async def test_a_fault_of_the_functions_own_call_runs_no_step_twice(ts_lab: Lab, kind: FaultKind) -> None:
    boundaries = [fault(kind, None, index=index) for index in range(4)]
    run = await finish(ts_lab, "three", *boundaries)
    assert run.output == [1, 2]
    assert (await ts_lab.journal(run.id)).ran == ["a", "b", "c"]
    assert [use.outcome for use in run.doubles] == [kind.value] * 4
    assert run.unused_doubles == ()


async def test_requests_of_the_engine_break_like_calls(ts_lab: Lab) -> None:
    step = "step.fetch: 127.0.0.1"
    url = f"{ts_lab.app.origin}/journal/none"
    always = NewDouble(step=step, outcomes=(Fault(kind=FaultKind.UNREACHABLE),))
    run = await finish(ts_lab, "fetch-caught", always, url=url)
    assert "injected fault" in run.output["message"]
    assert run.steps[0].body_runs == 0

    run = await finish(ts_lab, "fetch-patiently", fault(FaultKind.REPLY_LOST, step), url=url)
    assert run.output == [200, "after"]
    assert run.steps[0].body_runs == 2
    assert run.doubles[0].deliveries[0].outcome == "ran"


async def test_a_run_is_mirrored_with_all_its_errors_groups_and_invokes_and_no_body_runs(ts_lab: Lab) -> None:
    functions = ("rollback", "race", "invoke-many")
    runs = [await ts_lab.finish(function) for function in functions]

    async with (
        on_a_socket(ts_lab.engine) as origin,
        RemoteBackend.open(read_target(origin, only_reads=True)) as source,
        Client(build_server(ts_lab.engine, shipped_docs(), mirror=source)) as tools,
    ):
        answers = [await ask(tools, "mirror_run", runId=run.id) for run in runs]

    for run, answer in zip(runs, answers, strict=True):
        assert answer["same"], answer
        assert answer["local"]["status"] == run.status.value
        assert (await ts_lab.journal(answer["local"]["runId"])).ran == []
