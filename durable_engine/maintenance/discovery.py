"""Find an app on the usual ports and paths, as long as none is known."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from durable_engine.clock import Clock
from durable_engine.errors import StorageError, SyncError
from durable_engine.maintenance.app_sync import AppSync
from durable_engine.registry_keeper import RegistryKeeper
from durable_engine.sdk.client import APP_FAULTS, SDKClient
from durable_engine.sdk.introspection import SERVE_PATHS

PORTS: Final = (
    *range(3000, 3011),
    80,
    443,
    4321,
    5000,
    5173,
    8000,
    8080,
    8081,
    8787,
    8888,
    *range(8910, 8916),
)
_PROBE_TIMEOUT_S: Final = 2.0


class Discovery:
    """Looks for SDK apps on this machine's loopback address."""

    def __init__(
        self, client: SDKClient, apps: AppSync, keeper: RegistryKeeper, clock: Clock, *, own_port: int | None
    ) -> None:
        self._client = client
        self._apps = apps
        self._keeper = keeper
        self._clock = clock
        self._own_port = own_port

    async def run(self, interval_s: float) -> None:
        """Search every `interval_s` seconds until the first app is known."""
        while not any(app.is_syncable for app in self._keeper.registry.apps):
            await self.run_once()
            await self._clock.patience(interval_s)

    async def run_once(self) -> str | None:
        """Search once; return the URL of the app that was found and synced."""
        found = await asyncio.gather(*(self._probe_port(port) for port in self._ports()))
        for url in filter(None, found):
            try:
                await self._apps.sync(url)
            except (StorageError, SyncError):
                continue
            return url
        return None

    def _ports(self) -> list[int]:
        own = os.environ.get("PORT", "")
        extra = [int(own)] if own.isdecimal() and 0 < int(own) < 65_536 else []
        return [port for port in dict.fromkeys([*extra, *PORTS]) if port != self._own_port]

    async def _probe_port(self, port: int) -> str | None:
        scheme = "https" if port == 443 else "http"
        for path in SERVE_PATHS:
            url = f"{scheme}://127.0.0.1:{port}{path}"
            try:
                answer = await self._client.introspect(url, timeout_s=_PROBE_TIMEOUT_S)
            except APP_FAULTS:
                return None  # nothing listens here, or nothing that speaks HTTP
            # An app that refuses us, because it is in cloud mode, only has the second one.
            if not {"x-inngest-sdk", "x-inngest-sdk-handled"}.isdisjoint(answer.headers):
                return url
        return None
