"""Where MCP is served."""

from __future__ import annotations

from typing import Final

MCP_PATH: Final = "/mcp"
MCP_PATHS: Final = (MCP_PATH, f"{MCP_PATH}/")
"""Not every client follows a redirect with its POST, so a slash at the end is as good as none."""
