"""An event that ends one of very many waits, next to the call that this makes."""

from __future__ import annotations

import random
from typing import Any

from benchmarks.arena import Arena, Side
from benchmarks.report import Row, row
from benchmarks.sizes import Sizes
from benchmarks.usage import Watch
from benchmarks.waits import GO, WAIT, fill

TITLE = "event sent → last answer of the app, of the one run whose wait it ends"


async def measure(arena: Arena, sizes: Sizes) -> list[Row]:
    """Measure with few waits, then with very many.

    In our server the many are written into the data file, as if they had been started; in another one each
    has to be started, so there are fewer.
    """
    samples = sizes.wait_samples
    few = [await _answer(side, await _start(side, samples, "few"), samples) for side in arena.sides]
    full = arena.folder / "waits.db"
    await fill(full, sizes.waits, indexed=True)
    written = [_order(f"order-{number}") for number in range(sizes.waits)]
    many = [await _answer(await arena.fresh(full), written, samples)]
    if arena.other is not None:
        started = await _start(arena.other, sizes.real_waits, "many")
        many.append(await _answer(arena.other, started, samples))
    return [*few, *many]


def _order(name: str) -> dict[str, Any]:
    return {"order": name, "ok": True}


async def _start(side: Side, count: int, name: str) -> list[dict[str, Any]]:
    """Start that many runs that wait."""
    orders = [_order(f"{name}-{number}") for number in range(count)]
    await side.app.reset()
    await side.send(WAIT, orders)
    await side.app.until("calls", count, timeout_s=side.timeout_s)
    return orders


async def _answer(side: Side, orders: list[dict[str, Any]], samples: int) -> Row:
    """End some of the waits, one after the other."""
    # A whole run, after which every wait that was answered before it is stored.
    await side.app.reset()
    await side.run("bench/steps-0")
    chosen = random.Random(1).sample(orders, min(samples, len(orders)))  # noqa: S311 - any orders do
    await side.app.reset(record=True)
    await side.send(GO, [chosen[0]])
    recording = await side.stop_recording()
    pairs, watch, alone = [], side.watch(), Watch({"app": side.app.pid})
    for order in chosen[1:]:
        await side.app.reset()
        with watch:
            done = await side.run(GO, [order])
        with alone:
            pairs.append((done.ms, await recording.run_ms()))
    return row(
        f"an event for one of {len(orders):,} waits",
        side.label,
        pairs,
        against="the app alone",
        busy=watch.busy(len(pairs)),
        base_busy=alone.busy(len(pairs)),
    )
