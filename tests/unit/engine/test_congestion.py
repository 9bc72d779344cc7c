"""Requests that come faster than they are taken in: so many are held, so many wait, the next is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from scripted_app import App, engine_for
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from durable_engine import build_app
from durable_engine.http_api import congestion
from durable_engine.http_api.bodies import MAX_BODY_BYTES, read_body, read_json
from durable_engine.http_api.congestion import Congestion
from durable_engine.model.json_value import parse_list

pytestmark = pytest.mark.anyio


class Slow:
    """Reads each body and keeps it until the test lets it go; counts what is held."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.held = 0
        self.most = self.most_bytes = self._bytes = 0
        self.changed = asyncio.Condition()

    async def take(self, request: Request) -> Response:
        body = await read_body(request)
        self.held += 1
        self._bytes += len(body)
        self.most, self.most_bytes = max(self.most, self.held), max(self.most_bytes, self._bytes)
        async with self.changed:
            self.changed.notify_all()
        try:
            await self.gate.wait()
        finally:
            self.held -= 1
            self._bytes -= len(body)
        return PlainTextResponse("taken")

    async def holds(self, count: int) -> None:
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(lambda: self.held == count)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[tuple[Congestion, httpx.AsyncClient]]:
        paths = ("/e/key", "/v1/signals", "/look")
        routes = [Route(path, self.take, methods=["POST"]) for path in paths]
        app = Congestion(Starlette(routes=routes))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as client:
            yield app, client


@pytest.fixture
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(congestion, "MAX_AT_WORK", 3)
    monkeypatch.setattr(congestion, "MAX_HELD_BYTES", 1_000)
    monkeypatch.setattr(congestion, "MAX_WAITING", 4)
    monkeypatch.setattr(congestion, "MAX_WAITING_BYTES", 5_000)


@pytest.mark.usefixtures("_narrow")
async def test_of_a_flood_a_few_are_held_a_few_wait_and_the_next_is_told_to_come_again() -> None:
    slow = Slow()
    async with slow.client() as (app, client):
        flood = [asyncio.create_task(client.post("/e/key", content=b"x" * 10)) for _ in range(12)]
        await slow.holds(3)
        refused = await _some(flood, 5)
        assert app._for_events.waiting == 4
        assert {answer.status_code for answer in refused} == {503}
        assert refused[0].headers["retry-after"] == "1"
        # What the Python SDK reads of an answer, and the TypeScript SDK.
        assert refused[0].json()["ids"] == []
        assert (refused[0].json()["status"], "send it again" in refused[0].json()["error"]) == (503, True)
        # Apps and tools do not wait behind events.
        other = asyncio.create_task(client.post("/v1/signals", content=b"{}"))
        await slow.holds(4)
        slow.gate.set()
        answers = await asyncio.gather(*flood, other)
    assert sorted(answer.status_code for answer in answers) == [200] * 8 + [503] * 5
    assert slow.most == 4
    assert (app._for_events._requests, app._for_events._bytes, app._for_events._waiting_bytes) == (0, 0, 0)


async def _some(tasks: list[asyncio.Task[httpx.Response]], count: int) -> list[httpx.Response]:
    async with asyncio.timeout(60):
        while len(done := [task for task in tasks if task.done()]) < count:
            await asyncio.wait([task for task in tasks if not task.done()], return_when="FIRST_COMPLETED")
    return [task.result() for task in done]


@pytest.mark.usefixtures("_narrow")
async def test_bodies_are_held_by_their_size_and_one_that_is_too_large_for_all_goes_alone() -> None:
    slow = Slow()
    async with slow.client() as (app, client):
        sizes = [600, 300, 600, 2_000, 100]
        flood = []
        for size in sizes:
            flood.append(asyncio.create_task(client.post("/e/key", content=b"x" * size)))
            await asyncio.sleep(0)
        await slow.holds(2)
        assert app._for_events.waiting == 3
        assert (await client.post("/e/key", content=b"x" * 4_000)).status_code == 503
        slow.gate.set()
        answers = await asyncio.gather(*flood)
    assert {answer.status_code for answer in answers} == {200}
    assert slow.most_bytes == 2_000


