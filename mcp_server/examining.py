"""Gathers the facts that the doctor judges: from the engine, from its apps, and of what happened lately."""

from __future__ import annotations

import asyncio
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Final

from docs_index import DocsIndex, DocsIndexError
from durable_engine import AppView, Cause, EventFilter, Inventory, RunFilter, RunMoment, RunStatus
from durable_engine.errors import NotFoundError
from durable_engine.model.function import ENDPOINT_FRAMEWORK
from durable_engine.registry import same_endpoint
from mcp_server.backend import EngineBackend
from mcp_server.config import ServerConfig
from mcp_server.doctor import AppFacts, Check, EngineFacts, Facts, RunTrouble, UnheardEvent, examine
from mcp_server.doctor.endpoint import is_loopback

_MAX_APPS: Final = 10
_MAX_RUNS: Final = 20
_MAX_EVENTS: Final = 100
_MAX_NAMES: Final = 5
_LATELY_MS: Final = 3_600_000
_HELD_UP: Final = frozenset(
    {
        Cause.APP_UNREACHABLE,
        Cause.APP_REFUSES_CALLS,
        Cause.APP_HTTP_ERROR,
        Cause.NOT_AN_SDK,
        Cause.REPLAY_DIFFERS,
        Cause.FUNCTION_ARCHIVED,
    }
)
_APP_FAILED: Final = frozenset(
    {
        Cause.FAILED_APP_UNREACHABLE,
        Cause.FAILED_APP_REFUSES_CALLS,
        Cause.FAILED_APP_HTTP_ERROR,
        Cause.FAILED_NOT_AN_SDK,
        Cause.FAILED_REPLAY_DIFFERS,
    }
)
_UNHEARD: Final = frozenset(
    {Cause.NO_FUNCTION_LISTENS, Cause.NO_APP_SYNCED, Cause.APP_NOT_SYNCED, Cause.FUNCTION_REMOVED}
)
_CONTAINER_MARK: Final = Path("/.dockerenv")


class Examiner:
    """Looks, changes nothing: apps are asked with GET, which no SDK takes for a sync or a call."""

    def __init__(self, backend: EngineBackend, docs: DocsIndex, config: ServerConfig) -> None:
        self._backend = backend
        self._docs = docs
        self._config = config

    async def checks(self, app_url: str | None = None) -> tuple[Check, ...]:
        """Gather everything, and judge it; the worst comes first."""
        return examine(await self.facts(app_url))

    async def facts(self, app_url: str | None = None) -> Facts:
        """Gather everything; `app_url` is looked at first, also when the engine does not know it."""
        inventory = await self._backend.inventory()
        views = sorted(inventory.apps, key=lambda view: not _is(view, app_url))
        asked: list[tuple[str, AppView | None]] = [(_address(view), view) for view in views]
        if app_url is not None and not any(_is(view, app_url) for view in views):
            asked.insert(0, (app_url, None))
        apps = await asyncio.gather(*(self._app(url, view, inventory) for url, view in asked[:_MAX_APPS]))
        return Facts(
            engine=await self._engine(),
            inventory=inventory,
            apps=tuple(apps),
            apps_left_out=max(0, len(asked) - _MAX_APPS),
            runs=await self._runs(inventory.now_ms),
            events=await self._events(inventory),
        )

    async def _engine(self) -> EngineFacts:
        settings = self._backend.config
        pages, fault = await asyncio.to_thread(_count_pages, self._docs)
        return EngineFacts(
            origin=self._config.engine_url,
            host=self._config.host,
            version=version("stepcue"),
            data_file=None if settings.data_file is None else str(settings.data_file),
            has_signing_key=settings.signing_key is not None,
            polls=settings.polls,
            docs_pages=pages,
            docs_error=fault,
            kept=await self._backend.pruning.kept(),
            is_in_container=_CONTAINER_MARK.exists(),
        )

    async def _app(self, url: str, view: AppView | None, inventory: Inventory) -> AppFacts:
        is_endpoint = view is not None and view.framework == ENDPOINT_FRAMEWORK
        name = view.name if view is not None else None
        return AppFacts(
            url=url,
            view=view,
            # A signature is for apps that the engine would call; nobody else should see one.
            probe=None
            if is_endpoint
            else await self._backend.probing.probe(url, trusts=view is not None or is_loopback(url)),
            functions=tuple(
                function
                for function in inventory.functions
                if function.app_name == name and not function.is_archived
            ),
        )

    async def _runs(self, now_ms: int) -> tuple[RunTrouble, ...]:
        """Return the newest runs that are open or have failed lately, and whose app is the cause."""
        is_open = RunFilter(statuses=frozenset({RunStatus.RUNNING, RunStatus.QUEUED}))
        has_failed = RunFilter(
            statuses=frozenset({RunStatus.FAILED}), moment=RunMoment.ENDED, from_ms=now_ms - _LATELY_MS
        )
        found: list[RunTrouble] = []
        for wanted, causes in ((is_open, _HELD_UP), (has_failed, _APP_FAILED)):
            page = await self._backend.records.runs(wanted, limit=_MAX_RUNS)
            for run in page.runs:
                try:
                    explained = await self._backend.explainer.run(run.id)
                except NotFoundError:  # the state was replaced meanwhile
                    continue
                if explained.cause in causes:
                    trouble = RunTrouble(
                        run_id=run.id,
                        function_slug=run.function_slug,
                        cause=explained.cause,
                        message=explained.message,
                        is_open=wanted is is_open,
                    )
                    found.append(trouble)
        return tuple(found)

    async def _events(self, inventory: Inventory) -> tuple[UnheardEvent, ...]:
        """Return the newest event of each name that nothing listened to in the last hour."""
        page = await self._backend.records.events(
            EventFilter(from_ms=inventory.now_ms - _LATELY_MS), limit=_MAX_EVENTS
        )
        known = [function for function in inventory.functions if not function.is_archived]
        triggers = [trigger for function in known for trigger in function.triggers]
        silent = [
            event
            for event in page.events
            if not any(trigger.matches_name(event.name) for trigger in triggers)
        ]
        counts = Counter(event.name for event in silent)
        newest = {event.name: event.id for event in reversed(silent)}
        found: list[UnheardEvent] = []
        for name in list(counts)[:_MAX_NAMES]:
            try:
                explained = await self._backend.explainer.event(newest[name])
            except NotFoundError:  # the state was replaced meanwhile
                continue
            if explained.cause in _UNHEARD:
                nearest = tuple(await self._backend.nearest_triggers(name))
                found.append(
                    UnheardEvent(event_id=newest[name], name=name, count=counts[name], nearest=nearest)
                )
        return tuple(found)


def _is(view: AppView, url: str | None) -> bool:
    return url is not None and _bare(url) in {_bare(view.url), _bare(_address(view))}


def _bare(url: str) -> str:
    """Return what names a serve endpoint: its URL without query, fragment, user and password."""
    scheme, slashes, rest = url.partition("#")[0].partition("?")[0].partition("//")
    authority, slash, path = rest.partition("/")
    return same_endpoint(f"{scheme}{slashes}{authority.rpartition('@')[2]}{slash}{path}")


def _address(view: AppView) -> str:
    return view.address or view.url


def _count_pages(docs: DocsIndex) -> tuple[int | None, str | None]:
    try:
        return docs.list(limit=1).total, None
    except DocsIndexError as fault:
        return None, str(fault)
