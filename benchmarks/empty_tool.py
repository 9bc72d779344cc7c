"""What the MCP SDK itself costs: a server with one tool that does nothing."""

from __future__ import annotations

from mcp.server import MCPServer

server: MCPServer[None] = MCPServer("empty")


@server.tool()
async def nothing() -> str:
    """Do nothing."""
    return "nothing"


app = server.streamable_http_app()
