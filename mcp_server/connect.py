"""How an app gets connected: the advice given when nothing is synced."""

from __future__ import annotations

from collections.abc import Sequence

from durable_engine import AppView
from mcp_server.clean import one_line


def how_to_connect(engine_url: str, apps: Sequence[AppView] = (), *, is_remote: bool = False) -> str:
    """Return what to do so that functions appear; `is_remote`: on a server that is not ours."""
    if is_remote:
        return (
            f"Sync the app with the server at {engine_url}, with the keys and the environment that this "
            "session has; then call list_functions again."
        )
    broken = [app for app in apps if app.error]
    if broken:
        urls = ", ".join(one_line(app.url, 200) for app in broken[:3])
        return (
            f"Repair the app's endpoint ({urls}; its error is listed with the app): it must be running and "
            "serve its Inngest handler, with INNGEST_DEV=1 unless Stepcue has its signing key. It is then "
            "synced by itself; doctor says what is wrong and how to mend it."
        )
    return (
        "Start the app with INNGEST_DEV=1: on one of the usual ports and paths it is found within seconds "
        "(unless --no-discovery was given). "
        "Else name its Inngest endpoint when starting Stepcue, e.g. "
        "`stepcue dev -u http://localhost:3000/api/inngest`; an app elsewhere reaches the engine at "
        f"INNGEST_DEV={engine_url}. Then call list_functions again, or doctor with that endpoint as appUrl."
    )
