"""Features that are missing: told once, counted, bounded, and answered so that nobody hangs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from scripted_app import App, engine_for, start

from durable_engine import Engine, build_app
from durable_engine.unsupported import (
    CONNECT,
    MAX_RUNS,
    MAX_USES,
    REALTIME_PUBLISH,
    REALTIME_SUBSCRIBE,
    RUN_METADATA,
    Feature,
    Unsupported,
)

pytestmark = pytest.mark.anyio

FEATURES = [CONNECT, REALTIME_PUBLISH, REALTIME_SUBSCRIBE, RUN_METADATA]


@asynccontextmanager
async def _api() -> AsyncIterator[tuple[Engine, httpx.AsyncClient]]:
    async with engine_for(App()) as engine:
        transport = httpx.ASGITransport(build_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as api:
            yield engine, api


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_sentence_names_the_feature_and_says_what_happens(feature: Feature) -> None:
    assert "not supported by Stepcue yet" in feature.sentence
    assert len(feature.sentence) < 250


@pytest.mark.parametrize(
    ("method", "path", "status", "feature"),
    [
        ("POST", "/v0/connect/start", 403, CONNECT),
        ("POST", "/v0/connect/flush", 403, CONNECT),
        ("POST", "/v1/realtime/token", 501, REALTIME_SUBSCRIBE),
        ("GET", "/v1/realtime/connect?token=x", 501, REALTIME_SUBSCRIBE),
        ("GET", "/v1/realtime/sse?token=x", 501, REALTIME_SUBSCRIBE),
    ],
)
async def test_a_refusal_is_the_sentence(method: str, path: str, status: int, feature: Feature) -> None:
    async with _api() as (engine, api):
        response = await api.request(method, path, content=b"\xff\x00" if method == "POST" else None)

        assert response.status_code == status
        assert response.json() == {"error": feature.sentence, "code": "not_supported", "status": status}
        (use,) = (await engine.inventory()).unsupported
        assert (use.feature, use.app_name, use.count) == (feature.name, None, 1)


@pytest.mark.parametrize(
    ("path", "feature"),
    [
        ("/v1/realtime/publish?channel=c&topic=t", REALTIME_PUBLISH),
        ("/v1/realtime/publish?channel=c&topic=t&run_id=", REALTIME_PUBLISH),
        ("/v1/realtime/publish?run_id=nobody", REALTIME_PUBLISH),
        ("/v1/realtime/publish?run_id=01JD4Z9QW3V8T5N2B7K1M6X0CR", REALTIME_PUBLISH),
        ("/v1/realtime/publish/tee?channel=c", REALTIME_PUBLISH),
        ("/v1/runs/nobody/metadata", RUN_METADATA),
    ],
)
async def test_what_a_function_sends_is_accepted_and_dropped(path: str, feature: Feature) -> None:
    async with _api() as (engine, api):
        for body in (b"", b"{", b"text", b"x" * 1_000_000):
            response = await api.post(path, content=body)
            assert (response.status_code, response.json()) == (200, {})

        (use,) = engine.unsupported.uses
        assert (use.feature, use.app_name, use.count) == (feature.name, None, 4)


@pytest.mark.parametrize("path", ["/v1/traces/userland", "/dev/traces"])
async def test_traces_are_accepted_without_a_word(path: str) -> None:
    async with _api() as (engine, api):
        assert (await api.post(path, content=b"\xff" * 100_000)).status_code == 200
        assert engine.unsupported.uses == ()


async def test_a_run_is_told_once_and_its_app_is_known(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="durable_engine.unsupported"):
        async with _api() as (engine, api):
            run_id = await start(engine)
            for _ in range(3):
                await api.post(f"/v1/realtime/publish?run_id={run_id}", content=b"{}")
            await api.post(f"/v1/realtime/publish/tee?channel={run_id}", content=b"stream")
            await api.post(f"/v1/runs/{run_id}/metadata", content=b"{}")
            await api.post("/v1/realtime/publish", content=b"{}")

            run = await engine.get_run(run_id)
            assert run.notes == (REALTIME_PUBLISH.sentence, RUN_METADATA.sentence)
            uses = [(use.feature, use.app_name, use.count) for use in engine.unsupported.uses]
            assert uses == [
                ("realtime.publish", "lab", 4),
                ("metadata", "lab", 1),
                ("realtime.publish", None, 1),
            ]
    assert len(caplog.records) == 3
    assert "'lab': Realtime is not supported" in caplog.text


async def test_a_note_is_stored_once_and_only_for_a_run() -> None:
    async with _api() as (engine, _):
        run_id = await start(engine)
        assert await engine.control.note(run_id, "Something.") == "lab"
        assert await engine.control.note(run_id, "Something.") == "lab"
        assert await engine.control.note(run_id, "Something else.") == "lab"
        assert (await engine.get_run(run_id)).notes == ("Something.", "Something else.")
        for nobody in ("", "nobody", "01JD4Z9QW3V8T5N2B7K1M6X0CR"):
            assert await engine.control.note(nobody, "Something.") is None


async def test_what_is_remembered_is_bounded() -> None:
    told: list[str] = []

    async def note(run_id: str, text: str) -> str | None:
        told.append(run_id)
        return f"app-{run_id}"

    asked = Unsupported(lambda: 5, note)
    for number in range(MAX_RUNS + 1):
        await asked.record(CONNECT, run_id=str(number))
    assert len(asked.uses) == MAX_USES
    assert asked.uses[0].first_ms == 5

    await asked.record(CONNECT, run_id=str(MAX_RUNS))  # remembered
    await asked.record(CONNECT, run_id="0")  # forgotten, so told again
    assert told[-2:] == [str(MAX_RUNS), "0"]
    assert asked.uses[0].count == 2
