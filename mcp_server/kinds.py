"""The kinds of tools; every MCP hint follows from one of them."""

from __future__ import annotations

from typing import Final

from mcp.types import ToolAnnotations

READ_ONLY: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""Looks, changes nothing."""

ASKS: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
"""Looks, changes nothing, and asks addresses outside what they are."""

CHANGES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
"""Changes what is there, or ends it; a second time changes nothing more."""

REPLACES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
)
"""Puts another state in the place of what is there, and the user's code goes on from that."""

ACTS: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
)
"""Adds events and runs. The user's code that runs then may reach anything it can reach."""

PROBES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
"""Changes nothing that is stored; the user's code that it calls may do so outside of steps."""

WRITES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""Adds a file of its own, or makes it anew."""
