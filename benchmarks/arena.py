"""Servers and the app as processes: each server has an app of its own, which is synced with it and no other.

A server is driven only by what every Inngest server has: the app is told of it by `INNGEST_DEV`, events go to
`/e/{key}`, and that runs have ended is seen by the app.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.processes import REPOSITORY, Process, Stepcue

from benchmarks.direct import Recording
from benchmarks.usage import Watch
from benchmarks.wire import BenchError, Connection, ask, json_request

KEY = "bench"
_APP = "benchmarks.app:app"
_BATCH = 100
_OPTIONS = ("--no-poll",)


@dataclass
class App:
    """The app as a process."""

    origin: str
    pid: int

    async def reset(self, *, record: bool = False) -> None:
        """Forget all calls so far; keep those to come if they are to be recorded."""
        await ask(self.origin, "POST", f"/bench/reset{'?record=1' if record else ''}")

    async def until(self, what: str, count: int, *, timeout_s: float, times: bool = False) -> dict[str, Any]:
        """Return what the app has counted, once `count` "ends" or "calls" are there.

        Raises:
            BenchError: they did not come in time.
        """
        query = f"what={what}&count={count}&timeout={timeout_s}{'&times=1' if times else ''}"
        counted: dict[str, Any] = await ask(self.origin, "GET", f"/bench/wait?{query}")
        found = counted[what] if what == "calls" else len(counted[what])
        if found < count:
            raise BenchError(
                f"After {timeout_s:g} s the app had {found} of {count} {what}. "
                f"Its answers by status: {counted['statuses'] or 'none, so nobody called it'}."
            )
        return counted

    async def recorded(self) -> list[dict[str, Any]]:
        """Return the calls that were recorded."""
        calls: list[dict[str, Any]] = await ask(self.origin, "GET", "/bench/recorded")
        return calls


@dataclass(frozen=True)
class Done:
    """Runs that have ended."""

    ms: float
    """From the first byte of the events to the last answer of the app."""
    sent_ms: float
    """When that byte went: Unix epoch, milliseconds."""
    event_id: str
    peak: int
    """How many calls were open at once."""


@dataclass
class Side:
    """A server, and the app that is synced with it."""

    label: str
    origin: str
    app: App
    server_pid: int | None
    timeout_s: float

    @property
    def pids(self) -> dict[str, int]:
        """The processes whose use can be watched."""
        own = {} if self.server_pid is None else {"server": self.server_pid}
        return {**own, "app": self.app.pid}

    def watch(self) -> Watch:
        """Watch what both processes use."""
        return Watch(self.pids)

    async def send(self, name: str, data: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
        """Send an event for each data; return when the first byte went (monotonic ns) and their ids."""
        ids: list[str] = []
        requests = [
            json_request(
                "POST",
                f"/e/{KEY}",
                host=urlsplit(self.origin).netloc,
                body=[{"name": name, "data": one} for one in data[first : first + _BATCH]],
            )
            for first in range(0, len(data), _BATCH)
        ]
        async with await Connection.open(self.origin) as connection:
            sent = time.monotonic_ns()
            for request in requests:
                status, body = await connection.exchange(request)
                if status != 200:
                    raise BenchError(f"{self.label} answered {status} to events: {body[:500]!r}")
                ids += json.loads(body)["ids"]
        return sent, ids

    async def run(self, name: str, data: Sequence[dict[str, Any]] = ({},)) -> Done:
        """Send an event for each data, and wait until as many runs have ended; the app was reset before."""
        sent, ids = await self.send(name, data)
        counted = await self.app.until("ends", len(data), timeout_s=self.timeout_s)
        ms = (counted["ends"][len(data) - 1] - sent) / 1e6
        at_ms = (time.time_ns() - time.monotonic_ns() + sent) / 1e6
        return Done(ms=ms, sent_ms=at_ms, event_id=ids[-1], peak=counted["peak"])

    async def record(self, name: str, data: dict[str, Any] | None = None) -> Recording:
        """Let one run happen, and return its calls."""
        await self.app.reset(record=True)
        await self.send(name, [data or {}])
        return await self.stop_recording()

    async def stop_recording(self) -> Recording:
        """Return the calls up to the end of the first run."""
        await self.app.until("ends", 1, timeout_s=self.timeout_s)
        return Recording.of(self.app.origin, await self.app.recorded())

    async def sync(self) -> None:
        """Make the app register with its server; raises BenchError when that fails."""
        try:
            await ask(self.app.origin, "PUT", "/api/inngest")
        except BenchError as error:
            raise BenchError(f"The app could not register with {self.origin}: {error}") from error


@dataclass
class Arena:
    """Our own server with its app, and perhaps another one."""

    folder: Path
    own: Side
    other: Side | None
    _server: Stepcue
    _starts: int = 0

    @property
    def sides(self) -> list[Side]:
        """Every server to measure, ours first."""
        return [self.own, *([self.other] if self.other else [])]

    async def fresh(self, data_file: Path | None = None) -> Side:
        """Stop our server, and start it on new or given data at the same address."""
        self._starts += 1
        data = data_file or self.folder / f"fresh-{self._starts}.db"
        self._server = await self._server.restart(self.folder, *_OPTIONS, "--data", str(data))
        self.own = replace(self.own, server_pid=self._server.process.child.pid)
        await self.own.sync()
        return self.own

    async def close(self) -> None:
        """End our server."""
        await self._server.process.kill()


@asynccontextmanager
async def arena(
    folder: Path, against: str | None, against_pid: int | None, timeout_s: float
) -> AsyncIterator[Arena]:
    """Start our server, and one app for each server."""
    async with AsyncExitStack() as stack:
        server = await Stepcue.start(folder, *_OPTIONS, "--data", str(folder / "first.db"))
        stack.push_async_callback(server.process.kill)
        app = await stack.enter_async_context(started(_APP, INNGEST_DEV=server.origin))
        own = Side("stepcue", server.origin, app, server.process.child.pid, timeout_s)
        found = Arena(folder, own, None, server)
        stack.push_async_callback(found.close)
        await own.sync()
        if against is not None:
            theirs = await stack.enter_async_context(started(_APP, INNGEST_DEV=against))
            found.other = Side(against, against, theirs, against_pid, timeout_s)
            await found.other.sync()
        yield found


@asynccontextmanager
async def started(module: str, **env: str) -> AsyncIterator[App]:
    """Run an ASGI application, such as `benchmarks.app:app`, in a process of its own."""
    arguments = ("-m", "uvicorn", module, "--port", "0", "--no-access-log")
    process = await Process.start(*arguments, cwd=REPOSITORY, env=env)
    try:
        match = await process.wait_for_line(r"running on (http://\S+)")
        yield App(match.group(1), process.child.pid)
    finally:
        await process.kill()
