"""What an answer does to a run, case by case."""

from __future__ import annotations

import pytest
from engine_tables import NOW_MS, World, a_function, ref

from durable_engine.lifecycle.retry import BACKOFF_MS, JITTER_MS, backoff_ms
from durable_engine.model.call import Call
from durable_engine.model.history import HistoryKind
from durable_engine.model.json_value import parse_json
from durable_engine.model.op import (
    Invoke,
    Op,
    RunReturned,
    Sleep,
    StepErrored,
    StepPlanned,
    StepRan,
    Unsupported,
    WaitForEvent,
)
from durable_engine.model.queue_item import ItemKind, QueueItem
from durable_engine.model.reply import Failed, Ops, Reply, Returned
from durable_engine.model.status import RunStatus, StepKind, StepStatus

ERROR = {"name": "ValueError", "message": "boom"}
HOUR_MS = 3_600_000


def ran(name: str, data: object = 1) -> StepRan:
    return StepRan(step=ref(name), data=data)


def planned(name: str) -> StepPlanned:
    return StepPlanned(step=ref(name))


def errored(name: str, *, is_final: bool = False) -> StepErrored:
    return StepErrored(step=ref(name), error=ERROR, is_final=is_final)


def ops(*asked: Op, version: int | None = 2, retry_after_ms: int | None = None) -> Ops:
    return Ops(ops=asked, sdk_version=version, retry_after_ms=retry_after_ms)


def _answered(world: World, *replies: Reply) -> str:
    """Start a run and give these answers to its calls, one due call after the other."""
    run_id = world.start()
    for reply in replies:
        world.answer(world.take_one(), reply)
    return run_id


def _queue(world: World, run_id: str) -> list[tuple[ItemKind, str | None, int]]:
    return [(item.kind, item.step_id, item.attempt) for item in world.queue(run_id)]


def _next_call(world: World) -> Call:
    world.advance_to_next()
    call = world.take_one().call
    assert call is not None
    return call


def test_a_result_completes_the_run_and_tells_the_world() -> None:
    world = World()
    run_id = _answered(world, Returned(data={"n": 1.0}))
    run = world.run(run_id)
    assert (run.status, run.output, run.error) == (RunStatus.COMPLETED, '{"n":1.0}', None)
    assert world.queue(run_id) == []
    assert world.finished_events(run_id) == 1


def test_a_run_returned_as_an_op_completes_the_run_with_the_steps_it_came_with() -> None:
    world = World()
    run_id = _answered(world, ops(ran("a"), RunReturned(data="end")))
    assert world.run(run_id).output == '"end"'
    assert world.steps(run_id)["a"].status is StepStatus.COMPLETED
    assert world.queue(run_id) == []


def test_a_step_that_ran_is_memoized_and_the_function_is_called_again() -> None:
    world = World()
    run_id = _answered(world, ops(ran("a", {"v": 1})))
    step = world.steps(run_id)["a"]
    assert (step.status, step.memo, step.attempts, step.position) == (
        StepStatus.COMPLETED,
        '{"data":{"v":1}}',
        1,
        1,
    )
    call = _next_call(world)
    assert (call.memos, call.execution_version, call.plans_only, call.attempt, call.target) == (
        {"hash-a": '{"data":{"v":1}}'},
        2,
        False,
        0,
        None,
    )


@pytest.mark.parametrize("version", [1, 2])
def test_planned_steps_get_a_call_each_that_executes_nothing_else(version: int) -> None:
    world = World()
    run_id = _answered(world, ops(planned("a"), planned("b"), version=version))
    works = world.take()
    assert [(work.call.target, work.call.plans_only) for work in works if work.call] == [
        ("hash-a", True),
        ("hash-b", True),
    ]
    assert {step.status for step in world.steps(run_id).values()} == {StepStatus.RUNNING}


def test_from_version_2_on_one_call_follows_a_whole_group() -> None:
    world = World()
    run_id = _answered(world, ops(planned("a"), planned("b")))
    first, second = world.take()
    world.answer(first, ops(ran("a")))
    assert _queue(world, run_id) == [(ItemKind.STEP, "hash-b", 0)]
    world.answer(second, ops(ran("b")))
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 0)]
    assert not _next_call(world).plans_only


