"""The command `stepcue doctor`: asks the Stepcue that runs, or looks around where none does."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import httpx
from mcp.shared.exceptions import MCPError
from mcp.types import TextContent

from durable_engine import DEFAULT_DATA_FILE, DEFAULT_PORT, Inventory
from durable_engine.probing import Probing
from durable_engine.sdk.client import SDKClient
from mcp_server.attach import AttachError, connect
from mcp_server.doctor import AppFacts, Check, Facts, Status, examine
from mcp_server.doctor.shell import ADDRESS_VARIABLES, ShellFacts, shell_checks
from mcp_server.render.doctor import check_info

_PROBE_TIMEOUT_S: Final = 2.0
_CLIENT_FILES: Final = (".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json")
_ORDER: Final = [str(status) for status in Status]


def doctor_command(complete_url: Callable[[str], str]) -> click.Command:
    """Build the command; `complete_url` turns what people type into the URL of a serve endpoint."""

    @click.command()
    @click.option("-p", "--port", type=click.IntRange(1, 65_535), default=DEFAULT_PORT, show_default=True)
    @click.option("--host", default="127.0.0.1", show_default=True, help="Address at which Stepcue listens.")
    @click.option(
        "-u", "--sdk-url", "urls", multiple=True, metavar="URL", help="Endpoint to look at. Repeatable."
    )
    @click.option("--json", "as_json", is_flag=True, help="Write the checks as JSON.")
    def doctor(port: int, host: str, urls: tuple[str, ...], *, as_json: bool) -> None:
        """Find out what keeps apps and Stepcue from working together, and how to mend it.

        Exits with 0 if there is no problem, with 1 if there is one.
        """
        whole = [complete_url(url) for url in urls]
        checks = asyncio.run(_examine(f"http://{f'[{host}]' if ':' in host else host}:{port}", whole))
        problems = sum(check["status"] == Status.PROBLEM for check in checks)
        if as_json:
            warnings = sum(check["status"] == Status.WARNING for check in checks)
            counts = {"healthy": not problems, "problems": problems, "warnings": warnings}
            click.echo(json.dumps({**counts, "checks": checks}, indent=2))
        else:
            click.echo("\n".join(_lines(checks)))
        sys.exit(1 if problems else 0)

    return doctor


async def _examine(origin: str, urls: Sequence[str]) -> list[dict[str, Any]]:
    """Return all checks as the tool shows them, the worst first."""
    server = _server_at(origin)
    checks: list[dict[str, Any]] = []
    refusal = None
    if server == "stepcue":
        try:
            checks = await _asked(f"{origin}/mcp", urls)
        except (AttachError, MCPError) as fault:
            refusal = str(fault)
    if server != "stepcue" or refusal is not None:
        checks = [check_info(check).wire() for check in await _without_engine(urls)]
    shell = ShellFacts(
        origin=origin,
        is_running=server == "stepcue",
        held_by=None if server == "stepcue" else server,
        refusal=refusal,
        variables={name: os.environ[name] for name in ADDRESS_VARIABLES if os.environ.get(name)},
        clients=dict(_clients(Path.cwd())),
        data_folder=None if server == "stepcue" else _unwritable(DEFAULT_DATA_FILE.parent),
    )
    around = [check_info(check).wire() for check in shell_checks(shell)]
    return sorted([*around, *checks], key=lambda check: _ORDER.index(check["status"]))


async def _asked(url: str, app_urls: Sequence[str]) -> list[dict[str, Any]]:
    """Return the checks of the Stepcue at `url`, those about each of the apps first.

    Raises:
        AttachError: it does not answer, or does not offer the tool.
        MCPError: it refuses the request.
    """
    found: dict[tuple[str, str | None, str], dict[str, Any]] = {}
    async with connect(url) as upstream:
        for app_url in app_urls or ("",):
            result = await upstream.call_tool("doctor", {"appUrl": app_url} if app_url else {})
            if result.is_error or result.structured_content is None:
                texts = [block.text for block in result.content if isinstance(block, TextContent)]
                raise AttachError(" ".join(texts) or "it gave no answer")
            for check in result.structured_content["checks"]:
                found.setdefault((check["id"], check.get("app"), check["found"]), check)
    return list(found.values())


async def _without_engine(urls: Sequence[str]) -> tuple[Check, ...]:
    client = SDKClient()
    try:
        probes = await asyncio.gather(*map(Probing(client).probe, urls))
    finally:
        await client.close()
    apps = tuple(AppFacts(url=probe.url, probe=probe) for probe in probes)
    return examine(Facts(engine=None, inventory=Inventory(functions=(), apps=()), apps=apps))


def _server_at(origin: str) -> str | None:
    """Return `stepcue`, or words for what else answers there; None for nobody."""
    try:
        answer = httpx.get(f"{origin}/dev", timeout=_PROBE_TIMEOUT_S, trust_env=False)
    except (httpx.ConnectError, httpx.InvalidURL):
        return None
    except httpx.HTTPError:
        return "a program that does not speak HTTP"
    try:
        about = answer.json()
    except ValueError:
        about = None
    if isinstance(about, dict) and about.get("server") == "stepcue":
        return "stepcue"
    if isinstance(about, dict) and ("functions" in about or "x-inngest-server-kind" in answer.headers):
        return "an Inngest Dev Server"
    return f"another program (HTTP {answer.status_code} at /dev)"


def _clients(folder: Path) -> Iterable[tuple[str, str]]:
    """Yield the files of assistants in a folder that name Stepcue by URL, with that URL."""
    for name in _CLIENT_FILES:
        try:
            content = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        servers = content.get("mcpServers") or content.get("servers") if isinstance(content, dict) else None
        entry = servers.get("stepcue") if isinstance(servers, dict) else None
        url = entry.get("url") if isinstance(entry, dict) else None
        if isinstance(url, str):
            yield name, url


def _unwritable(folder: Path) -> str | None:
    """Return the folder if no data can be written there."""
    place = folder if folder.exists() else folder.absolute().parent
    return None if os.access(place, os.W_OK) and place.is_dir() else str(folder.absolute())


def _lines(checks: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for check in checks:
        yield f"{check['status']:8} {check['id']}: {check['found']}"
        if check.get("fix"):
            yield f"         fix: {check['fix']}"
    problems = sum(check["status"] == Status.PROBLEM for check in checks)
    yield f"{problems} problem{'' if problems == 1 else 's'}." if problems else "No problem."
