"""Very many events at once, next to what the app alone can take."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.arena import Arena, Side
from benchmarks.direct import Recording
from benchmarks.report import Row, row
from benchmarks.sizes import Sizes
from benchmarks.usage import Watch

TITLE = "first event sent → last answer of the app, one step a run"
EVENT = "bench/steps-1"
FEW = 10
"""Connections with which an app of one thread is at its best; many cost it more."""


async def measure(arena: Arena, sizes: Sizes) -> list[Row]:
    """Send each burst to every server in turn, each followed by its calls alone."""
    recordings = [await side.record(EVENT) for side in arena.sides]
    rows = []
    for runs, times in sizes.bursts:
        for side, recording in zip(arena.sides, recordings, strict=True):
            rows.append(await _burst(side, recording, runs, times))
    return rows


async def _burst(side: Side, recording: Recording, runs: int, times: int) -> Row:
    pairs, watch, alone, peaks, alone_times = [], side.watch(), Watch({"app": side.app.pid}), [], 0
    for _ in range(times):
        await side.app.reset()
        with watch:
            done = await side.run(EVENT, [{}] * runs)
        peaks.append(done.peak)
        with alone:
            base = await best_alone(recording, runs, done.peak)
        alone_times += base.times
        pairs.append((done.ms, base.ms))
    found = row(
        f"burst of {runs:,} runs",
        side.label,
        pairs,
        against="the app alone, the better of as many connections and 10",
        busy=watch.busy(runs * times),
        base_busy=alone.busy(runs * alone_times),
    )
    share = 1 / (found.ratio or 1)
    note = (
        f"{runs / found.value * 1_000:,.0f} runs/s, {share:.0%} of the app alone, {max(peaks)} calls at once"
    )
    return replace(found, note=note)


@dataclass(frozen=True)
class Alone:
    """What the app alone needed."""

    ms: float
    times: int
    """How often it was measured."""


async def best_alone(recording: Recording, runs: int, peak: int) -> Alone:
    """Measure the app alone with as many connections as the server had and with few; return the better."""
    found = [await recording.burst_ms(runs, at_once) for at_once in sorted({peak, FEW})]
    return Alone(min(found), len(found))