def test_in_version_1_a_call_follows_each_step_and_steps_stay_planned_from_then_on() -> None:
    world = World()
    run_id = _answered(world, ops(planned("a"), planned("b"), version=1))
    a, b = world.take()
    world.answer(a, ops(ran("a"), version=1))
    first = world.take_one()
    world.answer(b, ops(ran("b"), version=1))
    second = world.take_one()
    for work in (first, second):
        assert work.call is not None
        assert work.call.plans_only
        world.answer(work, ops(planned("after"), version=1))
    assert _queue(world, run_id) == [(ItemKind.STEP, "hash-after", 0)]


def test_a_call_that_is_due_and_not_yet_made_serves_all_steps_that_end_until_then() -> None:
    world = World()
    run_id = _answered(world, ops(planned("a"), planned("b"), version=1))
    for work, name in zip(world.take(), "ab", strict=True):
        world.answer(work, ops(ran(name), version=1))
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 0)]
    assert list(_next_call(world).memos) == ["hash-a", "hash-b"]


def test_the_version_that_the_sdk_chose_first_stays() -> None:
    world = World()
    _answered(world, ops(ran("a"), version=1), ops(ran("b"), version=2))
    assert _next_call(world).execution_version == 1


def test_a_run_that_only_met_errors_has_no_version_yet() -> None:
    world = World()
    _answered(world, Failed(error=ERROR))
    assert _next_call(world).execution_version == -1


def test_a_group_with_a_sleep_goes_on_when_the_last_of_it_has_ended() -> None:
    world = World()
    run_id = _answered(world, ops(planned("a"), Sleep(step=ref("nap"), until="1h")))
    world.answer(world.take_one(), ops(ran("a")))
    assert _queue(world, run_id) == [(ItemKind.TIMER, "hash-nap", 0)]
    world.advance_to_next()
    assert world.now_ms == NOW_MS + HOUR_MS
    world.fire(world.take_one())
    assert list(_next_call(world).memos.items()) == [("hash-a", '{"data":1}'), ("hash-nap", "null")]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "again",
    [
        planned("a"),
        Sleep(step=ref("nap"), until="5h"),
        WaitForEvent(step=ref("w"), event_name="t/other", expression=None, timeout="5h"),
        Invoke(step=ref("i"), function="lab-kid", data={}, user={}, timeout=None),
    ],
)
def test_what_is_reported_again_is_not_started_again(version: int, again: Op) -> None:
    world = World(a_function(), a_function("kid"))
    group = (
        planned("a"),
        Sleep(step=ref("nap"), until="1h"),
        WaitForEvent(step=ref("w"), event_name="t/go", expression=None, timeout="1h"),
        Invoke(step=ref("i"), function="lab-kid", data={}, user={}, timeout=None),
        planned("other"),
    )
    run_id = _answered(world, ops(*group, version=version))
    works = {work.item.step_id: work for work in world.take()}
    before = _queue(world, run_id), world.tables.runs.children(run_id), world.steps(run_id)
    world.answer(works["hash-other"], ops(ran("other"), again, version=version))
    queue = [item for item in _queue(world, run_id) if item[0] is not ItemKind.DISCOVER]
    assert queue == [item for item in before[0] if item[1] != "hash-other"]
    assert world.tables.runs.children(run_id) == before[1]
    after = world.steps(run_id)
    assert {name: after[name] for name in ("a", "nap", "w", "i")} == {
        name: before[2][name] for name in ("a", "nap", "w", "i")
    }


def test_a_step_error_gives_the_same_item_back_for_its_next_attempt() -> None:
    world = World()
    run_id = _answered(world, ops(errored("a")))
    ((kind, step_id, attempt),) = _queue(world, run_id)
    assert (kind, step_id, attempt) == (ItemKind.DISCOVER, None, 1)
    step = world.steps(run_id)["a"]
    assert (step.status, step.attempts, step.memo) == (StepStatus.WAITING, 1, None)
    delay_ms = world.queue(run_id)[0].due_ms - NOW_MS
    assert 15_000 <= delay_ms <= 15_000 + JITTER_MS
    assert step.due_ms == NOW_MS + delay_ms


