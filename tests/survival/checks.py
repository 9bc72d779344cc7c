"""What must be so at rest, however often the engine has died: of orders, of single runs, of flow control."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

from survival.data_file import DataFile
from survival.journal import Journal
from survival.orders import ALONE, RELEASED, Order

_HOUR_MS: Final = 3_600_000
_TICK_MS: Final = 2 * _HOUR_MS
_THROTTLE: Final = 2

Stored = dict[tuple[str, str], list[dict[str, Any]]]
"""The events that were sent, by name and number: those with an id may be there more than once."""


def check_orders(data: DataFile, orders: Iterable[Order], journal: Journal, *, deaths: int) -> Iterator[str]:
    """Yield what is wrong with events and runs, at rest: nothing is due, and nobody's call is open."""
    stored: Stored = defaultdict(list)
    for event in data.events.values():
        if event["source"] == "api":
            stored[event["name"], event["data"]["n"]].append(event)
    runs_of = defaultdict(list)
    for run in data.runs.values():
        for event_id in data.run_events[run["id"]]:
            runs_of[run["slug"].removeprefix("survival-"), event_id].append(run)
    all_orders = list(orders)
    for order in all_orders:
        yield from _taken(order, stored)
        if order.kind in ALONE:
            function = "sequential" if order.kind == "delayed" else order.kind
            for key in order.keys:
                runs = [run for event in stored[key] for run in runs_of[function, event["id"]]]
                if len(runs) != bool(stored[key]):
                    yield f"{key} ({order.kind}): {len(stored[key])} events stored, {len(runs)} runs"
    released = {
        order.signal or order.keys[0][1]
        for order in all_orders
        if order.kind in RELEASED.values() and order.is_accepted
    }
    for run in data.runs.values():
        yield from _run_as_it_should_be(run, data, released)
    yield from _results(data, journal)
    yield from _children(data)
    yield from _leaves(data, stored)
    yield from _shared(data, stored, runs_of)
    yield from _ticks(data, deaths)


def _taken(order: Order, stored: Stored) -> Iterator[str]:
    counts = [len(stored[key]) for key in order.keys]
    if order.is_accepted:
        for key, event_id in zip(order.keys, order.ids, strict=True):
            if event_id not in {event["id"] for event in stored[key]}:
                yield f"{key}: the accepted event {event_id} is lost"
    if len(set(counts)) > 1:
        yield f"{order.n}: a request was taken in part: {counts}"
    if max(counts, default=0) > order.sends:
        yield f"{order.n}: sent {order.sends} times, stored {counts} times"


def _run_as_it_should_be(run: dict[str, Any], data: DataFile, released: set[str]) -> Iterator[str]:
    kind = run["slug"].removeprefix("survival-")
    n = data.events[run["event_id"]]["data"].get("n")
    wanted = {"failing": "FAILED", "cancelled": "CANCELLED"}.get(kind, "COMPLETED")
    if kind in RELEASED and n not in released:
        wanted = "RUNNING"
    if run["status"] != wanted:
        yield f"run {run['id']} of {kind} ({n}) is {run['status']}, not {wanted}: {run['error']}"
    elif kind in RELEASED and wanted == "COMPLETED" and json.loads(run["output"])[-1] != f"mark-{n}":
        yield f"run {run['id']} of {kind} ({n}) was released by {run['output']}"


def _results(data: DataFile, journal: Journal) -> Iterator[str]:
    """What a function returned is what its steps returned, each in one of the times that it ran."""
    ran = {entry["nonce"]: (entry["run"], entry["step"]) for entry in journal.bodies()}
    kept: dict[str, set[str]] = defaultdict(set)
    for (run_id, step), memo in data.memos.items():
        for nonce in _nonces(json.loads(memo)):
            if step not in {"call", "fan-out"}:
                kept[run_id].add(nonce)
                if ran.get(nonce) != (run_id, step):
                    yield f"step {step} of {run_id} has a result that it never gave: {nonce}"
    for run in data.runs.values():
        if run["status"] != "COMPLETED":
            continue
        output = json.loads(run["output"])
        own = {nonce for nonce in _nonces(output) if ran.get(nonce, ("",))[0] == run["id"]}
        is_whole = run["slug"] == "survival-stepless" or own == kept[run["id"]]
        if run["slug"] == "survival-race":
            is_whole = own <= kept[run["id"]]
        if not own or not is_whole:
            yield f"run {run['id']} of {run['slug']} returned {output}, its steps {sorted(kept[run['id']])}"


