"""Stories about events: what starts runs, what is refused, over the engine's HTTP API."""

from __future__ import annotations

from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import NewEvent, RunStatus, build_app

pytestmark = pytest.mark.anyio


def _functions(client: inngest.Inngest) -> list[Any]:
    @client.create_function(fn_id="exact", trigger=inngest.TriggerEvent(event="shop/order.created"))
    async def exact(ctx: inngest.Context) -> Any:
        return ctx.event.id

    @client.create_function(fn_id="wild", trigger=inngest.TriggerEvent(event="shop/*"))
    async def wild(ctx: inngest.Context) -> Any:
        return ctx.event.name

    @client.create_function(
        fn_id="large",
        trigger=inngest.TriggerEvent(event="shop/order.created", expression="event.data.total > 100"),
    )
    async def large(ctx: inngest.Context) -> Any:
        return "large"

    return [exact, wild, large]


async def test_an_event_starts_what_its_name_and_expression_match_and_says_why_not() -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        receipt = await it.engine.send_event(NewEvent(name="shop/order.created", data={"total": 42}))

        assert {run.function_slug for run in receipt.started} == {"lab-exact", "lab-wild"}
        (refused,) = receipt.not_started
        assert refused.function_slug == "lab-large"
        assert "42" in refused.reason

        receipt = await it.engine.send_event(NewEvent(name="shop/order.created", data={"total": 101}))
        assert len(receipt.started) == 3


async def test_nearest_triggers_names_what_was_meant_perhaps() -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        assert (await it.engine.nearest_triggers("shop/order.creted"))[0] == "shop/order.created"


async def test_an_event_id_starts_each_function_once_a_day() -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        first = await it.engine.send_event(NewEvent(name="shop/x", id="order-1"))
        again = await it.engine.send_event(NewEvent(name="shop/x", id="order-1"))
        assert first.event.id != again.event.id
        assert again.started == ()
        assert first.started[0].run_id in again.not_started[0].reason

        await it.clock.advance(24 * 3_600 + 1)
        later = await it.engine.send_event(NewEvent(name="shop/x", id="order-1"))
        assert len(later.started) == 1
        assert (await it.settle(later.started[0].run_id)).event.public_id == "order-1"


async def test_the_same_seed_is_the_same_event() -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        first = await it.engine.send_event(NewEvent(name="shop/x"), seed="test-123")
        again = await it.engine.send_event(NewEvent(name="shop/x"), seed="test-123")

        assert again.event.id == first.event.id
        assert [run.run_id for run in again.started] == [run.run_id for run in first.started]
        assert again.started[0].existed

        other = await it.engine.send_event(NewEvent(name="shop/other", data={"n": 1}), seed="test-123")
        assert other.is_known
        assert other.event.name == "shop/x"


async def test_an_event_from_the_future_starts_its_run_then() -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        due_ms = it.clock.now_ms() + 3_600_000
        run_id = await it.start("shop/x", ts_ms=due_ms)
        run = await it.settle(run_id)
        assert run.status is RunStatus.QUEUED
        (wait,) = run.waiting_for
        assert (wait.kind, wait.until_ms) == ("start", due_ms)

        run = await it.advance(3_600, run_id)
        assert run.status is RunStatus.COMPLETED


async def _post(it: Lab, **request: Any) -> tuple[int, Any]:
    response = await it.api.post("/e/any-key", **request)
    return response.status_code, response.json()


