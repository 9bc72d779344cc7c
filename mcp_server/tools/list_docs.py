"""Tool list_docs: the table of contents of the documentation."""

from __future__ import annotations

import asyncio
from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from docs_index import DocsIndex
from mcp_server.arguments import Category, Sdk
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import READ_ONLY
from mcp_server.render.docs import list_answer
from mcp_server.results.docs import ListDocsResult
from mcp_server.strict import define_tool

PAGES = 50

Cursor = Annotated[
    str,
    Field(min_length=1, max_length=200, description='nextCursor of the page before, e.g. "50".'),
]


def make(docs: DocsIndex) -> Tool:
    """Build the tool."""

    async def list_docs(
        category: Category | None = None, sdk: Sdk | None = None, cursor: Cursor | None = None
    ) -> Annotated[CallToolResult, ListDocsResult]:
        """List what the documentation covers: categories, SDKs, and pages with path and title. To find
        something use search_docs.

        Returns totalDocs, categories, sdks and corpora with counts, and pages, 50 at a time with nextCursor.
        Next: read_doc.
        """
        with as_tool_errors():
            found = await asyncio.to_thread(docs.list, category=category, sdk=sdk, cursor=cursor, limit=PAGES)
        return list_answer(found)

    return define_tool(list_docs, title="List documentation", annotations=READ_ONLY)
