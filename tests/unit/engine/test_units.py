"""What a connection's thread does next: answers and questions first, and of a flood a little at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from durable_engine.storage.units import MAX_BULK, MAX_GROUP, Unit, UnitQueue

pytestmark = pytest.mark.anyio


def _unit(*, bulk: int = 0, is_alone: bool = False) -> Unit:
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    return Unit(lambda _: None, future, bulk=bulk, is_alone=is_alone)


def _groups(units: UnitQueue) -> Iterator[list[Unit]]:
    units.end()
    while group := units.next_group():
        yield group


async def test_what_comes_during_a_flood_of_events_goes_with_the_next_group() -> None:
    units, tool = UnitQueue(), _unit()
    for _ in range(100_000):
        units.put(_unit(bulk=1))
    assert len(units.next_group()) == MAX_BULK
    units.put(tool)
    group = units.next_group()
    assert group[0] is tool
    assert len(group) == 1 + MAX_BULK


async def test_however_much_else_is_done_events_are_taken_in() -> None:
    units = UnitQueue()
    for _ in range(10 * MAX_GROUP):
        units.put(_unit())
    for _ in range(3):
        units.put(_unit(bulk=MAX_BULK))
    groups = list(_groups(units))
    assert [sum(unit.bulk > 0 for unit in group) for group in groups] == [1, 1, 1, *[0] * 7]
    assert {sum(unit.bulk == 0 for unit in group) for group in groups} == {MAX_GROUP}


async def test_a_request_with_very_many_events_goes_as_one_and_in_its_order() -> None:
    units = UnitQueue()
    sizes = [1, 5_000, 60, 50, 5_000]
    for size in sizes:
        units.put(_unit(bulk=size))
    assert [[unit.bulk for unit in group] for group in _groups(units)] == [[1], [5_000], [60], [50], [5_000]]


async def test_what_is_alone_comes_by_itself_after_all_before_it() -> None:
    units, alone = UnitQueue(), _unit(is_alone=True)
    before = [_unit(bulk=1), _unit(), _unit(bulk=MAX_BULK)]
    for unit in [*before, alone, _unit(), _unit(bulk=1)]:
        units.put(unit)
    first, second, third, fourth = _groups(units)
    assert [unit in before for unit in first + second] == [True] * 3
    assert third == [alone]
    assert [unit.bulk for unit in fourth] == [0, 1]
