"""What an event costs while very many runs wait for events of its name: `python benchmarks/waits.py`.

Opens two engines on data files. In one nothing waits; in the other each of 100,000 runs waits for an event
(`step.waitForEvent`) and may be cancelled by another (`cancelOn`), both with an expression that compares the
run's own event with the incoming one. Sends events to both in turn, so that a machine whose speed drifts
slows both, and prints medians (event sent → receipt) and their ratio to an event where nothing waits.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import httpx

from durable_engine import Engine, EngineConfig, EventReceipt, NewEvent
from durable_engine.clock import RealClock
from durable_engine.expressions import compile_expression, wait_key
from durable_engine.ids import new_ulid
from durable_engine.model.changes import Changes, StepWrite
from durable_engine.model.event import Event
from durable_engine.model.op import StepRef
from durable_engine.model.pause import CancelTrigger, Pause
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus, StepKind, StepStatus
from durable_engine.model.step import Step
from durable_engine.sdk.client import SDKClient
from durable_engine.sdk.registration import Registration, read_registration
from durable_engine.storage.database import Database

EXPRESSION = "event.data.order == async.data.order && async.data.ok"
WAIT, GO, STOP, OTHER = "bench/wait", "bench/go", "bench/stop", "bench/other"
STEP_ID = hashlib.sha1(b"answer", usedforsecurity=False).hexdigest()
"""What the SDKs make of the id of the step, so that the real app can go on from there."""
URL = "http://127.0.0.1:8000/api/inngest"
APP = {
    "appName": "bench",
    "url": URL,
    "sdk": "py:v0.5.19",
    "functions": [
        {
            "id": "bench-wait",
            "name": "wait",
            "triggers": [{"event": WAIT}],
            "cancel": [{"event": STOP, "if": EXPRESSION}],
            "steps": {"step": {"runtime": {"url": f"{URL}?fnId=bench-wait&stepId=step"}}},
        }
    ],
}
YEAR_MS = 365 * 86_400_000


def a_wait(registration: Registration, number: int, *, now_ms: int, indexed: bool) -> Changes:
    """Make a run that has come to its wait: what starting it and its first call would have written."""
    (function,) = registration.functions
    event_id, run_id = new_ulid(now_ms), new_ulid(now_ms)
    data = {"order": f"order-{number}"}
    event = Event(
        id=event_id,
        public_id=event_id,
        name=WAIT,
        data=data,
        user={},
        ts_ms=now_ms,
        received_ms=now_ms,
    )
    expression = compile_expression(EXPRESSION) if indexed else None
    path, key = wait_key(expression, event.as_payload)
    ref = StepRef(id=STEP_ID, name="answer")
    waits = {"run_id": run_id, "expression": EXPRESSION, "match_path": path, "match_key": key}
    step = Step(
        ref=ref,
        kind=StepKind.WAIT_FOR_EVENT,
        status=StepStatus.WAITING,
        queued_ms=now_ms,
        started_ms=now_ms,
        attempts=1,
        due_ms=now_ms + YEAR_MS,
    )
    run = Run(
        id=run_id,
        function_id=function.id,
        event_id=event_id,
        status=RunStatus.RUNNING,
        queued_ms=now_ms,
        started_ms=now_ms,
        execution_version=2,
    )
    return Changes(
        events=[event],
        new_runs=[run],
        steps=[StepWrite(run_id=run_id, step=step)],
        items=[NewItem(run_id=run_id, kind=ItemKind.TIMER, due_ms=now_ms + YEAR_MS, step_id=ref.id)],
        pauses=[Pause(step_id=ref.id, event_name=GO, **waits)],
        cancel_triggers=[CancelTrigger(position=0, event_name=STOP, **waits)],
    )


async def fill(path: Path, count: int, *, indexed: bool) -> None:
    """Make a data file with the app and `count` runs that wait."""
    now_ms = RealClock().now_ms()
    registration = read_registration(APP, url=None, now_ms=now_ms)
    database = await Database.open(path)
    await database.transact(lambda tables: tables.registry.save(registration.app, registration.functions))
    for start in range(0, count, 10_000):
        waits = [
            a_wait(registration, number, now_ms=now_ms, indexed=indexed)
            for number in range(start, min(start + 10_000, count))
        ]
        await database.transact(lambda tables, waits=waits: [tables.apply(changes) for changes in waits])
    await database.close()


async def open_engine(path: Path) -> Engine:
    """Open an engine whose app ends every run at once."""

    def answer(_request: httpx.Request) -> httpx.Response:
        headers = {"x-inngest-sdk": "inngest-py:v0.5.19", "x-inngest-req-version": "2"}
        return httpx.Response(200, json="done", headers=headers)

    client = SDKClient(httpx.MockTransport(answer))
    return await Engine.open(EngineConfig(data_file=path), client=client)


async def event_ms(engine: Engine, name: str, order: str, *, explains: bool) -> tuple[float, EventReceipt]:
    """Send one event to an engine that has nothing else to do; return the milliseconds and the receipt.

    `explains`: as a tool sends it, which wants to know why waits are not met; apps do not.
    """
    await engine.settle()
    event = NewEvent(name=name, data={"order": order, "ok": True})
    started = time.perf_counter()
    if explains:
        receipt = await engine.send_event(event)
    else:
        (receipt,) = await engine.send_events([event])
    return (time.perf_counter() - started) * 1_000, receipt


def show(what: str, times: Iterable[float], base: float) -> None:
    """Print one line of the table."""
    ordered = sorted(times)
    median, slow = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    print(f"{what:<44} {median:>9.2f} {slow:>9.2f} {median / base:>7.1f} {len(ordered):>5}")


async def measure(count: int, samples: int, *, indexed: bool) -> None:
    """Measure everything and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        free_path, full_path = Path(folder) / "free.db", Path(folder) / "full.db"
        started = time.perf_counter()
        await fill(free_path, 0, indexed=indexed)
        await fill(full_path, count, indexed=indexed)
        filled = time.perf_counter()
        async with await open_engine(free_path) as free, await open_engine(full_path) as full:
            ready = time.perf_counter()
            print(f"{count:,} runs that wait: written in {filled - started:.0f} s, ", end="")
            print(f"opened in {ready - filled:.1f} s")
            print(f"{'event':<44} {'median ms':>9} {'95 % ms':>9} {'ratio':>7} {'n':>5}")
            await compare(free, full, count, samples)


