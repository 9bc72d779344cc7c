"""`since` of lists: a time, or how long ago."""

from __future__ import annotations

from durable_engine.durations import parse_since_ms
from mcp_server.backend import Backend


def past_ms(since: str | None, backend: Backend) -> int | None:
    """Return the engine's time that `since` means, in milliseconds; None for none.

    Raises:
        InvalidDurationError: neither a date nor a duration.
    """
    return None if since is None else parse_since_ms(since, now_ms=backend.records.now_ms())
