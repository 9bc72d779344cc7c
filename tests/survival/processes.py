"""The processes of a campaign: the host that starts engines, and one life of an engine after the other."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from support.node import APPS, node
from support.processes import REPOSITORY, START_S, Process
from survival.engine_host import ENDED, STARTED


@dataclass
class Life:
    """One process of the engine, from its start to its death."""

    pid: int = 0
    lines: list[str] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    is_up: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """It answers requests, or it has died before it could."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it is gone, and its last line not read yet
            if not self.ended.is_set():
                os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to stop, which it does not have the time for if it is killed meanwhile."""
        if not self.ended.is_set():
            os.kill(self.pid, signal.SIGTERM)

    def light(self) -> None:
        """Let it count from now on when it has to end itself."""
        if not self.ended.is_set():
            os.kill(self.pid, signal.SIGUSR1)

    def faults(self) -> list[str]:
        """Return what it said that no engine should have to say, death or not."""
        return [line for line in self.lines if re.search(r"\b(ERROR|CRITICAL)\b|Traceback", line)]

    def _hear(self, line: str) -> None:
        if line.startswith(STARTED):
            self.pid = int(line.removeprefix(STARTED))
            self.started.set()
        elif line.startswith(ENDED):
            for event in (self.started, self.settled, self.ended):
                event.set()
        else:
            self.lines.append(line)
            if "listens on" in line:
                self.is_up = True
                self.settled.set()


class Host:
    """Starts engines in a folder, each on the same port."""

    def __init__(self, child: asyncio.subprocess.Process, port: int) -> None:
        self._child = child
        self._life = Life()
        self.port = port
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls) -> Host:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "survival.engine_host",
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")},
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(child, free_port())

    async def begin(
        self, folder: Path, *options: str, point: str = "", nth: int = 0, late: bool = False
    ) -> Life:
        """Start an engine that ends itself at a point; return it when there is a process.

        With `late` the points count from `Life.light` on.
        """
        self._life = life = Life()
        argv = ["dev", "--port", str(self.port), "--no-discovery", "--no-poll", *options]
        command = {"argv": argv, "cwd": str(folder), "point": point, "nth": nth, "late": late}
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(command).encode() + b"\n")
        await asyncio.wait_for(life.started.wait(), START_S)
        return life

    async def close(self) -> None:
        """End it, and the engine that runs."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        await asyncio.wait_for(self._child.wait(), START_S)
        await self._reader

    async def _read(self) -> None:
        assert self._child.stderr is not None
        async for line in self._child.stderr:
            self._life._hear(line.decode("utf-8", "replace").rstrip())


async def start_app(folder: Path, engine_port: int, port: int, journal: Path) -> Process:
    """Start the app; return it when it answers."""
    app = await Process.start(
        "-m",
        "uvicorn",
        "survival.app:app",
        "--port",
        str(port),
        "--no-access-log",
        cwd=folder,
        env={"INNGEST_DEV": f"http://127.0.0.1:{engine_port}", "JOURNAL": str(journal)},
    )
    await app.wait_for_line(r"running on (http://\S+)")
    return app


async def start_typescript_app(engine_port: int, journal: Path) -> tuple[Process, str]:
    """Start the app on Node.js; return it and its origin when it answers."""
    engine = f"http://127.0.0.1:{engine_port}"
    env = {"INNGEST_DEV": engine, "INNGEST_BASE_URL": engine, "NODE_ENV": "test", "JOURNAL": str(journal)}
    app = await Process.start("survival.mjs", cwd=APPS / "v4", env=env, program=node())
    match = await app.wait_for_line(r" on (http://\S+)$")
    return app, match.group(1)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
