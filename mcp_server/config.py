"""Settings of the MCP face."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from mcp_server.toolsets import Toolset


class ServerConfig(BaseModel):
    """How the MCP server presents itself. Made once, passed to `build_server`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    toolsets: frozenset[Toolset] = frozenset({"core", "testing", "docs"})
    """Groups of tools to offer; `compat` has the newer names of the Dev Server for some of `core`."""

    tools: frozenset[str] | None = None
    """Names of the only tools to offer, within the toolsets; None offers all of them."""

    read_only: bool = False
    """Offer only tools that change nothing: no events, no runs."""

    engine_url: str = "http://127.0.0.1:8288"
    """Where the engine listens, as apps reach it; only shown in instructions."""

    host: str = "127.0.0.1"
    """The address at which the engine listens, such as `0.0.0.0`; only shown."""

    is_remote: bool = False
    """Whether the workflows run on a server elsewhere, about which less is known than about our engine."""

    progress_interval_s: float = Field(default=1.0, gt=0)
    """Seconds between progress reports of a waiting tool. Hosts give up on silence, not on slowness."""

    task_grace_s: float = Field(default=3.0, ge=0, le=30)
    """Seconds that a wait may take before a client that knows tasks is given one instead of the answer."""
