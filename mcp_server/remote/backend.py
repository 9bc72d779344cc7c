"""A server over HTTP as the backend of the tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx

from durable_engine.clock import Clock, RealClock
from durable_engine.model.event import INTERNAL_PREFIX, EventReceipt, NewEvent
from durable_engine.model.function import Function
from durable_engine.model.views import Inventory, RunView
from mcp_server.nearest import nearest_names
from mcp_server.remote.api import Api
from mcp_server.remote.connection import Connection
from mcp_server.remote.control import Control
from mcp_server.remote.covering import Coverages
from mcp_server.remote.events import Events
from mcp_server.remote.explaining import Explaining
from mcp_server.remote.functions import Functions
from mcp_server.remote.invoking import Invoking
from mcp_server.remote.listing import Listing
from mcp_server.remote.lookups import RemoteLookups
from mcp_server.remote.pausing import Pausing, can_pause
from mcp_server.remote.recordings import Recordings
from mcp_server.remote.runs import Runs
from mcp_server.remote.sending import Sending
from mcp_server.remote.started import Started
from mcp_server.remote.target import Target
from mcp_server.remote.watching import Watcher
from mcp_server.remote.writes import may_write


class RemoteBackend:
    """Satisfies `mcp_server.backend.Backend`; all of it raises `RemoteError` where the server is at fault."""

    def __init__(self, connection: Connection) -> None:
        self.api = Api(connection)
        self._events = Events(self.api)
        self._functions = Functions(self.api)
        self._runs = Runs(self.api, self._events, self._functions)
        self._sending = Sending(self.api, self._runs, self._functions)
        self._started = Started(self.api, self._runs)
        self._invoking = Invoking(self.api, self._functions, self._started)
        self._pausing = Pausing(self.api, self._functions)
        self.control = Control(self.api, self._runs, self._started)
        """Cancels and repeats runs."""
        self._watcher = Watcher(self._runs, self._started, connection.clock)
        self._listing = Listing(self.api, self._runs, self._events, self._functions)
        self.explainer = Explaining(self.api, self._runs, self._started, self._events, self._functions)
        self.coverage = Coverages(self.api, self._runs, self._functions)
        self.lookups = RemoteLookups(self._runs, self._functions)
        self.recordings = Recordings(self._runs, self._events)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, target: Target, *, clock: Clock | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> AsyncIterator[RemoteBackend]:
        """Use a server while entered; it is asked nothing before the first question."""
        connection = Connection(target, clock or RealClock(), transport=transport)
        try:
            yield cls(connection)
        finally:
            await connection.aclose()

    @property
    def environment(self) -> str:
        """Which environment all answers speak of, for people."""
        return self.api.environment

    @property
    def may_write(self) -> bool:
        """Whether the server may be changed, as far as is known now."""
        return may_write(self.api.connection.target, self.api.probed)

    @property
    def can_pause(self) -> bool:
        """Whether the server can pause functions, as far as is known now."""
        return can_pause(self.api.probed)

    @property
    def records(self) -> Listing:
        """Lists and looks up runs and events."""
        return self._listing

    async def send_event(self, event: NewEvent, *, seed: str | None = None) -> EventReceipt:
        """Send an event, and find out what it started; raises as `Sending.send`."""
        return await self._sending.send(event, seed=seed)

    async def invoke_function(
        self,
        function: str,
        *,
        app: str | None = None,
        data: Mapping[str, object] | None = None,
        user: Mapping[str, object] | None = None,
    ) -> EventReceipt:
        """Start one function directly; raises as `Invoking.invoke`."""
        return await self._invoking.invoke(function, app=app, data=data, user=user)

    async def pause_function(
        self, function: str, *, app: str | None = None, cancels_runs: bool = False
    ) -> Function:
        """Pause a function; raises as `Pausing.pause`."""
        return await self._pausing.pause(function, app=app, cancels_runs=cancels_runs)

    async def resume_function(self, function: str, *, app: str | None = None) -> Function:
        """End the pause of a function; raises as `Pausing.pause`."""
        return await self._pausing.resume(function, app=app)

    async def inventory(self) -> Inventory:
        """Return all functions and apps of the environment."""
        return await self._functions.inventory()

    async def get_run(self, run_id: str) -> RunView:
        """Return one run with its steps.

        Raises:
            RunNotFoundError: the server knows no such run.
        """
        return await self._started.get(run_id)

    async def wait_for_runs(
        self,
        run_ids: Sequence[str],
        *,
        timeout_s: float,
        or_idle: bool = False,  # noqa: ARG002 - see below
    ) -> Mapping[str, RunView]:
        """Return the runs once all have ended, or as they are after `timeout_s` seconds.

        `or_idle` has no meaning here: nobody tells when a run rests.
        """
        return await self._watcher.wait(run_ids, timeout_s=timeout_s)

    async def nearest_triggers(self, event_name: str) -> Sequence[str]:
        """Return event names that functions listen to, those like `event_name` first."""
        inventory = await self._functions.recent()
        functions = inventory.functions if inventory else ()
        names = {trigger.event for function in functions for trigger in function.triggers if trigger.event}
        known = sorted(name for name in names if not name.startswith(INTERNAL_PREFIX))
        return nearest_names(event_name, known, limit=5) or known[:5]
