"""A few young calls at a time; what is old does not hold up the others."""

from __future__ import annotations

import asyncio

import pytest

from durable_engine.pacing import MOST_YOUNG, YOUNG_S, Line, Turn

pytestmark = pytest.mark.anyio


class _Timed(asyncio.SelectorEventLoop):
    """A loop whose time stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__()

    def time(self) -> float:
        return self.now_s


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": _Timed}


@pytest.fixture
def line() -> Line:
    return Line()


async def few_turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def pass_time(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _Timed)
    loop.now_s += seconds
    await few_turns()


def ask(line: Line, count: int) -> list[asyncio.Task[Turn]]:
    return [asyncio.create_task(line.enter()) for _ in range(count)]


def gone(calls: list[asyncio.Task[Turn]]) -> int:
    return sum(call.done() for call in calls)


async def test_as_many_calls_go_as_may_be_young_and_each_that_ends_lets_the_next_one_go(line: Line) -> None:
    calls = ask(line, MOST_YOUNG + 5)
    await few_turns()
    assert gone(calls) == MOST_YOUNG
    for ended in range(3):
        line.leave(calls[ended].result())
        await few_turns()
        assert [call.done() for call in calls] == [True] * (MOST_YOUNG + ended + 1) + [False] * (4 - ended)
    for call in calls:
        call.cancel()


async def test_calls_that_take_long_do_not_hold_up_the_others(line: Line) -> None:
    calls = ask(line, 10 * MOST_YOUNG)
    await few_turns()
    for rounds in range(2, 11):
        await pass_time(YOUNG_S)
        assert gone(calls) == rounds * MOST_YOUNG


async def test_the_end_of_an_old_call_lets_nobody_go(line: Line) -> None:
    first = ask(line, 1)
    await pass_time(YOUNG_S)
    calls = ask(line, MOST_YOUNG + 1)
    await few_turns()
    line.leave(first[0].result())
    await few_turns()
    assert gone(calls) == MOST_YOUNG
    calls[-1].cancel()


async def test_who_goes_away_while_it_waits_leaves_its_place_to_others(line: Line) -> None:
    calls = ask(line, MOST_YOUNG)
    left, stays = ask(line, 2)
    await few_turns()
    left.cancel()
    await few_turns()
    line.leave(calls[0].result())
    await few_turns()
    assert stays.done()


async def test_who_goes_away_when_its_turn_has_come_gives_it_back(line: Line) -> None:
    calls = ask(line, MOST_YOUNG)
    left, stays = ask(line, 2)
    await few_turns()
    line.leave(calls[0].result())  # lets `left` go, which has not noticed yet
    left.cancel()
    await few_turns()
    assert left.cancelled()
    assert stays.done()
    last = ask(line, 1)
    await few_turns()
    assert not last[0].done()
    last[0].cancel()


async def test_nothing_is_left_behind_by_very_many_calls(line: Line) -> None:
    for _ in range(1_000):
        calls = ask(line, MOST_YOUNG)
        await few_turns()
        for call in calls:
            line.leave(call.result())
    assert len(line._open) <= MOST_YOUNG
