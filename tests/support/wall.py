"""The time of the SDKs' own clock."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Return the real time: Unix epoch, milliseconds."""
    return time.time_ns() // 1_000_000
