"""What is asked of the engine while it keeps dying, and what it said about it.

An order is one request with one event or several. One that has ids of its own is sent until it is accepted.
One that has none is sent once: when the engine dies meanwhile, it has been taken wholly or not at all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

_SENDERS: Final = 6
_ALWAYS: Final = ("sequential", "parallel", "sleeping", "waiting", "cancelled")
_SOMETIMES: Final = ("stepless", "race", "unmet", "invoking", "flaky", "failing", "sending", "delayed")
_TYPESCRIPT: Final = ("ts-sequential", "ts-parallel", "ts-sleeping", "ts-waiting", "ts-signalled")
_BY_KEY: Final = {"debounced": 4, "throttled": 5, "limited": 5, "single": 3, "keyed": 3, "rated": 3}
"""Kinds whose events share what a limit allows, by key, and the most of each in a round."""
ALONE: Final = _ALWAYS + _SOMETIMES + _TYPESCRIPT
"""Kinds of which each event starts a run of its own, whatever else is sent."""
RELEASED: Final = {"waiting": "go", "cancelled": "stop", "ts-waiting": "go", "ts-signalled": "signal"}
"""Kinds whose runs rest until another event comes, and the name of that event; or a signal."""


@dataclass
class Order:
    """One request; `ids` are those that the engine answered with. A signal is an order without events."""

    n: str
    kind: str
    events: list[dict[str, Any]]
    is_named: bool
    ids: list[str] = field(default_factory=list)
    is_accepted: bool = False
    sends: int = 0
    signal: str = ""
    may_miss: bool = False
    """Whether nobody may be there to get the signal."""

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Name and number of each event."""
        return [(event["name"], event["data"]["n"]) for event in self.events]


class _Pad:
    """Numbers the orders of a round, and gives half of them ids."""

    def __init__(self, rng: random.Random, number: int) -> None:
        self._rng = rng
        self._number = number
        self.orders: list[Order] = []

    def add(self, kind: str, count: int = 1, *, event: str = "", ts: int | None = None, **data: Any) -> None:
        n = f"r{self._number}-{len(self.orders)}"
        is_named = self._rng.random() < 0.5
        events = []
        for place in range(count):
            mine = n if count == 1 else f"{n}.{place}"
            named = {"id": f"order-{mine}"} if is_named else {}
            timed = {} if ts is None else {"ts": ts}
            events.append({"name": f"k/{event or kind}", "data": {"n": mine, **data}, **named, **timed})
        self.orders.append(Order(n, kind, events, is_named))


def make_orders(
    rng: random.Random, number: int, *, now_ms: int, share: float, with_typescript: bool
) -> list[Order]:
    """Return the orders of a round, in the order in which they are sent. `share` makes them fewer."""
    pad = _Pad(rng, number)

    def some(most: int) -> range:
        return range(max(1, round(rng.randint(1, most) * share)))

    kinds = [*_ALWAYS, *rng.sample(_SOMETIMES, round(len(_SOMETIMES) * share))]
    for kind in [*kinds, *_TYPESCRIPT] if with_typescript else kinds:
        for _ in some(2):
            if kind == "delayed":
                pad.add(kind, event="sequential", ts=now_ms + rng.randint(1, 7_000) * 1_000)
            elif kind == "sleeping":
                pad.add(kind, seconds=rng.choice([0.2, 0.5, 90]))
            else:
                pad.add(kind)
    pad.add("sequential", count=3)
    for _ in some(7):
        pad.add("batched")
    for kind, most in _BY_KEY.items():
        for place in some(most):
            pad.add(kind, key=f"r{number}-{place % 2}")
    rng.shuffle(pad.orders)
    return pad.orders


def release(orders: Iterable[Order]) -> list[Order]:
    """Return the orders that end the waits of others."""
    return [_release(order, RELEASED[order.kind]) for order in orders]


def _release(order: Order, by: str) -> Order:
    if by == "signal":
        may_miss = not order.is_accepted
        return Order(f"{order.n}!", by, [], is_named=True, signal=order.n, may_miss=may_miss)
    data = {"n": order.n, "mark": f"mark-{order.n}"}
    event = {"name": f"k/{by}", "id": f"release-{order.n}", "data": data}
    return Order(f"{order.n}!", by, [event], is_named=True)


class Sender:
    """Sends orders, several at once, through the deaths of the engine."""

    def __init__(self, origin: str, until_up: Callable[[], Any]) -> None:
        self._origin = origin
        self._until_up = until_up

    async def send(self, orders: Iterable[Order]) -> None:
        """Return when nothing more is known to be done about any of them."""
        left = iter(orders)

        async def work() -> None:
            async with httpx.AsyncClient(base_url=self._origin, trust_env=False, timeout=60) as http:
                for order in left:
                    await self._deliver(http, order)

        async with asyncio.TaskGroup() as group:
            for _ in range(_SENDERS):
                group.create_task(work())

    async def _deliver(self, http: httpx.AsyncClient, order: Order) -> None:
        while True:
            await self._until_up()
            order.sends += 1
            try:
                answer = await self._post(http, order)
            except httpx.ConnectError:
                order.sends -= 1  # nobody was there to take it
            except httpx.TransportError:
                if not order.is_named:
                    return
            else:
                # Nobody waits any more for a signal that was taken without an answer.
                is_missed = answer.status_code == 404 and (order.may_miss or order.sends > 1)
                assert answer.status_code == 200 or is_missed, f"{order}: {answer.text}"
                order.ids = answer.json().get("ids", [])
                order.is_accepted = True
                return

    @staticmethod
    async def _post(http: httpx.AsyncClient, order: Order) -> httpx.Response:
        if order.signal:
            body = {"signal": f"signal-{order.signal}", "data": f"mark-{order.signal}"}
            return await http.post("/v1/signals", json=body)
        return await http.post("/e/key", json=order.events)
