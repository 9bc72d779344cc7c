"""The description at `/openapi.json` is valid, and describes what is served: no more, no less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from support.doors import ORIGIN, doors

from durable_engine import Engine, EngineConfig, build_app
from durable_engine.errors import RunNotFoundError
from durable_engine.http_api.errors import engine_error, http_error
from durable_engine.http_api.openapi.document import OPERATIONS, document

pytestmark = pytest.mark.anyio
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document()


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_description_is_valid_openapi(described: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


async def test_it_is_served_as_it_is(described: dict[str, Any]) -> None:
    async with await Engine.open(EngineConfig()) as engine:
        transport = httpx.ASGITransport(build_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as api:
            answer = await api.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == described


async def test_it_has_every_route_and_no_other(described: dict[str, Any]) -> None:
    async with await Engine.open(EngineConfig()) as engine:
        routes = [route for route in build_app(engine).routes if isinstance(route, Route)]
    served = {
        f"{method} {route.path.removeprefix('/api')}"
        for route in routes
        for method in (route.methods or set()) & METHODS
        if not route.path.endswith("{path:path}")
    }
    assert {f"{method} {path}" for method, path, _ in _operations(described)} == served
    assert len(OPERATIONS) == len(served)


def test_every_operation_says_what_it_is(described: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in _operations(described)]
    assert len(ids) == len(set(ids))
    for _, path, operation in _operations(described):
        assert operation["summary"]
        assert all(answer["description"] for answer in operation["responses"].values())
        in_path = {entry["name"] for entry in operation.get("parameters", ()) if entry["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))


@pytest.mark.parametrize("path", ["/health", "/v1/runs/x", "/v0/runs/x", "/v2/runs/x", "/v2/{path}"])
async def test_the_form_of_errors_is_that_of_the_handlers(described: dict[str, Any], path: str) -> None:
    form = "ErrorV2" if path.startswith("/v2") else "ErrorV1" if path.startswith("/v") else "Error"
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    request = Request({**scope, "server": ("127.0.0.1", 8288)})
    for answer in (
        await engine_error(request, RunNotFoundError("No run.", hint="Look.", nearest=["a"])),
        await http_error(request, HTTPException(413, "Too large.")),
    ):
        assert _faults(described, {"$ref": f"#/components/schemas/{form}"}, bytes(answer.body)) == []


READS = (
    "/dev",
    "/v2/runs?includeOutput=true",
    "/v2/runs/{run_id}?includeOutput=true",
    "/v2/runs/{run_id}/trace?includeOutput=true",
    "/v2/events/{event_id}/runs",
    "/v2/apps",
    "/v2/apps/lab",
    "/v2/apps/lab/functions",
    "/v2/apps/lab/functions/job",
    "/v2/apps/lab/functions/job/runs",
    "/v2/account",
    "/v2/envs",
    "/v1/events",
    "/v1/events/{event_id}",
    "/v1/events/{event_id}/runs",
    "/v1/events/{event_id}/decisions",
    "/v1/runs/{run_id}",
    "/v1/runs/{run_id}/jobs",
    "/v1/apps/lab/functions",
)


async def test_no_answer_about_a_run_has_a_field_that_is_not_described(described: dict[str, Any]) -> None:
    async with doors() as it:
        run = await it.run()
        ids = {"run_id": run.id, "event_id": run.event.id, "app": "lab", "function": "job"}
        for read in READS:
            answer = await it.send("GET", read.format(**ids))
            path = re.sub(r"/lab\b", "/{app}", re.sub(r"/job\b", "/{function}", read.partition("?")[0]))
            schema = described["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
            assert _faults(described, schema["schema"], answer.content, is_closed=True) == [], read


def _faults(
    described: dict[str, Any], schema: dict[str, Any], body: bytes, *, is_closed: bool = False
) -> list[str]:
    """Return where a body is not as described; `is_closed`: fields that are not described are faults."""
    whole = {**schema, "components": described["components"]}
    validator = Draft202012Validator(_closed(whole) if is_closed else whole)
    return [fault.message for fault in validator.iter_errors(json.loads(body))]


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    is_shape = closed.get("type") == "object" and isinstance(closed.get("properties"), dict)
    return closed | {"additionalProperties": False} if is_shape else closed
