"""The report: rows, the tables they become, and their JSON."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

Busy = Mapping[str, Sequence[float]]
"""Of each process, its processor milliseconds a sample or run, and its share of one core."""


@dataclass(frozen=True)
class Row:
    """One thing that was measured."""

    what: str
    """What it is; with `server`, the name by which two reports are compared."""
    server: str
    unit: str
    value: float
    """The median of all samples."""
    p95: float | None = None
    base: float | None = None
    """The median of what it is held against, in the same unit, measured in turn with it."""
    against: str = ""
    """What that is."""
    ratio: float | None = None
    """The median of value / base, of each pair."""
    samples: int = 1
    busy: Busy = field(default_factory=dict)
    """What each process used while this was measured."""
    base_busy: Busy = field(default_factory=dict)
    note: str = ""

    @property
    def cpu(self) -> float | None:
        """Processor time of server and app next to that of the base: to compare on busy machines."""
        ours, base = (
            sum(ms for name, (ms, _) in busy.items() if name != "bench")
            for busy in (self.busy, self.base_busy)
        )
        return ours / base if "server" in self.busy and base else None

    @property
    def key(self) -> tuple[str, str]:
        """What it is called in another report; another server's address does not matter."""
        return self.what, "stepcue" if self.server == "stepcue" else "other"


def row(
    what: str, server: str, pairs: Sequence[tuple[float, float]], *, unit: str = "ms", **more: Any
) -> Row:
    """Make a row of samples, each next to what it is held against."""
    values = sorted(value for value, _ in pairs)
    return Row(
        what=what,
        server=server,
        unit=unit,
        value=statistics.median(values),
        p95=percentile(values, 0.95) if len(values) > 1 else None,
        base=statistics.median(base for _, base in pairs),
        ratio=statistics.median(value / base for value, base in pairs),
        samples=len(values),
        **more,
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below or at which that share of the ordered ones lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass
class Part:
    """The rows of one part, under its title."""

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)


def print_part(part: Part) -> None:
    """Print one table."""
    names = [_name(found) for found in part.rows]
    width = max(map(len, names), default=0)
    head = f"{'':<{width}} {'median':>9} {'95 %':>9} {'base':>9} {'ratio':>6} {'cpu':>6} {'n':>4}"
    print(f"\n{part.name}: {part.title}\n{head}")
    for name, found in zip(names, part.rows, strict=True):
        print(
            f"{name:<{width}} {_number(found.value):>6} {found.unit:<2} {_number(found.p95):>9} "
            f"{_number(found.base):>9} {_number(found.ratio):>6} {_number(found.cpu):>6} {found.samples:>4}"
        )
        texts = (f"base: {found.against}" if found.against else "", found.note)
        for line in ("; ".join(text for text in texts if text), _busy(found)):
            if line:
                print(f"    {line}")


def _name(found: Row) -> str:
    other = "" if found.server == "stepcue" else f" [{found.server.partition('://')[2] or found.server}]"
    return f"{found.what}{other}"


def _busy(found: Row) -> str:
    def texts(busy: Busy) -> str:
        return ", ".join(f"{name} {ms:.1f} ms {share:.0%}" for name, (ms, share) in busy.items())

    both = [f"busy: {texts(found.busy)}" if found.busy else "", texts(found.base_busy)]
    return "; base: ".join(text for text in both if text)


def _server_ms(found: Row) -> str:
    return _number(found.busy["server"][0]) if "server" in found.busy else ""


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def machine() -> dict[str, Any]:
    """Return what the numbers depend on."""
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("stepcue", "inngest", "mcp", "uvicorn", "httpx")},
    }


def print_machine(found: Mapping[str, Any]) -> None:
    """Print it, and what follows from few cores."""
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    print(f"{found['cores']} cores, {found['machine']}, Python {found['python']}; {versions}")
    print("busy: processor time of each process, for each run or call, and its share of one core meanwhile.")
    print("What is near 100 % sets the speed. cpu: that of server and app, next to that of the base.")
    if (found["cores"] or 1) < 4:
        print("Few cores: server, app and this process compete for them, and so do app and this one alone.")
    if (found["load"] or 0) > 0.5 * (found["cores"] or 1):
        print(f"Load is {found['load']:.1f}: others use this machine. A server with its app suffers more")
        print("from that than the app alone: look at `cpu`, or measure again when the machine is idle.")


def as_json(options: Mapping[str, Any], parts: Iterable[Part], verdicts: Sequence[Any]) -> dict[str, Any]:
    """Return the report as JSON would have it."""
    return {
        "machine": machine(),
        "options": dict(options),
        "parts": [asdict(part) for part in parts],
        "targets": [asdict(verdict) for verdict in verdicts],
    }


def rows_of(report: Mapping[str, Any]) -> dict[tuple[str, str], Row]:
    """Read the rows of a report, by what they are called."""
    rows = [Row(**found) for part in report["parts"] for found in part["rows"]]
    return {found.key: found for found in rows}


def print_comparison(before: Mapping[str, Any], parts: Iterable[Part]) -> None:
    """Print each row next to the one of an earlier report; what only one of them has is named."""
    old, now = rows_of(before), machine()
    if any(before["machine"][name] != now[name] for name in ("machine", "cores")):
        print(
            "\nThe earlier report is of another machine: compare ratios, not medians.",
            file=sys.stderr,
        )
    rows = [found for part in parts for found in part.rows]
    width = max((len(_name(found)) for found in [*rows, *old.values()]), default=0)
    print(f"\ncompared\n{'':<{width}} {'median':>19} {'ratio':>15} {'change':>7} {'server cpu ms':>17}")
    for found in rows:
        was = old.pop(found.key, None)
        if was is None:
            print(f"{_name(found):<{width}} not in the earlier report")
            continue
        of_both = (found.ratio, was.ratio) if found.ratio and was.ratio else (found.value, was.value)
        print(
            f"{_name(found):<{width}} {_number(was.value):>8} → {_number(found.value):>8} "
            f"{_number(was.ratio):>6} → {_number(found.ratio):>6} {of_both[0] / of_both[1] - 1:>+7.0%} "
            f"{_server_ms(was):>7} → {_server_ms(found):>7}".rstrip(" →")
        )
    for missing in old.values():
        print(f"{_name(missing):<{width}} only in the earlier report")
