"""What the tools need from whatever runs the workflows.

`Backend` is what a server over HTTP can do as well (`mcp_server.remote`), `EngineBackend` all that the
embedded engine can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from durable_engine import (
    AS_USUAL,
    Conditions,
    Coverage,
    Double,
    Edits,
    EngineConfig,
    Event,
    EventFilter,
    EventPage,
    EventReceipt,
    EventRecordPage,
    Explanation,
    Function,
    Inventory,
    NewDouble,
    NewEvent,
    Observer,
    Replaying,
    RerunReceipt,
    RunControl,
    RunFilter,
    RunPage,
    RunView,
    Snapshots,
    StepKind,
    TimeControl,
)
from durable_engine.model.recording import Recording
from durable_engine.probing import Probing
from durable_engine.pruning import Pruning
from durable_engine.records import Records


class Doubles(Protocol):
    """Mocks and faults that stand in for steps."""

    async def add(
        self,
        double: NewDouble,
        *,
        app: str | None = None,
        run_id: str | None = None,
        lasts_ms: int | None = None,
    ) -> Double:
        """Let a double stand for a function, for an hour or `lasts_ms`, or for the open run `run_id`."""
        ...

    async def clear(
        self, function: str | None = None, *, step: str | None = None, app: str | None = None
    ) -> tuple[Double, ...]:
        """Remove standing doubles, and return them as they stood."""
        ...

    async def seen_steps(self, function: str, *, app: str | None = None) -> Mapping[str, StepKind]:
        """Return the steps that recent runs of a function came to, by name."""
        ...


class Explainer(Protocol):
    """Says why runs are where they are, and what events did."""

    async def run(self, run_id: str) -> Explanation:
        """Explain a run.

        Raises:
            RunNotFoundError: no such run; `nearest` are ids of recent runs.
        """
        ...

    async def event(self, event_id: str) -> Explanation:
        """Explain an event; `event_id` may be the id that its sender gave it.

        Raises:
            EventNotFoundError: no such event; `nearest` are ids of recent events.
        """
        ...


class Recorder(Protocol):
    """Knows what happened to runs, for tests that repeat them."""

    async def of_run(self, run_id: str) -> Recording:
        """Return what is on record about a run.

        Raises:
            RunNotFoundError: no such run.
        """
        ...


class Repeater(Protocol):
    """Repeats runs."""

    async def repeat(self, run_id: str, edits: Edits | None = None) -> RerunReceipt:
        """Start a new run of the same function, for the event of an earlier run.

        Raises:
            RunNotFoundError: no such run.
            InvalidInputError: the run has no such step, or cannot be repeated with these edits.
        """
        ...


class Control(Protocol):
    """Changes runs, and repeats them."""

    @property
    def repeating(self) -> Repeater:
        """Repeats runs."""
        ...

    async def cancel(self, run_id: str) -> Sequence[str | None] | None:
        """Cancel a run, and return which calls were open: hashed ids of steps, None for the whole function.

        None where that is not known.

        Raises:
            RunNotFoundError: no such run.
            RunAlreadyEndedError: it has ended before.
        """
        ...


class Coverages(Protocol):
    """Says what the recorded runs of a function have shown."""

    async def of(self, function: str, *, app: str | None = None, since: str | None = None) -> Coverage:
        """Return what the newest runs of a function have shown, those since a time if `since` names one.

        Raises:
            InvalidDurationError: `since` is neither a date nor a duration.
            FunctionNotFoundError: no such function, or the name fits several.
        """
        ...


class RunSource(Protocol):
    """A server elsewhere, of which runs are read and nothing else. `mcp_server.remote` satisfies it."""

    @property
    def environment(self) -> str:
        """Which environment the runs are of, for people."""
        ...

    async def get_run(self, run_id: str) -> RunView:
        """Return one run with all its steps; raises as `Backend.get_run`."""
        ...


class Listing(Protocol):
    """Lists and looks up runs and events."""

    def now_ms(self) -> int:
        """Return the time there, Unix epoch in milliseconds."""
        ...

    async def runs(
        self,
        wanted: RunFilter | None = None,
        *,
        cursor: str | None = None,
        limit: int = 20,
        with_output: bool = False,
        with_state: bool = False,
    ) -> RunPage:
        """Return a page of at most `limit` (1 to 100) runs; `with_state` with where each of them stands.

        Raises:
            AppNotFoundError, FunctionNotFoundError: the filter names something that is not known.
            InvalidInputError: the cursor is not one of this list.
        """
        ...

    async def events(
        self, wanted: EventFilter | None = None, *, cursor: str | None = None, limit: int = 20
    ) -> EventPage:
        """Return a page of events, newest first; raises as `runs`."""
        ...

    async def event_records(
        self, wanted: EventFilter | None = None, *, cursor: str | None = None, limit: int = 20
    ) -> EventRecordPage:
        """Return a page of events with what each of them did, as far as that is known; raises as `runs`."""
        ...

    async def find_event(self, reference: str) -> Event:
        """Return one event by its ULID, or by the id its sender gave it where that is known.

        Raises:
            EventNotFoundError: no such event.
        """
        ...


class Backend(Protocol):
    """The operations behind the tools that work on any server. `durable_engine.Engine` satisfies it.

    All raise errors from `durable_engine.errors` with product text; `NotFoundError.nearest` and
    `DurableEngineError.hint` carry what to do next.
    """

    @property
    def records(self) -> Listing:
        """Lists and looks up runs and events."""
        ...

    @property
    def explainer(self) -> Explainer:
        """Says why runs are where they are."""
        ...

    @property
    def coverage(self) -> Coverages:
        """Says what recorded runs have shown."""
        ...

    @property
    def recordings(self) -> Recorder:
        """Knows what happened to runs."""
        ...

    async def send_event(self, event: NewEvent, *, seed: str | None = None) -> EventReceipt:
        """Accept one event and return what it started.

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
        """Start one function directly; `function` is its slug, name, or slug without the app.

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
    def control(self) -> Control:
        """Changes runs, and repeats them."""
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

    async def wait_for_runs(
        self, run_ids: Sequence[str], *, timeout_s: float, or_idle: bool = False
    ) -> Mapping[str, RunView]:
        """Return the runs as soon as all have ended, or as they are after `timeout_s` seconds.

        `or_idle`: or as they are when only time or the outside moves anything. Wakes on the end of a run, not
        on a timer. Ids of no run are missing from the answer.
        """
        ...

    async def nearest_triggers(self, event_name: str) -> Sequence[str]:
        """Return event names that functions listen to, the closest to `event_name` first."""
        ...


class EngineBackend(Backend, Protocol):
    """What the embedded engine can do besides: `durable_engine.Engine` satisfies it."""

    @property
    def doubles(self) -> Doubles:
        """Mocks and faults."""
        ...

    @property
    def config(self) -> EngineConfig:
        """The settings of the engine."""
        ...

    @property
    def probing(self) -> Probing:
        """Looks at who answers at an address."""
        ...

    @property
    def control(self) -> RunControl:
        """Changes runs, and repeats them; keeps what callers hold on them."""
        ...

    @property
    def replay(self) -> Replaying:
        """What checks replays."""
        ...

    async def send_event(
        self,
        event: NewEvent,
        *,
        seed: str | None = None,
        under: Conditions = AS_USUAL,
        doubles: Sequence[NewDouble] = (),
    ) -> EventReceipt:
        """Accept one event and return what it started, in one transaction.

        `seed` makes the event's id reproducible: the same seed is the same event, accepted once. `under` are
        conditions for the runs that it starts, and `doubles` stand in for their steps.

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
        under: Conditions = AS_USUAL,
        doubles: Sequence[NewDouble] = (),
    ) -> EventReceipt:
        """Start one function directly, which may be named by its UUID as well; raises as in `Backend`."""
        ...

    @property
    def time(self) -> TimeControl:
        """Moves time."""
        ...

    @property
    def records(self) -> Records:
        """Lists and looks up runs, events and functions."""
        ...

    @property
    def snapshots(self) -> Snapshots:
        """Keeps the whole state, and comes back to it."""
        ...

    @property
    def pruning(self) -> Pruning:
        """Knows how much is kept, and for how long."""
        ...

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Tell `observer` of changes as they happen, until the returned function is called."""
        ...
