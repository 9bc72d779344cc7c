"""Sync apps: ask an app for its functions, note what it answered, ask again now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import httpx

from durable_engine.bodies import quote
from durable_engine.clock import Clock
from durable_engine.connecting import why_no_connection
from durable_engine.errors import InvalidFunctionError, StorageError, SyncError
from durable_engine.model.json_value import InvalidJSONError, parse_json
from durable_engine.model.views import AppView
from durable_engine.redaction import redacted_about, redacted_url
from durable_engine.registry import same_endpoint
from durable_engine.registry_keeper import RegistryKeeper
from durable_engine.sdk.client import APP_FAULTS, AppAnswer, SDKClient, WrongSignatureError, in_words
from durable_engine.sdk.registration import read_registration
from durable_engine.sdk.reply import KEYS_DIFFER, KEYS_DIFFER_HINT, WRONG_SIGNATURE

logger = logging.getLogger(__name__)

_NOT_YET: Final = "not synced yet"
_PORT_HINT: Final = "Is it running there, with INNGEST_DEV=1, and is this the path that serves Inngest?"


class AppSync:
    """Knows the URLs that should be synced, and how each of them fared last."""

    def __init__(self, client: SDKClient, keeper: RegistryKeeper, clock: Clock) -> None:
        self._client = client
        self._keeper = keeper
        self._clock = clock
        self._errors: dict[str, str | None] = {}
        self._served: dict[str, str] = {}
        """Id of the app that was last synced from a URL."""
        self._lasting: set[str] = set()

    def add(self, url: str, *, lasts: bool = False) -> None:
        """Keep this serve endpoint in sync from now on; one that `lasts` also after its app has moved."""
        self._errors.setdefault(url, _NOT_YET)
        if lasts:
            self._lasting.add(url)

    def forget(self, url: str) -> None:
        """Do not sync this endpoint any more."""
        for known in [known for known in self._errors if same_endpoint(known) == same_endpoint(url)]:
            del self._errors[known]
            self._served.pop(known, None)

    async def sync(self, url: str) -> None:
        """Sync one app now and remember how it went.

        Raises:
            SyncError: unreachable, not an SDK endpoint, or its functions cannot be used.
        """
        self.add(url)
        try:
            await self._sync(url)
        except SyncError as fault:
            error = SyncError(redacted_about(url, str(fault)), hint=fault.hint)
            if self._errors.get(url) != str(error):
                logger.warning("sync failed: %s", error)
            self._note(url, str(error))
            await self._keeper.note_sync(url, error=str(error), now_ms=self._clock.now_ms())
            raise error from fault.__cause__
        self._note(url, None)
        app = self._keeper.registry.app_at(url)
        if app is not None:
            self._served[url] = app.id

    def note_refusal(self, url: str, error: str) -> None:
        """Remember that what an app registered by itself cannot be used; it is asked again like any other."""
        error = redacted_about(url, error)
        if self._errors.get(url) != error:
            logger.warning("the functions of the app at %s cannot be used: %s", redacted_url(url), error)
        self._errors[url] = error

    def _note(self, url: str, error: str | None) -> None:
        if url in self._errors:  # it may have been forgotten during the sync
            self._errors[url] = error

    async def run_once(self) -> None:
        """Sync every known app; failures are noted, not raised."""
        self._forget_moved()
        # Together, so that one app that hangs does not delay the others.
        await asyncio.gather(*map(self._sync_again, self._urls()))

    async def sync_now(self, more: Iterable[str], *, patience_s: float) -> dict[str, str | None]:
        """Sync every known app, and those at `more`; returns what is wrong at each URL, None for nothing.

        One that does not answer within `patience_s` seconds is left to the next round.
        """
        for app in self._keeper.registry.apps:
            self._served.setdefault(app.url, app.id)
        syncs = {url: asyncio.create_task(self._sync_again(url)) for url in self._urls(more)}
        patience = asyncio.create_task(self._clock.patience(patience_s))
        together = asyncio.create_task(_all_done(syncs.values()))
        try:
            await asyncio.wait({together, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            unfinished = {url for url, sync in syncs.items() if not sync.done()}
            for task in (patience, together, *syncs.values()):
                task.cancel()
        for url in unfinished:
            self._note(url, f"The app at {redacted_url(url)} has not answered the sync yet.")
        self._forget_moved()
        return {url: self._errors[url] for url in syncs if url in self._errors}

    def _urls(self, more: Iterable[str] = ()) -> list[str]:
        known = [app.url for app in self._keeper.registry.apps if app.is_syncable]
        return list({same_endpoint(url): url for url in [*more, *known, *self._errors]}.values())

    def _forget_moved(self) -> None:
        """Forget where apps were that have registered from somewhere else since."""
        homes = {app.id: app.url for app in self._keeper.registry.apps}
        for url, app_id in list(self._served.items()):
            home = homes.get(app_id, url)
            if same_endpoint(home) != same_endpoint(url) and url not in self._lasting:
                self.forget(url)

    async def _sync_again(self, url: str) -> None:
        try:
            await self.sync(url)
        except SyncError:
            return  # noted
        except StorageError:
            logger.debug("the sync of %s could not be stored", redacted_url(url), exc_info=True)

    async def run(self, interval_s: float, *, polls: bool) -> None:
        """Sync at once, then every `interval_s` seconds; without `polls` only what failed last."""
        await self.run_once()
        while True:
            await self._clock.patience(interval_s)
            if polls or any(self._errors.values()):
                await self.run_once()

    def views(self) -> tuple[AppView, ...]:
        """Return all apps, and the URLs that have not synced yet with what is wrong there."""
        apps = self._keeper.registry.apps
        synced = tuple(
            AppView(
                url=redacted_url(app.url),
                name=app.name,
                sdk=app.sdk,
                framework=app.framework,
                last_sync_ms=app.last_sync_ms,
                is_reachable=app.sync_error is None,
                error=app.sync_error,
                address=app.url,
            )
            for app in apps
        )
        known = {same_endpoint(app.url) for app in apps}
        pending = tuple(
            AppView(url=redacted_url(url), error=error, address=url)
            for url, error in self._errors.items()
            if error is not None and same_endpoint(url) not in known
        )
        return synced + pending

    async def _sync(self, url: str) -> None:
        before = self._keeper.registrations
        try:
            answer = await self._client.sync(url)
        except httpx.TimeoutException:
            raise SyncError(f"The app at {url} did not answer the sync in time.", hint=_PORT_HINT) from None
        except httpx.ConnectError as fault:
            why = why_no_connection(fault, f"the app at {url}")
            raise SyncError(why or f"Unable to reach the app at {url}.", hint=_PORT_HINT) from None
        except WrongSignatureError:
            raise SyncError(
                f"The app at {url} could not be synced. {WRONG_SIGNATURE}", hint=KEYS_DIFFER_HINT
            ) from None
        except APP_FAULTS as fault:
            raise SyncError(
                f"The app at {url} could not be synced: {in_words(fault)}.", hint=_PORT_HINT
            ) from None
        if "x-inngest-sdk" not in answer.headers and "x-inngest-sdk-handled" not in answer.headers:
            raise SyncError(
                f"{url} answered HTTP {answer.status}, but not as an Inngest endpoint: {quote(answer.body)}",
                hint=_PORT_HINT,
            )
        if answer.status != 200:
            raise self._refused(url, answer)
        if answer.headers.get("x-inngest-sync-kind") == "in_band":
            await self._take_in_band(url, answer)
        else:
            await self._check_out_of_band(url, answer, before=before)

    def _refused(self, url: str, answer: AppAnswer) -> SyncError:
        refused = f"The app at {url} refused the sync with HTTP {answer.status}: {quote(answer.body)}"
        if answer.status == 401 and self._client.signs:
            return SyncError(f"{refused} Perhaps {KEYS_DIFFER}", hint=KEYS_DIFFER_HINT)
        return SyncError(refused, hint="Start the app with INNGEST_DEV=1 so that it trusts this server.")

    async def _take_in_band(self, url: str, answer: AppAnswer) -> None:
        now_ms = self._clock.now_ms()
        try:
            registration = read_registration(parse_json(answer.body), url=url, now_ms=now_ms)
        except (InvalidJSONError, InvalidFunctionError) as fault:
            raise SyncError(f"The app at {url} sent functions that cannot be used: {fault}") from fault
        app = replace(registration.app, url=url)
        await self._keeper.register(app, registration.functions)

    async def _check_out_of_band(self, url: str, answer: AppAnswer, *, before: int) -> None:
        """The app has called `/fn/register` meanwhile; see whether that worked, and whether it was ours."""
        try:
            body = parse_json(answer.body) if answer.body else {}
        except InvalidJSONError:
            body = {}
        fault = body.get("error") if isinstance(body, dict) else None
        if fault:
            raise SyncError(f"The app at {url} could not register its functions: {fault}")
        if self._keeper.registrations == before:
            raise SyncError(
                f"The app at {url} registered its functions with another server, not with this one.",
                hint="Set the app's INNGEST_DEV to this server's address; INNGEST_DEV=1 means port 8288.",
            )
        await self._keeper.note_sync(url, error=None, now_ms=self._clock.now_ms())


async def _all_done(syncs: Iterable[asyncio.Task[None]]) -> None:
    await asyncio.gather(*syncs, return_exceptions=True)
