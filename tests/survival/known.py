"""What was seen in the data file after some death, and must be so for ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from survival.data_file import DataFile


@dataclass
class Known:
    """Results of steps, by run and name, and ends of runs."""

    memos: dict[tuple[str, str], str] = field(default_factory=dict)
    since: dict[tuple[str, str], int] = field(default_factory=dict)
    """After how many lines of the journal the result of a step was there for sure."""
    ends: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def hold(self, data: DataFile, *, lines: int) -> list[str]:
        """Take in a later state, which the journal had so many lines before; return what has changed."""
        memos, ends = data.memos, data.ends
        faults = [
            f"the result of {key} is {memos.get(key)}, it was {memo}"
            for key, memo in self.memos.items()
            if memos.get(key) != memo
        ]
        faults += [
            f"run {key} is {ends.get(key)}, it was {end}"
            for key, end in self.ends.items()
            if ends.get(key) != end
        ]
        self.memos, self.ends = memos, ends
        for key in memos:
            self.since.setdefault(key, lines)
        return faults