async def test_the_event_api_takes_one_event_or_many_and_answers_with_their_ids() -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        status, body = await _post(it, json={"name": "shop/x", "data": {"a": 1}})
        assert status == 200
        assert body["status"] == 200
        assert len(body["ids"]) == 1

        status, body = await _post(it, json=[{"name": "shop/x"}, {"name": "shop/y", "data": None}])
        assert len(set(body["ids"])) == 2

        seed = {"x-inngest-event-id-seed": "1795246975852,AAECAwQFBgcICQ=="}
        first = await _post(it, json=[{"name": "a/b"}, {"name": "a/b"}], headers=seed)
        assert first == await _post(it, json=[{"name": "a/b"}, {"name": "a/b"}], headers=seed)
        assert len(set(first[1]["ids"])) == 2

        assert await _post(it, json=[]) == (200, {"ids": [], "status": 200})
        assert await _post(it, content=b"") == (200, {"ids": [], "status": 200})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not valid JSON"),
        (b"[1]", "must contain an event object"),
        (b'"text"', "must contain an event object"),
        (b"{}", "event name is empty"),
        (b'{"name": 5}', "event name is empty"),
        (b'{"name": "  "}', "event name is empty"),
        (b'{"name": "Inngest/x"}', "reserved for internal use"),
        (b'{"name": "a", "data": "text"}', "data must be an object, not a string"),
        (b'{"name": "a", "data": [1]}', "data must be an object, not an array"),
        (b'{"name": "a", "user": 1}', "user must be an object, not a number"),
        (b'{"name": "a", "id": 7}', "id must be a string"),
        (b'{"name": "a", "ts": 5}', "before Jan 1, 1980"),
        (b'{"name": "a", "ts": 1.5}', "whole number of milliseconds"),
        (b'{"name": "a", "ts": true}', "not a boolean"),
        (b'{"name": "a", "ts": 99999999999999}', "after Jan 1, 2100"),
        (b'{"name": "a", "data": {"n": NaN}}', "NaN is not JSON"),
        (b'{"name": "a", "data": {"n": 1e999}}', "too large"),
        (b'{"name": "a"} {"name": "b"}', "not valid JSON"),
        (b'{"name": "\xff"}', "not valid JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"name": "' + b"n" * 300 + b'"}', "at most 256"),
        (b'{"name": "a", "data": {"x": "' + b"x" * 3 * 1024 * 1024 + b'"}}', "over the max size"),
    ],
)
async def test_bad_events_are_refused_with_a_sentence(content: bytes, words: str) -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        status, body = await _post(it, content=content)

        assert status == 400
        assert body["status"] == 400
        assert words in body["error"]


async def test_a_request_with_one_bad_event_stores_none_of_its_events() -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        status, body = await _post(it, json=[{"name": "shop/x", "id": "half"}, {"name": ""}])
        assert (status, body["ids"]) == (400, [])
        assert body["error"] == "event name is empty (event 2 of 2; none of them was accepted)"

        receipt = await it.engine.send_event(NewEvent(name="shop/x", id="half"))
        assert len(receipt.started) == 1


async def test_more_than_five_thousand_events_are_refused() -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        status, body = await _post(it, json=[{"name": "a"}] * 5_001)

        assert status == 400
        assert "at most 5000" in body["error"]


async def test_text_that_json_cannot_carry_plainly_reaches_the_function_unharmed() -> None:
    client, seen = new_client(), list[Any]()

    @client.create_function(fn_id="odd", trigger=inngest.TriggerEvent(event="t/odd"))
    async def odd(ctx: inngest.Context) -> Any:
        seen.append(ctx.event.data["text"])
        return ctx.event.data["text"]

    async with lab(client, [odd]) as it:
        body = rb'{"name": "t/odd", "data": {"text": "nul \u0000 \ud83d\ude00 \u2028", "n": 10.0}}'
        status, _ = await _post(it, content=body)
        assert status == 200
        await it.engine.settle()

        assert seen == ["nul \x00 \U0001f600 \u2028"]


async def test_a_lone_surrogate_harms_nobody() -> None:
    client = new_client()

    @client.create_function(fn_id="odd", retries=0, trigger=inngest.TriggerEvent(event="t/odd"))
    async def odd(ctx: inngest.Context) -> Any:
        return "seen"

    async with lab(client, [odd]) as it:
        run_id = await it.start("t/odd", {"text": "\ud800"})
        run = await it.settle(run_id)

        assert run.status.is_terminal
        assert run.event.data == {"text": "\ud800"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:8288"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:3000"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "[::1]:8288"}, 200),
    ],
)
async def test_pages_from_elsewhere_are_refused(headers: dict[str, str], status: int) -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        assert (await _post(it, json={"name": "shop/x"}, headers=headers))[0] == status


async def test_unknown_paths_and_methods_get_a_sentence() -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        response = await it.api.get("/nowhere")
        assert (response.status_code, response.json()["status"]) == (404, 404)
        assert "/nowhere" in response.json()["error"]
        response = await it.api.put("/e/key", json={})
        assert response.status_code == 405


async def test_a_sender_that_hangs_up_in_the_middle_of_a_body_leaves_no_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = new_client()
    async with lab(client, _functions(client)) as it:
        chunks = [
            {"type": "http.request", "body": b'{"name": ', "more_body": True},
            {"type": "http.disconnect"},
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return chunks.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/e/key",
            "raw_path": b"/e/key",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
        await build_app(it.engine)(scope, receive, send)

        assert sent[0]["status"] == 400
        assert not [record for record in caplog.records if record.levelname == "ERROR"]
