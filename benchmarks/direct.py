"""The app alone: the calls that a server made, sent again without any server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.wire import BenchError, Connection, request_bytes

_OK = frozenset({200, 206})


@dataclass(frozen=True)
class Recording:
    """The calls of one run: waves one after the other, and what is in one wave side by side."""

    app: str
    waves: tuple[tuple[bytes, ...], ...]

    @classmethod
    def of(cls, app: str, calls: Sequence[dict[str, Any]]) -> Recording:
        """Take what `/bench/recorded` returned, in order; calls that run one planned step each go together.

        A server plans parallel steps in one call, and then calls for each step by its name (`stepId`); any
        other call says `stepId=step`.
        """
        waves: list[list[bytes]] = []
        was_planned = False
        for call in calls:
            planned = parse_qs(urlsplit(call["target"]).query).get("stepId") != ["step"]
            request = request_bytes(
                "POST",
                call["target"],
                host=urlsplit(app).netloc,
                headers=call["headers"],
                body=call["body"].encode(),
            )
            if planned and was_planned:
                waves[-1].append(request)
            else:
                waves.append([request])
            was_planned = planned
        return cls(app, tuple(tuple(wave) for wave in waves))

    def last(self) -> Recording:
        """Return the last call alone: what is left of a run that slept or waited."""
        return Recording(self.app, self.waves[-1:])

    @property
    def calls(self) -> int:
        """How many calls the run took."""
        return sum(len(wave) for wave in self.waves)

    async def run_ms(self) -> float:
        """Send the calls of one run; return the milliseconds from the first byte to the last answer."""
        async with AsyncExitStack() as stack:
            connections = [
                await stack.enter_async_context(await Connection.open(self.app))
                for _ in range(max(len(wave) for wave in self.waves))
            ]
            started = time.perf_counter()
            await self._send(connections)
            return (time.perf_counter() - started) * 1_000

    async def burst_ms(self, runs: int, at_once: int) -> float:
        """Send the calls of `runs` runs over `at_once` connections; return the milliseconds for all."""
        left = iter(range(runs))
        async with AsyncExitStack() as stack:
            connections = [
                await stack.enter_async_context(await Connection.open(self.app))
                for _ in range(min(at_once, runs))
            ]

            async def work(connection: Connection) -> None:
                for _ in left:
                    await self._send([connection])

            started = time.perf_counter()
            await asyncio.gather(*(work(connection) for connection in connections))
            return (time.perf_counter() - started) * 1_000

    async def _send(self, connections: Sequence[Connection]) -> None:
        for wave in self.waves:
            if len(connections) == 1 or len(wave) == 1:
                answers = [await connections[0].exchange(request) for request in wave]
            else:
                pairs = zip(connections, wave, strict=False)
                answers = await asyncio.gather(*(one.exchange(request) for one, request in pairs))
            for status, body in answers:
                if status not in _OK:
                    raise BenchError(f"The app answered {status} to a call of the recording: {body!r}")
