"""Whose turn it is, and what asking costs: `python benchmarks/fairness.py`.

Queues 10,000 runs of one call each for 100 keys, of which one has 5,000 runs and fifty have a single one.
Then all become due at once, and an app in this process answers each call at once. Prints how evenly the keys
had their turn, next to a perfect round robin: Jain's index (1 is even, 1/100 is one key having everything) of
the first hundred starts and of the thousand after those, and the place at which the last key with a single
run started. Then what each call cost: time in `admit` and `leave`, and all time next to the same runs without
flow control. The variants alternate, so that a machine whose speed drifts slows each of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent, executor
from durable_engine.sdk.client import SDKClient

URL = "http://127.0.0.1:8000/api/inngest"
KEYS = 100
SINGLE = 50
"""Keys with one run each."""
ROUNDS = 20
HEADERS = {"x-inngest-sdk": "inngest-py:v0.5.19", "x-inngest-req-version": "2"}
FREE = "no flow control"
VARIANTS: dict[str, dict[str, Any]] = {
    FREE: {},
    "10 at once, 2 per key": {"concurrency": [{"limit": 10}, {"limit": 2, "key": "event.data.key"}]},
    "500 at once, 100 per key": {"concurrency": [{"limit": 500}, {"limit": 100, "key": "event.data.key"}]},
    "500 at once": {"concurrency": [{"limit": 500}]},
    "a wide throttle per key": {
        "throttle": {"limit": 1_000_000, "period": "1s", "burst": 1_000_000, "key": "event.data.key"}
    },
}


@dataclass
class Clocked:
    """A function of the engine, with the time that it took."""

    function: Callable[..., Any]
    seconds: float = 0.0

    def __call__(self, *args: Any, **named: Any) -> Any:
        started = time.thread_time()
        try:
            return self.function(*args, **named)
        finally:
            self.seconds += time.thread_time() - started


@dataclass
class App:
    """Answers at once, and remembers whose call came when."""

    keys: list[int] = field(default_factory=list)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.keys.append(json.loads(await request.aread())["event"]["data"]["key"])
        return httpx.Response(200, json="done", headers=HEADERS)


@dataclass
class Measured:
    """One variant, once."""

    keys: Sequence[int]
    run_s: float
    cpu_s: float
    admit_s: float


def registration(flow: dict[str, Any]) -> dict[str, Any]:
    step = {"runtime": {"url": f"{URL}?fnId=bench-job&stepId=step"}}
    function = {"id": "bench-job", "name": "job", "triggers": [{"event": "bench/job"}], **flow}
    return {
        "appName": "bench",
        "url": URL,
        "sdk": "py:v0.5.19",
        "functions": [{**function, "steps": {"step": step}}],
    }


def keys_of(runs: int) -> list[int]:
    """Return the keys of the runs, in the order in which they are queued: the busy one first."""
    busy, others = runs // 2, KEYS - SINGLE - 1
    rest = runs - busy - SINGLE
    return [0] * busy + [1 + number % others for number in range(rest)] + list(range(KEYS - SINGLE, KEYS))


async def measure(flow: dict[str, Any], runs: int, data_file: Path | None) -> Measured:
    """Queue all runs, then let them go."""
    app = App()
    clocked = [Clocked(getattr(executor, name)) for name in ("admit", "leave") if hasattr(executor, name)]
    for function in clocked:
        setattr(executor, function.function.__name__, function)
    config = EngineConfig(data_file=data_file)
    clock = ManualClock()
    engine = await Engine.open(config, clock=clock, client=SDKClient(httpx.MockTransport(app.answer)))
    try:
        async with engine:
            assert await engine.register_app(registration(flow))
            due_ms = clock.now_ms() + 1_000
            events = [NewEvent(name="bench/job", data={"key": key}, ts_ms=due_ms) for key in keys_of(runs)]
            for first in range(0, runs, 1_000):
                await engine.send_events(events[first : first + 1_000])
            await engine.settle()
            assert not app.keys
            for function in clocked:
                function.seconds = 0.0
            started, cpu_started = time.perf_counter(), time.process_time()
            await clock.advance_to(due_ms)
            await engine.settle()
            run_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    finally:
        for function in clocked:
            setattr(executor, function.function.__name__, function.function)
    assert len(app.keys) == runs, len(app.keys)
    return Measured(app.keys, run_s, cpu_s, sum(function.seconds for function in clocked))


def jain(counts: Iterable[int]) -> float:
    """Return Jain's index of fairness."""
    shares = list(counts)
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def fairness(keys: Sequence[int]) -> tuple[float, float, float]:
    """Return the index over the first start of each key, over those after them, and the last single one."""
    first = Counter(keys[:KEYS])
    many = KEYS - SINGLE
    later = Counter(key for key in keys[KEYS : KEYS + ROUNDS * many] if key < many)
    last = max(keys.index(key) for key in range(many, KEYS)) + 1
    return (
        jain(first[key] for key in range(KEYS)),
        jain(later[key] for key in range(many)),
        last / KEYS,
    )


async def compare(names: Sequence[str], runs: int, rounds: int, *, in_memory: bool) -> None:
    """Measure all variants in turn and print the table."""
    found: dict[str, list[Measured]] = {}
    for _ in range(rounds):
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                data_file = None if in_memory else Path(folder) / "bench.db"
                found.setdefault(name, []).append(await measure(VARIANTS[name], runs, data_file))
    print(f"{runs:,} runs, {'in memory' if in_memory else 'on file'}, {rounds} rounds")
    print(
        f"{'':<26} {'runs/s':>8} {'time':>6} {'cpu':>6} {'us/call':>8} {'share':>6} "
        f"{'Jain 1':>7} {'Jain 2+':>8} {'last':>6}"
    )
    base = found[names[0]]
    for name, measured in found.items():
        pairs = list(zip(measured, base, strict=True))
        one, more, last = fairness(measured[-1].keys)
        print(
            f"{name:<26} {runs / statistics.median(m.run_s for m in measured):>8,.0f} "
            f"{statistics.median(ours.run_s / theirs.run_s for ours, theirs in pairs):>6.2f} "
            f"{statistics.median(ours.cpu_s / theirs.cpu_s for ours, theirs in pairs):>6.2f} "
            f"{statistics.median(m.admit_s for m in measured) / runs * 1e6:>8.1f} "
            f"{statistics.median(m.admit_s / m.cpu_s for m in measured):>6.0%} "
            f"{one:>7.2f} {more:>8.2f} {last:>6.2f}"
        )


def show(names: Sequence[str], runs: int, rounds: int, *, in_memory: bool | None) -> None:
    """Print the tables."""
    print("time, cpu: for all runs, next to those without flow control (1 is the same)")
    print("us/call, share: processor time in admit and leave for each call, and their share of all of it")
    print("last: the place of the last key with a single run, next to that in a perfect round robin")
    for choice in (False, True) if in_memory is None else (in_memory,):
        asyncio.run(compare(names, runs, rounds, in_memory=choice))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="How many runs are queued.")
    parser.add_argument("--rounds", type=int, default=3, help="How many times to repeat everything.")
    parser.add_argument("--only", choices=list(VARIANTS), help="Measure this variant, alone.")
    parser.add_argument("--in-memory", action=argparse.BooleanOptionalAction, help="Only in memory, or file.")
    asked = parser.parse_args()
    show([asked.only] if asked.only else list(VARIANTS), asked.runs, asked.rounds, in_memory=asked.in_memory)