async def compare(free: Engine, full: Engine, count: int, samples: int) -> None:
    """Send each kind of event `samples` times to both engines, one after the other."""
    orders = random.Random(1).sample(range(count), 2 * samples)  # noqa: S311 - any order does
    times: dict[str, list[float]] = {}
    for number in range(samples):
        ended, cancelled = f"order-{orders[2 * number]}", f"order-{orders[2 * number + 1]}"
        for what, engine, name, order in (
            ("nothing waits in the engine", free, GO, "none"),
            ("a name that nothing waits for", full, OTHER, "none"),
            (f"meets none of {count:,} waits of its name", full, GO, "none"),
            (f"meets none of {count:,} waits, explained", full, GO, "none"),
            (f"meets none of {count:,} cancelOn of its name", full, STOP, "none"),
            ("ends one wait", full, GO, ended),
            ("cancels one run", full, STOP, cancelled),
        ):
            ms, receipt = await event_ms(engine, name, order, explains=what.endswith("explained"))
            assert len(receipt.resumed) == (order == ended), receipt
            assert len(receipt.cancelled) == (order == cancelled), receipt
            times.setdefault(what, []).append(ms)
    base = statistics.median(times["nothing waits in the engine"])
    for what, all_ms in times.items():
        show(what, all_ms, base)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waits", type=int, default=100_000, help="How many runs wait.")
    parser.add_argument("--samples", type=int, default=200, help="How often each kind of event is sent.")
    parser.add_argument(
        "--unindexed", action="store_true", help="Store the waits as an older version did: none is looked up."
    )
    asked = parser.parse_args()
    asyncio.run(measure(asked.waits, asked.samples, indexed=not asked.unindexed))
