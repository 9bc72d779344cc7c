"""What the doctor judges: facts that were gathered before, nothing that could still change."""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine import AppView, Function, Inventory
from durable_engine.model.retention import Kept
from durable_engine.probing import Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """The process that answers: where it listens, where it keeps what, and what it was started with.

    `origin` is how this machine reaches it, `host` what it listens on: `0.0.0.0` is all addresses.
    """

    origin: str
    host: str
    version: str
    data_file: str | None
    has_signing_key: bool
    polls: bool
    docs_pages: int | None
    docs_error: str | None = None
    kept: Kept | None = None
    is_in_container: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """One app, or a URL that was asked for; `view` is None for one that the engine does not know.

    `probe` is None where nobody was asked: durable endpoints have no serve endpoint.
    """

    url: str
    view: AppView | None = None
    probe: Probe | None = None
    functions: tuple[Function, ...] = ()

    @property
    def sdk(self) -> str:
        """Language and version of the SDK, `js:v4.24.0`: as it answers now, else as it was synced."""
        now = self.probe.answer.sdk if self.probe is not None and self.probe.answer is not None else ""
        return now or (self.view.sdk.removeprefix("inngest-") if self.view is not None else "")

    @property
    def sync_error(self) -> str | None:
        """What the last sync failed with."""
        return None if self.view is None else self.view.error


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrouble:
    """A recent run that its app keeps from going on, or has made fail; `cause` is one of `explain`."""

    run_id: str
    function_slug: str
    cause: str
    message: str
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnheardEvent:
    """A recent event that nothing listened to; `nearest` are event names like its own."""

    event_id: str
    name: str
    count: int
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything. `apps_left_out` counts apps that were not asked; `engine` is None when none runs."""

    engine: EngineFacts | None
    inventory: Inventory
    apps: tuple[AppFacts, ...] = ()
    apps_left_out: int = 0
    runs: tuple[RunTrouble, ...] = ()
    events: tuple[UnheardEvent, ...] = ()
