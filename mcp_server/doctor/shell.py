"""Checks around a terminal: who holds the port, the shell's variables, the folder, the clients' files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from durable_engine import DEFAULT_PORT
from durable_engine.registry import same_endpoint
from mcp_server.clean import one_line
from mcp_server.doctor.check import Check, problem, warning
from mcp_server.doctor.endpoint import is_loopback, port_of, shown

ADDRESS_VARIABLES: Final = (
    "INNGEST_DEV",
    "INNGEST_BASE_URL",
    "INNGEST_API_BASE_URL",
    "INNGEST_EVENT_API_BASE_URL",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellFacts:
    """What a command sees. `held_by` names who answers at `origin` instead of Stepcue: None for nobody.

    `variables` are those of `ADDRESS_VARIABLES` that are set, `clients` the MCP addresses in the files of
    assistants by file, and `data_folder` is one that cannot be written.
    """

    origin: str
    is_running: bool
    held_by: str | None = None
    refusal: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    clients: Mapping[str, str] = field(default_factory=dict)
    data_folder: str | None = None


def shell_checks(facts: ShellFacts) -> Iterator[Check]:
    """Judge what is around the engine."""
    if not facts.is_running:
        yield _no_engine(facts)
    elif facts.refusal is not None:
        yield problem(
            "engine",
            f"Stepcue runs at {facts.origin}, but cannot be asked: {one_line(facts.refusal, 300)}",
            "Start it so that it offers the tool doctor (toolset core).",
        )
    for name, value in facts.variables.items():
        if "://" in value and same_endpoint(value) != same_endpoint(facts.origin):
            yield warning(
                "shell",
                f"{name} is {shown(value)} in this shell: apps started here use that engine.",
                f"export INNGEST_DEV={facts.origin}, and unset the other INNGEST_*_URL.",
            )
    dev = facts.variables.get("INNGEST_DEV", "").lower()
    if dev in {"1", "true"} and len(facts.variables) == 1 and port_of(facts.origin) != DEFAULT_PORT:
        yield warning(
            "shell",
            f"INNGEST_DEV={dev} in this shell means port {DEFAULT_PORT}: apps started here use the engine "
            f"there, not {facts.origin}.",
            f"export INNGEST_DEV={facts.origin}",
        )
    if dev in {"0", "false"}:
        yield warning(
            "shell",
            "INNGEST_DEV switches development mode off in this shell: apps started here use the cloud.",
            "export INNGEST_DEV=1",
        )
    for file, url in facts.clients.items():
        if is_loopback(url) and port_of(url) != port_of(facts.origin):
            yield warning(
                "client",
                f"{one_line(file, 100)} names Stepcue at {shown(url)}, and this is {facts.origin}.",
                f"Change its url to {facts.origin}/mcp, or start Stepcue on the other port.",
            )
    if facts.data_folder is not None:
        yield problem(
            "data-folder",
            f"Data cannot be written to {one_line(facts.data_folder, 200)}.",
            "Start Stepcue in another folder, with --data FILE, or with --in-memory.",
        )


def _no_engine(facts: ShellFacts) -> Check:
    port = port_of(facts.origin)
    if facts.held_by is None:
        return problem(
            "engine",
            f"No Stepcue runs at {facts.origin}; the port is free.",
            f"Start it: `stepcue dev{'' if port == DEFAULT_PORT else f' --port {port}'}`.",
        )
    return problem(
        "engine",
        f"No Stepcue runs at {facts.origin}: {facts.held_by} holds the port.",
        "Stop that, or choose another port: `stepcue dev --port 9000`, and for the apps "
        "INNGEST_DEV=http://127.0.0.1:9000.",
    )
