"""Which values of templates are checked as paths."""

from __future__ import annotations

from typing import Final

from mcp.server.mcpserver.resources import ResourceSecurity

NO_PATHS: Final = ResourceSecurity(
    reject_path_traversal=False, reject_absolute_paths=False, reject_null_bytes=True
)
"""For ids, which may be any text and are looked up in the engine, never on disk."""
