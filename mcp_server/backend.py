"""What the tools need from whatever runs the workflows: the embedded engine, or a server over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from durable_engine import EventReceipt, Function, Inventory, NewEvent, RunView, Snapshots, TimeControl


class Backend(Protocol):
    """The operations behind the tools. `durable_engine.Engine` satisfies it.

    All raise errors from `durable_engine.errors` with product text; `NotFoundError.nearest` and
    `DurableEngineError.hint` carry what to do next.
    """

    async def send_event(self, event: NewEvent, *, seed: str | None = None) -> EventReceipt:
        """Accept one event and return what it started, in one transaction.

        `seed` makes the event's id reproducible: the same seed is the same event, accepted once.

        Raises:
            InvalidEventError: the event is malformed or too large.
        """
        ...

    async def invoke_function(
        self,
        function: str,
        *,
        app: str | None = None,
        data: Mapping[str, object] | None = None,
        user: Mapping[str, object] | None = None,
    ) -> EventReceipt:
        """Start one function directly; `function` is its slug, UUID, name, or slug without the app.

        Raises:
            FunctionNotFoundError: no such function, or the name fits several (the message lists them).
            AppNotFoundError: no app named `app`.
        """
        ...

    async def pause_function(
        self, function: str, *, app: str | None = None, cancels_runs: bool = False
    ) -> Function:
        """Let events start no runs of a function, and its open runs rest or, if asked, be cancelled.

        Raises as `invoke_function`.
        """
        ...

    async def resume_function(self, function: str, *, app: str | None = None) -> Function:
        """End the pause of a function; raises as `invoke_function`."""
        ...

    @property
    def time(self) -> TimeControl:
        """Moves time."""
        ...

    @property
    def snapshots(self) -> Snapshots:
        """Keeps the whole state, and comes back to it."""
        ...

    async def inventory(self) -> Inventory:
        """Return all functions known now, and their apps."""
        ...

    async def get_run(self, run_id: str) -> RunView:
        """Return one run with all its steps.

        Raises:
            RunNotFoundError: no such run; `nearest` are ids of recent runs.
        """
        ...

    async def wait_for_runs(self, run_ids: Sequence[str], *, timeout_s: float) -> Mapping[str, RunView]:
        """Return the runs as soon as all have ended, or as they are after `timeout_s` seconds.

        Wakes on the end of a run, not on a timer. Ids of no run are missing from the answer.
        """
        ...

    async def nearest_triggers(self, event_name: str) -> Sequence[str]:
        """Return event names that functions listen to, the closest to `event_name` first."""
        ...
