"""The page for browsers: what it offers to copy and click is right, and it needs nothing from elsewhere."""

import html
import itertools
import json
import re
import tomllib
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from mcp_listening import mounted

from mcp_server.install.clients import CLIENTS
from mcp_server.install.entries import Address, entry
from mcp_server.tools.catalog import toolset_names

pytestmark = pytest.mark.anyio
ORIGIN = "http://localhost:9000"


class Page(HTMLParser):
    """Collects what the tests ask about."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def every(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    def snippet(self, label):
        found = re.search(rf'aria-label="{re.escape(label)}"><code>(.*?)</code>', self.text, re.DOTALL)
        return html.unescape(found.group(1))


async def look(server, *, from_address="127.0.0.1"):
    app = mounted(server)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=(from_address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return await client.get("/mcp", headers={"Accept": "text/html"})


@pytest.fixture
async def answer(new_server):
    return await look(new_server())


@pytest.fixture
def page(answer):
    return Page(answer.text)


@pytest.mark.parametrize("client", ["claude-code", "cursor", "vscode", "codex", "windsurf"])
async def test_a_snippet_is_the_entry_that_the_installation_writes(page, client):
    client = CLIENTS[client]
    over_http = page.snippet(f"{client.title} over HTTP")
    if client.name == "claude-code":
        assert over_http == f"claude mcp add --transport http stepcue {ORIGIN}/mcp"
        assert '"type": "http"' in page.text.replace("&quot;", '"')
        return
    config = tomllib.loads(over_http) if client.form == "toml" else json.loads(over_http)

    assert config == {client.table: {"stepcue": entry(client, Address(f"{ORIGIN}/mcp"))}}


@pytest.mark.parametrize("client", CLIENTS)
async def test_every_client_can_start_it_and_then_finds_this_one(page, client):
    shown = page.snippet(f"{CLIENTS[client].title} over stdio")

    assert "9000" in shown
    assert CLIENTS[client].file in page.text


async def test_our_paths_are_shown_on_this_machine_only(new_server):
    here, elsewhere = await look(new_server()), await look(new_server(), from_address="10.0.0.7")

    assert str(Path.home()) in here.text
    assert str(Path.home()) not in elsewhere.text
    assert "/full/path/to" in elsewhere.text


async def test_one_click_links_hold_the_same_entry(page):
    cursor, vscode = [link for link in page.every("href") if urlsplit(link).scheme in {"cursor", "vscode"}]
    query = parse_qs(urlsplit(cursor).query)

    assert cursor.startswith("cursor://anysphere.cursor-deeplink/mcp/install?")
    assert json.loads(b64decode(query["config"][0])) == entry(CLIENTS["cursor"], Address(f"{ORIGIN}/mcp"))
    assert vscode.startswith("vscode:mcp/install?")
    assert json.loads(unquote(vscode.partition("?")[2])) == {
        "name": "stepcue",
        **entry(CLIENTS["vscode"], Address(f"{ORIGIN}/mcp")),
    }


async def test_nothing_comes_from_elsewhere_and_only_its_own_style_and_script_run(answer, page):
    policy = answer.headers["content-security-policy"]
    inline = re.findall(r"<(style|script)>(.*?)</\1>", answer.text, re.DOTALL)

    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert [tag for tag, _ in inline] == ["style", "script"]
    for tag, content in inline:
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not page.every("src")
    assert not page.every("style")
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert {urlsplit(link).scheme for link in page.every("href")} <= {"", "data", "cursor", "vscode"}
    assert "url(" not in answer.text
    assert "@import" not in answer.text


async def test_it_can_be_read_by_those_who_do_not_see_it(page):
    ids = page.every("id")
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    labels = [attributes["aria-label"] for tag, attributes in page.tags if tag == "pre"]

    assert len(ids) == len(set(ids))
    assert set(page.every("aria-labelledby")) <= set(ids)
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))
    assert ("html", {"lang": "en"}) in page.tags
    assert len(labels) >= 10
    assert all(attributes.get("tabindex") == "0" for tag, attributes in page.tags if tag == "pre")


async def test_its_colours_have_enough_contrast(answer):
    themes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", answer.text, re.DOTALL)
    ]

    assert len(themes) == 2
    for theme in themes:
        for ink in ("ink", "quiet", "accent", "acts", "reads"):
            for ground in ("ground", "raised"):
                assert _contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
        assert _contrast(theme["on-accent"], theme["accent"]) >= 4.5


def _contrast(one, other):
    """Return the contrast ratio of WCAG 2."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


async def test_tools_stand_under_their_toolset(answer):
    for toolset, names in toolset_names().items():
        _, _, rest = answer.text.partition(f'id="tools-{toolset}"')
        table, _, _ = rest.partition("</table>")
        assert re.findall(r"<code>(\w+)</code>", table) == list(names)
    assert 'id="tools-more"' not in answer.text


async def test_a_server_that_changes_nothing_shows_no_tool_that_acts(new_server):
    answer = await look(new_server(read_only=True))

    assert 'class="reads"' in answer.text
    assert 'class="acts"' not in answer.text
    assert "pause_function" not in answer.text
