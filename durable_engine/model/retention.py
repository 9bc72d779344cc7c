"""What is kept of the past, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KEPT_IN_ANY_CASE: Final = 20
"""So many runs that ended last are never pruned: whoever comes back after weeks finds what he did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What ended runs, and events that nothing needs, are pruned by; None for not at all.

    `keep_ms` counts in the real time since their end; `max_bytes` is what all data may take.
    """

    keep_ms: int | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a data file holds at the moment, and what was pruned of it.

    `used_bytes` is what data takes, `file_bytes` what the file takes, free pages included, the log of the
    newest changes not. `pruned_ms` is in the real time. `oldest_ms` is when the oldest run was received.
    """

    limits: Limits
    used_bytes: int
    file_bytes: int
    oldest_ms: int | None
    pruned: int
    pruned_ms: int | None
