"""Counts and records the calls that an app gets, and answers when so many have ended: no server is asked.

An ASGI application around the app. What it notes costs some microseconds a call, whoever calls.

* `POST /bench/reset?record=1` forgets everything, and keeps whole calls from now on if it is to record.
* `GET /bench/wait?what=ends&count=300` answers once that many runs have ended; `what=calls`: calls answered.
  A run has ended when a call of its function is answered with status 200; 206 holds steps.
* `GET /bench/recorded` returns the calls themselves, in the order in which they came.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTROL = "/bench/"


@dataclass
class Tally:
    """The app, counted. Times are nanoseconds of the monotonic clock, which processes of a machine share."""

    app: ASGIApp
    calls: list[tuple[int, int]] = field(default_factory=list)
    """When each call came, and when its answer had left."""
    ends: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    open: int = 0
    peak: int = 0
    recorded: list[dict[str, Any]] | None = None
    _waiting: list[tuple[list[Any], int, asyncio.Event]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"].startswith(CONTROL):
            await (await self._control(Request(scope, receive)))(scope, receive, send)
        elif scope["method"] == "POST" and b"fnId=" in scope["query_string"]:
            await self._call(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        came, status = time.monotonic_ns(), 0
        body = bytearray()
        recorded = self.recorded

        async def keep() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def note(message: Message) -> None:
            nonlocal status
            await send(message)
            if message["type"] == "http.response.start":
                status = message["status"]
            elif not message.get("more_body"):
                self._left(came, status)

        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            await self.app(scope, receive if recorded is None else keep, note)
        finally:
            self.open -= 1
        if recorded is not None:
            query = scope["query_string"].decode()
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
            target = f"{scope['path']}?{query}"
            recorded.append(
                {"came": came, "target": target, "headers": headers, "body": body.decode(), "status": status}
            )

    def _left(self, came: int, status: int) -> None:
        now = time.monotonic_ns()
        self.calls.append((came, now))
        self.statuses[status] += 1
        if status == 200:
            self.ends.append(now)
        for counted, count, reached in self._waiting:
            if len(counted) >= count:
                reached.set()

    async def _control(self, request: Request) -> Response:
        wanted = request.url.path.removeprefix(CONTROL)
        if wanted == "reset":
            self.calls.clear()
            self.ends.clear()
            self.statuses.clear()
            self.peak = self.open
            self.recorded = [] if request.query_params.get("record") else None
        elif wanted == "recorded":
            return JSONResponse(sorted(self.recorded or [], key=lambda call: int(call["came"])))
        else:
            counted = self.ends if request.query_params["what"] == "ends" else self.calls
            await self._reached(counted, int(request.query_params["count"]), request)
        times = self.calls if request.query_params.get("times") else []
        return JSONResponse(
            {
                "calls": len(self.calls),
                "ends": self.ends,
                "peak": self.peak,
                "statuses": {str(status): count for status, count in self.statuses.items()},
                "times": times,
            }
        )

    async def _reached(self, counted: list[Any], count: int, request: Request) -> None:
        """Return once there are that many, or the time that the request grants is over."""
        entry = (counted, count, asyncio.Event())
        self._waiting.append(entry)
        try:
            if len(counted) < count:
                async with asyncio.timeout(float(request.query_params["timeout"])):
                    await entry[2].wait()
        except TimeoutError:
            return
        finally:
            self._waiting.remove(entry)
