"""Resources docs://{path} and docs://index: pages of the documentation, and the list of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from mcp.server import MCPServer

from docs_index import DocsIndex, ListResult
from mcp_server.errors import as_resource_errors
from mcp_server.render.resources import contents_page, doc_page
from mcp_server.resources import uris

_AT_ONCE = 200


def add(server: MCPServer, docs: DocsIndex) -> None:
    """Add the resources."""

    @server.resource(
        uris.DOC,
        name="docs-page",
        title="Documentation page",
        description="One page of the Inngest documentation; docs://index names all paths.",
        mime_type="text/markdown",
    )
    async def page(path: str) -> str:
        with as_resource_errors():
            return doc_page(await asyncio.to_thread(docs.read, path))

    @server.resource(
        uris.DOCS_INDEX,
        name="docs-index",
        title="Documentation: all pages",
        description="Paths, titles and descriptions of the pages of the Inngest documentation.",
        mime_type="text/markdown",
    )
    async def index() -> str:
        with as_resource_errors():
            return contents_page(await asyncio.to_thread(_all_pages, docs))


def _all_pages(docs: DocsIndex) -> ListResult:
    """Return the whole table of contents."""
    found = docs.list(limit=_AT_ONCE)
    pages, cursor = list(found.pages), found.next_cursor
    while cursor is not None:
        more = docs.list(limit=_AT_ONCE, cursor=cursor)
        pages += more.pages
        cursor = more.next_cursor
    return replace(found, pages=tuple(pages), next_cursor=None)
