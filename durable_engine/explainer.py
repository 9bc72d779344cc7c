"""Explain a run or an event: collect the facts in one look, and let the pure part say what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from durable_engine.clock import Clock
from durable_engine.explain.events import explain_event
from durable_engine.explain.facts import EventFacts, RunFacts
from durable_engine.explain.runs import explain_run
from durable_engine.fact_finding import FactFinding, find_event
from durable_engine.model.explanation import Explanation
from durable_engine.model.views import AppView
from durable_engine.registry import Registry, closest
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

_RECENT: Final = 200
_LONGEST: Final = 100


class Explainer:
    """Reads the newest committed state; changes nothing."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        registry: Callable[[], Registry],
        apps: Callable[[], Sequence[AppView]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry
        self._apps = apps

    async def run(self, run_id: str) -> Explanation:
        """Explain why a run is where it is, what happens next, and what can be done.

        Raises:
            RunNotFoundError: no such run; `nearest` are ids of recent runs.
        """

        finding = self._finding()

        def load(tables: Tables) -> RunFacts:
            run = tables.runs.find(run_id)
            if run is None:
                raise tables.runs.missing(
                    run_id,
                    nearest=closest(run_id, tables.runs.recent_ids(_RECENT)),
                    hint=_hint(tables, run_id),
                )
            return finding(tables).about_run(run)

        return explain_run(await self._database.read(load))

    async def event(self, event_id: str) -> Explanation:
        """Explain what an event did, and why it did not start a function.

        `event_id` is the ULID of the event, or the id its sender gave it, if it came not long ago.

        Raises:
            EventNotFoundError: no such event; `nearest` are ids of recent events.
        """

        finding = self._finding()

        def load(tables: Tables) -> EventFacts:
            return finding(tables).about_event(find_event(tables, event_id))

        return explain_event(await self._database.read(load))

    def _finding(self) -> Callable[[Tables], FactFinding]:
        """Take what this thread may change meanwhile before another one reads the tables."""
        apps, now_ms = self._apps(), self._clock.now_ms()
        return lambda tables: FactFinding(tables, self._registry(), apps, now_ms=now_ms)


def _hint(tables: Tables, run_id: str) -> str:
    if tables.events.find(run_id) is not None:
        return "It is the id of an event: ask about the event."
    return "Run ids come from send_event and invoke_function; list_runs finds them."
