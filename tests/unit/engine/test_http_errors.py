"""Errors over HTTP: one status each, one sentence, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from scripted_app import App, engine_for
from starlette.requests import Request
from starlette.routing import Route

from durable_engine import build_app, errors
from durable_engine.errors import (
    AppNotFoundError,
    ConfigError,
    ConflictError,
    DataFileBusyError,
    DurableEngineError,
    EngineClosedError,
    EventNotFoundError,
    FunctionNotFoundError,
    IllegalTransitionError,
    InvalidCronError,
    InvalidDurationError,
    InvalidEventError,
    InvalidExpressionError,
    InvalidFunctionError,
    InvalidInputError,
    NotFoundError,
    ReplayError,
    RunAlreadyEndedError,
    RunNotFoundError,
    RunPrunedError,
    SchemaVersionError,
    SnapshotExistsError,
    SnapshotNotFoundError,
    StaleCallError,
    StillCalledError,
    StorageError,
    SyncError,
)
from durable_engine.http_api.errors import STATUS, status_of

pytestmark = pytest.mark.anyio

_EXPECTED: dict[type[DurableEngineError], int] = {
    ConfigError: 500,
    InvalidInputError: 400,
    InvalidEventError: 400,
    InvalidFunctionError: 400,
    InvalidExpressionError: 400,
    InvalidDurationError: 400,
    InvalidCronError: 400,
    NotFoundError: 404,
    RunNotFoundError: 404,
    RunPrunedError: 404,
    EventNotFoundError: 404,
    FunctionNotFoundError: 404,
    AppNotFoundError: 404,
    SnapshotNotFoundError: 404,
    ConflictError: 409,
    IllegalTransitionError: 409,
    RunAlreadyEndedError: 409,
    StaleCallError: 409,
    ReplayError: 502,
    StillCalledError: 409,
    SnapshotExistsError: 409,
    SyncError: 502,
    StorageError: 503,
    DataFileBusyError: 503,
    SchemaVersionError: 503,
    EngineClosedError: 503,
}


def _subclasses(kind: type[DurableEngineError]) -> Iterator[type[DurableEngineError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def test_every_error_of_the_engine_has_a_status_of_its_own_family() -> None:
    ours = {kind for kind in _subclasses(DurableEngineError) if kind.__module__ == errors.__name__}
    assert ours == _EXPECTED.keys()
    for kind in ours:
        assert any(parent in STATUS for parent in kind.__mro__), f"{kind.__name__} is not mapped"
        assert status_of(kind("x")) == _EXPECTED[kind]


def test_every_error_is_one_sentence_with_a_hint_if_there_is_one() -> None:
    for kind in _EXPECTED:
        error = kind("What is wrong.", hint="What to do.")
        assert (str(error), error.hint) == ("What is wrong.", "What to do.")
        assert kind("What is wrong.").hint == ""
        assert kind.__doc__


@asynccontextmanager
async def _api(error: Exception) -> AsyncIterator[httpx.AsyncClient]:
    async def fail(_: Request) -> None:
        raise error

    async with engine_for(App()) as engine:
        app = build_app(engine, more_routes=[Route("/fail", fail)])
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as api:
            yield api


@pytest.mark.parametrize("kind", sorted(_EXPECTED, key=lambda kind: kind.__name__))
async def test_an_error_is_answered_with_its_status_its_sentence_and_its_hint(
    kind: type[DurableEngineError],
) -> None:
    async with _api(kind("What is wrong.", hint="What to do.")) as api:
        response = await api.get("/fail")
    status = _EXPECTED[kind]
    assert response.status_code == status
    assert response.json() == {"error": "What is wrong.", "hint": "What to do.", "status": status}


async def test_something_not_found_is_answered_with_what_was_meant_perhaps() -> None:
    async with _api(RunNotFoundError("No run.", nearest=["a", "b"])) as api:
        body = (await api.get("/fail")).json()
    assert body == {"error": "No run.", "nearest": ["a", "b"], "status": 404}


async def test_a_bug_of_ours_is_answered_as_json_without_its_traceback_and_logged_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, logger="durable_engine.http_api.errors"):
        async with _api(ZeroDivisionError("secret detail")) as api:
            response = await api.get("/fail")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/json"
    assert response.json()["status"] == 500
    for word in ("secret detail", "ZeroDivisionError", "Traceback", ".py"):
        assert word not in response.text
    (record,) = [record for record in caplog.records if record.name == "durable_engine.http_api.errors"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


@pytest.mark.parametrize("path", ["/e/key", "/fn/register", "/invoke/job"])
async def test_a_body_over_the_limit_is_refused_before_it_is_read_whole(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durable_engine.http_api.bodies.MAX_BODY_BYTES", 1024 * 1024)
    async with _api(ValueError()) as api:
        response = await api.post(path, content=b"x" * (1024 * 1024 + 1))
    assert response.status_code == 413
    assert response.json()["status"] == 413
    assert "1 MiB" in response.json()["error"]


@pytest.mark.parametrize("path", ["/fn/register", "/invoke/job", "/e/key"])
@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b'{"a":NaN}'])
async def test_a_body_that_is_no_json_is_refused_with_a_sentence(path: str, content: bytes) -> None:
    async with _api(ValueError()) as api:
        response = await api.post(path, content=content)
    assert response.status_code == 400
    assert response.json()["error"].startswith("The request body is not valid JSON")


async def test_invoking_over_http_starts_the_function_or_names_the_nearest() -> None:
    async with _api(ValueError()) as api:
        response = await api.post("/invoke/lab-job", json={"data": {"a": 1}})
        assert response.status_code == 200
        assert response.json()["status"] == 200
        unknown = await api.post("/invoke/lab-jb", json={})
        assert unknown.status_code == 404
        assert unknown.json()["nearest"] == ["lab-job"]
        assert (await api.post("/invoke/lab-job", json={"data": [1]})).status_code == 400
