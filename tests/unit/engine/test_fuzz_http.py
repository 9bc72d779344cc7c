"""Bodies and requests of every nasty kind on every route: refused in a sentence, or taken; never a fault."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import pytest
import uvicorn
from support.doors import APP_URL, PATIENCE_S, Doors, doors, registration, stride
from support.nasty import BODIES, spoiled, written

from durable_engine.http_api.openapi.document import OPERATIONS
from mcp_server.http import MCP_PATH

pytestmark = pytest.mark.anyio
NOBODY: Final = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
MAX_REFUSAL_CHARS: Final = 4_000
LEAKS: Final = ("Traceback", "set_int_max_str_digits", 'File "', "InternalEngineError")
STEP: Final = {
    "op": "StepRun",
    "id": "h",
    "userland": {"id": "z", "index": 0},
    "name": "z",
    "data": {"a": 1},
    "opts": {"input": [1], "type": "step.ai.wrap"},
    "timing": {"a": 1, "b": 2},
}
EVENT: Final = {
    "name": "t/job",
    "data": {"a": [1]},
    "user": {"b": 2},
    "id": "i",
    "v": "1",
    "ts": 1795310824300,
}


def _rich_registration() -> dict[str, Any]:
    """Return a registration that uses everything that is read."""
    found = registration("rich")
    found["functions"][-1] |= {
        "triggers": [
            {"event": "a", "expression": "event.data.a == 1"},
            {"cron": "0 9 * * *", "jitter": "1s"},
        ],
        "concurrency": [{"limit": 1, "key": "event.data.a", "scope": "fn"}],
        "throttle": {"limit": 1, "period": "1s", "burst": 1, "key": "event.data.a"},
        "rateLimit": {"limit": 1, "period": "1s", "key": "event.data.a"},
        "debounce": {"period": "1s", "timeout": "1m", "key": "event.data.a"},
        "priority": {"run": "event.data.a"},
        "cancel": [{"event": "a", "if": "event.data.a == async.data.a", "timeout": "1s"}],
        "idempotency": "event.data.id",
        "timeouts": {"start": "1s", "finish": "1s"},
    }
    return found


RIGHT: Final[dict[str, Any]] = {
    "POST /e/key": [EVENT],
    "POST /v2/events": EVENT,
    "POST /invoke/lab-job": {"data": {"a": 1}, "user": {"b": 1}},
    "POST /v2/apps/lab/functions/job/invoke": {"data": {"a": 1}, "user": {"b": 1}, "idempotencyKey": "k"},
    "POST /v2/apps/lab/functions/other/pause": {"cancelRuns": False},
    "POST /v2/apps/lab/syncs": {"url": APP_URL},
    "POST /v2/runs/RUN/rerun": {"fromStep": {"stepId": "a"}},
    "POST /v1/cancellations": {
        "app_id": "lab",
        "function_id": "job",
        "started_before": "2026-01-01T00:00:00Z",
        "started_after": "2025-01-01T00:00:00Z",
        "if": "event.data.a == 1",
    },
    "POST /v1/signals": {"signal": "s", "data": {"a": 1}},
    "POST /v1/checkpoint/RUN/async": {"qi_id": "1", "steps": [STEP]},
    "POST /v1/checkpoint/RUN/steps": {"steps": [STEP]},
    "POST /v1/checkpoint": {
        "run_id": NOBODY,
        "event": {"data": {"domain": "http://127.0.0.1:8000", "path": "/p", "method": "GET", "fn": "n"}},
        "retries": 1,
        "steps": [STEP],
    },
    "POST /fn/register": _rich_registration(),
    "POST /stepcue/v1/time/advance": {"by": "1s"},
    "POST /stepcue/v1/test": {
        "functionId": "lab-job",
        "data": {"a": 1},
        "mocks": [{"stepId": "b", "sequence": [{"result": 1}, {"error": {"message": "m", "data": 1}}]}],
        "faults": [{"kind": "slow_reply", "stepId": "b", "delay": "1s", "times": 1}],
        "events": [{"name": "x/y", "data": {"a": 1}, "after": "1s"}],
        "expect": {"output": {"a": 1}, "steps": {"a": {"status": "COMPLETED"}}, "ran": ["a"]},
        "timeout": 1,
    },
}


def _check(answer: httpx.Response, asked: bytes) -> None:
    assert answer.status_code < 500 or answer.status_code in {501, 502}, (asked[:200], answer.text)
    assert answer.status_code < 400 or len(answer.text) < MAX_REFUSAL_CHARS, (asked[:200], len(answer.text))
    assert not any(leak in answer.text for leak in LEAKS), (asked[:200], answer.text)


@pytest.fixture(scope="module")
async def it() -> AsyncIterator[Doors]:
    async with doors() as opened:
        yield opened


@pytest.mark.parametrize("route", RIGHT)
async def test_a_body_with_something_nasty_anywhere_is_taken_or_refused(it: Doors, route: str) -> None:
    run = await it.run()
    method, path = route.replace("RUN", run.id).split()
    first = await it.send(method, path, content=written(RIGHT[route]))
    assert first.status_code in {200, 404, 409, 502}, first.text  # what is to be spoiled has to be right
    for body in spoiled(RIGHT[route], every=stride(29)):
        content = written(body)
        _check(await it.send(method, path, content=content), content)


async def test_whole_bodies_that_are_no_json_are_refused_on_every_route(it: Doors) -> None:
    for operation in OPERATIONS:
        path = re.sub(r"\{\w+\}", NOBODY, operation.path)
        for content in (*BODIES, gzip.compress(b"{}")):
            headers = {"content-type": "multipart/form-data; boundary=", "content-encoding": "gzip"}
            answer = await it.send(operation.method, path, content=content, headers=headers)
            _check(answer, path.encode() + content)


QUERIES: Final = (
    "limit=1&limit=2",
    "limit=%zz&cursor=%ff%fe&cursor=%00",
    "status=%F0%28%8C%28&order=&timeField=%E2%80%AE",
    "from=9999-12-31T23:59:59.999999999-23:59&until=0001-01-01T00:00:00%2B14:00",
    "limit=" + "9" * 5_000,
    "cursor=" + "x" * 50_000,
    "&&&===;;;%",
    "received_after=" + "1" * 400 + "&name=%00&appId=%ED%A0%80",
    "a&" * 3_000,
)


async def test_queries_of_every_kind_are_answered(it: Doors) -> None:
    for operation in OPERATIONS:
        path = re.sub(r"\{\w+\}", "%00%ff%zz", operation.path)
        for query in QUERIES:
            answer = await it.send(operation.method, f"{path}?{query}")
            _check(answer, f"{path}?{query}".encode())


async def test_wrong_methods_are_refused_as_such(it: Doors) -> None:
    for operation in OPERATIONS:
        for method in ("TRACE", "PROPFIND", "x" * 300):
            answer = await it.send(method, operation.path)
            assert answer.status_code in {404, 405}
            _check(answer, operation.path.encode())


@asynccontextmanager
async def _listening(it: Doors) -> AsyncIterator[int]:
    bound = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(it.served, log_config=None, lifespan="off", ws="none"))
    serving = asyncio.create_task(running.serve(sockets=[bound]))
    try:
        yield bound.getsockname()[1]
    finally:
        running.should_exit = True
        await serving


HOST: Final = b"Host: 127.0.0.1\r\n"
RAW: Final[tuple[bytes, ...]] = (
    b"\x00" * 500,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/runs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /v2/runs HTTP/1.1\r\nHost: \xff\xfe:99999\r\n\r\n",
    b"GET /v2/runs\xff\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /" + b"x" * 300_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 20_000 + b"\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Authorization: Bearer \xff\xfe\r\nOrigin: \xff\r\n\r\n",
    b"POST /e/k HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    b"POST /e/k HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n",
    b"POST /mcp HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 20 + b"\r\n\r\n{}",
    b"POST /e/k HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST /e/k HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"POST /e/k HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}",
    b"POST /e/k HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"POST /e/k HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /e/k HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    b"POST /e/k HTTP/1.1\r\n" + HOST + b"Content-Length: 50\r\n\r\nhalf",
    b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n",
)


async def test_whatever_comes_over_a_socket_is_answered_or_cut_off(it: Doors) -> None:
    async with _listening(it) as port:
        for raw in RAW:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(raw)
                writer.write_eof()
                async with asyncio.timeout(PATIENCE_S):
                    answer = await reader.read()
            except ConnectionError:
                answer = b""
            writer.close()
            assert not answer or b"HTTP/1." in answer[:10]
            assert b" 500 " not in answer.split(b"\r\n")[0], (raw[:100], answer)
            assert b"Traceback" not in answer
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            assert (await http.get("/health")).json()["status"] == 200


async def test_mcp_refuses_whatever_is_no_message(it: Doors) -> None:
    for content in (*BODIES, json.dumps([[]] * 500).encode()):
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        answer = await it.send("POST", MCP_PATH, content=content, headers=headers)
        assert 400 <= answer.status_code < 500, (content[:100], answer.text)
        _check(answer, content)