def test_a_planned_steps_retries_are_its_own() -> None:
    world = World(a_function(retries=1))
    run_id = _answered(world, ops(planned("a"), planned("b")))
    first, second = world.take()
    world.answer(first, ops(errored("a")))
    world.answer(second, ops(ran("b")))
    assert _queue(world, run_id) == [(ItemKind.STEP, "hash-a", 1)]
    world.advance_to_next()
    world.answer(world.take_one(), ops(errored("a")))
    step = world.steps(run_id)["a"]
    assert (step.status, step.attempts) == (StepStatus.FAILED, 2)
    assert parse_json(step.memo or "") == {"error": ERROR}
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 0)]


@pytest.mark.parametrize(("retries", "is_final"), [(0, False), (4, True), (0, True)])
def test_a_final_step_error_is_memoized_for_the_code_to_catch(
    retries: int,
    is_final: bool,  # noqa: FBT001
) -> None:
    world = World(a_function(retries=retries))
    run_id = _answered(world, ops(errored("a", is_final=is_final)))
    assert world.steps(run_id)["a"].status is StepStatus.FAILED
    call = _next_call(world)
    assert parse_json(call.memos["hash-a"]) == {"error": ERROR}
    assert call.attempt == 0


def test_a_step_that_recovers_gives_the_next_call_all_its_attempts_back() -> None:
    world = World()
    run_id = _answered(world, ops(errored("a")))
    world.advance_to_next()
    world.answer(world.take_one(), ops(ran("a")))
    assert world.steps(run_id)["a"].attempts == 2
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 0)]


@pytest.mark.parametrize("retries", [0, 1, 4, 20])
def test_a_failing_function_is_called_once_and_then_as_often_as_it_may_be_retried(retries: int) -> None:
    world = World(a_function(retries=retries))
    run_id = world.start()
    calls = 0
    while not world.ended(run_id):
        work = world.take_one()
        assert work.call is not None
        assert (work.call.attempt, work.call.max_attempts) == (calls, retries + 1)
        world.answer(work, Failed(error=ERROR))
        calls += 1
        world.advance_to_next()
    assert calls == retries + 1
    assert world.run(run_id).status is RunStatus.FAILED
    assert parse_json(world.run(run_id).error or "") == ERROR


@pytest.mark.parametrize("target", [False, True])
def test_an_error_that_must_not_be_retried_ends_the_run_at_once(target: bool) -> None:  # noqa: FBT001
    world = World()
    run_id = _answered(world, ops(planned("a"), planned("b"))) if target else world.start()
    world.answer(world.take()[0], Failed(error=ERROR, is_retriable=False, body={"raw": 1}))
    assert world.run(run_id).status is RunStatus.FAILED
    assert world.queue(run_id) == []
    assert world.orphans() == []
    names = [row[0] for row in world.connection.execute("SELECT name FROM event ORDER BY rowid")]
    assert names == ["t/job", "inngest/function.finished", "inngest/function.failed"]
    failed = world.tables.events.find(run_id)
    assert failed is not None
    assert failed.name == "inngest/function.failed"
    assert failed.data["error"]["message"] == "boom"
    assert failed.data["result"] == {"raw": 1}


@pytest.mark.parametrize(
    "reply", [Failed(error=ERROR, retry_after_ms=7_000), ops(errored("a"), retry_after_ms=7_000)]
)
def test_retry_after_replaces_the_delay(reply: Reply) -> None:
    world = World()
    run_id = _answered(world, reply)
    assert world.queue(run_id)[0].due_ms == NOW_MS + 7_000


def test_the_delays_grow_as_documented_and_the_same_item_gets_the_same_ones() -> None:
    def item(attempt: int) -> QueueItem:
        return QueueItem(
            id=1, run_id="r", kind=ItemKind.DISCOVER, due_ms=0, step_id=None, attempt=attempt, lease=1
        )

    for attempt in range(15):
        base = BACKOFF_MS[min(attempt, 9)]
        assert base <= backoff_ms(item(attempt)) <= base + JITTER_MS
        assert backoff_ms(item(attempt)) == backoff_ms(item(attempt))
    minutes = [delay / 60_000 for delay in BACKOFF_MS]
    assert minutes == [0.25, 0.5, 1, 2, 5, 10, 20, 40, 60, 120]


