"""Checks of an app's sync: is it known here, with all of its functions, and not to another engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from durable_engine import Function
from durable_engine.durations import format_duration
from durable_engine.redaction import redacted_text
from durable_engine.registry import same_endpoint
from mcp_server.clean import in_json, one_line
from mcp_server.doctor.check import Check, ok, problem, skipped, warning
from mcp_server.doctor.endpoint import is_wildcard, shown
from mcp_server.doctor.facts import AppFacts, EngineFacts, Facts

_ERROR_CHARS: Final = 300
_REGISTERS_AT: Final = re.compile(r"Failed request to (https?://[^\s/]{1,200})/fn/register")
"""What the Python SDK says when it cannot reach the engine that INNGEST_DEV names."""
_FOREIGN_HOST: Final = re.compile(r"Host '([^'\s]{1,200})' is not served here")
"""What this engine says to who calls it by a name that it was not told."""
_ELSEWHERE: Final = "registered its functions with another server"
_REFUSED: Final = ("sent functions that cannot be used", "could not register its functions")
_NO_ANSWER: Final = ("The app at ", "Unable to reach the app", "not synced yet", "http")
"""How errors of a sync begin; what the registry refuses begins with the function or what is wrong with it."""
_FAILURE_EVENT: Final = "inngest/function.failed"


def sync_checks(app: AppFacts, facts: Facts) -> Iterator[Check]:
    """Judge the newest sync of an app."""
    engine = facts.engine
    if engine is None or app.probe is None:
        return
    answer = app.probe.answer
    if answer is None or not answer.is_sdk or answer.status != 200:
        if app.sync_error:
            yield skipped("app-sync", "The app can be synced once the problem above is solved.", app=app.url)
        return
    if app.view is None and is_wildcard(app.url):
        return  # it may be known by the address at which it is called
    if app.view is None and engine.has_signing_key and answer.has_signing_key is False:
        yield skipped("app-sync", "The app can be synced once the keys fit.", app=app.url)
    elif app.view is None:
        yield problem(
            "app-sync",
            f"Stepcue does not know the app at {shown(app.url)}: it was not synced here.",
            f"Start Stepcue with `stepcue dev -u {shown(app.url)}`, or let the app register once: "
            f"`curl -X PUT {shown(app.url)}`. If Stepcue still does not list it, the app's INNGEST_DEV names "
            f"another engine: set INNGEST_DEV={engine.origin}.",
            app=app.url,
            next_call="list_functions shows what is synced",
        )
    elif app.view.error:
        yield _failed(app, app.view.error, engine)
    else:
        yield ok(
            "app-sync",
            f"App {one_line(app.view.name or '', 80)!r} was synced {_ago(app, facts)} with "
            f"{_count(len(app.functions))}.",
            app=app.url,
        )
        others = [function for function in facts.inventory.functions if function not in app.functions]
        yield from _stale(app, answer.function_count, others, engine)


def _failed(app: AppFacts, error: str, engine: EngineFacts) -> Check:
    said = one_line(redacted_text(error), _ERROR_CHARS)
    other = _REGISTERS_AT.search(error)
    if other is not None and same_endpoint(other[1]) == same_endpoint(engine.origin):
        return problem(
            "app-engine",
            f"The app cannot reach this engine at {other[1]}, where it tries to register.",
            "An app in a container reaches this machine as host.docker.internal: start the app with "
            f"INNGEST_DEV={_as_seen_from_container(engine.origin)}, and Stepcue with --host 0.0.0.0 "
            "--allow-host host.docker.internal.",
            app=app.url,
        )
    if other is not None or _ELSEWHERE in error:
        where = f" at {one_line(other[1], 200)}" if other is not None else ""
        return problem(
            "app-engine",
            f"The app registers with another engine{where}, not with this one at {engine.origin}: its events "
            "go there, too.",
            f"Restart the app with INNGEST_DEV={engine.origin} (INNGEST_DEV=1 means port 8288), and without "
            "INNGEST_BASE_URL.",
            app=app.url,
        )
    if foreign := _FOREIGN_HOST.search(error):
        return _called_by_another_name(app, one_line(foreign[1], 200), engine)
    if any(words in error for words in _REFUSED) or not error.startswith(_NO_ANSWER):
        return problem(
            "function-refused",
            said,
            "Change that function in the app, which is then synced again by itself; until then the functions "
            "of its last good sync stay.",
            app=app.url,
            next_call="list_functions shows what is synced",
        )
    if "refused the sync" in error:
        fix = "Change what the error names; the app is then synced again by itself."
        return problem("app-sync", said, fix, app=app.url)
    return warning(
        "app-sync",
        f"The app answers now; the last sync failed: {said}",
        "It is synced again within seconds."
        if engine.polls
        else "Start Stepcue again, or without --no-poll.",
        app=app.url,
        next_call="list_functions shows what is synced",
    )


def _called_by_another_name(app: AppFacts, name: str, engine: EngineFacts) -> Check:
    return problem(
        "app-engine",
        f"The app calls this engine {name}, a name that it was not told, so its sync was refused.",
        f"Start Stepcue with --allow-host {name}, if that is a name of this machine or container, or the app "
        f"with INNGEST_DEV={engine.origin}.",
        app=app.url,
    )


def _stale(
    app: AppFacts, reported: int | None, others: Sequence[Function], engine: EngineFacts
) -> Iterator[Check]:
    own = [function for function in app.functions if not function.is_endpoint]
    handlers = [function for function in own if _is_failure_handler(function)]
    if reported is None or reported in {len(own), len(own) - len(handlers)}:
        return
    name = app.view.name if app.view is not None else None
    taken = [function.slug for function in others if name and function.slug.startswith(f"{name}-")]
    if taken and reported > len(own):
        slug = one_line(taken[0], 80)
        yield warning(
            "function-ids",
            f"The app has {_count(reported)}, of which {len(own)} are known, perhaps because another app has "
            f"one with the same full id (app's id, dash, function's id): {slug!r}.",
            "If so, give one of the apps or functions another id.",
            app=app.url,
            next_call=f"list_functions query={in_json(taken[0])} shows whose it is",
        )
        return
    yield warning(
        "app-functions",
        f"The app reports {_count(reported)} now, and {_count(len(own))} are synced from it.",
        "It is synced again within seconds; if it stays so, two processes serve under one app id."
        if engine.polls
        else f"Sync it again: `curl -X PUT {shown(app.url)}`, or start Stepcue without --no-poll.",
        app=app.url,
        next_call="list_functions shows what is synced",
    )


def _ago(app: AppFacts, facts: Facts) -> str:
    synced_ms = app.view.last_sync_ms if app.view is not None else None
    if synced_ms is None:
        return "some time ago"
    ago_ms = facts.inventory.now_ms - synced_ms
    return f"{format_duration(ago_ms // 1_000 * 1_000)} ago" if ago_ms >= 1_000 else "just now"


def _is_failure_handler(function: Function) -> bool:
    """Whether an SDK has made this function of another one's onFailure."""
    return any(trigger.event == _FAILURE_EVENT for trigger in function.triggers)


def _as_seen_from_container(origin: str) -> str:
    return origin.replace("127.0.0.1", "host.docker.internal").replace("localhost", "host.docker.internal")


def _count(number: int) -> str:
    return f"{number} function{'' if number == 1 else 's'}"
