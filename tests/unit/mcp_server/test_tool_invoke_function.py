"""invoke_function: one function, its result."""

import pytest
from mcp_scripted import EVENT_ID, RUN_ID, a_receipt, a_run, a_step, a_waiting_run, ask, refused

from durable_engine import NotStarted, RunStatus
from durable_engine.errors import AppNotFoundError, FunctionNotFoundError

pytestmark = pytest.mark.anyio


async def test_a_completed_run_answers_with_its_output_and_steps(server, backend, era):
    backend.runs[RUN_ID] = a_run()

    answer = await ask(server, "invoke_function", {"functionId": "shop-pay", "data": {"a": 1}}, era=era)

    assert answer["runId"] == RUN_ID
    assert answer["eventId"] == EVENT_ID
    assert answer["status"] == "COMPLETED"
    assert answer["output"] == {"paid": True}
    assert answer["functionName"] == "Pay"
    assert (answer["duration"], answer["durationMs"]) == ("1.2s", 1200)
    assert answer["steps"][0]["stepName"] == "charge"
    assert backend.invoked == [{"function": "shop-pay", "app": None, "data": {"a": 1}, "user": None}]
    assert backend.waits == [((RUN_ID,), 30)]


async def test_a_null_output_is_shown(server, backend):
    backend.runs[RUN_ID] = a_run(output=None)

    answer = await ask(server, "invoke_function", {"functionId": "shop-pay"})

    assert answer["output"] is None
    assert "output" in answer


async def test_a_failed_run_answers_with_the_error_not_as_a_tool_error(server, backend):
    error = {"name": "CardDeclined", "message": "no", "stack": "at pay.ts:3", "noRetry": True}
    backend.runs[RUN_ID] = a_run(status=RunStatus.FAILED, output=None, error=error)

    answer = await ask(server, "invoke_function", {"functionId": "shop-pay"})

    assert answer["status"] == "FAILED"
    assert answer["error"] == {
        "name": "CardDeclined",
        "message": "no",
        "stack": "at pay.ts:3",
        "details": {"noRetry": True},
    }
    assert "output" not in answer


async def test_a_run_that_takes_longer_answers_with_the_state_so_far(server, backend):
    backend.runs[RUN_ID] = a_waiting_run()

    answer = await ask(server, "invoke_function", {"functionId": "shop-pay", "timeout": 1})

    assert answer["status"] == "RUNNING"
    assert answer["runId"] == RUN_ID
    assert answer["message"].startswith("It has not ended yet and goes on.")
    assert 'send_event name="shop/approved"' in answer["next"]
    assert answer["steps"][1]["waitingFor"]["eventName"] == "shop/approved"


async def test_an_unknown_function_names_the_nearest(server, backend):
    backend.error = FunctionNotFoundError("There is no function shop-pai.", nearest=["shop-pay"])

    text = await refused(server, "invoke_function", {"functionId": "shop-pai"})

    assert text.startswith("There is no function shop-pai. Nearest: shop-pay. Call list_functions")


async def test_an_unknown_app_is_refused(server, backend):
    backend.error = AppNotFoundError("There is no app x.", nearest=["shop"], hint="Leave appId out.")

    text = await refused(server, "invoke_function", {"functionId": "pay", "appId": "x"})

    assert text == "There is no app x. Nearest: shop. Leave appId out."


async def test_a_function_that_may_not_start_says_why(server, backend):
    missed = NotStarted(function_slug="shop-pay", reason="rate limit")
    backend.receipt = a_receipt(started=(), not_started=(missed,))

    text = await refused(server, "invoke_function", {"functionId": "shop-pay"})

    assert "rate limit" in text
    assert EVENT_ID in text


async def test_a_large_output_is_cut_and_says_so(server, backend):
    backend.runs[RUN_ID] = a_run(
        output={"text": "x" * 50_000}, steps=tuple(a_step(f"s{n}") for n in range(40))
    )

    answer = await ask(server, "invoke_function", {"functionId": "shop-pay"})

    assert answer["output"].endswith("… [cut: 4,000 of 50,011 characters]")
    assert len(answer["steps"]) == 20
    assert "20 more steps" in answer["truncated"]
