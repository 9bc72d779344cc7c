"""Tool read_doc: one page of the documentation, or a section of it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from docs_index import DocsIndex
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import READ_ONLY
from mcp_server.render.docs import read_answer
from mcp_server.results.docs import ReadDocResult
from mcp_server.strict import define_tool

PagePath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=300,
        description='Path or URL of the page, e.g. "steps/run".',
    ),
]
Section = Annotated[
    str,
    Field(min_length=1, max_length=200, description='Only this section: anchor or heading, e.g. "usage".'),
]
Offset = Annotated[int, Field(ge=0, description="Lines to skip; nextOffset goes on, e.g. 120.")]
Limit = Annotated[
    int,
    Field(ge=1, le=5_000, description="Lines to return, e.g. 80; else what fits one answer."),
]


def make(docs: DocsIndex) -> Tool:
    """Build the tool."""

    async def read_doc(
        path: PagePath, section: Section | None = None, offset: Offset = 0, limit: Limit | None = None
    ) -> Annotated[CallToolResult, ReadDocResult]:
        """Read a page of the documentation as markdown, or one section of it.

        Returns content, the page's headings (each a valid section), size, and nextOffset when there is more;
        an unknown path or section names the nearest ones. Next: read_doc of a page it refers to.
        """
        with as_tool_errors():
            found = await asyncio.to_thread(docs.read, path, section=section, offset=offset, limit=limit)
        return read_answer(found)

    return define_tool(read_doc, title="Read documentation", annotations=READ_ONLY)
