"""Stories about apps that answer wrongly, late, in pieces, or with what JSON can hardly carry."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import fastapi
import httpx
import inngest
import inngest.fast_api
import pytest
from support.sdk_app import APP_URL, Lab, lab, new_client

from durable_engine import RunStatus, RunView, StepStatus
from durable_engine.sdk.client import CALL_TIMEOUT_S

pytestmark = pytest.mark.anyio

SDK = {"x-inngest-sdk": "inngest-py:v0.5.19", "x-inngest-req-version": "2"}
Answer = Callable[[httpx.Request], httpx.Response]


class Pieces(httpx.AsyncByteStream):
    """A body that arrives in pieces; a piece may be an exception, or something to wait for."""

    def __init__(self, *pieces: bytes | Exception | Callable[[], Awaitable[None]]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                yield piece
            else:
                await piece()
                yield b" "


def _fine(client: inngest.Inngest, retries: int | None = None) -> Any:
    @client.create_function(fn_id="fine", retries=retries, trigger=inngest.TriggerEvent(event="t/fine"))
    async def fine(ctx: inngest.Context) -> str:
        return "fine"

    return fine


def _says(status: int, body: bytes | str = b"", **headers: str) -> Answer:
    """Answer every call with this, as an SDK would."""
    more = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda _: httpx.Response(status, headers=SDK | more, content=body)


def _ops(*entries: Any) -> Answer:
    return _says(206, json.dumps(entries))


async def _error_after(answer: Answer) -> dict[str, Any]:
    """Return the error of the first attempt; the second one, answered by the app itself, must succeed."""
    client = new_client()
    async with lab(client, [_fine(client)]) as it:
        it.network.answer = answer
        run_id = await it.start("t/fine")
        run = await it.settle(run_id)
        assert run.status is RunStatus.RUNNING
        (failure,) = run.failures
        it.network.answer = None
        run = await it.advance(45, run_id)
        assert (run.status, run.output) == (RunStatus.COMPLETED, "fine")
        return failure.error


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (httpx.ReadError("connection reset by peer"), "ConnectionError"),
        (httpx.RemoteProtocolError("peer closed connection"), "ConnectionError"),
        (httpx.DecodingError("not gzip"), "ConnectionError"),
        (httpx.ReadTimeout("two hours"), "TimeoutError"),
    ],
)
async def test_an_app_that_dies_in_the_middle_of_its_answer_is_called_again(
    fault: Exception, name: str
) -> None:
    error = await _error_after(
        lambda _: httpx.Response(206, headers=SDK, stream=Pieces(b'[{"op":"StepRun","id":"a"', fault))
    )
    assert error["name"] == name
    assert "http://127.0.0.1:8000" in error["message"]


NONSENSE: dict[str, tuple[Answer, str, str]] = {
    "not-found": (_says(404, "no route"), "Error", "HTTP 404: no route"),
    "no-content": (_says(204), "Error", "HTTP 204: (empty)"),
    "moved-nowhere": (_says(302, "moved"), "Error", "HTTP 302: moved"),
    "moved-to-nonsense": (_says(307, location="http://[::1"), "InvalidURLError", "cannot be called"),
    "moved-to-no-port": (
        _says(307, location="http://127.0.0.1:99999/"),
        "InvalidURLError",
        "cannot be called",
    ),
    "not-sdk-204": (lambda _: httpx.Response(204), "NotAnSDKError", "HTTP 204"),
    "not-sdk-206": (lambda _: httpx.Response(206, json=[]), "NotAnSDKError", "X-Inngest-SDK"),
    "not-sdk-307": (lambda _: httpx.Response(307), "NotAnSDKError", "HTTP 307"),
    "proxy": (lambda _: httpx.Response(502, html="<h1>Bad\n gateway</h1>"), "NotAnSDKError", "<h1>Bad gate"),
    "error": (_says(500, '{"message": "m", "name": "N", "stack": "s"}'), "N", "m"),
    "not-utf-8": (_says(500, b"\xff\xfe broken"), "Error", "HTTP 500: \ufffd\ufffd broken"),
    "empty": (_says(206), "InvalidReplyError", "(empty)"),
    "null": (_says(206, "null"), "InvalidReplyError", "expected a list"),
    "ops-not-utf-8": (_says(206, b'[{"op":"StepRun","id":"\xff"}]'), "InvalidReplyError", "utf-8"),
    "null-op": (_ops(None), "InvalidReplyError", "expected an opcode object"),
    "number-as-op": (_ops({"op": 7, "id": "a" * 40}), "InvalidReplyError", "`op`"),
    "no-step-id": (_ops({"op": "StepRun"}), "InvalidReplyError", "`id`"),
    "wait-for-nothing": (_ops({"op": "WaitForEvent", "id": "a" * 40}), "InvalidReplyError", "names no event"),
    "nothing-to-do": (_ops({"op": "None"}), "EmptyReplyError", "no new step"),
    "only-keep-alive": (_says(201, "   "), "InvalidReplyError", "streamed"),
    "half-envelope": (_says(201, "  {"), "InvalidReplyError", "streamed"),
    "envelope-without-status": (_says(201, '{"body": "x"}'), "InvalidReplyError", "streamed"),
    "nested-envelope": (_says(201, '{"status": 201, "body": "{}"}'), "InvalidReplyError", "wraps another"),
    "envelope-of-nonsense": (_says(201, '{"status": 206, "body": "[null]"}'), "InvalidReplyError", "opcode"),
    "envelope-error": (_says(201, '  {"status": 500, "body": {"message": "late"}}'), "Error", "late"),
}


@pytest.mark.parametrize("case", NONSENSE)
async def test_an_answer_that_makes_no_sense_is_told_and_the_app_called_again(case: str) -> None:
    answer, name, words = NONSENSE[case]
    error = await _error_after(answer)
    assert error["name"] == name
    assert words in error["message"]


async def test_nothing_of_a_half_readable_answer_counts() -> None:
    client = new_client()
    async with lab(client, [_fine(client)]) as it:
        it.network.answer = _ops({"op": "StepRun", "id": "a" * 40, "data": 1}, {"op": "StepRun"})
        run = await it.settle(await it.start("t/fine"))
        assert run.steps == ()

        it.network.answer = _ops(
            {"op": "StepRun", "id": "a" * 40, "data": 1}, {"op": "Teleport", "id": "b" * 40, "name": "beam"}
        )
        run = await it.advance(45, run.id)
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "UnsupportedStepError"
        assert "'beam'" in run.error["message"]
        assert "Teleport" in run.error["message"]


async def test_a_no_retry_header_counts_at_any_status() -> None:
    client = new_client()
    async with lab(client, [_fine(client)]) as it:
        it.network.answer = _says(503, "closing", x_inngest_no_retry="true")
        run = await it.settle(await it.start("t/fine"))
        assert run.status is RunStatus.FAILED
        assert run.failures[0].next_attempt_ms is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_with_the_call_as_it_was(status: int) -> None:
    client, seen = new_client(), list[httpx.Request]()

    def moved(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path != "/moved":
            return httpx.Response(status, headers={"location": "/moved?fnId=x"})
        return _says(200, '"from the new place"')(request)

    async with lab(client, [_fine(client)]) as it:
        it.network.answer = moved
        run = await it.settle(await it.start("t/fine"))

        assert run.output == "from the new place"
        first, second = seen
        assert first.method == second.method == "POST"
        assert first.content == second.content
        assert second.headers["x-run-id"] == run.id
        assert str(second.url) == "http://127.0.0.1:8000/moved?fnId=x"


async def test_a_chain_of_redirects_may_be_long_but_not_endless() -> None:
    client = new_client()

    def hops(request: httpx.Request, last: int) -> httpx.Response:
        done = int(request.url.params.get("hop", 0))
        location = f"{APP_URL}?hop={done + 1}"
        return (
            _says(200, "true")(request)
            if done == last
            else httpx.Response(307, headers={"location": location})
        )

    async with lab(client, [_fine(client)]) as it:
        it.network.answer = lambda request: hops(request, 9)
        assert (await it.settle(await it.start("t/fine"))).output is True
        it.network.answer = lambda request: hops(request, 1_000)
        run = await it.settle(await it.start("t/fine"))
        assert run.failures[0].error["name"] == "ConnectionError"
        assert "redirects" in run.failures[0].error["message"]


async def test_an_app_may_think_for_two_hours_and_not_longer() -> None:
    client = new_client()
    async with lab(client, [_fine(client)]) as it:
        asked: list[Any] = []

        def slow(request: httpx.Request) -> httpx.Response:
            asked.append(request.extensions["timeout"])
            return _says(200, "1")(request)

        it.network.answer = slow
        assert (await it.settle(await it.start("t/fine"))).output == 1
        assert asked[0]["read"] == CALL_TIMEOUT_S == 7_200
        assert asked[0]["connect"] <= 10


async def test_an_app_that_never_ends_its_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"1"
            await asyncio.sleep(0)

    monkeypatch.setattr("durable_engine.sdk.client.MAX_REPLY_BYTES", 10**12)
    monkeypatch.setattr("durable_engine.sdk.client.CALL_TIMEOUT_S", 0.05)
    client = new_client()
    async with lab(client, [_fine(client, retries=0)]) as it:
        it.network.answer = lambda _: httpx.Response(200, headers=SDK, content=endless())
        run = await it.settle(await it.start("t/fine"))

    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["name"] == "TimeoutError"


def _streams_for(it: Lab, minutes: int) -> Answer:
    """Answer after so many minutes, with a sign of life in each."""

    async def minute() -> None:
        await it.clock.advance(60)

    end = json.dumps({"status": 200, "headers": {}, "body": '"at last"'}).encode()
    return lambda _: httpx.Response(201, headers=SDK, stream=Pieces(*[minute] * minutes, end))


async def test_signs_of_life_do_not_prolong_a_call_beyond_two_hours() -> None:
    client = new_client()
    async with lab(client, [_fine(client)]) as it:
        it.network.answer = _streams_for(it, 119)
        assert (await it.settle(await it.start("t/fine"))).output == "at last"
        it.network.answer = _streams_for(it, 121)
        run = await it.settle(await it.start("t/fine"))
        assert [failure.error["name"] for failure in run.failures] == ["TimeoutError"]


async def test_an_app_that_streams_its_answers_runs_like_any_other() -> None:
    client, attempts = new_client(), list[int]()

    @client.create_function(fn_id="fine", trigger=inngest.TriggerEvent(event="t/fine"))
    async def fine(ctx: inngest.Context) -> Any:
        async def body() -> Any:
            attempts.append(ctx.attempt)
            if ctx.attempt == 0:
                raise ValueError("once")
            return {"text": '"quoted"', "null": None}

        return [await ctx.step.run("a", body), "text"]

    async with lab(client, [fine]) as it:
        app = fastapi.FastAPI()
        inngest.fast_api.serve(app, client, [fine], streaming=inngest.Streaming.FORCE)
        it.network._app = httpx.ASGITransport(app)
        run_id = await it.start("t/fine")
        await it.settle(run_id)
        run = await it.advance(45, run_id)

        assert run.output == [{"text": '"quoted"', "null": None}, "text"]
        assert attempts == [0, 1]
        assert run.steps[0].attempts == 2


async def test_an_answer_in_pieces_is_limited_as_a_whole() -> None:
    client = new_client()
    async with lab(client, [_fine(client)]) as it:
        it.network.answer = lambda _: httpx.Response(201, headers=SDK, stream=Pieces(*[b" " * 2**20] * 9))
        run = await it.settle(await it.start("t/fine"))
        assert run.error is not None
        assert run.error["name"] == "OutputTooLargeError"

        bomb = gzip.compress(b" " * 9 * 2**20)
        it.network.answer = lambda _: httpx.Response(
            200, headers=SDK | {"content-encoding": "gzip"}, stream=Pieces(bomb)
        )
        run = await it.settle(await it.start("t/fine"))
        assert run.error is not None
        assert run.error["name"] == "OutputTooLargeError"


@pytest.mark.parametrize(
    ("body", "output"),
    [
        (b'{"ok": true}', {"ok": True}),
        (b"plain text", "plain text"),
        (b"caf\xe9", "caf\ufffd"),
        (b"", None),
        (b"NaN", "NaN"),
        (b"\xef\xbb\xbf[]", "\ufeff[]"),
    ],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_result_is_json_or_else_text_whatever_the_headers_say(
    body: bytes, output: Any, encoding: str
) -> None:
    client = new_client()
    async with lab(client, [_fine(client)]) as it:
        sent = gzip.compress(body) if encoding == "gzip" else body
        headers = SDK | {"content-type": "image/png", "content-encoding": encoding}
        it.network.answer = lambda _: httpx.Response(200, headers=headers, stream=Pieces(sent))
        run = await it.settle(await it.start("t/fine"))
        assert (run.status, run.output) == (RunStatus.COMPLETED, output)


ODD_JSON = (
    b'{"int":1,"float":1.0,"zero":-0.0,"big":123456789012345678901234567890,"tiny":5e-324,"huge":1e308,'
    b'"text":"\\u0000\\ud83d\\ude00\\u2028\\"\\\\/","half":"\\ud800","":{},"list":[null,false,[]]}'
)


async def test_numbers_and_text_go_back_to_the_app_exactly_as_they_came() -> None:
    client, memos, step_id = new_client(), list[Any](), "a" * 40
    async with lab(client, [_fine(client)]) as it:

        def echo(request: httpx.Request) -> httpx.Response:
            body = json.loads(request.content)
            if body["steps"]:
                memos.append(body["steps"][step_id])
                return _says(200, ODD_JSON)(request)
            return _says(
                206, b'[{"op":"StepRun","id":"' + step_id.encode() + b'","data":' + ODD_JSON + b"}]"
            )(request)

        it.network.answer = echo
        run = await it.settle(await it.start("t/fine"))

        # repr tells 1 from 1.0, and 0.0 from -0.0.
        expected = repr(json.loads(ODD_JSON))
        assert repr(memos[0]["data"]) == expected
        assert repr(run.steps[0].output) == expected
        assert repr(run.output) == expected


@pytest.mark.parametrize("output", [None, "", 0, 0.0, False, [], {}, {"data": None}, {"error": "no"}, " x "])
async def test_outputs_that_are_next_to_nothing_are_kept_as_they_are(output: Any) -> None:
    client, ran = new_client(), Counter[str]()

    @client.create_function(fn_id="odd", trigger=inngest.TriggerEvent(event="t/odd"))
    async def odd(ctx: inngest.Context) -> Any:
        async def body() -> Any:
            ran["body"] += 1
            return output

        return await ctx.step.run("odd", body)

    async with lab(client, [odd]) as it:
        run = await it.settle(await it.start("t/odd"))
        assert run.status is RunStatus.COMPLETED
        assert repr(run.output) == repr(run.steps[0].output) == repr(output)
        assert run.steps[0].status is StepStatus.COMPLETED
        assert ran == {"body": 1}


async def _ended(it: Lab, run_id: str) -> RunView:
    run = await it.settle(run_id)
    while run.waiting_for:
        run = await it.advance(150, run_id)
    return run


@pytest.mark.parametrize("place", ["step", "function"])
@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object, {"deep": {1}}], ids=repr)
async def test_what_json_cannot_carry_is_an_error_that_says_so(value: Any, place: str) -> None:
    client = new_client()

    @client.create_function(fn_id="odd", retries=1, trigger=inngest.TriggerEvent(event="t/odd"))
    async def odd(ctx: inngest.Context) -> Any:
        async def body() -> Any:
            return value

        return await (ctx.step.run("make", body) if place == "step" else body())

    async with lab(client, [odd]) as it:
        run = await _ended(it, await it.start("t/odd"))

        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "OutputUnserializableError"
        assert ('"make" returned' if place == "step" else "returned") in run.error["message"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=repr)
async def test_a_step_output_that_is_no_json_number_is_an_error_that_names_it(value: float) -> None:
    client = new_client()

    @client.create_function(fn_id="odd", retries=1, trigger=inngest.TriggerEvent(event="t/odd"))
    async def odd(ctx: inngest.Context) -> Any:
        async def body() -> Any:
            return value

        return await ctx.step.run("make", body)

    async with lab(client, [odd]) as it:
        run = await _ended(it, await it.start("t/odd"))
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "InvalidReplyError"
        assert "is not JSON" in run.error["message"]
