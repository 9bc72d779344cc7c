"""Tool search_docs: the documentation by topic."""

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
from mcp_server.render.docs import search_answer
from mcp_server.results.docs import SearchDocsResult
from mcp_server.strict import define_tool

Query = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        description='Question or key words, e.g. "cancel a sleeping run".',
    ),
]
Limit = Annotated[int, Field(ge=1, le=25, description="Sections to return, e.g. 5.")]


def make(docs: DocsIndex) -> Tool:
    """Build the tool."""

    async def search_docs(
        query: Query, sdk: Sdk | None = None, category: Category | None = None, limit: Limit = 5
    ) -> Annotated[CallToolResult, SearchDocsResult]:
        """Search the Inngest and Stepcue documentation, offline, by question, concept or API name.

        For an exact name or a regular expression use grep_docs.

        Returns sections by page, best first, with path, heading, excerpt, why it fits, and the source of
        pages that are not Stepcue's; similar pages when nothing fits. Next: read_doc with path and section.
        """
        with as_tool_errors():
            found = await asyncio.to_thread(docs.search, query, sdk=sdk, category=category, limit=limit)
        return search_answer(found)

    return define_tool(search_docs, title="Search documentation", annotations=READ_ONLY)
