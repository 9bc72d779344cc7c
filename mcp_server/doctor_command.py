"""The command `stepcue doctor`: asks the Stepcue that runs, or looks around where none does."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import httpx
from pydantic import SecretStr

from durable_engine import DEFAULT_DATA_FILE, DEFAULT_PORT, Inventory
from durable_engine.probing import Probing
from durable_engine.sdk.client import SDKClient
from mcp_server.doctor import AppFacts, Check, Facts, Status, examine
from mcp_server.doctor.shell import ADDRESS_VARIABLES, ShellFacts, shell_checks
from mcp_server.options import TOKEN_OPTIONS, read_token, serve_url
from mcp_server.render.checks import check_info
from mcp_server.render.numbers import counted

F = TypeVar("F", bound=Callable[..., Any])

_PROBE_TIMEOUT_S: Final = 2.0
_CLIENT_FILES: Final = (".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json")
_ORDER: Final = [str(status) for status in Status]


def _with_token(command: F) -> F:
    for option in reversed(TOKEN_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.option("-p", "--port", type=click.IntRange(1, 65_535), default=DEFAULT_PORT, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address at which Stepcue listens.")
@click.option(
    "-u", "--sdk-url", "urls", multiple=True, metavar="URL", help="Endpoint to look at. Repeatable."
)
@_with_token
@click.option("--json", "as_json", is_flag=True, help="Write the checks as JSON.")
def doctor(port: int, host: str, urls: tuple[str, ...], *, as_json: bool, **access: Any) -> None:
    """Find out what keeps apps and Stepcue from working together, and how to mend it.

    Exits with 0 if there is no problem, with 1 if there is one.
    """
    whole = [serve_url(url) for url in urls]
    origin = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    report = asyncio.run(_examine(origin, whole, token=read_token(access)))
    click.echo(json.dumps(report, indent=2) if as_json else "\n".join(_lines(report)))
    sys.exit(0 if report["healthy"] else 1)


async def _examine(origin: str, urls: Sequence[str], *, token: SecretStr | None) -> dict[str, Any]:
    """Return all checks as the tool shows them, the worst first, and how many there are."""
    server = _server_at(origin)
    answers: list[dict[str, Any]] = []
    refusal: str | None = None
    if server == "stepcue":
        answers, refusal = await _asked(f"{origin}/mcp", urls, token=token)
    if server != "stepcue" or refusal is not None:
        answers = [{"checks": [check_info(check).wire() for check in await _without_engine(urls)]}]
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
    return _report(around, answers)


def _report(around: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put the shell's checks and the tool's answers together; answers that were cut tell their counts."""
    found: dict[tuple[str, str | None, str], Mapping[str, Any]] = {}
    for answer in answers:
        for check in answer["checks"]:
            found.setdefault((check["id"], check.get("app"), check["found"]), check)
    checks = sorted([*around, *found.values()], key=lambda check: _ORDER.index(check["status"]))
    left_out = {
        name: max([0, *(answer.get(name, 0) - _count(found.values(), status) for answer in answers)])
        for name, status in (("problems", Status.PROBLEM), ("warnings", Status.WARNING))
    }
    problems = _count(checks, Status.PROBLEM) + left_out["problems"]
    warnings = _count(checks, Status.WARNING) + left_out["warnings"]
    report = {"healthy": not problems, "problems": problems, "warnings": warnings, "checks": checks}
    if any(answer.get("truncated") for answer in answers):
        hidden = [counted(number, name.removesuffix("s")) for name, number in left_out.items() if number]
        report["truncated"] = (
            f"Not shown: {'at least ' if answers[1:] else ''}"
            f"{', '.join([*hidden, 'some checks that are fine'])}. "
            "`stepcue doctor -u URL` shows those of one app first."
        )
    return report


def _count(checks: Iterable[Mapping[str, Any]], status: Status) -> int:
    return sum(check["status"] == status for check in checks)


async def _asked(
    url: str, app_urls: Sequence[str], *, token: SecretStr | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return what the tool of the Stepcue at `url` answers about each of the apps, or about all of its own.

    The second value says why there are no answers: it refuses, or does not offer the tool.
    """
    # MCP's side of clients takes longer to import than everything else here.
    from mcp.shared.exceptions import MCPError
    from mcp.types import TextContent

    from mcp_server.attach import AttachError, connect

    answers: list[dict[str, Any]] = []
    try:
        async with connect(url, token=token) as upstream:
            for app_url in app_urls or ("",):
                result = await upstream.call_tool("doctor", {"appUrl": app_url} if app_url else {})
                if result.is_error or result.structured_content is None:
                    texts = [block.text for block in result.content if isinstance(block, TextContent)]
                    return [], " ".join(texts) or "it gave no answer"
                answers.append(result.structured_content)
    except (AttachError, MCPError) as fault:
        return [], str(fault)
    return answers, None


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


def _lines(report: Mapping[str, Any]) -> Iterable[str]:
    for check in report["checks"]:
        yield f"{check['status']:8} {check['id']}: {check['found']}"
        if check.get("fix"):
            yield f"         fix: {check['fix']}"
    if "truncated" in report:
        yield report["truncated"]
    yield "No problem." if report["healthy"] else f"{counted(report['problems'], 'problem')}."