def _nonces(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "nonce":
                yield inner
            else:
                yield from _nonces(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nonces(inner)


def _children(data: DataFile) -> Iterator[str]:
    children = Counter(run["parent_run_id"] for run in data.runs_of("child"))
    for run in data.runs_of("invoking"):
        if children[run["id"]] != 1:
            yield f"run {run['id']} of invoking has {children[run['id']]} children"
    mourners = Counter(
        data.events[run["event_id"]]["data"]["run_id"]
        for run in data.runs.values()
        if run["slug"] == "survival-failing-failure"
    )
    for run in data.runs_of("failing"):
        if mourners[run["id"]] != 1:
            yield f"the failure of {run['id']} was handled {mourners[run['id']]} times"


def _leaves(data: DataFile, stored: Stored) -> Iterator[str]:
    """Events with ids, which a step sends as often as its body runs, start one run each."""
    leaves = Counter(data.events[run["event_id"]]["data"]["n"] for run in data.runs_of("leaf"))
    for run in data.runs_of("sending"):
        for part in "xy":
            n = f"{data.events[run['event_id']]['data']['n']}-{part}"
            if leaves[n] != 1:
                yield f"leaf {n}: {len(stored['k/leaf', n])} events, {leaves[n]} runs"


def _shared(data: DataFile, stored: Stored, runs_of: dict[tuple[str, str], list[Any]]) -> Iterator[str]:
    by_key: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for (name, n), events in stored.items():
        kind = name.removeprefix("k/")
        if events and kind in {"batched", "throttled", "limited"}:
            count = sum(len(runs_of[kind, event["id"]]) for event in events)
            # Batches do not look at ids: each event is in one, however often it was sent.
            if count != (len(events) if kind == "batched" else 1):
                yield f"{n} ({kind}): {len(events)} events stored, {count} runs"
        elif events and kind in {"debounced", "single", "keyed", "rated"}:
            by_key[kind, events[0]["data"]["key"]] += events
    for (kind, key), events in by_key.items():
        runs = [run for event in events for run in runs_of[kind, event["id"]]]
        fault = _fault_of_key(kind, events, sorted(runs, key=lambda run: run["row"]))
        if fault:
            yield f"{kind} {key}: {len(events)} events stored, {len(runs)} runs: {fault}"


def _fault_of_key(kind: str, events: list[dict[str, Any]], runs: list[dict[str, Any]]) -> str:
    """Return what is wrong with the runs of all events that have the same key, empty if nothing is."""
    if kind == "single":
        overlap = [one["id"] for one, later in pairwise(runs) if later["queued_ms"] < one["ended_ms"]]
        return f"{overlap} had not ended when the next one began" if overlap or not runs else ""
    if len(runs) != 1:
        return "not one"
    last = max(events, key=lambda event: event["row"])
    is_of_last = runs[0]["event_id"] == last["id"]
    return "not for the last" if kind == "debounced" and not is_of_last else ""


def check_limits(data: DataFile, journal: Journal) -> Iterator[str]:
    """Yield where more went on, or began, at once than the limits allow."""
    yield from _throttled(data)
    for key, most in journal.most_at_once("one").items():
        if key and most > 1:
            yield f"limited {key}: {most} at once"


def _throttled(data: DataFile) -> Iterator[str]:
    starts = defaultdict(list)
    for run in data.runs_of("throttled"):
        starts[data.events[run["event_id"]]["data"]["key"]].append(run["started_ms"])
    for key, times in starts.items():
        times.sort()
        for first, later in zip(times, times[_THROTTLE + 1 :], strict=False):
            if later - first < _HOUR_MS:
                yield f"throttled {key}: {_THROTTLE + 2} starts in {later - first} ms"


def _ticks(data: DataFile, deaths: int) -> Iterator[str]:
    """No tick of the schedule comes twice; one is lost only to a death at its very moment, as documented."""
    ticks = [run["queued_ms"] // _TICK_MS for run in data.runs_of("ticking")]
    missing = sum(later - one - 1 for one, later in pairwise(ticks))
    if any(later <= one for one, later in pairwise(ticks)) or missing > deaths:
        yield f"the schedule ticked at {ticks}, and {deaths} engines died"
