"""A data file, an app that stays, and one engine after the other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from support.processes import Process
from survival.kills import LIVE, Kill
from survival.processes import Host, Life, free_port, start_app


class SurvivalError(AssertionError):
    """Something was lost, repeated, stuck or damaged."""

    @classmethod
    def check(cls, faults: list[str]) -> None:
        """Raise it if anything was found."""
        if faults:
            more = f"\n... and {len(faults) - 20} more" if len(faults) > 20 else ""
            raise cls("\n".join(faults[:20]) + more)


class Stage:
    """Starts and ends the processes. At most one engine lives, `life`."""

    def __init__(self, folder: Path, host: Host) -> None:
        self.folder = folder
        self.data = folder / ".stepcue" / "engine.db"
        self.journal = folder / "journal"
        self.origin = f"http://127.0.0.1:{host.port}"
        self.life: Life | None = None
        self.up = asyncio.Event()
        """Set while an engine answers."""
        self._host = host
        self._app: Process | None = None
        self._app_port = free_port()
        self._app_origin = f"http://127.0.0.1:{self._app_port}"

    async def open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        await self._start_app()

    async def close(self) -> None:
        if self.life is not None:
            await self.end()
        if self._app is not None:
            await self._app.kill()

    async def start(self, kill: Kill, *, late: bool = False) -> Life:
        """Start an engine and return it when it answers, or is dead already.

        With `late` its points count from `Life.light` on.
        """
        url = f"{self._app_origin}/api/inngest"
        point, nth = (kill.point, kill.nth) if kill.is_inner else ("", 0)
        self.life = life = await self._host.begin(self.folder, "-u", url, point=point, nth=nth, late=late)
        if kill.point == "start":
            await asyncio.sleep(kill.nth / 1_000)
            life.kill()
        await life.settled.wait()
        if life.is_up:
            self.up.set()
        elif kill is LIVE or late:
            raise SurvivalError("The engine does not start.\n" + "\n".join(life.lines))
        if kill is LIVE:
            async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
                answer = await http.put(url)
                assert answer.status_code == 200, answer.text
        return life

    async def end(self) -> Life:
        """Kill the engine if it lives; return it when all that it had sent to the app has come there."""
        life = self.life
        assert life is not None
        life.kill()
        await life.ended.wait()
        self.up.clear()
        self.life = None
        await self.tell_app("life")
        return life

    async def restart_app(self) -> None:
        """Kill the app, and start another on its port."""
        assert self._app is not None
        await self._app.kill()
        await self._start_app()

    async def tell_app(self, path: str) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            answer = await http.post(f"{self._app_origin}/{path}")
            assert answer.status_code == 200, answer.text

    async def move(self, **where: str | int) -> dict[str, Any]:
        """Move the engine's time `by` a duration, or `to` a moment in milliseconds.

        Raises:
            httpx.TransportError: the engine died.
        """
        body = {key: at if isinstance(at, str) else _iso(at) for key, at in where.items()}
        async with httpx.AsyncClient(base_url=self.origin, trust_env=False, timeout=120) as http:
            answer = await http.post("/stepcue/v1/time/advance", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def _start_app(self) -> None:
        self._app = await start_app(self.folder, self._host.port, self._app_port, self.journal)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat()
