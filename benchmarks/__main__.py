"""Measure, print, and compare: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.arena import Arena, arena
from benchmarks.parts import bursts, docs, latency, mcp_calls, memory, sleepers, startup, waits
from benchmarks.report import Part, as_json, machine, print_comparison, print_machine, print_part, rows_of
from benchmarks.sizes import FULL, QUICK, TINY, Sizes
from benchmarks.targets import judge, print_verdicts
from benchmarks.wire import BenchError

PARTS: Mapping[str, ModuleType] = {
    "latency": latency,
    "bursts": bursts,
    "sleepers": sleepers,
    "mcp": mcp_calls,
    "docs": docs,
    "startup": startup,
    "memory": memory,
    "waits": waits,
}
"""In this order; the last two start our server anew."""


async def measured(found: Arena, names: Collection[str], sizes: Sizes) -> list[Part]:
    """Measure the parts, and print the table of each when it is there."""
    parts = []
    for name, module in PARTS.items():
        if name in names:
            since = time.perf_counter()
            parts.append(Part(name, module.TITLE, await module.measure(found, sizes)))
            print_part(parts[-1])
            print(f"    ({time.perf_counter() - since:.0f} s)", flush=True)
    return parts


async def run(
    names: Collection[str], sizes: Sizes, against: str | None, against_pid: int | None
) -> list[Part]:
    """Start what is needed, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        async with arena(Path(folder), against, against_pid, sizes.timeout_s) as found:
            return await measured(found, names, sizes)


def _part(name: str) -> str:
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"There is no part {name!r}; there are: {', '.join(PARTS)}.")
    return name


def _report(name: str) -> dict[str, Any]:
    """Read an earlier report."""
    try:
        found: dict[str, Any] = json.loads(Path(name).read_text(encoding="utf-8"))
        rows_of(found)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name} cannot be read: {error.strerror}.") from None
    except (ValueError, LookupError, TypeError):
        raise argparse.ArgumentTypeError(f"{name} is no report that --json wrote.") from None
    return found


def _writable(name: str) -> Path:
    """Find out now, not when all is measured, whether the report can be written."""
    try:
        Path(name).open("a").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name} cannot be written: {error.strerror}.") from None
    return Path(name)


def parser() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    found = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parts = f"What to measure: {', '.join(PARTS)}. All if left out."
    found.add_argument("parts", nargs="*", type=_part, metavar="PART", help=parts)
    size = found.add_mutually_exclusive_group()
    for name, sizes, text in (
        ("--quick", QUICK, "Smaller numbers, in about a minute."),
        ("--tiny", TINY, "Numbers that say nothing, to see that everything runs."),
    ):
        size.add_argument(name, action="store_const", const=sizes, default=FULL, dest="sizes", help=text)
    found.add_argument("--against", metavar="URL", help="Another server, to measure in turn with ours.")
    found.add_argument("--against-pid", type=int, metavar="PID", help="Its process, for memory and time.")
    found.add_argument("--json", type=_writable, metavar="FILE", help="Write the report there, too.")
    found.add_argument("--compare", type=_report, metavar="FILE", help="An earlier report, to compare with.")
    return found


def conclude(asked: argparse.Namespace, parts: Sequence[Part]) -> None:
    """Hold what was measured against the targets and an earlier report, and write it down."""
    verdicts = judge(row for part in parts for row in part.rows)
    print_verdicts(verdicts)
    if asked.compare is not None:
        print_comparison(asked.compare, parts)
    if asked.json is not None:
        options = {"parts": [part.name for part in parts], "against": asked.against}
        report = as_json({**options, "sizes": asdict(asked.sizes)}, parts, verdicts)
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Do what the command line says."""
    asked = parser().parse_args()
    print_machine(machine())
    against = asked.against.rstrip("/") if asked.against else None
    try:
        parts = asyncio.run(run(asked.parts or PARTS, asked.sizes, against, asked.against_pid))
    except BenchError as error:
        sys.exit(f"{error}")
    conclude(asked, parts)


if __name__ == "__main__":
    main()
