"""Child processes of the demo: started on free ports, watched by their output, stopped at the end."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).resolve().parents[1]
START_S = 60
STOP_S = 10
TAIL_LINES = 40
LOOPBACK = "127.0.0.1,localhost"


class DemoError(Exception):
    """The demo cannot go on; `str()` is what to print."""


class Child:
    """A Python process whose output is kept, so that its end can be shown when something fails."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, name: str, *arguments: str, cwd: Path, ready: str, env: dict[str, str] | None = None
    ) -> Child:
        """Run `python arguments...`; the first output line that matches `ready` tells that it serves."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=cwd,
            env=_clean_environment() | (env or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        child = cls(name, process)
        child._reader = asyncio.create_task(child._read(re.compile(ready)))
        return child

    async def origin(self) -> str:
        """Return where it listens, once it does: group 1 of the `ready` line.

        Raises:
            DemoError: it ended before, or took too long.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), START_S)
        except TimeoutError:
            raise DemoError(f"{self.name} did not start within {START_S} s.") from None

    async def stop(self) -> None:
        """Ask it to end, and insist when it does not."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            await self._reader
        if not self._ready.done():
            self._ready.cancel()
        elif not self._ready.cancelled():
            self._ready.exception()  # nobody may have waited for it

    @property
    def log(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self._tail)

    async def _read(self, ready: re.Pattern[str]) -> None:
        assert self._process.stdout is not None  # noqa: S101 - we asked for a pipe
        async for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            self._tail.append(line)
            match = ready.search(line)
            if match and not self._ready.done():
                self._ready.set_result(match.group(1))
        code = await self._process.wait()
        if not self._ready.done():
            self._ready.set_exception(DemoError(f"{self.name} ended at once with exit code {code}."))


@asynccontextmanager
async def stepcue_and_app(children: list[Child]) -> AsyncIterator[str]:
    """Run Stepcue and the sample app, synced; yields Stepcue's origin. `children` gets what was started."""
    try:
        engine = await Child.start(
            "Stepcue",
            *("-m", "mcp_server", "dev", "--in-memory", "--port", "0", "--no-discovery"),
            cwd=REPOSITORY,
            ready=r"listens on (http://\S+)",
        )
        children.append(engine)
        origin = await engine.origin()
        app = await Child.start(
            "The sample app",
            *("-m", "uvicorn", "app:app", "--port", "0"),
            cwd=REPOSITORY / "examples" / "python_app",
            ready=r"running on (http://\S+)",
            env={"INNGEST_DEV": origin},
        )
        children.append(app)
        await _sync(await app.origin())
        yield origin
    finally:
        for child in reversed(children):
            await child.stop()


async def _sync(app_origin: str) -> None:
    """Have the app register its functions, as the SDK does when it is deployed."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=START_S) as http:
            answer = await http.put(f"{app_origin}/api/inngest")
    except httpx.HTTPError as error:
        raise DemoError(f"The sample app did not answer the sync: {error or type(error).__name__}.") from None
    if answer.status_code != 200:
        raise DemoError(f"The sync failed with HTTP {answer.status_code}: {answer.text[:500]}")


def _clean_environment() -> dict[str, str]:
    """Return the environment without a developer's own Inngest settings, and with no proxy in between."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INNGEST_")}
    return kept | {"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK, "PYTHONUNBUFFERED": "1"}
