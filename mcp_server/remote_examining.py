"""The doctor of a session on a server elsewhere: what that server is, takes and has, and the fix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from durable_engine import AppView, Inventory
from durable_engine.registry import same_endpoint
from mcp_server.clean import one_line
from mcp_server.doctor.check import Check, ok, problem, skipped, warning
from mcp_server.doctor.examination import sort_checks
from mcp_server.doctor.facts import Facts
from mcp_server.doctor.functions import function_checks
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.errors import KeyRefusedError, NotOfferedError, RemoteError
from mcp_server.remote.probing import Capabilities, ServerKind
from mcp_server.remote.target import Target

_MOST_APPS: Final = 10
_ALLOW: Final = "If that is meant, start Stepcue with --allow-writes (STEPCUE_ALLOW_WRITES=1)."


class RemoteExaminer:
    """Looks, changes nothing: it asks the server what it is and has, and no app."""

    def __init__(self, backend: RemoteBackend) -> None:
        self._backend = backend

    async def checks(self, app_url: str | None = None) -> tuple[Check, ...]:
        """Look at the server; the worst comes first."""
        api = self._backend.api
        try:
            known = await api.known()
            # What was found out at first may be long ago: a server that has gone is not well.
            inventory, fault = await self._inventory()
        except RemoteError as gone:
            return sort_checks(iter(_unusable(gone)))
        return sort_checks(self._judged(known, inventory, fault, app_url))

    async def _inventory(self) -> tuple[Inventory | None, RemoteError | None]:
        try:
            return await self._backend.inventory(), None
        except NotOfferedError as fault:
            await self._backend.records.events(limit=1)
            return None, fault

    def _judged(
        self, known: Capabilities, inventory: Inventory | None, fault: RemoteError | None, app_url: str | None
    ) -> Iterator[Check]:
        connection = self._backend.api.connection
        yield _server(known, connection.target, self._backend.environment)
        yield from _apis(known)
        yield from _keys(known, connection.target, uses_fallback=connection.uses_fallback)
        yield _writes(known, connection.target, may_write=self._backend.may_write)
        if inventory is None:
            yield skipped("apps", f"The server lists no apps: {one_line(str(fault or ''), 300)}")
            return
        yield from _apps(inventory, app_url)
        yield from function_checks(Facts(engine=None, inventory=inventory))


def _unusable(fault: RemoteError) -> list[Check]:
    check_id = "signing-key" if isinstance(fault, KeyRefusedError) else "server"
    fix = fault.hint.removesuffix(" Then call again.")
    return [problem(check_id, one_line(str(fault), 400), one_line(fix, 400))]


def _server(known: Capabilities, target: Target, environment: str) -> Check:
    version = f" {known.version}" if known.version else ""
    found = f"{known.kind.value}{version} answers at {target.shown_url}. Environment: {environment}."
    is_branch = target.signing_key is not None and target.signing_key.environment == "branch"
    if is_branch and target.env is None:
        return warning(
            "environment",
            f"{found} The signing key is one for branch environments, and no environment is named.",
            "Name it with --env (INNGEST_ENV), as the server lists it.",
        )
    if known.kind is ServerKind.STEPCUE and target.env is not None:
        return warning(
            "environment",
            f"{found} A Stepcue has one environment only, and does not look at --env.",
            "Start without --env (INNGEST_ENV).",
        )
    return ok("server", found)


def _apis(known: Capabilities) -> Iterator[Check]:
    if known.v2 is None:
        yield warning(
            "api",
            "The server has API v1 and no API v2: functions, lists of runs, and the steps of runs are not "
            "known.",
            "Use a newer Inngest server.",
        )
    elif not known.has_v1:
        yield warning(
            "api",
            f"The server has API v2 (at {known.v2}) and no API v1: events cannot be listed.",
            "Use list_runs: runs name the events that started them.",
        )
    elif not (known.lists_runs and known.lists_apps):
        what = "apps and functions" if known.lists_runs else "runs"
        yield warning(
            "api", f"The server's API v2 (at {known.v2}) does not list {what}.", "Use a newer Inngest server."
        )
    else:
        yield ok("api", f"The server has API v2 (at {known.v2}) and API v1.")


def _keys(known: Capabilities, target: Target, *, uses_fallback: bool) -> Iterator[Check]:
    if target.signing_key is None:
        yield ok("signing-key", "No signing key was given, and the server asks for none.")
    elif uses_fallback:
        yield warning(
            "signing-key",
            "The server refuses the signing key and takes the fallback key.",
            "Swap INNGEST_SIGNING_KEY and INNGEST_SIGNING_KEY_FALLBACK, or give the new key.",
        )
    elif known.is_for_development:
        yield ok("signing-key", "A signing key is sent; a server for development need not check it.")
    else:
        yield ok("signing-key", "The server takes the signing key.")
    if target.event_key is not None:
        yield skipped("event-key", "An event key was given; only sending an event shows whether it is taken.")
    elif not known.is_for_development:
        yield skipped("event-key", "No event key was given (INNGEST_EVENT_KEY): events cannot be sent.")


def _writes(known: Capabilities, target: Target, *, may_write: bool) -> Check:
    if not may_write:
        where = "it is not on this machine" if known.is_for_development else "it is no server for development"
        return skipped(
            "writes", f"Nothing is changed on the server: {where}, and nobody allowed it. {_ALLOW}"
        )
    if known.is_for_development:
        why = "--allow-writes says so" if target.allows_writes else "it is for development, on this machine"
        return ok("writes", f"Tools may change the server: {why}.")
    return warning(
        "writes",
        "Tools may change the server, which is none for development: --allow-writes says so.",
        "Start without --allow-writes (STEPCUE_ALLOW_WRITES) when only reading is meant.",
    )


def _apps(inventory: Inventory, app_url: str | None) -> Iterator[Check]:
    apps = list(inventory.apps)
    if app_url is not None:
        wanted = [app for app in apps if app.url and same_endpoint(app.url) == same_endpoint(app_url)]
        if not wanted:
            yield problem(
                "app-synced",
                f"No app is synced from {one_line(app_url, 200)}.",
                "Sync it with that server: by its dashboard, or a PUT to the app's endpoint with the "
                "server's keys in its environment.",
                app=app_url,
            )
        apps = wanted + [app for app in apps if app not in wanted]
    elif not apps:
        yield problem(
            "apps",
            "No app is synced in this environment.",
            "Sync an app with that server; if one should be there, check the environment (--env) and key.",
        )
    for app in apps[:_MOST_APPS]:
        yield _app(app, inventory)
    if apps[_MOST_APPS:]:
        yield skipped("apps", f"{len(apps) - _MOST_APPS} more apps are not shown; name one with appUrl.")


def _app(app: AppView, inventory: Inventory) -> Check:
    name, place = one_line(app.name or "(unnamed)", 100), app.url or None
    if app.error is not None:
        return problem(
            "app-synced",
            f"The last sync of app {name!r} failed: {one_line(app.error, 300)}.",
            "Mend what it says in the app, deploy it, and sync it again.",
            app=place,
        )
    count = sum(one.app_name == app.name and not one.is_archived for one in inventory.functions)
    if not count:
        return warning(
            "app-functions",
            f"App {name!r} is known, and no function of it is synced.",
            "Sync it again; if it stays so, see that its code passes its functions to serve().",
            app=place,
        )
    functions = "1 function" if count == 1 else f"{count} functions"
    return ok("app-synced", f"App {name!r} is synced with {functions}.", app=place)
