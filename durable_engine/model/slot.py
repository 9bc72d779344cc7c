"""Slots: what bounds how much the engine has open at once, and who shares it."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from functools import lru_cache
from typing import Final

from durable_engine.model.queue_item import ItemKind
from durable_engine.model.status import StepKind

_KIND_BITS: Final = 2
_DIGEST_BYTES: Final = 7


class SlotKind(IntEnum):
    """What an item keeps open: a call of an app, a request of the engine's own, or nothing (a timer)."""

    CALL = 1
    REQUEST = 2
    TIMER = 3

    @classmethod
    def of(cls, item: str, step: str | None) -> SlotKind:
        """Return that of an item of this kind, for a step of this kind if it is for one."""
        if not ItemKind(item).is_call:
            return cls.TIMER
        return cls.REQUEST if step is not None and StepKind(step).is_gateway else cls.CALL


_KINDS: Final = {int(kind): kind for kind in SlotKind}


@lru_cache(maxsize=1_024)
def share_of(kind: SlotKind, app: str) -> int:
    """Return the number of an app's share of the slots of a kind.

    It is negative, so that it also names the line of what waits for a slot beside the lanes, and the same in
    every process. Timers share one for all apps, as none of them lasts.
    """
    if kind is SlotKind.TIMER:
        return -int(kind)
    digest = hashlib.sha256(app.encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest[:_DIGEST_BYTES], "big") + 1
    return -((number << _KIND_BITS) | kind)


def kind_of(share: int) -> SlotKind:
    """Return whose slots a share is of."""
    return _KINDS[-share & ((1 << _KIND_BITS) - 1)]
