"""Tool grep_docs: the documentation by regular expression."""

from __future__ import annotations

import asyncio
from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from docs_index import DocsIndex
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import READ_ONLY
from mcp_server.render.docs import grep_answer
from mcp_server.results.docs import GrepDocsResult
from mcp_server.strict import define_tool

Pattern = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1_000,
        description='Regular expression (RE2, case ignored), e.g. "step\\.waitForEvent".',
    ),
]
Limit = Annotated[int, Field(ge=1, le=100, description="Lines to return, e.g. 10.")]
ContextLines = Annotated[int, Field(ge=0, le=10, description="Lines around each match, e.g. 2.")]
PathPrefix = Annotated[
    str,
    Field(
        min_length=1,
        max_length=300,
        description='Only this page, folder or corpus, e.g. "reference".',
    ),
]


def make(docs: DocsIndex) -> Tool:
    """Build the tool."""

    async def grep_docs(
        pattern: Pattern, limit: Limit = 10, context: ContextLines = 0, path: PathPrefix | None = None
    ) -> Annotated[CallToolResult, GrepDocsResult]:
        """Find lines of the documentation that match a regular expression: exact API names, options, error
        texts, headers.

        For questions use search_docs. Returns matches (file, line, content) and their total; similar pages
        when nothing matches. Next: read_doc with the file as path.
        """
        with as_tool_errors():
            found = await asyncio.to_thread(docs.grep, pattern, limit=limit, context=context, path=path)
        return grep_answer(found)

    return define_tool(grep_docs, title="Grep documentation", annotations=READ_ONLY)
