"""How to connect each assistant to the Stepcue that serves the page, and which tools it then has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from mcp.types import Tool

from mcp_server.install.clients import CLIENTS, Client
from mcp_server.install.entries import (
    DEFAULT_URL,
    Address,
    claude_add,
    document,
    shown,
    start_command,
    this_program,
)
from mcp_server.install.links import cursor_link, vscode_link
from mcp_server.setup_page.frame import framed
from mcp_server.tools.catalog import toolset_names

_ABOUT: Final[Mapping[str, str]] = {
    "core": "Trigger, watch and steer runs",
    "testing": "Test: skip time, mock, break, explain, replay",
    "docs": "Search and read the offline documentation",
    "compat": "The names of the newer Dev Server",
}
_REST: Final = "more"
_DESKTOP: Final = (
    "Settings, Developer, Edit Config opens the file. Claude Desktop can only start a server itself; "
    "that one then uses the Stepcue that runs."
)


def setup_page(url: str, tools: Sequence[Tool], *, is_here: bool) -> str:
    """Return the HTML of the page: how to connect to `url`, and what the offered tools are.

    `is_here`: it is read on this machine. Elsewhere our paths are of no use, and nobody's business.
    """
    place = (this_program(), Path.home()) if is_here else (("stepcue",), Path("/full/path/to"))
    cards = "\n".join(_card(client, url, *place) for client in CLIENTS.values())
    at = () if url == DEFAULT_URL else ("--url", url)
    install = shown(("stepcue", "mcp", "install", "--client", "claude-code,cursor", *at))
    body = f"""\
<header>
<h1>Stepcue is running</h1>
<p>This is an MCP server: an AI assistant that is connected to it can trigger, watch, test and debug your
Inngest workflows. Its address is for assistants, not for browsers:</p>
{_snippet("Address", "the address", url)}
</header>
<main>
<section aria-labelledby="connect">
<h2 id="connect">Connect your assistant</h2>
<p>One command adds Stepcue to the configuration of an assistant, and keeps all else that is there.
Run it in the folder of your project:</p>
{_snippet("For one or several: " + ", ".join(CLIENTS), "the install command", install)}
<p>Or do it by hand:</p>
<div class="grid">
{cards}
</div>
</section>
<section aria-labelledby="ask">
<h2 id="ask">Then ask</h2>
<ul>
<li>“Which Inngest functions do you see? Run one with made-up data and show me every step.”</li>
<li>“Test the signup workflow. It sleeps for days: skip the time, and send no mail.”</li>
<li>“Why did my last event start nothing?”</li>
</ul>
</section>
<section aria-labelledby="tools">
<h2 id="tools">Tools ({len(tools)})</h2>
<div class="columns">
{"".join(_toolset(name, group) for name, group in _by_toolset(tools))}</div>
</section>
</main>
<footer><p>Nothing on this page was loaded from elsewhere, and Stepcue sends nothing home.
Is it up: <a href="/health">/health</a>. Which functions: <a href="/dev">/dev</a>.</p></footer>"""
    return framed("Connect to Stepcue", body)


def _card(client: Client, url: str, program: Sequence[str], home: Path) -> str:
    by_url = Address(url)
    command = start_command(client, client.scopes[0], program=program, url=url, home=home)
    links = {"cursor": cursor_link(by_url), "vscode": vscode_link(by_url)}
    button = ""
    if client.name in links:
        button = f'<a class="button" href="{escape(links[client.name])}">Add to {client.title}</a>'
    ours = _snippet(client.file, f"{client.title} over stdio", document(client, command))
    if client.name == "claude-code":
        ours = _snippet("In a terminal", f"{client.title} over stdio", shown(claude_add(command)))
    if "http" in client.transports:
        parts = [_by_url(client, by_url), _details("Let it start Stepcue itself (stdio)", ours)]
    else:
        parts = [ours, f'<p class="note">{_DESKTOP}</p>']
    return f"""\
<section class="card" aria-labelledby="{client.name}">
<div class="head"><h3 id="{client.name}">{client.title}</h3>{button}</div>
{"".join(parts)}
</section>"""


def _by_url(client: Client, target: Address) -> str:
    file = _snippet(client.file, f"{client.title} over HTTP", document(client, target))
    if client.name != "claude-code":
        return file
    command = _snippet("In a terminal", f"{client.title} over HTTP", shown(claude_add(target)))
    return command + _details("For everybody who works on the project", file)


def _details(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>\n{content}</details>\n"


def _snippet(label: str, name: str, text: str) -> str:
    """Return a text to copy; `name` is what it is called by those who cannot see it."""
    label, name, text = escape(label), escape(name), escape(text.strip())
    return (
        f'<div class="label"><span>{label}</span></div>'
        f'<pre tabindex="0" role="region" aria-label="{name}"><code>{text}</code></pre>\n'
    )


def _by_toolset(tools: Sequence[Tool]) -> Iterator[tuple[str, list[Tool]]]:
    homes = {name: toolset for toolset, names in toolset_names().items() for name in names}
    for toolset in (*toolset_names(), _REST):
        group = [tool for tool in tools if homes.get(tool.name, _REST) == toolset]
        if group:
            yield toolset, group


def _toolset(name: str, tools: Sequence[Tool]) -> str:
    rows = "\n".join(_row(tool) for tool in tools)
    about = f'<p class="note">{_ABOUT[name]}</p>' if name in _ABOUT else ""
    return f"""\
<section class="card" aria-labelledby="tools-{name}">
<h3 id="tools-{name}">{name}</h3>
{about}
<table>
{rows}
</table>
</section>
"""


def _row(tool: Tool) -> str:
    reads = tool.annotations is not None and tool.annotations.read_only_hint is True
    does = "reads" if reads else "acts"
    return (
        f'<tr><th scope="row"><code>{escape(tool.name)}</code></th><td>{escape(tool.title or "")}</td>'
        f'<td class="{does}">{does}</td></tr>'
    )