def test_a_sleep_that_is_over_already_ends_at_once() -> None:
    world = World()
    run_id = _answered(world, ops(Sleep(step=ref("nap"), until="2020-01-01")))
    world.fire(world.take_one())
    assert world.steps(run_id)["nap"].memo == "null"
    assert not world.steps(run_id)["nap"].has_timed_out


def test_a_wait_that_times_out_gives_null_and_says_so() -> None:
    world = World()
    wait = WaitForEvent(step=ref("w"), event_name="t/go", expression=None, timeout="")
    run_id = _answered(world, ops(wait))
    world.fire(world.take_one())
    step = world.steps(run_id)["w"]
    assert (step.memo, step.has_timed_out, step.status) == ("null", True, StepStatus.COMPLETED)
    assert not world.tables.pauses.steps_waiting(run_id)
    assert world.send("t/go").resumed == []


def test_an_event_ends_a_wait_once_and_takes_its_timer_with_it() -> None:
    world = World()
    wait = WaitForEvent(step=ref("w"), event_name="t/go", expression="async.data.n == 1", timeout="1h")
    run_id = _answered(world, ops(wait))
    assert world.send("t/go", {"n": 2}).resumed == []
    assert world.send("t/go", {"n": 1}).resumed == [run_id]
    assert world.send("t/go", {"n": 1}).resumed == []
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 0)]
    memo = parse_json(world.steps(run_id)["w"].memo or "")
    assert (memo["name"], memo["data"], memo["user"]) == ("t/go", {"n": 1}, {})


def test_an_event_that_comes_while_the_timer_fires_wins_only_if_it_was_first() -> None:
    world = World()
    run_id = _answered(
        world, ops(WaitForEvent(step=ref("w"), event_name="t/go", expression=None, timeout="1h"))
    )
    world.advance_to_next()
    timer = world.take_one()
    assert world.send("t/go").resumed == [run_id]
    world.fire(timer)
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 0)]
    assert not world.steps(run_id)["w"].has_timed_out


def test_an_invoked_child_that_ends_wakes_its_parent() -> None:
    world = World(a_function(), a_function("kid", retries=0))
    invoke = Invoke(step=ref("i"), function="lab-kid", data={"k": 1}, user={}, timeout=None)
    run_id = _answered(world, ops(invoke))
    child = world.take_one()
    assert child.call is not None
    assert parse_json(child.call.events[0])["data"]["k"] == 1
    assert world.tables.runs.children(run_id) == [child.item.run_id]
    world.answer(child, Returned(data=[1]))
    assert world.steps(run_id)["i"].memo == '{"data":[1]}'
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 0)]
    events = world.connection.execute("SELECT payload FROM event WHERE name = 'inngest/function.finished'")
    (finished,) = [parse_json(row[0]) for row in events]
    assert finished["data"]["correlation_id"] == f"{run_id}.hash-i"


def test_an_invoke_that_times_out_is_an_error_and_the_child_may_end_later() -> None:
    world = World(a_function(), a_function("kid", retries=0))
    run_id = _answered(world, ops(Invoke(step=ref("i"), function="lab-kid", data={}, user={}, timeout="1h")))
    child = world.take_one()
    world.advance_to_next()
    world.fire(world.take_one())
    step = world.steps(run_id)["i"]
    assert (step.status, step.has_timed_out) == (StepStatus.FAILED, True)
    assert parse_json(step.memo or "")["error"]["name"] == "InngestInvokeTimeoutError"
    world.answer(child, Returned(data=1))
    assert world.run(child.item.run_id).status is RunStatus.COMPLETED
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 0)]


@pytest.mark.parametrize("function", ["lab-nobody", "", "kid"])
def test_an_invoke_of_nothing_is_an_error_that_the_parent_sees(function: str) -> None:
    world = World(a_function(), a_function("kid"))
    run_id = _answered(world, ops(Invoke(step=ref("i"), function=function, data={}, user={}, timeout=None)))
    memo = parse_json(world.steps(run_id)["i"].memo or "")
    assert memo == {"error": {"name": "Error", "message": f"could not find function with ID: {function}"}}
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 0)]


