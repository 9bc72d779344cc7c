"""Stories about models that the engine asks for an app on the Python SDK."""

from __future__ import annotations

from typing import Any

import inngest
import pytest
from inngest.experimental.ai import openai
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.listening import listening
from support.sdk_app import lab, new_client

from durable_engine import RunStatus, StepKind, StepStatus

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"


class Model:
    """A model that refuses the first questions, and notes which keys came."""

    def __init__(self, refusals: int, **headers: str) -> None:
        self.keys: list[str] = []

        async def answer(request: Request) -> Response:
            self.keys.append(request.headers["authorization"])
            if len(self.keys) <= refusals:
                return JSONResponse({"error": "overloaded"}, status_code=529, headers=headers)
            return JSONResponse({"asked": await request.json()})

        self.app = Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def _ask(client: inngest.Inngest, origin: str, retries: int) -> Any:
    @client.create_function(fn_id="ask", retries=retries, trigger=inngest.TriggerEvent(event="t/ask"))
    async def ask(ctx: inngest.Context) -> Any:
        adapter = openai.Adapter(auth_key="sk-test", base_url=f"{origin}/v1", model="m-1")
        try:
            return await ctx.step.ai.infer("ask", adapter=adapter, body={"messages": []})
        except inngest.StepError as error:
            return error.name

    return ask


async def test_a_model_is_asked_by_the_engine_and_its_answer_is_the_result_of_the_step() -> None:
    client, model = new_client(), Model(refusals=0)
    async with listening(model.app) as origin, lab(client, [_ask(client, origin, retries=0)]) as it:
        run = await it.settle(await it.start("t/ask"))

        assert run.output == {"asked": {"messages": [], "model": "m-1"}}
        assert (run.steps[0].name, run.steps[0].kind) == ("ask", StepKind.AI_GATEWAY)
        assert model.keys == ["Bearer sk-test"]
        assert "sk-test" not in repr(run)


async def test_a_model_that_is_busy_is_asked_again_with_the_documented_delay() -> None:
    client, model = new_client(), Model(refusals=1)
    async with listening(model.app) as origin, lab(client, [_ask(client, origin, retries=3)]) as it:
        run_id = await it.start("t/ask")
        run = await it.settle(run_id)
        (wait,) = run.waiting_for
        assert (wait.kind, wait.step_name) == ("retry", "ask")
        assert 15_000 <= (wait.until_ms or 0) - it.clock.now_ms() <= 45_000
        calls = it.network.calls

        run = await it.advance(45, run_id)
        assert run.status is RunStatus.COMPLETED
        assert run.steps[0].attempts == len(model.keys) == 2
        assert it.network.calls == calls + 1  # the app is called for what follows, not for the attempt


async def test_a_model_says_when_it_wants_to_be_asked_again() -> None:
    client, model = new_client(), Model(refusals=1, **{"retry-after": "300"})
    async with listening(model.app) as origin, lab(client, [_ask(client, origin, retries=3)]) as it:
        run_id = await it.start("t/ask")
        (wait,) = (await it.settle(run_id)).waiting_for
        assert (wait.until_ms or 0) - it.clock.now_ms() == 300_000
        assert (await it.advance(300, run_id)).status is RunStatus.COMPLETED


async def test_a_model_that_is_always_busy_is_an_error_that_the_function_can_catch() -> None:
    client, model = new_client(), Model(refusals=99)
    async with listening(model.app) as origin, lab(client, [_ask(client, origin, retries=1)]) as it:
        run_id = await it.start("t/ask")
        run = await it.advance(45, run_id)

        assert (run.status, run.output) == (RunStatus.COMPLETED, "AIGatewayError")
        assert run.steps[0].status is StepStatus.FAILED
        assert len(model.keys) == 2
