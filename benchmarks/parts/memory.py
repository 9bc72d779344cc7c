"""Memory at rest, after very many runs, and with one run of much state; and what replaying that run costs."""

from __future__ import annotations

from benchmarks.arena import Arena, Side
from benchmarks.report import Row
from benchmarks.sizes import Sizes
from benchmarks.usage import memory_mb

TITLE = "resident memory (RSS) of the server's process"
_CHUNKS = 10


async def measure(arena: Arena, sizes: Sizes) -> list[Row]:
    """Look at each server whose process is known; ours is started anew before each load."""
    rows = []
    if arena.other is not None and arena.other.server_pid is not None:
        rows += await _runs(arena.other, sizes.runs) + await _long(arena.other, sizes)
    own = await arena.fresh() if sizes.fresh else arena.own
    rows += await _runs(own, sizes.runs)
    own = await arena.fresh() if sizes.fresh else arena.own
    return rows + await _long(own, sizes)


async def _runs(side: Side, runs: int) -> list[Row]:
    rest = _memory(side)
    grown: list[float] = []
    for _ in range(_CHUNKS):
        await side.app.reset()
        await side.run("bench/steps-0", [{}] * (runs // _CHUNKS))
        grown.append(_memory(side)["rss"])
    last = _memory(side)
    half = grown[_CHUNKS // 2 - 1]
    after = f"memory after {runs:,} runs"
    return [
        Row("memory at rest, app synced", side.label, "MB", rest["rss"], note=_more(rest)),
        Row(
            after,
            side.label,
            "MB",
            last["rss"],
            base=rest["rss"],
            against="at rest",
            ratio=last["rss"] / rest["rss"],
            note=_more(last),
        ),
        Row(
            "growth in the second half of these runs",
            side.label,
            "%",
            (grown[-1] / half - 1) * 100,
            note=", ".join(f"{mb:.0f}" for mb in grown) + " MB after each tenth",
        ),
    ]


async def _long(side: Side, sizes: Sizes) -> list[Row]:
    rest = _memory(side)
    data = {"steps": sizes.long_steps, "bytes": sizes.long_bytes // sizes.long_steps}
    await side.app.reset()
    watch = side.watch()
    with watch:
        done = await side.run("bench/long", [data])
    counted = await side.app.until("ends", 1, timeout_s=side.timeout_s, times=True)
    calls = counted["times"]
    own_ms = sum(left - came for came, left in calls) / 1e6
    name = f"{sizes.long_steps:,} steps and {sizes.long_bytes / 1e6:g} MB"
    rows = [
        Row(
            f"a run of {name}",
            side.label,
            "ms",
            done.ms,
            base=own_ms,
            against="its calls at the app, from their first byte to the answer",
            ratio=done.ms / own_ms,
            busy=watch.busy(1),
        ),
        _growth(side, calls, data["bytes"] / 1e6),
    ]
    last = _memory(side)
    after = Row(
        f"memory after {name}",
        side.label,
        "MB",
        last["rss"],
        base=rest["rss"],
        against="before it",
        ratio=last["rss"] / rest["rss"],
        note=_more(last),
    )
    return [*rows, after]


def _growth(side: Side, calls: list[tuple[int, int]], step_mb: float) -> Row:
    """Compare what each call costs per byte of state, late in the run and earlier.

    The time from one answer to the next, app included: a server may send while the app already reads, and
    an app fetches what is too large for a request.
    """
    quarter = len(calls) // 4

    def ms_per_mb(first: int, end: int) -> float:
        spent = calls[end - 1][1] - calls[first - 1][1]
        return spent / 1e6 / (sum(range(first, end)) * step_mb)

    early, late = ms_per_mb(quarter, 2 * quarter), ms_per_mb(3 * quarter, len(calls))
    return Row(
        "cost of a call per MB of state, late in that run",
        side.label,
        "ms",
        late,
        base=early,
        against="in its second quarter; up to 1: it grows no faster than the state",
        ratio=late / early,
    )


def _memory(side: Side) -> dict[str, float]:
    assert side.server_pid is not None
    return memory_mb(side.server_pid)


def _more(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {mb:.0f} MB" for name, mb in found.items() if name != "rss")
