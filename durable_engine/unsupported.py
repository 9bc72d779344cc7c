"""Features of Inngest that apps asked for and this engine does not have: said once, remembered, counted."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

logger = logging.getLogger(__name__)

MAX_USES: Final = 100
"""Features and apps remembered; names of apps are theirs to choose."""
MAX_RUNS: Final = 1_000
"""Runs remembered as told; one that is forgotten is told again, which changes nothing."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature that is missing; `sentence` names it, what happened instead, and what to do."""

    name: str
    sentence: str


CONNECT: Final = Feature(
    "connect",
    "Connect (apps as WebSocket workers) is not supported by Stepcue yet, so the worker gets no work: "
    "serve the app over HTTP, with the SDK's serve() instead of connect().",
)
REALTIME_PUBLISH: Final = Feature(
    "realtime.publish",
    "Realtime is not supported by Stepcue yet: published messages are accepted and dropped, because nobody "
    "can subscribe to them here. The function goes on as usual.",
)
REALTIME_SUBSCRIBE: Final = Feature(
    "realtime.subscribe",
    "Realtime is not supported by Stepcue yet: there are no subscription tokens and no subscriptions. "
    "Read outputs of runs instead, or test subscribers against an Inngest server.",
)
RUN_METADATA: Final = Feature(
    "metadata",
    "Run metadata is not supported by Stepcue yet: updates are accepted and dropped. "
    "The function goes on as usual.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsupportedUse:
    """`count` requests for a feature that is missing; `app_name` is None where they did not say whose."""

    feature: str
    sentence: str
    app_name: str | None
    first_ms: int
    count: int = 1


class Unsupported:
    """Who asked for what since the start. All methods are for the event loop's thread."""

    def __init__(self, now_ms: Callable[[], int], note: Callable[[str, str], Awaitable[str | None]]) -> None:
        """`note` puts a sentence on a run, once, and returns the name of the run's app, None for no run."""
        self._now_ms = now_ms
        self._note = note
        self._uses: dict[tuple[str, str | None], UnsupportedUse] = {}
        self._told: dict[tuple[str, str], str | None] = {}

    @property
    def uses(self) -> tuple[UnsupportedUse, ...]:
        """What was asked for, in the order of first requests."""
        return tuple(self._uses.values())

    async def record(self, feature: Feature, *, run_id: str = "") -> None:
        """Remember a request for `feature`, made by the run `run_id` where that is known."""
        app_name = await self._tell(feature, run_id) if run_id else None
        key = (feature.name, app_name)
        known = self._uses.get(key)
        if known is not None:
            self._uses[key] = replace(known, count=known.count + 1)
        elif len(self._uses) < MAX_USES:
            self._uses[key] = UnsupportedUse(
                feature=feature.name,
                sentence=feature.sentence,
                app_name=app_name,
                first_ms=self._now_ms(),
            )
            logger.warning("%s: %s", "an app" if app_name is None else repr(app_name), feature.sentence)

    async def _tell(self, feature: Feature, run_id: str) -> str | None:
        """Say it on the run, unless that was done; return the name of its app."""
        key = (run_id, feature.name)
        if key not in self._told:
            app_name = await self._note(run_id, feature.sentence)
            if len(self._told) >= MAX_RUNS:
                del self._told[next(iter(self._told))]
            self._told[key] = app_name
        return self._told[key]
