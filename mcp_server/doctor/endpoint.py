"""Checks of an app's address: who answers there, and in which mode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin, urlsplit

from durable_engine.http_api.guard import LOOPBACK_HOSTS
from durable_engine.probing import Probe, ProbeFault
from durable_engine.redaction import redacted_url
from durable_engine.registry import same_endpoint
from mcp_server.clean import in_json, one_line
from mcp_server.doctor.check import Check, ok, problem, skipped, warning
from mcp_server.doctor.facts import AppFacts, EngineFacts, Facts
from mcp_server.doctor.versions import sdk_words, start_fault

WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_HOST: Final = re.compile(r"[\w.:-]{1,253}", re.ASCII)
_CONTENT_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_DEV: Final = "Restart the app with INNGEST_DEV=1 in its environment"


def host_of(url: str) -> str:
    """Return the host of a URL, empty for what is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def port_of(url: str) -> int | None:
    """Return the port of a URL; None for what is none."""
    try:
        port = urlsplit(url).port
    except ValueError:
        return None
    return port or (443 if url.startswith("https:") else 80)


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine by a loopback name."""
    return host_of(url) in LOOPBACK_HOSTS


def is_wildcard(url: str) -> bool:
    """Whether a URL names all addresses of a machine, which is for listening only."""
    return host_of(url) in WILDCARDS


def shown(url: str) -> str:
    """Return a URL as it may be shown: on one line, without passwords."""
    return one_line(redacted_url(url), 200)


def endpoint_checks(app: AppFacts, facts: Facts) -> Iterator[Check]:
    """Judge whether an Inngest SDK answers, and whether it takes calls from this engine."""
    engine = facts.engine
    if app.probe is None:
        yield skipped("app-reachable", "A durable endpoint has no serve endpoint to ask.", app=app.url)
        return
    if app.probe.fault is not None:
        yield _silent(app, app.probe.fault, engine)
    elif not app.probe.is_sdk:
        yield _stranger(app, app.probe, facts)
    else:
        yield _mode(app, app.probe, engine)


def _silent(app: AppFacts, fault: ProbeFault, engine: EngineFacts | None) -> Check:
    url, port = shown(app.url), port_of(app.url)
    if fault is ProbeFault.REFUSED:
        found = f"Nothing accepts connections at {url}."
        fix = (
            f"Start the app with INNGEST_DEV=1 so that it listens on port {port}; if it listens "
            f"elsewhere, name that: `stepcue dev -u URL`.{start_fault(app)}"
        )
        if app.view is not None and app.view.name is not None and is_loopback(app.url):
            fix += (
                " If the app runs in a container, publish its port and set its INNGEST_SERVE_ORIGIN to the "
                "address at which this machine reaches it."
            )
        if engine is not None and engine.is_in_container and is_loopback(app.url):
            fix += (
                " Stepcue runs in a container: an app outside of it is not at localhost, but at "
                f"http://host.docker.internal:{port} or at its service name."
            )
    elif port is None:
        found, fix = (
            f"{url} is no address.",
            "Correct the app's INNGEST_SERVE_ORIGIN, or what was given with -u.",
        )
    elif fault is ProbeFault.UNRESOLVED:
        found = f"The host name in {url} cannot be resolved here."
        fix = (
            "Names of containers and host.docker.internal are known in containers only: publish the app's "
            "port and set the app's INNGEST_SERVE_ORIGIN to an address that this machine reaches, e.g. "
            f"http://127.0.0.1:{port}."
        )
    elif fault is ProbeFault.TIMED_OUT:
        found = f"The app at {url} takes the connection but does not answer within 3 seconds."
        fix = "See what blocks the app: a breakpoint, a loop that never yields, or too few workers."
    elif fault is ProbeFault.TLS:
        found = f"No TLS connection to {url} can be made."
        fix = "Use http:// for a server without TLS, or a certificate that this machine trusts."
    else:
        found = f"The connection to {url} breaks before there is an answer."
        fix = "Read the app's own log; something that does not speak HTTP may hold the port."
    return problem("app-reachable", found, fix, app=app.url)


def _stranger(app: AppFacts, probe: Probe, facts: Facts) -> Check:
    answer = probe.answer
    assert answer is not None  # noqa: S101 - a probe has a fault or an answer
    if facts.engine is not None and _origin(app.url) == same_endpoint(facts.engine.origin):
        return problem(
            "app-reachable",
            f"{shown(app.url)} is an address of Stepcue itself, not of an app.",
            "Give the address at which the app serves its Inngest endpoint.",
            app=app.url,
        )
    if probe.answers_at:
        right = shown(probe.answers_at[0])
        found = f"{shown(app.url)} answers HTTP {answer.status} and is no Inngest endpoint; {right} is one."
        if any(
            same_endpoint(probe.answers_at[0]) == same_endpoint(view.address or view.url)
            for view in facts.inventory.apps
        ):
            fix = "Nothing needs to be done: Stepcue knows that one."
            return warning("app-reachable", found, fix, app=app.url)
        fix = f"Use that address: `stepcue dev -u {right}`."
        call = f"doctor appUrl={in_json(right)}"
        return problem("app-reachable", found, fix, app=app.url, next_call=call)
    kind = f" ({answer.content_type})" if _CONTENT_TYPE.fullmatch(answer.content_type) else ""
    if answer.goes_to:
        return problem(
            "app-reachable",
            f"{shown(app.url)} redirects to {_place_of(app.url, answer.goes_to)}, which was not followed.",
            "Name the Inngest endpoint itself; if a login is in its way, let this path through.",
            app=app.url,
        )
    fix = (
        "Serve the Inngest handler there (serve() of the SDK; most frameworks use /api/inngest) or name the "
        "path at which the app serves it."
    )
    if answer.status in {401, 403}:
        fix = "Let requests to this path pass the app's own login or the proxy before it. " + fix
    elif answer.status >= 500:
        fix = "Read the app's own log: the error comes before its Inngest handler. " + fix
    return problem(
        "app-reachable",
        f"{shown(app.url)} answers HTTP {answer.status}{kind}, but not as an Inngest endpoint; no usual path "
        "of that server does.",
        fix,
        app=app.url,
    )


def _place_of(url: str, location: str) -> str:
    """Return the origin to which a redirect leads; the rest of its text is a stranger's."""
    try:
        parts = urlsplit(urljoin(url, location))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "what is no URL"
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        return "what is no server's URL"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{'' if port is None else f':{port}'}"


