"""A data file, an app that stays, and one engine after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from support.processes import Process
from survival.kills import LIVE, Kill
from survival.processes import Host, Life, free_port, start_app, start_typescript_app


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

    def __init__(
        self, folder: Path, host: Host, *, with_typescript: bool, options: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.data = folder / ".stepcue" / "engine.db"
        self.journal = folder / "journal"
        self.origin = f"http://127.0.0.1:{host.port}"
        self.life: Life | None = None
        self.up = asyncio.Event()
        """Set while an engine answers."""
        self._host = host
        self._options = options
        self._app: Process | None = None
        self._app_port = free_port()
        self._app_origin = f"http://127.0.0.1:{self._app_port}"
        self._with_typescript = with_typescript
        self._others: dict[str, Process] = {}
        """More apps, which nobody kills, by their origin."""

    async def open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        await self._start_app()
        if self._with_typescript:
            app, origin = await start_typescript_app(self._host.port, self.journal)
            self._others[origin] = app

    async def close(self) -> None:
        if self.life is not None:
            self.life.kill()
            await self.life.ended.wait()
        for app in filter(None, (self._app, *self._others.values())):
            await app.kill()

    async def start(self, kill: Kill, *, late: bool = False) -> Life:
        """Start an engine and return it when it answers, or is dead already.

        With `late` its points count from `Life.light` on.
        """
        urls = [f"{origin}/api/inngest" for origin in (self._app_origin, *self._others)]
        options = [*self._options, *(part for url in urls for part in ("-u", url))]
        point, nth = (kill.point, kill.nth) if kill.is_inner else ("", 0)
        self.life = life = await self._host.begin(self.folder, *options, point=point, nth=nth, late=late)
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
                for url in urls:
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
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            for origin in self._others:
                await http.post(f"{origin}/life")
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
            if answer.status_code == 400 and "forward only" in answer.text:
                # It died when it had got there and had not said so; what was due then is not done yet.
                answer = await http.post("/stepcue/v1/time/advance", json={"by": "1s"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def _start_app(self) -> None:
        self._app = await start_app(self.folder, self._host.port, self._app_port, self.journal)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat()
