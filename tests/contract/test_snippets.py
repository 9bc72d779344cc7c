"""What people copy or click to connect an assistant is what `stepcue mcp install` would write."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_server.install.clients import CLIENTS
from mcp_server.install.entries import DEFAULT_URL, Address, Command, claude_add, document, entry, shown

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = REPOSITORY / "docs_index" / "corpus" / "getting-started"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

HTTP = Address(DEFAULT_URL)
ON_THE_PATH = Command("stepcue")
FROM_NOWHERE = Command("/full/path/to/stepcue", ("mcp", "--data", "/full/path/to/.stepcue/engine.db"))
"""What a desktop application needs, with paths to fill in."""


def _blocks(text: str, *languages: str) -> list[str]:
    return [content for language, content in BLOCK.findall(text) if language in languages]


def _page(client: str) -> str:
    return (PAGES / f"connect-{client}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("client", "targets"),
    [
        ("claude-code", [HTTP]),
        ("claude-desktop", [FROM_NOWHERE]),
        ("cursor", [HTTP, ON_THE_PATH]),
        ("vscode", [HTTP, ON_THE_PATH]),
        ("codex", [HTTP, ON_THE_PATH]),
        ("windsurf", [HTTP, FROM_NOWHERE]),
    ],
)
def test_the_page_of_a_client_shows_the_files_that_are_written(
    client: str, targets: list[Address | Command]
) -> None:
    expected = [document(CLIENTS[client], target) for target in targets]

    assert _blocks(_page(client), "json", "toml") == expected
    assert any(
        f"stepcue mcp install --client {client}\n" in block for block in _blocks(_page(client), "bash")
    )
    assert CLIENTS[client].file.removeprefix("~/") in _page(client)


def test_every_client_has_a_page() -> None:
    assert {path.stem.removeprefix("connect-") for path in PAGES.glob("connect-*.md")} == set(CLIENTS)


def test_the_readme_shows_them_too() -> None:
    _, _, rest = README.partition("## Connect an assistant\n")
    section, _, _ = rest.partition("\n## ")

    assert _blocks(section, "json", "toml") == [
        document(CLIENTS["claude-desktop"], FROM_NOWHERE),
        *(document(CLIENTS[client], HTTP) for client in ("cursor", "vscode", "codex", "windsurf")),
    ]
    for client in CLIENTS.values():
        assert f"**{client.title}**" in section
        assert f"`{client.name}`" in section


@pytest.mark.parametrize("target", [HTTP, ON_THE_PATH])
@pytest.mark.parametrize("text", [README, _page("claude-code")], ids=["readme", "page"])
def test_the_commands_of_claude_code_are_shown(text: str, target: Address | Command) -> None:
    assert shown(claude_add(target)) + "\n" in _blocks(text, "bash")


def test_the_sample_file_is_what_claude_code_gets() -> None:
    sample = json.loads((REPOSITORY / ".mcp.json").read_text(encoding="utf-8"))

    assert sample == json.loads(document(CLIENTS["claude-code"], HTTP))


@pytest.mark.parametrize(("client", "host"), [("cursor", "cursor.com"), ("vscode", "vscode.dev")])
def test_a_badge_adds_the_entry_that_is_installed(client: str, host: str) -> None:
    badges = dict(re.findall(r"^\[!\[([^\]]+)\]\([^)]+\)\]\(([^)]+)\)$", README, re.MULTILINE))
    link = urlsplit(badges[f"Add to {CLIENTS[client].title}"])
    query = parse_qs(link.query, strict_parsing=True)
    (config,) = query["config"]

    assert (link.scheme, link.hostname, query["name"]) == ("https", host, ["stepcue"])
    assert json.loads(b64decode(config) if client == "cursor" else config) == entry(CLIENTS[client], HTTP)
