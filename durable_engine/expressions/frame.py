"""What one evaluation knows and how much work it has left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

# About one evaluated node each: a tenth of a second at most, whatever the data.
MAX_WORK = 1_000_000
MAX_TEXT_VALUE = 8 * 1024 * 1024


class WorkExceededError(Exception):
    """The evaluation needs more work than one is allowed; it has no value."""


class Frame:
    """One evaluation: the variables, the time, the values of macro variables by slot, the work left."""

    __slots__ = ("_work_left", "now_ms", "scope", "slots")

    def __init__(self, scope: Mapping[str, object], now_ms: int, slot_count: int) -> None:
        self.scope = scope
        self.now_ms = now_ms
        self.slots: list[object] = [None] * slot_count
        self._work_left = MAX_WORK

    def charge(self, work: int) -> None:
        """Take work off what is left.

        Raises:
            WorkExceededError: nothing is left.
        """
        self._work_left -= work
        if self._work_left < 0:
            raise WorkExceededError

    def charge_text(self, length: int) -> None:
        """Take off the work of reading or making text of this length.

        Raises:
            WorkExceededError: nothing is left, or the text is larger than a value may be.
        """
        if length > MAX_TEXT_VALUE:
            raise WorkExceededError
        self.charge(length >> 6)


Program: TypeAlias = Callable[[Frame], object]
