"""Stories about apps: syncing, changing, disappearing, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import inngest
import pytest
from support.sdk_app import APP_URL, ENGINE_ORIGIN, Lab, lab, new_client

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent, RunStatus
from durable_engine.errors import AppNotFoundError, ConfigError, FunctionNotFoundError, SyncError
from durable_engine.sdk.client import SDKClient

pytestmark = pytest.mark.anyio

SIGNING_KEY = "signkey-test-" + "ab" * 32


def _function(client: inngest.Inngest, fn_id: str = "hello", **config: Any) -> Any:
    @client.create_function(fn_id=fn_id, trigger=inngest.TriggerEvent(event="t/hello"), **config)
    async def hello(ctx: inngest.Context) -> str:
        return f"hello from {fn_id}"

    return hello


async def test_a_synced_app_is_listed_with_its_functions_and_configuration() -> None:
    client = new_client("greeter")
    limits = [inngest.Concurrency(limit=2, key="event.data.u")]
    async with lab(client, [_function(client, retries=2, concurrency=limits, name="Say hello")]) as it:
        inventory = await it.engine.inventory()

        (app,) = inventory.apps
        assert (app.name, app.url, app.is_reachable) == ("greeter", APP_URL, True)
        assert app.sdk.startswith("py:")
        (function,) = inventory.functions
        assert (function.slug, function.name) == ("greeter-hello", "Say hello")
        assert function.retries == 2
        assert function.triggers[0].event == "t/hello"
        assert function.config["concurrency"] == [{"key": "event.data.u", "limit": 2, "scope": None}] or (
            function.config["concurrency"] == [{"key": "event.data.u", "limit": 2}]
        )


@pytest.mark.parametrize("reference", ["greeter-hello", "hello", "Say hello"])
async def test_a_function_is_found_by_slug_short_slug_and_name(reference: str) -> None:
    client = new_client("greeter")
    async with lab(client, [_function(client, name="Say hello")]) as it:
        receipt = await it.engine.invoke_function(reference, data={"a": 1})
        run = await it.settle(receipt.started[0].run_id)

        assert run.output == "hello from hello"
        assert run.event.name == "inngest/function.invoked"


async def test_an_unknown_function_or_app_names_the_nearest() -> None:
    client = new_client("greeter")
    async with lab(client, [_function(client)]) as it:
        with pytest.raises(FunctionNotFoundError) as unknown:
            await it.engine.invoke_function("greeter-helo")
        assert unknown.value.nearest[0] == "greeter-hello"

        with pytest.raises(AppNotFoundError) as no_app:
            await it.engine.invoke_function("hello", app="greter")
        assert no_app.value.nearest == ("greeter",)


async def test_a_function_that_an_app_no_longer_has_starts_nothing_more() -> None:
    client = new_client()
    async with lab(client, [_function(client, "old")]) as it:
        run_id = await it.start("t/hello")
        await it.settle(run_id)
        await _register(it, "lab", ["new"])

        receipt = await it.engine.send_event(NewEvent(name="t/hello"))
        assert [run.function_slug for run in receipt.started] == ["lab-new"]
        assert (await it.engine.get_run(run_id)).function_slug == "lab-old"


async def _register(it: Lab, app: str, fn_ids: list[str], **changes: Any) -> httpx.Response:
    functions = [_config(app, fn_id) | changes for fn_id in fn_ids]
    body = {"url": APP_URL, "appName": app, "functions": functions, "sdk": "js:v4.24.0", "v": "0.1"}
    return await it.api.post("/fn/register", json=body)


def _config(app: str, fn_id: str) -> dict[str, Any]:
    url = f"{APP_URL}?fnId={app}-{fn_id}&step=step"
    step = {"id": "step", "name": "step", "runtime": {"type": "http", "url": url}}
    return {
        "id": f"{app}-{fn_id}",
        "name": fn_id,
        "triggers": [{"event": "t/hello"}],
        "steps": {"step": step},
    }


async def test_the_register_api_tells_whether_anything_is_new() -> None:
    client = new_client()
    async with lab(client, [_function(client)]) as it:
        assert (await _register(it, "other", ["a"])).json() == {"ok": True, "modified": True}
        assert (await _register(it, "other", ["a"])).json() == {"ok": True, "modified": False}
        assert (await _register(it, "other", [])).json() == {"ok": True, "modified": True}

        response = await it.api.delete("/fn/remove", params={"url": APP_URL})
        assert response.status_code == 200
        assert (await it.engine.inventory()).apps == ()
        assert (await it.api.delete("/fn/remove", params={"url": APP_URL})).status_code == 404


async def test_an_endpoint_that_serves_another_app_now_replaces_the_old_one() -> None:
    client = new_client()
    async with lab(client, [_function(client)]) as it:
        await _register(it, "renamed", ["a"])

        inventory = await it.engine.inventory()
        assert [app.name for app in inventory.apps] == ["renamed"]
        assert [function.slug for function in inventory.functions] == ["renamed-a"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": ""}, "needs an `id`"),
        ({"triggers": [{"event": "a"}] * 11}, "at most 10"),
        ({"triggers": [{"event": "a*b"}]}, "only as its last character"),
        ({"triggers": [{"event": "app/user.update*"}]}, "write 'app/user.*'"),
        ({"triggers": [{"event": "a"}, {"event": "a"}]}, "the same trigger twice"),
        ({"triggers": [{"cron": "0 0 32 * *"}]}, "day of month '32' is not in 1-31"),
        ({"triggers": [{"cron": "0 0 * * *", "jitter": "6m"}]}, "a jitter of '6m'"),
        ({"triggers": [{}]}, "needs an `event` name"),
        ({"triggers": [{"event": "a", "expression": "event.data.n >"}]}, "does not compile"),
        ({"triggers": [{"event": "a", "expression": "evnt.data.n > 1"}]}, "evnt"),
        ({"steps": {}}, "exactly one entry"),
        ({"steps": {"step": {"runtime": {"url": "wss://connect"}}}}, "Connect"),
        ({"steps": {"step": {"runtime": {"url": "nonsense"}}}}, "http(s) URL"),
        ({"steps": {"step": {"runtime": {"url": APP_URL}, "retries": {"attempts": 21}}}}, "0 to 20"),
    ],
)
async def test_a_function_that_cannot_work_is_refused_with_the_reason(
    changes: dict[str, Any], words: str
) -> None:
    client = new_client()
    async with lab(client, [_function(client)]) as it:
        response = await _register(it, "other", ["a"], **changes)

        assert response.status_code == 400
        assert response.json()["status"] == 400
        assert words in response.json()["error"]
        assert [app.name for app in (await it.engine.inventory()).apps] == ["lab"]


@pytest.mark.parametrize(
    "body",
    [None, [], {"functions": []}, {"appName": "x", "functions": []}, {"appName": "x", "url": "ftp://x"}],
)
async def test_a_malformed_sync_is_refused(body: Any) -> None:
    client = new_client()
    async with lab(client, [_function(client)]) as it:
        response = await it.api.post("/fn/register", json=body)

        assert response.status_code == 400
        assert response.json()["error"]


def _refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_refuse, "Unable to reach"),
        (lambda _: httpx.Response(200, html="<h1>hi</h1>"), "not as an Inngest endpoint"),
        (lambda _: httpx.Response(404, text="no"), "HTTP 404"),
    ],
)
async def test_an_app_that_cannot_be_synced_stays_listed_with_the_reason(answer: Any, words: str) -> None:
    client = new_client()
    async with lab(client, [_function(client)]) as it:
        it.network.answer = answer
        with pytest.raises(SyncError, match=words):
            await it.engine.sync_app(APP_URL)
        with pytest.raises(SyncError):
            await it.engine.sync_app("http://127.0.0.1:9/api/inngest")

        known, pending = (await it.engine.inventory()).apps
        assert not known.is_reachable
        assert words in (known.error or "")
        assert pending.name is None
        assert pending.error

        it.network.answer = None
        await it.engine.sync_app(APP_URL)
        assert (await it.engine.inventory()).apps[0].is_reachable


async def test_polling_notices_that_an_app_came_back() -> None:
    client = new_client()
    async with lab(client, [_function(client)]) as it:
        it.network.answer = _refuse
        it.engine.keep_apps_in_sync()
        await it.clock.somebody_waits()
        assert not (await it.engine.inventory()).apps[0].is_reachable
        it.network.answer = None
        await it.clock.advance(5)
        await it.clock.somebody_waits()
        assert (await it.engine.inventory()).apps[0].is_reachable
        receipt = await it.engine.invoke_function("hello")
        assert (await it.settle(receipt.started[0].run_id)).status is RunStatus.COMPLETED


async def test_an_app_on_a_usual_port_is_discovered() -> None:
    client = new_client()
    async with lab(client, [_function(client)], syncs=False) as it:
        it.network.port = 1
        it.engine.keep_apps_in_sync(own_port=8910)
        await it.clock.somebody_waits(2)  # the poll and the search
        assert (await it.engine.inventory()).apps == ()

        it.network.port = 8911
        await it.clock.advance(5)
        await it.clock.somebody_waits(2)  # the poll and the search
        (app,) = (await it.engine.inventory()).apps
        assert app.url == "http://127.0.0.1:8911/api/inngest"
        assert app.is_reachable


async def test_an_app_that_registers_with_another_server_is_told_so() -> None:
    client = new_client()
    async with lab(client, [_function(client)], syncs=False) as it:
        done = {"message": "Successfully registered", "modified": True}
        it.network.answer = lambda _: httpx.Response(
            200, json=done, headers={"x-inngest-sdk": "inngest-js:v4.24.0"}
        )
        with pytest.raises(SyncError, match="another server") as refused:
            await it.engine.sync_app(APP_URL)
        assert "INNGEST_DEV" in refused.value.hint


async def test_an_app_in_cloud_mode_syncs_in_band_and_runs_with_signed_calls() -> None:
    client = inngest.Inngest(
        app_id="cloud", is_production=True, signing_key=SIGNING_KEY, api_base_url=ENGINE_ORIGIN
    )
    async with lab(client, [_function(client)], signing_key=SIGNING_KEY) as it:
        receipt = await it.engine.invoke_function("hello", data={"é": 1.0, "big": 12345678901})
        run = await it.settle(receipt.started[0].run_id)

        assert run.output == "hello from hello"


async def test_an_app_in_cloud_mode_without_our_key_says_what_to_do() -> None:
    client = inngest.Inngest(
        app_id="cloud", is_production=True, signing_key=SIGNING_KEY, api_base_url=ENGINE_ORIGIN
    )
    with pytest.raises(SyncError) as refused:
        async with lab(client, [_function(client)]):
            pass
    assert "401" in str(refused.value)
    assert "INNGEST_DEV=1" in refused.value.hint


async def test_a_signing_key_that_is_none_is_refused_at_start_without_repeating_it() -> None:
    with pytest.raises(ConfigError) as refused:
        await Engine.open(EngineConfig(signing_key="hunter2"), clock=ManualClock())
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ConfigError):
        SDKClient(signing_key="signkey-test-xyz")


async def test_an_app_that_expects_another_kind_of_server_is_told() -> None:
    client = new_client()
    async with lab(client, [_function(client)]) as it:
        headers = {"x-inngest-expected-server-kind": "cloud"}
        response = await it.api.post("/fn/register", json={}, headers=headers)

        assert response.status_code == 400
        assert "cloud" in response.json()["error"]


async def test_the_probe_and_health_routes_answer() -> None:
    client = new_client()
    async with lab(client, [_function(client)]) as it:
        assert (await it.api.get("/health")).json() == {"status": 200, "message": "OK"}
        response = await it.api.get("/dev")
        assert response.json()["functions"] == [{"id": "lab-hello", "name": "hello"}]
        assert response.headers["x-inngest-server-kind"] == "dev"


async def test_state_too_large_for_a_request_is_fetched_by_the_sdk() -> None:
    client, sizes = new_client(), list[int]()

    @client.create_function(fn_id="heavy", trigger=inngest.TriggerEvent(event="t/heavy"))
    async def heavy(ctx: inngest.Context) -> Any:
        async def body(number: int) -> str:
            return str(number) * 1_500_000

        parts = [await ctx.step.run("part", body, number) for number in range(4)]
        sizes.append(sum(map(len, parts)))
        return ctx.event.data["n"]

    async with lab(client, [heavy]) as it:
        run = await it.settle(await it.start("t/heavy", {"n": 5}))

        assert run.output == 5
        assert sizes == [6_000_000]
        assert (await it.api.get(f"/v0/runs/{run.id}/batch")).status_code == 410
        assert (await it.api.get("/v0/runs/nobody/actions")).status_code == 400


async def test_an_app_that_dribbles_its_answer_to_a_sync_holds_it_up_no_longer_than_one_that_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = new_client()

    async def dribble() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0)

    async with lab(client, [_function(client)]) as it:
        # Not for the first sync, which a busy machine may take longer for.
        monkeypatch.setattr("durable_engine.sdk.client.SYNC_TIMEOUT_S", 0.05)
        it.network.answer = lambda _: httpx.Response(200, content=dribble(), headers={"x-inngest-sdk": "py"})
        with pytest.raises(SyncError, match="did not answer the sync in time"):
            await it.engine.sync_app(APP_URL)


async def test_an_app_that_registers_what_cannot_be_used_is_listed_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = new_client()
    async with lab(client, [_function(client)], syncs=False) as it:
        body = {
            "appName": "odd",
            "url": "http://127.0.0.1:3999/api/inngest",
            "functions": [{**_config("odd", "job"), "cancel": [{"event": "x", "if": "async.data.id ==="}]}],
        }
        answer = await it.api.post("/fn/register", json=body)
        assert answer.status_code == 400
        (app,) = (await it.engine.inventory()).apps
        assert app.error is not None
        assert "cancelOn expression" in app.error
        assert "3999" in caplog.text
