"""From an event to the end of its run, next to the same calls sent to the app by us."""

from __future__ import annotations

from datetime import datetime

from benchmarks.arena import Arena, Done, Side
from benchmarks.report import Row, row
from benchmarks.sizes import Sizes
from benchmarks.usage import Watch
from benchmarks.wire import BenchError, ask

TITLE = "event sent → last answer of the app"
FUNCTIONS = {
    "0 steps": ("bench/steps-0", 1.0),
    "1 step": ("bench/steps-1", 1.0),
    "3 steps": ("bench/steps-3", 1.0),
    "10 parallel steps": ("bench/parallel-10", 0.2),
    "100 steps": ("bench/steps-100", 0.1),
}
"""What is run, and which share of the rounds it takes part in."""


async def measure(arena: Arena, sizes: Sizes) -> list[Row]:
    """Run each function on every server in turn, each run followed by its calls alone."""
    rows = []
    for what, (event, share) in FUNCTIONS.items():
        rows += await _function(arena, what, event, max(1, round(sizes.rounds * share)))
    return rows


async def _function(arena: Arena, what: str, event: str, rounds: int) -> list[Row]:
    recordings = [await side.record(event) for side in arena.sides]
    pairs: list[list[tuple[float, float]]] = [[] for _ in arena.sides]
    watches = [side.watch() for side in arena.sides]
    alone = [Watch({"app": side.app.pid}) for side in arena.sides]
    ended: list[list[Done]] = [[] for _ in arena.sides]
    for _ in range(rounds):
        for number, side in enumerate(arena.sides):
            await side.app.reset()
            with watches[number]:
                done = await side.run(event)
            with alone[number]:
                base = await recordings[number].run_ms()
            pairs[number].append((done.ms, base))
            ended[number].append(done)
    rows = []
    for number, side in enumerate(arena.sides):
        calls = f"{recordings[number].calls} calls"
        shares = {"busy": watches[number].busy(rounds), "base_busy": alone[number].busy(rounds)}
        rows.append(row(what, side.label, pairs[number], against="the app alone", note=calls, **shares))
        recorded = await _recorded(side, ended[number], [base for _, base in pairs[number]])
        if recorded:
            rows.append(row(f"{what}, to its recorded end", side.label, recorded, against="the app alone"))
    return rows


async def _recorded(side: Side, runs: list[Done], bases: list[float]) -> list[tuple[float, float]]:
    """Return the milliseconds from each event to the end that the server wrote down for its run.

    The server is asked when all is over; what it does not tell is left out.
    """
    pairs = []
    for done, base in zip(runs, bases, strict=True):
        try:
            found = await ask(side.origin, "GET", f"/v1/events/{done.event_id}/runs")
            ended = datetime.fromisoformat(found["data"][0]["ended_at"])
        except (BenchError, LookupError, TypeError, ValueError):
            continue
        pairs.append((ended.timestamp() * 1_000 - done.sent_ms, base))
    return pairs
