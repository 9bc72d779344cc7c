"""Stories with a signing key: apps in cloud mode, keys that differ, answers that were changed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import httpx
import inngest
import pytest
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from support.sdk_app import APP_URL, ENGINE_ORIGIN, lab, new_client

from durable_engine import RunStatus
from durable_engine.errors import SyncError

pytestmark = pytest.mark.anyio

KEY = "signkey-test-" + "ab" * 32
OTHER_KEY = "signkey-test-" + "cd" * 32


def _cloud_client(key: str = KEY) -> inngest.Inngest:
    """Return an SDK client as `INNGEST_DEV` unset and `INNGEST_BASE_URL` make it."""
    return inngest.Inngest(
        app_id="cloud",
        is_production=True,
        signing_key=key,
        event_key="any",
        api_base_url=ENGINE_ORIGIN,
        event_api_base_url=ENGINE_ORIGIN,
    )


def _functions(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="c/order"), retries=1)
    async def order(ctx: inngest.Context) -> Any:
        async def price() -> dict[str, Any]:
            return {"z": 1.0, "a": "é", "note": "\u2028"}

        found = await ctx.step.run("price", price)
        await ctx.step.send_event("tell", inngest.Event(name="c/told", data={"found": found}))
        return [found, ctx.event.data.get("n")]

    @client.create_function(fn_id="told", trigger=inngest.TriggerEvent(event="c/told"))
    async def told(ctx: inngest.Context) -> Any:
        return ctx.event.data["found"]["a"]

    @client.create_function(fn_id="heavy", trigger=inngest.TriggerEvent(event="c/heavy"))
    async def heavy(ctx: inngest.Context) -> int:
        async def body(number: int) -> str:
            return str(number) * 1_500_000

        return sum([len(await ctx.step.run("part", body, number)) for number in range(4)])

    return [order, told, heavy]


async def test_an_app_in_cloud_mode_works_with_signed_calls_both_ways() -> None:
    client = _cloud_client()
    async with lab(client, _functions(client), signing_key=KEY) as it:
        signatures: list[bool] = []
        it.network.alter = lambda answer: signatures.append("x-inngest-signature" in answer.headers)
        run = await it.settle(await it.start("c/order", {"n": 12345678901234567890, "é": 1.0}))

        assert run.status is RunStatus.COMPLETED
        assert run.output == [{"z": 1.0, "a": "é", "note": "\u2028"}, 12345678901234567890]
        assert len(signatures) >= 3
        assert all(signatures)


async def test_state_too_large_for_a_request_is_fetched_with_the_key() -> None:
    client = _cloud_client()
    async with lab(client, _functions(client), signing_key=KEY) as it:
        run_id = await it.start("c/heavy")
        assert (await it.settle(run_id)).output == 6_000_000

        path = f"/v0/runs/{run_id}/actions"
        assert (await it.api.get(path)).status_code == 401
        # 410: the run has ended, so that nobody needs its state any more.
        assert (await it.api.get(path, headers={"Authorization": f"Bearer {KEY}"})).status_code == 410


async def test_an_app_registers_out_of_band_with_its_key() -> None:
    client = _cloud_client()
    async with lab(client, _functions(client), signing_key=KEY, syncs=False) as it:
        async with httpx.AsyncClient(transport=it.network) as http:
            answer = await http.put(APP_URL, headers={"X-Inngest-Server-Kind": "cloud"})

        assert answer.json() == {"ok": True, "modified": True}
        assert [app.name for app in (await it.engine.inventory()).apps] == ["cloud"]


@pytest.mark.parametrize("keys", [{"signing_key": KEY}, {}])
async def test_an_app_in_development_mode_needs_the_key_only_to_register(keys: dict[str, str]) -> None:
    client = inngest.Inngest(
        app_id="lab",
        is_production=False,
        api_base_url=ENGINE_ORIGIN,
        event_api_base_url=ENGINE_ORIGIN,
        **keys,
    )
    async with lab(client, _functions(client), signing_key=KEY, syncs=False) as it:
        if not keys:
            with pytest.raises(SyncError, match="no bearer token"):
                await it.engine.sync_app(APP_URL)
            return
        await it.engine.sync_app(APP_URL)
        signed: list[str] = []
        it.network.alter = lambda answer: signed.append(answer.headers.get("x-inngest-signature", ""))
        run = await it.settle(await it.start("c/order"))

        assert run.status is RunStatus.COMPLETED
        assert set(signed) == {""}  # nothing is signed, and nothing is missed


async def test_keys_that_differ_are_named_when_the_app_is_synced() -> None:
    client = _cloud_client(OTHER_KEY)
    async with lab(client, _functions(client), signing_key=KEY, syncs=False) as it:
        with pytest.raises(SyncError, match=r"HTTP 401.*another one than Stepcue's") as refused:
            await it.engine.sync_app(APP_URL)
        assert "INNGEST_SIGNING_KEY" in refused.value.hint

        async with httpx.AsyncClient(transport=it.network) as http:
            answer = await http.put(APP_URL)
        assert "belongs to another one" in answer.json()["error"]
        assert answer.json()["status"] == 401
        (app,) = (await it.engine.inventory()).apps
        assert "another one than Stepcue's" in (app.error or "")


@pytest.mark.parametrize(
    ("key", "words"), [(KEY, "another one than Stepcue's"), (None, "refused the sync with HTTP 401")]
)
async def test_an_app_that_refuses_us_is_found_all_the_same_and_listed_with_the_reason(
    key: str | None, words: str
) -> None:
    client = _cloud_client(OTHER_KEY)
    async with lab(client, _functions(client), signing_key=key, syncs=False) as it:
        it.network.port = 8000
        it.engine.keep_apps_in_sync(own_port=8288)
        await it.clock.somebody_waits(2)  # the poll and the search

        (app,) = (await it.engine.inventory()).apps
        assert app.url == APP_URL
        assert words in (app.error or "")


async def test_a_call_that_the_app_refuses_says_so_and_goes_on_once_the_keys_are_the_same() -> None:
    client = _cloud_client()
    async with lab(client, _functions(client), signing_key=KEY) as it:
        it.network.answer = lambda _: httpx.Response(
            401, json={"message": "Unauthorized"}, headers={"x-inngest-sdk-handled": "true"}
        )
        run_id = await it.start("c/order")
        run = await it.settle(run_id)
        (failure,) = run.failures
        assert failure.error["name"] == "UnauthorizedError"
        assert "another one than Stepcue's" in failure.error["message"]

        it.network.answer = None
        assert (await it.advance(60, run_id)).status is RunStatus.COMPLETED


async def test_an_app_that_changes_its_key_still_knows_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNGEST_SIGNING_KEY_FALLBACK", KEY)
    client = _cloud_client(OTHER_KEY)
    async with lab(client, _functions(client), signing_key=KEY) as it:
        async with httpx.AsyncClient(transport=it.network) as http:
            answer = await http.put(APP_URL)
        assert answer.json()["ok"] is True  # the SDK asked again with its second key

        assert (await it.settle(await it.start("c/heavy"))).output == 6_000_000


def _other_content(answer: httpx.Response) -> None:
    content = b'{"changed":true}'
    answer.headers["content-length"] = str(len(content))
    answer.stream = httpx.ByteStream(content)


def _other_signature(answer: httpx.Response) -> None:
    answer.headers["x-inngest-signature"] = "t=1795267809&s=" + "0" * 64


@pytest.mark.parametrize("change", [_other_content, _other_signature])
async def test_an_answer_that_was_changed_on_its_way_ends_the_run_with_the_reason(
    change: Callable[[httpx.Response], None],
) -> None:
    client = _cloud_client()
    async with lab(client, _functions(client), signing_key=KEY) as it:
        it.network.alter = change
        run_id = await it.start("c/order")
        run = await it.settle(run_id)

        assert run.status is RunStatus.FAILED
        assert (run.error or {})["name"] == "InvalidSignatureError"
        assert "changed on its way" in (run.error or {})["message"]
        assert it.network.calls == 1

        with pytest.raises(SyncError, match="signature that is not right") as refused:
            await it.engine.sync_app(APP_URL)
        assert "INNGEST_SIGNING_KEY" in refused.value.hint


def _starlette_gzip(app: ASGIApp) -> ASGIApp:
    return GZipMiddleware(app, minimum_size=1)


def _gzip_everything(app: ASGIApp) -> ASGIApp:
    """Compress also what Starlette leaves alone: answers with status 206."""

    async def compressed(scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}

        async def compress(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            assert not message.get("more_body")
            body = gzip.compress(message["body"])
            headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            length = (b"content-length", str(len(body)).encode())
            await send({**start, "headers": [*headers, (b"content-encoding", b"gzip"), length]})
            await send({**message, "body": body})

        await app(scope, receive, compress)

    return compressed


@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize(
    ("wrap", "compressed"),
    [(_starlette_gzip, {(200, "gzip")}), (_gzip_everything, {(200, "gzip"), (206, "gzip")})],
)
async def test_answers_that_middleware_of_the_app_compresses_are_read(
    wrap: Callable[[ASGIApp], ASGIApp], compressed: set[tuple[int, str]], key: str | None
) -> None:
    client = new_client("cloud") if key is None else _cloud_client()
    seen: set[tuple[int, str]] = set()
    async with lab(client, _functions(client), signing_key=key, wrap=wrap) as it:
        it.network.alter = lambda answer: seen.add(
            (answer.status_code, answer.headers.get("content-encoding", ""))
        )
        run = await it.settle(await it.start("c/order"))

        assert run.status is RunStatus.COMPLETED
        assert seen >= compressed
        assert (await it.settle(await it.start("c/heavy"))).output == 6_000_000


async def test_an_answer_that_only_says_it_is_compressed_is_a_failed_call() -> None:
    client = new_client("cloud")
    async with lab(client, _functions(client)) as it:
        headers = {"content-encoding": "gzip", "x-inngest-sdk": "inngest-py:v0.5.19"}
        it.network.answer = lambda _: httpx.Response(
            200, headers=headers, stream=httpx.ByteStream(b"not gzip")
        )
        run = await it.settle(await it.start("c/told"))

        assert run.status is RunStatus.RUNNING
        assert run.failures[0].error["name"] == "ConnectionError"
