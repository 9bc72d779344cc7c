"""What processes use: processor time and memory, of `/proc` on Linux and of `ps` elsewhere."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_IS_LINUX = sys.platform.startswith("linux")


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    if _IS_LINUX:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total = 0.0
    for part in _ps(pid, "time").replace("-", ":").split(":"):
        total = total * 60 + float(part)
    return total


def memory_mb(pid: int) -> dict[str, float]:
    """Return the megabytes (of 1,000,000 bytes) that a process has in memory.

    `rss`, and where the system says it also `pss`, which shares what processes share, and `peak`, the most
    that `rss` ever was.
    """
    if not _IS_LINUX:
        return {"rss": int(_ps(pid, "rss")) * 1024 / 1e6}
    status, rollup = Path(f"/proc/{pid}/status"), Path(f"/proc/{pid}/smaps_rollup")
    found = {"rss": _kilobytes(status, "VmRSS:"), "peak": _kilobytes(status, "VmHWM:")}
    with contextlib.suppress(OSError):
        found["pss"] = _kilobytes(rollup, "Pss:")
    return {name: kilobytes * 1024 / 1e6 for name, kilobytes in found.items()}


def _kilobytes(file: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(name))


def _ps(pid: int, column: str) -> str:
    command = ["ps", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Watch:
    """Adds up how busy processes were while it was entered."""

    pids: Mapping[str, int]
    used: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0
    _before: dict[str, float] = field(default_factory=dict)
    _since: float = 0.0

    def __enter__(self) -> Watch:
        self._before = self._now()
        self._since = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter() - self._since
        for name, seconds in self._now().items():
            self.used[name] = self.used.get(name, 0.0) + seconds - self._before[name]

    def _now(self) -> dict[str, float]:
        return {"bench": time.process_time()} | {name: cpu_s(pid) for name, pid in self.pids.items()}

    def busy(self, count: int) -> dict[str, tuple[float, float]]:
        """Return, by process, its processor milliseconds for each of `count` and its share of a core."""
        return {name: (seconds * 1_000 / count, seconds / self.wall) for name, seconds in self.used.items()}
