"""From the start of the process to its first answer, next to processes that do less."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from benchmarks.arena import Arena
from benchmarks.report import Row, row
from benchmarks.sizes import Sizes

TITLE = "start of a process → its first answer"
_DEV = ("dev", "--port", "0", "--no-discovery", "--in-memory")
_STDIO = ("mcp", "--port", "0", "--no-discovery", "--in-memory")
_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}


async def measure(arena: Arena, sizes: Sizes) -> list[Row]:
    """Start each kind of process in turn."""
    kinds: dict[str, Callable[[Path], float]] = {
        "stepcue dev, start to first answer": _dev_ms,
        "stepcue mcp over stdio, start to first answer": _stdio_ms,
        "python -c 'import mcp'": lambda folder: _python_ms(folder, "import mcp"),
        "python -c pass": lambda folder: _python_ms(folder, "pass"),
    }
    times: dict[str, list[float]] = {what: [] for what in kinds}
    used: dict[str, float] = dict.fromkeys(kinds, 0.0)
    for _ in range(sizes.starts):
        for what, start in kinds.items():
            before = _children_s()
            times[what].append(start(arena.folder))
            used[what] += _children_s() - before
    busy = {
        what: {"server": (used[what] * 1_000 / sizes.starts, used[what] * 1_000 / sum(found))}
        for what, found in times.items()
    }
    *_, base = kinds
    return [
        row(
            what,
            "stepcue",
            list(zip(found, times[base], strict=True)),
            against=base,
            busy=busy[what],
            base_busy=busy[base],
        )
        for what, found in times.items()
        if what != base
    ]


def _children_s() -> float:
    """Return the processor time of all processes that we started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _python_ms(folder: Path, code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder)
    return (time.perf_counter() - started) * 1_000


def _dev_ms(folder: Path) -> float:
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "mcp_server", *_DEV],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "listens on http" in line)
            origin = line.partition("listens on ")[2].split()[0]
            with urlopen(f"{origin}/health") as answer:  # noqa: S310 - our own server
                assert answer.status == 200
            return (time.perf_counter() - started) * 1_000
        finally:
            process.kill()


def _stdio_ms(folder: Path) -> float:
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "mcp_server", *_STDIO],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(_INITIALIZE) + "\n")
            process.stdin.flush()
            assert "result" in json.loads(process.stdout.readline())
            return (time.perf_counter() - started) * 1_000
        finally:
            process.kill()
