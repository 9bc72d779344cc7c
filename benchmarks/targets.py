"""What Stepcue wants to keep to, held against what was measured; printed, and asserted nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.report import Row


@dataclass(frozen=True)
class Target:
    """A bound on the rows of ours whose name starts with `what`."""

    text: str
    what: str
    at_most: float
    of: str = "ratio"


@dataclass(frozen=True)
class Verdict:
    """A target, and the row that it was held against, if there was one."""

    text: str
    what: str
    found: float | None
    at_most: float

    @property
    def is_met(self) -> bool | None:
        """None: not measured."""
        return None if self.found is None else self.found <= self.at_most


_VALUE = "value"
TARGETS = (
    Target("100 steps within 2x of the app's own time", "100 steps", 2.0),
    Target("a burst of 300 runs at 90 % of what the app alone can take", "burst of 300 runs", 1 / 0.9),
    Target("a burst of 3,000 runs at 90 % of what the app alone can take", "burst of 3,000 runs", 1 / 0.9),
    Target(
        "under 8 ms from event to end for a function without steps", "0 steps, to its recorded end", 8, _VALUE
    ),
    Target("under 110 MB after 100,000 runs", "memory after 100,000 runs", 110, _VALUE),
    Target(
        "flat: at most 5 % more memory in the second half of them", "growth in the second half", 5, _VALUE
    ),
    Target("ready in a second", "stepcue dev, start to first answer", 1_000, _VALUE),
    Target("replay costs no more per MB of state late in a long run", "cost of a call per MB of state", 1.1),
)


def judge(rows: Iterable[Row]) -> list[Verdict]:
    """Hold every target against the first row of ours that it names."""
    ours = [row for row in rows if row.server == "stepcue"]
    verdicts = []
    for target in TARGETS:
        row = next((row for row in ours if row.what.startswith(target.what)), None)
        found = None if row is None else row.value if target.of == "value" else row.ratio
        verdicts.append(Verdict(target.text, target.what, found, target.at_most))
    return verdicts


def print_verdicts(verdicts: Iterable[Verdict]) -> None:
    """Print the table of targets."""
    print(f"\ntargets\n{'':<64} {'found':>8} {'at most':>8}")
    words = {True: "met", False: "NOT met", None: "not measured in this run"}
    for verdict in verdicts:
        found = "" if verdict.found is None else f"{verdict.found:.2f}"
        print(f"{verdict.text:<64} {found:>8} {verdict.at_most:>8.2f}  {words[verdict.is_met]}")