@pytest.mark.parametrize(
    ("op", "name"),
    [
        (Sleep(step=ref("x"), until="a while"), "InvalidSleepError"),
        (Sleep(step=ref("x"), until="400d"), "InngestErrTimeoutTooLong"),
        (
            WaitForEvent(step=ref("x"), event_name="e", expression=None, timeout="400d"),
            "InngestErrTimeoutTooLong",
        ),
        (WaitForEvent(step=ref("x"), event_name="e", expression=None, timeout="?"), "InvalidTimeoutError"),
        (
            WaitForEvent(step=ref("x"), event_name="e", expression="1 +", timeout=None),
            "InvalidExpressionError",
        ),
        (
            WaitForEvent(step=ref("x"), event_name="e", expression="x.y", timeout=None),
            "InvalidExpressionError",
        ),
        (Invoke(step=ref("x"), function="lab-job", data={}, user={}, timeout="?"), "InvalidTimeoutError"),
        (Unsupported(step=ref("x"), opcode="Gateway"), "UnsupportedStepError"),
    ],
)
def test_a_request_that_cannot_be_met_ends_the_run_and_nothing_else_of_the_answer_counts(
    op: Op, name: str
) -> None:
    world = World()
    run_id = _answered(world, ops(planned("a"), op, Sleep(step=ref("nap"), until="1h")))
    run = world.run(run_id)
    assert run.status is RunStatus.FAILED
    error = parse_json(run.error or "")
    assert error["name"] == name
    assert "'x'" in error["message"]
    assert world.queue(run_id) == []
    assert world.tables.runs.children(run_id) == []
    assert world.orphans() == []


def test_a_target_that_is_gone_from_the_code_is_no_result_of_the_run() -> None:
    world = World()
    run_id = _answered(world, ops(planned("a"), planned("b")))
    first, second = world.take()
    world.answer(first, Returned(data=None))
    assert world.run(run_id).status is RunStatus.RUNNING
    assert world.steps(run_id)["a"].status is StepStatus.CANCELLED
    assert _queue(world, run_id) == [(ItemKind.STEP, "hash-b", 0)]
    world.answer(second, ops(ran("b")))
    assert _next_call(world).memos == {"hash-b": '{"data":1}'}


@pytest.mark.parametrize("reply", [ops(), ops(ran("other")), ops(planned("other"))])
def test_a_target_that_was_not_executed_is_tried_again(reply: Ops) -> None:
    world = World()
    run_id = _answered(world, ops(planned("a")))
    world.answer(world.take_one(), reply)
    assert (ItemKind.STEP, "hash-a", 1) in _queue(world, run_id)
    history = world.tables.history.of_run(run_id)
    failed = [entry for entry in history if entry.kind is HistoryKind.CALL_FAILED]
    assert failed[-1].detail["error"]["name"] == "StepNotExecutedError"


def test_an_empty_answer_never_leaves_a_run_with_nothing_to_do() -> None:
    world = World(a_function(retries=1))
    run_id = _answered(world, ops())
    assert _queue(world, run_id) == [(ItemKind.DISCOVER, None, 1)]
    world.advance_to_next()
    world.answer(world.take_one(), ops())
    assert world.run(run_id).status is RunStatus.FAILED
    assert parse_json(world.run(run_id).error or "")["name"] == "EmptyReplyError"


def test_waits_are_registered_before_anything_else_of_the_answer() -> None:
    world = World()
    wait = WaitForEvent(step=ref("w"), event_name="t/go", expression=None, timeout="1h")
    run_id = _answered(world, ops(planned("a"), wait))
    assert [step.ref.name for step in world.tables.steps.all(run_id)] == ["w", "a"]


def test_steps_keep_what_they_were_given_and_what_they_are() -> None:
    world = World()
    sent = StepRan(step=ref("send"), data=["id"], kind=StepKind.SEND_EVENT, input=[{"n": 1.0}])
    run_id = _answered(world, ops(sent))
    step = world.steps(run_id)["send"]
    assert (step.kind, step.input) == (StepKind.SEND_EVENT, '[{"n":1.0}]')


def test_a_failure_handler_that_fails_starts_no_failure_handler() -> None:
    world = World(a_function(retries=0), a_function("handler", retries=0, event="inngest/function.failed"))
    run_id = _answered(world, Failed(error=ERROR))
    handler = world.take_one()
    assert handler.item.run_id != run_id
    world.answer(handler, Failed(error=ERROR))
    assert world.take() == []
    assert world.run(handler.item.run_id).status is RunStatus.FAILED
