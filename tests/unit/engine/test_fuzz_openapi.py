"""schemathesis asks everything that `/openapi.json` describes, rightly and wrongly: answers are as described.

Longer, with `make fuzz`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from support.doors import ORIGIN, Doors, doors, examples

from durable_engine.http_api.openapi.document import OPERATIONS, document

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import requests
    import schemathesis
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi import checks

CONFORMANCE: Final = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
_SETTINGS: Final = settings(
    max_examples=examples(2),
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SCHEMA: Final = schemathesis.openapi.from_dict(document())
LABELS: Final = [f"{operation.method} {operation.path}" for operation in OPERATIONS]


@dataclass(frozen=True)
class Served:
    """The doors, opened in a thread, and names of what is there."""

    portal: BlockingPortal
    doors: Doors
    there: dict[str, str]

    def send(self, case: Any) -> httpx.Response:
        """Send a case of schemathesis; a fault of ours raises here, with its traceback."""
        told = case.as_transport_kwargs(base_url=ORIGIN)
        known = ("method", "url", "headers", "files", "data", "json", "params", "cookies")
        asked = requests.Request(**{key: told[key] for key in known if key in told}).prepare()
        body = asked.body or b""
        request = httpx.Request(
            asked.method or "",
            asked.url or "",
            headers=[(name.encode("latin-1"), _bytes(value)) for name, value in asked.headers.items()],
            content=body.encode() if isinstance(body, str) else body,
        )
        return self.portal.call(self.doors.api.send, request)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    @asynccontextmanager
    async def opened() -> Any:
        async with doors() as it:
            run = await it.run()
            there = {"app": "lab", "function": "job", "slug": "lab-job"}
            yield it, {**there, "run_id": run.id, "event_id": run.event.id}

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opened()) as (it, there):
        yield Served(portal, it, there)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("label", LABELS)
def test_answers_are_as_described(served: Served, label: str, mode: GenerationMode) -> None:
    method, path = label.split()
    operation = SCHEMA[path][method]

    @_SETTINGS
    @given(case=operation.as_strategy(mode), is_there=st.booleans())
    def ask(case: Any, is_there: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        if is_there and mode is GenerationMode.POSITIVE:
            for name in case.path_parameters or ():
                case.path_parameters[name] = served.there.get(name, "x")
        answer = served.send(case)
        case.validate_response(answer, checks=CONFORMANCE)

    try:
        ask()
    except Unsatisfiable:
        # Nothing can be wrong where nothing is read.
        assert mode is GenerationMode.NEGATIVE
        assert "{" not in path
