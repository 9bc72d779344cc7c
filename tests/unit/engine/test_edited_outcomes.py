"""What the SDK reads of a step whose outcome was edited, for the kinds that no story has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from durable_engine.errors import InvalidInputError
from durable_engine.lifecycle.edit import as_if_ended
from durable_engine.model.json_value import to_json
from durable_engine.model.op import StepRef
from durable_engine.model.rerun import StepOutcome
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.step import Step

NOW_MS = 1_000


def _step(kind: StepKind, detail: Any = None) -> Step:
    return Step(
        ref=StepRef(id="hash", name="step"),
        kind=kind,
        status=StepStatus.CANCELLED,
        queued_ms=1,
        detail=None if detail is None else to_json(detail),
    )


def _memo(step: Step, outcome: StepOutcome) -> Any:
    ended = as_if_ended(step, outcome, event_id="id", now_ms=NOW_MS)
    assert (ended.queued_ms, ended.started_ms, ended.ended_ms) == (NOW_MS, NOW_MS, NOW_MS)
    return json.loads(ended.memo or "")


def test_a_signal_comes_with_its_name() -> None:
    step = _step(StepKind.WAIT_FOR_SIGNAL, {"signal": "go/7"})

    assert _memo(step, StepOutcome(result={"n": 1})) == {"data": {"signal": "go/7", "data": {"n": 1}}}
    assert _memo(step, StepOutcome(has_timed_out=True)) is None


@pytest.mark.parametrize(
    ("result", "body", "status"),
    [("text", "text", 200), ({"body": {"n": 1}, "status_code": 404}, '{"n":1}', 404), (None, "null", 200)],
)
def test_a_fetch_returns_a_whole_response(result: Any, body: str, status: int) -> None:
    memo = _memo(_step(StepKind.FETCH), StepOutcome(result=result))

    assert memo == {"data": {"status_code": status, "headers": {}, "body": body, "url": ""}}


def test_an_event_that_never_came_has_the_name_that_was_waited_for() -> None:
    memo = _memo(_step(StepKind.WAIT_FOR_EVENT, {"event": "t/go"}), StepOutcome(result={"n": 1}))

    assert memo == {"data": {"n": 1}, "id": "id", "name": "t/go", "ts": NOW_MS, "user": {}}


@pytest.mark.parametrize("kind", [StepKind.FETCH, StepKind.AI_GATEWAY, StepKind.AI, StepKind.INVOKE])
def test_what_can_fail_keeps_of_an_error_what_sdks_read(kind: StepKind) -> None:
    error = {"message": "declined", "data": {"code": 1}, "status": 500}

    assert _memo(_step(kind), StepOutcome(error=error)) == {
        "error": {"name": "Error", "message": "declined", "data": {"code": 1}}
    }


def test_a_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="cannot be written as JSON"):
        _memo(_step(StepKind.FETCH), StepOutcome(result={"body": float("nan")}))
