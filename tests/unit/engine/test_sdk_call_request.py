"""The request that an SDK gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from durable_engine.model.call import Call
from durable_engine.sdk.call_request import MAX_BODY_BYTES, build_call_request, url_for_step

EVENT = '{"data":{"id":1},"id":"01M7YGXTVCQRD97XH3KGG99EGN","name":"t/single","ts":1795246975852,"user":{}}'
REQUEST_ID = "01M7YGXV05JJ78M7PT5A2J9ABN"


def _call(**changes: Any) -> Call:
    values: dict[str, Any] = {
        "url": "http://127.0.0.1:19000/api/inngest?fnId=pyapp-single&stepId=step",
        "run_id": "01M7YGXTZSZ83YN62MFRRMWGVG",
        "function_id": "71c2f980-80eb-518b-9c52-3ba7301f3cf4",
        "item_id": 42,
        "item_ref": "42.3",
        "target": None,
        "attempt": 0,
        "max_attempts": 5,
        "execution_version": -1,
        "plans_only": False,
        "events": [EVENT],
        "memos": {},
    }
    return Call(**(values | changes))


def _body(**changes: Any) -> dict[str, Any]:
    request = build_call_request(_call(**changes), request_id=REQUEST_ID)
    body: dict[str, Any] = json.loads(request.body)
    return body


def test_the_first_call_of_a_run_has_the_captured_shape() -> None:
    event = json.loads(EVENT)
    # Captured from an Inngest server.
    assert _body() == {
        "ctx": {
            "attempt": 0,
            "disable_immediate_execution": False,
            "env": "",
            "fn_id": "71c2f980-80eb-518b-9c52-3ba7301f3cf4",
            "generation_id": 1,
            "job_id": "42",
            "max_attempts": 5,
            "qi_id": "42.3",
            "request_id": REQUEST_ID,
            "run_id": "01M7YGXTZSZ83YN62MFRRMWGVG",
            "stack": {"current": 0, "stack": []},
            "step_id": "step",
            "use_api": False,
        },
        "defers": {},
        "event": event,
        "events": [event],
        "steps": {},
        "use_api": False,
        "version": -1,
    }


def test_a_targeted_retry_names_its_step_its_attempt_and_its_version() -> None:
    changes = {"target": "b78f", "attempt": 2, "execution_version": 2, "plans_only": True}
    memos = {"h1": '{"data":1}', "h2": "null"}
    body = _body(**changes, memos=memos)
    assert body["ctx"]["attempt"] == 2
    assert body["ctx"]["generation_id"] == 3
    assert body["ctx"]["step_id"] == "b78f"
    assert body["ctx"]["disable_immediate_execution"] is True
    assert body["ctx"]["stack"] == {"current": 2, "stack": ["h1", "h2"]}
    assert body["version"] == 2

    request = build_call_request(_call(**changes, memos=memos), request_id=REQUEST_ID)
    assert request.url.endswith("?fnId=pyapp-single&stepId=b78f")
    assert request.headers["X-Inngest-Step-ID"] == "b78f"
    assert request.headers["X-Inngest-Req-Version"] == "2"
    assert request.headers["X-Inngest-Generation-ID"] == "3"
    assert request.headers["X-Run-ID"] == "01M7YGXTZSZ83YN62MFRRMWGVG"
    assert request.headers["X-Request-ID"] == REQUEST_ID
    assert request.headers["Content-Type"] == "application/json"


def test_memos_and_events_are_spliced_in_as_the_very_text_that_was_stored() -> None:
    odd = '{"data":{"z":1.0,"a":1,"e":1e2,"big":123456789012345678901234567890,"s":"\\ud800"}}'
    event = '{"data":{"é":1.0},"id":"x","name":"n","ts":1,"user":{}}'
    request = build_call_request(_call(events=[event], memos={"h1": odd}), request_id=REQUEST_ID)
    text = request.body.decode()
    assert f'"steps":{{"h1":{odd}}}' in text
    assert f'"event":{event},"events":[{event}]' in text


@pytest.mark.parametrize("step_id", ['quo"te', "back\\slash", "new\nline", "\ud800", "", "é", "plain"])
def test_a_step_id_of_any_kind_is_a_json_key(step_id: str) -> None:
    body = _body(memos={step_id: "null"})
    assert body["steps"] == {step_id: None}
    assert body["ctx"]["stack"]["stack"] == [step_id]


def test_several_events_are_all_sent_and_the_first_is_the_event() -> None:
    second = EVENT.replace('"id":1}', '"id":2}')
    body = _body(events=[EVENT, second])
    assert [event["data"]["id"] for event in body["events"]] == [1, 2]
    assert body["event"]["data"]["id"] == 1


def test_state_over_four_mebibytes_is_left_to_the_api() -> None:
    padding = MAX_BODY_BYTES - len(build_call_request(_call(memos={"h1": '""'}), request_id=REQUEST_ID).body)
    fits = '"' + "x" * padding + '"'
    request = build_call_request(_call(memos={"h1": fits}), request_id=REQUEST_ID)
    assert len(request.body) == MAX_BODY_BYTES
    assert json.loads(request.body)["use_api"] is False

    body = _body(memos={"h1": fits[:-1] + 'x"'})
    assert body["use_api"] is True
    assert body["ctx"]["use_api"] is True
    assert (body["events"], body["steps"]) == ([], {})
    assert body["event"] == json.loads(EVENT)
    assert body["ctx"]["stack"] == {"current": 1, "stack": ["h1"]}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a/api?fnId=x&stepId=step", "http://a/api?fnId=x&stepId=S"),
        ("http://a/api?fnId=x&step=step", "http://a/api?fnId=x&step=step&stepId=S"),
        ("http://a/api?deployId=d&fnId=x&stepId=step", "http://a/api?fnId=x&stepId=S"),
        ("http://a/api", "http://a/api?stepId=S"),
        ("http://a/api?empty=&fnId=a%20b", "http://a/api?empty=&fnId=a+b&stepId=S"),
        ("https://u:p@a:1/x;y?fnId=x#f", "https://u:p@a:1/x;y?fnId=x&stepId=S#f"),
    ],
)
def test_the_step_is_set_in_the_functions_url(url: str, expected: str) -> None:
    assert url_for_step(url, "S") == expected
