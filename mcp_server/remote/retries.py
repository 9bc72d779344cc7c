"""Which requests are made again, and after how long."""

from __future__ import annotations

from typing import Final

from durable_engine.retry_after import retry_after_ms

MAX_TRIES: Final = 4
MAX_PAUSE_MS: Final = 10_000
"""What a server asks for beyond that is told to the caller, who waits a minute for an answer at most."""
_FIRST_PAUSE_MS: Final = 200
_PASSING: Final = frozenset({429, 502, 503, 504})
"""Of a safe request, answers after which another try may succeed: 500 is mostly a fault that stays."""
_REFUSED_BEFORE: Final = frozenset({429})
"""The server did not even look at the request, so that it was not carried out."""


def pause_ms(
    status: int | None, *, is_safe: bool, tries: int, retry_after: str | None, now_ms: int
) -> int | None:
    """Return after how many milliseconds to try again; None for never.

    Args:
        status: of the answer, None when none came.
        is_safe: whether it does no harm to carry the request out twice.
        tries: how many were made so far.
        retry_after: the header, if there was one.
        now_ms: the real time, for a date in that header.
    """
    if tries >= MAX_TRIES:
        return None
    helps = is_safe if status is None else status in (_PASSING if is_safe else _REFUSED_BEFORE)
    if not helps:
        return None
    asked = retry_after_ms(retry_after, now_ms=now_ms)
    wanted = _FIRST_PAUSE_MS * 2 ** (tries - 1) if asked is None else asked
    return wanted if wanted <= MAX_PAUSE_MS else None
