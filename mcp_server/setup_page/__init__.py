"""The page a person sees who opens the MCP address in a browser."""

from mcp_server.setup_page.frame import PAGE_POLICY
from mcp_server.setup_page.page import setup_page

__all__ = ["PAGE_POLICY", "setup_page"]
