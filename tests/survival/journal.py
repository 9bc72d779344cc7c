"""What an app wrote down while it ran: which calls came, and which bodies ran in them.

One JSON object per line, appended at once, so that a reader sees whole lines. Fields: `kind` (`call`, `begin`
or `end` of a body), `ref` (the name of the call: queue item and lease), `run`; those of bodies have `step`,
`attempt`, `life` (which engine called) and `nonce`, which tells this running of a body from all others.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Writer:
    """Appends lines, each with one write."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **fields: Any) -> None:
        os.write(self._file, (json.dumps(fields) + "\n").encode())


@dataclass(frozen=True)
class Journal:
    """All lines so far."""

    entries: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Journal:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return cls([json.loads(line) for line in lines])

    def bodies(self) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["kind"] == "begin"]

    def nonces(self) -> set[str]:
        return {entry["nonce"] for entry in self.bodies()}

    def repeated_in_a_call(self) -> list[str]:
        """Return the bodies that ran more than once in one and the same call."""
        ran = Counter((entry["ref"], entry["run"], entry["step"]) for entry in self.bodies())
        return [
            f"{step} of {run} ran {count} times in call {ref}"
            for (ref, run, step), count in ran.items()
            if count > 1
        ]

    def run_again(self, kept: dict[tuple[str, str], int]) -> list[str]:
        """Return the bodies that ran in a call which began after their result was kept.

        `kept` says for a run and a step's name after how many lines its result was in the data file for sure.
        """
        began: dict[str, int] = {}
        found = []
        for line, entry in enumerate(self.entries):
            if entry["kind"] == "call":
                began.setdefault(entry["ref"], line)
            elif entry["kind"] == "begin":
                since = kept.get((entry["run"], entry["step"]))
                if since is not None and began[entry["ref"]] >= since:
                    found.append(
                        f"{entry['step']} of {entry['run']} ran again in call {entry['ref']}, line {line}"
                    )
        return found

    def repeated_attempts(self, *, except_for: set[str]) -> list[str]:
        """Return the bodies that ran as a second attempt: the death of an engine is no failure of the app."""
        again = [entry for entry in self.bodies() if entry["attempt"] and entry["step"] not in except_for]
        return [f"{entry['step']} of {entry['run']} ran as attempt {entry['attempt']}" for entry in again]

    def most_at_once(self, step: str) -> dict[str, int]:
        """Return for each `key` how many bodies of a step were open at once, at most, for one engine."""
        open_now: Counter[tuple[str, str]] = Counter()
        most: Counter[str] = Counter()
        began: dict[str, dict[str, Any]] = {}
        for entry in self.entries:
            if entry["kind"] == "begin" and entry["step"] == step:
                began[entry["nonce"]] = entry
                open_now[entry["life"], entry["key"]] += 1
                most[entry["key"]] = max(most[entry["key"]], open_now[entry["life"], entry["key"]])
            elif entry["kind"] == "end" and entry["nonce"] in began:
                open_now[began[entry["nonce"]]["life"], began[entry["nonce"]]["key"]] -= 1
        return dict(most)
