"""A server elsewhere that says what a test wants, and a clock for whoever waits for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from durable_engine import ManualClock
from mcp_server.remote.target import Target, read_target

Reply = httpx.Response | Exception | dict[str, Any] | list[Any]
ORIGIN = "http://127.0.0.1:8288"
FAR = "https://inngest.example.com"


class PassingClock(ManualClock):
    """Lets whoever waits shortest have its time at once, when nobody else has anything to do."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[int] = []
        self.waited: list[float] = []
        """All waits that came to their end, in seconds."""

    async def patience(self, seconds: float) -> None:
        end_ms = self._now_ms + round(seconds * 1_000)
        self._ends.append(end_ms)
        try:
            while True:
                for _ in range(60):
                    await asyncio.sleep(0)
                if end_ms <= min(self._ends):
                    break
            self._now_ms = max(self._now_ms, end_ms)
            self.waited.append(seconds)
        finally:
            self._ends.remove(end_ms)


@dataclass
class ScriptedServer(httpx.AsyncBaseTransport):
    """Answers by path; a list of replies is given one after the other, the last one for ever."""

    routes: dict[str, Any] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.asked.append(request)
        route = self.routes.get(f"{request.method} {request.url.path}")
        if callable(route):
            route = route(request)
        if isinstance(route, Turns):
            route = route.next()
        if isinstance(route, Exception):
            raise route
        if isinstance(route, httpx.Response):
            return httpx.Response(route.status_code, headers=route.headers, content=route.content)
        if route is None:
            return httpx.Response(404, text="404 page not found")
        return httpx.Response(200, json=route)

    def paths(self) -> list[str]:
        """Return what was asked, in order."""
        return [f"{request.method} {request.url.path}" for request in self.asked]

    def count(self, path: str) -> int:
        """Return how often a path was asked."""
        return self.paths().count(path)


class Turns:
    """Replies that are given one after the other, the last one for ever."""

    def __init__(self, *replies: Any) -> None:
        self._replies = list(replies)

    def next(self) -> Any:
        """Return the next reply."""
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


def v2(data: Any, **page: Any) -> dict[str, Any]:
    """Return an answer of API v2."""
    envelope = {"data": data, "metadata": {"fetchedAt": "2027-01-15T08:00:00.000Z"}}
    return envelope | ({"page": page} if page else {})


def v1(data: Any) -> dict[str, Any]:
    """Return an answer of API v1."""
    return {"data": data, "metadata": {"fetched_at": "2027-01-15T08:00:00Z", "cached_until": ""}}


def refusal(status: int, code: str = "", message: str = "", **headers: str) -> httpx.Response:
    """Return a refusal of API v2."""
    body = {"errors": [{"code": code, "message": message}]}
    return httpx.Response(status, content=json.dumps(body), headers=headers)


def dev_server(**routes: Any) -> ScriptedServer:
    """Return what a Dev Server without apps says, with other routes besides."""
    return ScriptedServer(
        {
            "GET /dev": httpx.Response(
                200, json={"version": "1.12.0"}, headers={"x-inngest-server-kind": "dev"}
            ),
            "GET /v2/health": v2({"status": "ok"}),
            "GET /v2/runs": v2([], hasMore=False),
            "GET /v2/apps": v2([], hasMore=False),
            "GET /v1/events": v1([]),
            **routes,
        }
    )


def target(engine: str = ORIGIN, **options: Any) -> Target:
    """Return the target that options name."""
    return read_target(engine, **options)


Route = Callable[[httpx.Request], Reply]
