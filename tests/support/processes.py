"""Real processes for end-to-end tests: Stepcue itself and SDK apps, each on a port of its own."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from mcp import Client

REPOSITORY = Path(__file__).resolve().parents[2]
START_S = 120
CALL_S = 120


@dataclass
class Process:
    """A child process whose stderr is read to the end."""

    child: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    _reader: asyncio.Task[None] | None = None
    _grew: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    async def start(
        cls, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, program: str = sys.executable
    ) -> Process:
        """Start `program arguments...`, Python unless told otherwise."""
        child = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests"), **(env or {})},
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        process = cls(child)
        process._reader = asyncio.create_task(process._read())
        return process

    async def wait_for_line(self, pattern: str) -> re.Match[str]:
        """Return the first stderr line that matches, now or later."""

        def found() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

        async with self._grew:
            await asyncio.wait_for(
                self._grew.wait_for(lambda: found() or self.child.returncode is not None), START_S
            )
        match = found()
        assert match is not None, "\n".join(self.lines)
        return match

    async def kill(self) -> None:
        """End it with SIGKILL: no handler runs, nothing is flushed."""
        if self.child.returncode is None:
            self.child.kill()
        await self.ended()

    async def terminate(self) -> int:
        """Ask it to stop; return its exit code."""
        self.child.terminate()
        return await self.ended()

    async def ended(self) -> int:
        """Return its exit code, once it has one."""
        code = await asyncio.wait_for(self.child.wait(), START_S)
        if self._reader is not None:
            await self._reader
        return code

    async def _read(self) -> None:
        assert self.child.stderr is not None
        async for line in self.child.stderr:
            async with self._grew:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self._grew.notify_all()
        await self.child.wait()
        async with self._grew:
            self._grew.notify_all()


@dataclass
class Stepcue:
    """A running `stepcue dev`."""

    process: Process
    origin: str

    @classmethod
    async def start(
        cls, folder: Path, *options: str, port: int = 0, env: Mapping[str, str] | None = None
    ) -> Stepcue:
        """Start it in `folder` and wait until it answers."""
        process = await Process.start(
            "-m", "mcp_server", "dev", "--port", str(port), "--no-discovery", *options, cwd=folder, env=env
        )
        match = await process.wait_for_line(r"listens on (http://\S+)")
        return cls(process, match.group(1))

    async def restart(self, folder: Path, *options: str) -> Stepcue:
        """Kill it with SIGKILL, and start another on the same port."""
        await self.process.kill()
        return await Stepcue.start(folder, *options, port=self.port)

    async def until_it_waits(self, run_id: str) -> None:
        """Return once a run waits for an event: a kill may have hit before that was committed."""
        for _ in range(30):
            polled = await self.call("poll_run_status", runIds=[run_id], timeout=1)
            if any(wait["kind"] == "event" for wait in polled["runs"][0].get("waitingFor", ())):
                return
        raise AssertionError("the run never got to its wait")

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.origin.rpartition(":")[2])

    @property
    def mcp_url(self) -> str:
        """Its MCP endpoint."""
        return f"{self.origin}/mcp"

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool in an MCP session of its own; return the structured answer."""
        async with Client(self.mcp_url) as client:
            return await call(client, tool, **arguments)


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool; return the structured answer, or fail with the tool's own words."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return dict(result.structured_content)


@asynccontextmanager
async def stepcue(
    folder: Path, *options: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[Stepcue]:
    """Run Stepcue; kill whatever is left of it at the end."""
    server = await Stepcue.start(folder, *options, env=env)
    try:
        yield server
    finally:
        await server.process.kill()


@asynccontextmanager
async def sdk_app(module: str, engine_origin: str, folder: Path, **env: str) -> AsyncIterator[str]:
    """Run `module:app` with the real SDK and sync it; yields the app's origin."""
    process = await Process.start(
        "-m",
        "uvicorn",
        f"{module}:app",
        "--port",
        "0",
        cwd=folder,
        env={"INNGEST_DEV": engine_origin, **env},
    )
    try:
        match = await process.wait_for_line(r"running on (http://\S+)")
        origin = match.group(1)
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.put(f"{origin}/api/inngest")
            assert answer.status_code == 200, answer.text
        yield origin
    finally:
        await process.kill()
