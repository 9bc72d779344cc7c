"""Checks of hosts: can engine and app reach each other, with a container between them or not."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from durable_engine.http_api.guard import LOOPBACK_HOSTS
from durable_engine.registry import same_endpoint
from mcp_server.doctor.check import Check, problem, warning
from mcp_server.doctor.endpoint import is_loopback, is_wildcard, shown
from mcp_server.doctor.facts import AppFacts, EngineFacts


def address_checks(app: AppFacts, engine: EngineFacts | None) -> Iterator[Check]:
    """Judge the addresses that an app gave of itself, and whether it reaches the engine."""
    is_there = app.probe is None or app.probe.fault is None
    if is_wildcard(app.url):
        yield warning(
            "app-address",
            f"{shown(app.url)} is an address to listen on; calling it works on some systems only.",
            "Use 127.0.0.1 instead, with -u or with the app's INNGEST_SERVE_ORIGIN.",
            app=app.url,
        )
    elif engine is not None and is_there and engine.host in LOOPBACK_HOSTS and not is_loopback(app.url):
        yield warning(
            "app-address",
            f"The app is at {shown(app.url)}, not on this machine's loopback, and Stepcue listens on "
            f"{engine.origin} only: the app may not be able to send events or to register.",
            "Start Stepcue with --host 0.0.0.0 and --allow-host for the name that the app uses, such as "
            "host.docker.internal.",
            app=app.url,
        )
    elsewhere = [
        function
        for function in app.functions
        if not function.is_endpoint and _place(function.url) != _place(app.url)
    ]
    if elsewhere:
        yield problem(
            "app-address",
            f"The app is synced at {shown(app.url)}, but calls of its functions go to "
            f"{shown(elsewhere[0].url.partition('?')[0])}.",
            "Set the app's INNGEST_SERVE_ORIGIN (and INNGEST_SERVE_PATH) to the address at which Stepcue "
            "reaches it, or unset them.",
            app=app.url,
        )


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(same_endpoint(url))
    return parts.netloc, parts.path.rstrip("/")