@pytest.mark.usefixtures("_narrow")
async def test_who_gives_up_while_waiting_takes_no_room() -> None:
    slow = Slow()
    async with slow.client() as (app, client):
        flood = [asyncio.create_task(client.post("/e/key", content=b"x")) for _ in range(7)]
        await slow.holds(3)
        for task in flood[:1] + flood[4:6]:
            task.cancel()
        await asyncio.gather(*flood[:1], *flood[4:6], return_exceptions=True)
        await slow.holds(3)
        assert app._for_events.waiting == 1
        slow.gate.set()
        rest = await asyncio.gather(*flood[1:4], flood[6])
    assert {answer.status_code for answer in rest} == {200}
    assert (app._for_events._requests, app._for_events._bytes, app._for_events._waiting_bytes) == (0, 0, 0)


@pytest.mark.usefixtures("_narrow")
async def test_requests_that_are_cancelled_together_leave_nothing_behind() -> None:
    """As when the server's patience with open requests ends: who waits is cancelled with who holds."""
    slow = Slow()
    async with slow.client() as (app, client):
        flood = [asyncio.create_task(client.post("/e/key", content=b"x")) for _ in range(7)]
        await slow.holds(3)
        for task in flood:
            task.cancel()
        ends = await asyncio.gather(*flood, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}
        slow.gate.set()
        assert (await client.post("/e/key", content=b"x")).status_code == 200
    assert (app._for_events._requests, app._for_events._bytes, app._for_events._waiting_bytes) == (0, 0, 0)


async def test_a_body_that_does_not_say_its_size_counts_as_the_largest() -> None:
    async def dribble() -> AsyncIterator[bytes]:
        yield b"x"

    slow = Slow()
    async with slow.client() as (app, client):
        first = asyncio.create_task(client.post("/e/key", content=dribble()))
        await slow.holds(1)
        assert app._for_events._bytes == MAX_BODY_BYTES
        slow.gate.set()
        assert (await first).status_code == 200


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("[]", []),
        (" [ ]\n", []),
        ('[{"a": 1.0}, 2 ,"x"]', [{"a": 1.0}, 2, "x"]),
        ("[1, 2", None),
        ("[1 2]", None),
        ("[1,]", None),
        ("[1]]", None),
        ("[NaN]", None),
        ("[1e400]", None),
        ('["\udce9"]', None),
        ("[" * 100_000, None),
    ],
)
async def test_a_long_list_is_read_in_pieces_as_it_would_be_at_once(
    text: str, entries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def echo(request: Request) -> Response:
        return Response(json.dumps(await read_json(request)))

    app = Starlette(routes=[Route("/", echo, methods=["POST"])])
    content = text.encode("utf-8", "surrogateescape")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as client:
        whole = await client.post("/", content=content)
        monkeypatch.setattr("durable_engine.http_api.bodies._AT_ONCE_BYTES", 1)
        pieces = await client.post("/", content=content)
    assert pieces.status_code == whole.status_code == (400 if entries is None else 200)
    if entries is None:
        assert pieces.text.split(":")[0] == whole.text.split(":")[0]
    else:
        assert pieces.json() == whole.json() == entries


def test_no_piece_of_a_long_list_is_much_longer_than_asked() -> None:
    body = json.dumps([{"n": n, "x": "y" * 5_000} for n in range(400)]).encode()
    pieces = list(parse_list(body, at_once=50_000))
    assert [entry["n"] for piece in pieces for entry in piece] == list(range(400))
    assert {len(piece) for piece in pieces[:-1]} == {10}


async def test_a_long_list_of_events_is_taken_whole_or_not_at_all() -> None:
    events = [{"name": "t/none", "data": {"n": n, "x": "y" * 5_000}} for n in range(100)]
    async with engine_for(App()) as engine:
        transport = httpx.ASGITransport(build_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as client:
            answer = await client.post("/e/key", json=events)
            assert len(answer.json()["ids"]) == 100
            refused = await client.post("/e/key", json=[*events, {"name": ""}])
            assert (refused.status_code, refused.json()["ids"]) == (400, [])
            assert "event 101 of 101" in refused.json()["error"]
            large = {"name": "t/none", "data": {"x": "y" * 4_000_000}}
            refused = await client.post("/e/key", json=[*events, large])
            assert (refused.status_code, refused.json()["ids"]) == (400, [])
            assert "over the max size" in refused.json()["error"]
        assert len((await engine.records.events(limit=100)).events) == 100
        assert (await engine.records.events(limit=100)).next_cursor is None
