"""Tools and a prompt that ask the client before they answer, as the revision of 2026-07-28 does it."""

from __future__ import annotations

from typing import Any, Final

from conformance.fixture_contents import STRING, asking_for
from conformance.fixture_tools import Ctx, fixture, says
from mcp.types import (
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
)

Answer = CallToolResult | InputRequiredResult


def elicits(message: str, **properties: dict[str, Any]) -> ElicitRequest:
    """Return a question for the user, with a form of these fields."""
    return ElicitRequest(
        params=ElicitRequestFormParams(message=message, requested_schema=asking_for(**properties))
    )


def samples(prompt: str) -> CreateMessageRequest:
    """Return a question for the client's model."""
    message = SamplingMessage(role="user", content=TextContent(text=prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


NAME: Final = elicits("What is your name?", name=STRING)
CONFIRM: Final = elicits("Please confirm", ok={"type": "boolean"})
ROOTS: Final = ListRootsRequest()


def unanswered(ctx: Ctx, questions: dict[str, InputRequest]) -> dict[str, InputRequest]:
    """Return the questions that this call brings no answer to."""
    return {key: question for key, question in questions.items() if key not in (ctx.input_responses or {})}


def ask_until_answered(ctx: Ctx, *, state: str | None = None, **questions: InputRequest) -> Answer:
    """Ask whatever this call does not answer; with all answers, and the state if there is one, be done."""
    missing = unanswered(ctx, questions)
    if missing or ctx.request_state != state:
        return InputRequiredResult(input_requests=missing or questions, request_state=state)
    return says(f"state-ok, answered: {', '.join(questions)}")


@fixture
async def test_input_required_result_elicitation(ctx: Ctx) -> Answer:
    """Ask the user for a name."""
    return ask_until_answered(ctx, user_name=NAME)


@fixture
async def test_input_required_result_sampling(ctx: Ctx) -> Answer:
    """Ask the client's model."""
    return ask_until_answered(ctx, capital_question=samples("What is the capital of France?"))


@fixture
async def test_input_required_result_list_roots(ctx: Ctx) -> Answer:
    """Ask for the client's folders."""
    return ask_until_answered(ctx, client_roots=ROOTS)


@fixture
async def test_input_required_result_request_state(ctx: Ctx) -> Answer:
    """Ask with a state that comes back."""
    return ask_until_answered(ctx, state="asked", confirm=CONFIRM)


@fixture
async def test_input_required_result_tampered_state(ctx: Ctx) -> Answer:
    """Ask with a state that nobody may change."""
    return ask_until_answered(ctx, state="untouched", confirm=CONFIRM)


@fixture
async def test_input_required_result_multiple_inputs(ctx: Ctx) -> Answer:
    """Ask three questions at once."""
    return ask_until_answered(
        ctx, state="three", user_name=NAME, greeting=samples("Generate a greeting"), client_roots=ROOTS
    )


@fixture
async def test_input_required_result_multi_round(ctx: Ctx) -> Answer:
    """Ask twice, one after the other."""
    if ctx.request_state != "second":
        first = ask_until_answered(ctx, state="first", step1=elicits("Step 1: your name?", name=STRING))
        if isinstance(first, InputRequiredResult):
            return first
    return ask_until_answered(ctx, state="second", step2=elicits("Step 2: your color?", color=STRING))


@fixture
async def test_input_required_result_capabilities(ctx: Ctx) -> Answer:
    """Ask only what the client can answer."""
    can = ctx.client_capabilities
    questions: dict[str, InputRequest] = {}
    if can is not None and can.sampling is not None:
        questions["greeting"] = samples("Generate a greeting")
    if can is not None and can.elicitation is not None:
        questions["user_name"] = NAME
    return ask_until_answered(ctx, **questions)


@fixture
async def test_streaming_elicitation(ctx: Ctx) -> Answer:
    """Ask the user, in the result and not beside it."""
    await ctx.report_progress(1, 2)
    return ask_until_answered(ctx, user_name=NAME)
