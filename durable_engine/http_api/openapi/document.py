"""The OpenAPI document, put together from the tables of operations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

from durable_engine.http_api.auth import is_guarded, needs_token
from durable_engine.http_api.openapi import own, rest_v1, rest_v2, sdk_routes
from durable_engine.http_api.openapi.operation import Answer, Operation, Parameter
from durable_engine.http_api.openapi.schemas import schemas
from durable_engine.http_api.openapi.shapes import ULID, name, ref
from durable_engine.model.json_value import JSONObject

OPERATIONS: Final[tuple[Operation, ...]] = (
    *rest_v2.OPERATIONS,
    *rest_v1.OPERATIONS,
    *own.OPERATIONS,
    *sdk_routes.OPERATIONS,
)
_ABOUT: Final = (
    "Stepcue stands in for an Inngest server, on this machine. Everything below `/v2` is served below "
    "`/api/v2` too, and whatever is not listed there answers 501. `/mcp` speaks the Model Context "
    "Protocol and is not described here."
)
_IN_PATH: Final = re.compile(r"\{(\w+)\}")
_PATH_TEXTS: Final[Mapping[str, JSONObject]] = {"run_id": ULID, "event_id": ULID}
_NOT_ULIDS: Final = ("/v1/checkpoint", "/v1/http/runs", "/v1/runs/{run_id}/metadata")
"""Whatever stands there is looked up, or dropped."""
_BAD: Final = "something in the request cannot be: the sentence names it"
_TOO_LARGE: Final = "the body is over 32 MiB"
_UNAVAILABLE: Final = "the data file cannot be used now, or Stepcue is stopping"


def document() -> JSONObject:
    """Return the description of all routes of the engine as OpenAPI 3.1."""
    paths: dict[str, JSONObject] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stepcue", "version": version("stepcue"), "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The signing key (its SHA-256 in hex) or the token; only where Stepcue "
                    "has been started with one.",
                }
            },
        },
    }


def _operation(operation: Operation) -> JSONObject:
    shown: JSONObject = {
        "operationId": _id(operation),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": {str(status): _answer(entry) for status, entry in sorted(_answers(operation).items())},
        "security": [{}, {"key": []}] if _may_ask_for_a_key(operation.path) else [{}],
    }
    parameters = [*_path_parameters(operation.path), *map(_parameter, operation.parameters)]
    if parameters:
        shown["parameters"] = parameters
    if operation.body is not None:
        shown["requestBody"] = {
            "required": operation.body_is_required,
            "content": {"application/json": {"schema": operation.body}},
        }
    return shown


def _id(operation: Operation) -> str:
    """Return a name for functions of generated clients, such as `get_v2_runs_run_id`."""
    return re.sub(r"\W+", "_", f"{operation.method.lower()}{operation.path}").strip("_")


def _answers(operation: Operation) -> dict[int, Answer]:
    """Return all answers: those of the operation, and those of the guards and of everything with a body."""
    form = ref(_form(operation.path))
    refusals = {503: _UNAVAILABLE, **operation.refusals}
    if operation.body is not None:
        refusals = {400: _BAD, 413: _TOO_LARGE, **refusals}
    elif operation.parameters or _has_checked_path(operation.path):
        refusals = {400: _BAD, **refusals}
    answers = {
        403: Answer("the page that calls is not served", ref("Refusal")),
        421: Answer("the Host is not one of this server", ref("Refusal")),
    }
    if _may_ask_for_a_key(operation.path):
        answers[401] = Answer("the signing key or the token is missing", ref("Refusal"))
    answers |= {status: Answer(about, form) for status, about in refusals.items()}
    return answers | dict(operation.answers)


def _form(path: str) -> str:
    """Return the schema of a refusal, by the API that a path belongs to."""
    if path.startswith("/v2/"):
        return "ErrorV2"
    return "ErrorV1" if path.startswith(("/v1/", "/v0/")) else "Error"


def _may_ask_for_a_key(path: str) -> bool:
    return is_guarded(path) or needs_token(path)


def _has_checked_path(path: str) -> bool:
    return not path.startswith(_NOT_ULIDS) and any(field in _PATH_TEXTS for field in _IN_PATH.findall(path))


def _path_parameters(path: str) -> list[JSONObject]:
    ids = _PATH_TEXTS if _has_checked_path(path) else {}
    return [
        {"name": field, "in": "path", "required": True, "schema": ids.get(field, name())}
        for field in _IN_PATH.findall(path)
    ]


def _parameter(parameter: Parameter) -> JSONObject:
    shown: JSONObject = {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.is_required,
        "schema": parameter.schema,
    }
    return {**shown, "description": parameter.about} if parameter.about else shown


def _answer(answer: Answer) -> JSONObject:
    shown: JSONObject = {"description": answer.about}
    if answer.schema is not None:
        shown["content"] = {answer.content_type: {"schema": answer.schema}}
    return shown
