"""Tool doctor: what keeps apps and engine from working together, and the fix."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.clean import one_line
from mcp_server.doctor import Check
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import ASKS
from mcp_server.render.doctor import doctor_answer
from mcp_server.results.doctor import DoctorResult
from mcp_server.strict import define_tool

AppUrl = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2_000,
        description='Endpoint to look at first, e.g. "http://127.0.0.1:3000/api/inngest".',
    ),
]


Examine = Callable[[str | None], Awaitable[Sequence[Check]]]
"""Looks at everything, first at the app whose address is given, and returns the checks, the worst first."""


def make(examined: Examine) -> Tool:
    """Build the tool."""

    async def doctor(app_url: AppUrl | None = None) -> Annotated[CallToolResult, DoctorResult]:
        """Check why an app is not synced or its calls fail: address, dev mode, signing key, Docker, SDK
        version, recent trouble. Only looks: asks each app once with GET. Returns checks with what was found
        and the fix, problems first. For one run or event use explain.
        """
        with as_tool_errors():
            checks = await examined(None if app_url is None else _complete(app_url))
        return doctor_answer(checks)

    return define_tool(doctor, title="Check setup", annotations=ASKS)


def _complete(url: str) -> str:
    """Return the URL with the scheme that people leave out."""
    whole = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(whole)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ToolError(
            f"appUrl {one_line(url, 80)!r} is not an http(s) URL. "
            'Give the address of the app\'s serve endpoint, e.g. "http://127.0.0.1:3000/api/inngest".'
        )
    return whole
