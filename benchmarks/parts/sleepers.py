"""Very many sleeping runs that wake at one moment, next to the calls that this makes."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from benchmarks.arena import Arena, Side
from benchmarks.parts.bursts import FEW, best_alone
from benchmarks.report import Row, percentile, row
from benchmarks.sizes import Sizes
from benchmarks.usage import Watch

TITLE = "the moment at which all wake → last answer of the app"
EVENT = "bench/sleep"
_SLACK = 2.0
"""How much longer than a burst of as many runs it may take until all sleep."""
_TRIED = 300


async def measure(arena: Arena, sizes: Sizes) -> list[Row]:
    """Let every server have its runs asleep, and wake them."""
    return [row for side in arena.sides for row in await _wake(side, sizes.sleepers)]


def _until(seconds: float) -> dict[str, str]:
    return {"until": datetime.fromtimestamp(time.time() + seconds, UTC).isoformat(timespec="milliseconds")}


async def _wake(side: Side, runs: int) -> list[Row]:
    recording = (await side.record(EVENT, _until(0.5))).last()
    before = await best_alone(recording, runs, FEW)
    tried = min(runs, _TRIED)
    await side.app.reset()
    burst = await side.run("bench/steps-0", [{}] * tried)
    asleep_for_s = 1 + _SLACK * burst.ms / tried * runs / 1_000
    await side.app.reset()
    woken_ns = time.monotonic_ns() + asleep_for_s * 1e9
    await side.send(EVENT, [_until(asleep_for_s)] * runs)
    called = await side.app.until("calls", runs, timeout_s=side.timeout_s, times=True)
    late = sum(answered > woken_ns for _, answered in called["times"][:runs])
    watch, alone = side.watch(), Watch({"app": side.app.pid})
    with watch:
        counted = await side.app.until("ends", runs, timeout_s=side.timeout_s)
    with alone:
        after = await best_alone(recording, runs, counted["peak"])
    since = [(end - woken_ns) / 1e6 for end in sorted(counted["ends"])]
    note = f"the first ended after {since[0]:.0f} ms, half after {percentile(since, 0.5):.0f} ms"
    if late:
        note += f"; {late} were not asleep yet, so this is no measurement"
    # The watch began while all slept, when nobody did anything.
    watch.wall = max(since[-1] / 1_000, 1e-3)
    return [
        row(
            f"{runs:,} sleeping runs wake",
            side.label,
            [(since[-1], min(before.ms, after.ms))],
            against="the app alone",
            busy=watch.busy(runs),
            base_busy=alone.busy(runs * after.times),
            note=note,
        )
    ]