def _origin(url: str) -> str:
    parts = urlsplit(same_endpoint(url))
    return f"{parts.scheme}://{parts.netloc}"


def _mode(app: AppFacts, probe: Probe, engine: EngineFacts | None) -> Check:
    answer = probe.answer
    assert answer is not None  # noqa: S101 - an SDK answered
    has_key = engine is not None and engine.has_signing_key
    if answer.status != 200:
        return _refusal(app, answer.status, is_signed=probe.is_signed, has_key=has_key)
    if answer.mode == "dev" and has_key and answer.has_signing_key is False:
        return problem(
            "app-signing-key",
            "Stepcue was started with a signing key and the app has none: what the app sends to Stepcue is "
            "answered with 401.",
            "Give the app the same INNGEST_SIGNING_KEY, or start Stepcue without --signing-key and "
            "INNGEST_SIGNING_KEY.",
            app=app.url,
        )
    who = f"{sdk_words(app.sdk)} answers at {shown(app.url)}"
    if answer.mode == "dev" or has_key:
        keys = " and takes Stepcue's signing key" if probe.is_signed else ""
        return ok("app-reachable", f"{who} in {answer.mode or 'cloud'} mode{keys}.", app=app.url)
    return warning(
        "app-mode",
        f"{who} in {answer.mode or 'unknown'} mode: it may use the cloud.",
        f"{_DEV}.",
        app=app.url,
    )


def _refusal(app: AppFacts, status: int, *, is_signed: bool, has_key: bool) -> Check:
    who = f"An Inngest SDK answers at {shown(app.url)} with HTTP {status}"
    if is_signed and status != 500:
        return problem(
            "app-signing-key",
            f"{who} to requests signed with Stepcue's key: the keys differ, or its clock is off by minutes.",
            "Give both the same INNGEST_SIGNING_KEY, or none, and start the app with INNGEST_DEV=1.",
            app=app.url,
        )
    if status in {401, 500}:
        why = "refuses unsigned requests" if status == 401 else "has no signing key (its log says so)"
        other = "start Stepcue with its --signing-key"
        if has_key:
            other = "give it Stepcue's INNGEST_SIGNING_KEY and name it with `stepcue dev -u`"
        return problem(
            "app-mode",
            f"{who}: it runs without INNGEST_DEV=1, so it is in cloud mode, and {why}. Its events go to the "
            "cloud.",
            f"{_DEV} (in code: isDev: true, is_production=False), or {other}.",
            app=app.url,
        )
    return problem("app-reachable", f"{who}.", "Read the app's own log for the reason.", app=app.url)
