"""Links that add a server with one click: for web pages, and, over https, for READMEs on forges."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import quote, urlencode

from mcp_server.install.clients import CLIENTS
from mcp_server.install.entries import SERVER_NAME, Target, entry


def cursor_link(target: Target, *, web: bool = False, name: str = SERVER_NAME) -> str:
    """Return the link that opens Cursor; with `web` its https twin, as forges drop foreign schemes."""
    config = b64encode(_compact(entry(CLIENTS["cursor"], target)).encode()).decode()
    base = "https://cursor.com/en/install-mcp" if web else "cursor://anysphere.cursor-deeplink/mcp/install"
    return f"{base}?{urlencode({'name': name, 'config': config})}"


def vscode_link(target: Target, *, web: bool = False, name: str = SERVER_NAME) -> str:
    """Return the link that opens VS Code; with `web` its https twin, as forges drop foreign schemes."""
    value = entry(CLIENTS["vscode"], target)
    if not web:
        return f"vscode:mcp/install?{quote(_compact({'name': name, **value}), safe='')}"
    query = urlencode({"name": name, "config": _compact(value)}, quote_via=quote)
    return f"https://vscode.dev/redirect/mcp/install?{query}"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
