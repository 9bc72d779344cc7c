"""Stories about mocks: the engine answers for steps, and their code never runs."""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path
from typing import Any

import inngest
import pytest
from inngest.experimental.ai import openai
from support.sdk_app import Lab, lab, new_client

from durable_engine import (
    MockError,
    MockEvent,
    MockResult,
    MockTimeout,
    NewDouble,
    NewEvent,
    RunFilter,
    RunStatus,
    RunView,
    StepKind,
    StepStatus,
)
from durable_engine.errors import FunctionNotFoundError, InvalidInputError

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)


def mock(step: str, *outcomes: Any, **more: Any) -> NewDouble:
    """Return a double; what is no outcome is a result."""
    kinds = MockResult | MockError | MockEvent | MockTimeout
    made = (entry if isinstance(entry, kinds) else MockResult(data=entry) for entry in outcomes)
    return NewDouble(step=step, outcomes=tuple(made), **more)


class Shop:
    """An app with workflows whose bodies are counted."""

    def __init__(self) -> None:
        self.client = new_client()
        self.ran: Counter[str] = Counter()
        self.functions = [
            self._function("order", self._order, retries=2),
            self._function("together", self._together),
            self._function("waits", self._waits),
            self._function("loop", self._loop, retries=1),
        ]

    def _function(self, name: str, handler: Any, retries: int = 0) -> Any:
        trigger = inngest.TriggerEvent(event=f"shop/{name}")
        return self.client.create_function(fn_id=name, retries=retries, trigger=trigger)(handler)

    def step(self, ctx: inngest.Context, name: str, value: Any = None) -> Any:
        async def body() -> Any:
            self.ran[name] += 1
            return name if value is None else value

        return ctx.step.run(name, body)

    async def _order(self, ctx: inngest.Context) -> Any:
        first = await self.step(ctx, "charge")
        try:
            second = await self.step(ctx, "reserve")
        except inngest.StepError as error:
            second = f"{error.name}: {error.message}"
        return [first, second, await self.step(ctx, "mail")]

    async def _together(self, ctx: inngest.Context) -> Any:
        async def careful() -> Any:
            try:
                return await self.step(ctx, "b")
            except inngest.StepError as error:
                return [error.message, await self.step(ctx, "undo")]

        parts = (
            lambda: self.step(ctx, "a"),
            careful,
            lambda: ctx.step.sleep("nap", HOUR),
            lambda: self.step(ctx, "c"),
        )
        return [*await ctx.group.parallel(parts), await self.step(ctx, "after")]

    async def _waits(self, ctx: inngest.Context) -> Any:
        await ctx.step.sleep("nap", HOUR)
        event = await ctx.step.wait_for_event(
            "paid", event="shop/paid", if_exp="async.data.id == event.data.id", timeout=HOUR
        )
        try:
            asked = await ctx.step.invoke_by_id("ask", function_id="order", data={"n": 1})
        except inngest.StepError as error:
            asked = error.message
        sent = await ctx.step.send_event("send", inngest.Event(name="shop/sent"))
        return [None if event is None else [event.name, event.data], asked, sent]

    async def _loop(self, ctx: inngest.Context) -> Any:
        return [await self.step(ctx, "item", number) for number in range(4)]

    def lab(self, **more: Any) -> Any:
        return lab(self.client, self.functions, **more)


async def run_with(it: Lab, function: str, *doubles: NewDouble, **data: Any) -> RunView:
    """Start a function with doubles, and let everything happen that can happen at once."""
    receipt = await it.engine.invoke_function(function, data=data, doubles=doubles)
    return await it.settle(receipt.started[0].run_id)


async def finish(it: Lab, run: RunView) -> RunView:
    """Let time pass until the run has ended."""
    while not run.status.is_terminal:
        due_ms = min(wait.until_ms for wait in run.waiting_for if wait.until_ms is not None)
        await it.clock.advance_to(due_ms)
        run = await it.settle(run.id)
    return run


async def test_a_mocked_step_returns_what_it_is_told_and_never_runs() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, "order", mock("charge", {"paid": True}), mock("mail", None))

        assert run.status is RunStatus.COMPLETED
        assert run.output == [{"paid": True}, "reserve", None]
        assert shop.ran == {"reserve": 1}
        assert [step.doubled for step in run.steps] == ["result", None, "result"]
        assert [step.body_runs for step in run.steps] == [0, 1, 0]
        assert [(use.outcome, use.attempt, use.is_standing) for use in run.doubles] == [
            ("result", 0, False),
            ("result", 0, False),
        ]
        assert run.unused_doubles == ()


async def test_a_mocked_error_is_retried_or_not_and_the_code_can_catch_it() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, "order", mock("reserve", MockError(message="sold out", name="SoldOut")))
        (wait,) = run.waiting_for
        assert (wait.kind, wait.step_name) == ("retry", "reserve")
        run = await finish(it, run)
        assert run.output == ["charge", "SoldOut: sold out", "mail"]
        assert [use.attempt for use in run.doubles] == [0, 1, 2]
        assert run.steps[1].attempts == 3

        final = MockError(message="gone", is_retriable=False)
        run = await run_with(it, "order", mock("reserve", final))
        assert run.output == ["charge", "Error: gone", "mail"]
        assert run.steps[1].attempts == 1
        assert "reserve" not in shop.ran


async def test_a_mocked_error_that_nobody_catches_fails_the_run() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, "order", mock("charge", MockError(message="declined", is_retriable=False)))
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["message"] == "declined"
        assert shop.ran == {}


async def test_a_sequence_goes_on_with_each_use_and_ends_with_the_real_step() -> None:
    shop = Shop()
    async with shop.lab() as it:
        fails = MockError(message="busy")
        run = await finish(it, await run_with(it, "order", mock("charge", fails, "second time")))
        assert run.output[0] == "second time"

        run = await finish(it, await run_with(it, "order", mock("charge", fails, times=2)))
        assert run.output[0] == "charge"
        assert shop.ran["charge"] == 1
        assert [use.outcome for use in run.doubles] == ["error", "error"]
        charge = run.steps[0]
        assert (charge.attempts, charge.body_runs, charge.doubled) == (3, 1, "error")


async def test_a_loop_is_mocked_as_a_whole_in_turn_or_by_index() -> None:
    shop = Shop()
    async with shop.lab() as it:
        assert (await run_with(it, "loop", mock("item", "x"))).output == ["x"] * 4
        assert (await run_with(it, "loop", mock("item", "x", "y"))).output == ["x", "y", "y", "y"]
        run = await run_with(it, "loop", mock("item", "x", index=2), mock("item", "y", times=1))
        assert run.output == ["y", 1, "x", 3]
        assert [step.index for step in run.steps if step.doubled] == [0, 2]


async def test_steps_in_parallel_are_mocked_beside_real_ones_and_inside_try() -> None:
    shop = Shop()
    async with shop.lab() as it:
        gone = MockError(message="no b", is_retriable=False)
        run = await run_with(it, "together", mock("a", "A"), mock("b", gone), mock("nap", None))
        assert run.output == ["A", ["no b", "undo"], None, "c", "after"]
        assert shop.ran == {"undo": 1, "c": 1, "after": 1}
        nap = next(step for step in run.steps if step.name == "nap")
        assert (nap.status, nap.doubled) == (StepStatus.COMPLETED, "result")


async def test_waits_sleeps_and_invokes_end_at_once() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(
            it,
            "waits",
            mock("nap", None),
            mock("paid", MockEvent(data={"id": 7})),
            mock("ask", {"answer": 42}),
            mock("send", ["sent-id"]),
            id=7,
        )
        assert run.output == [["shop/paid", {"id": 7}], {"answer": 42}, ["sent-id"]]
        assert run.ended_ms == run.started_ms
        assert run.child_run_ids == ()
        asked = {use.input and next(iter(use.input)): use.input for use in run.doubles}
        assert asked["event"] == {
            "event": "shop/paid",
            "if": "async.data.id == event.data.id",
            "timeout": "1h",
        }
        assert asked["function"] == {"function": "lab-order", "data": {"n": 1}, "timeout": None}
        paid = next(step for step in run.steps if step.kind is StepKind.WAIT_FOR_EVENT)
        assert paid.output["ts"] == it.clock.now_ms()


async def test_a_wait_and_an_invoke_time_out_at_once() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(
            it, "waits", mock("nap", None), mock("paid", MockTimeout()), mock("ask", MockTimeout())
        )
        assert run.output[:2] == [None, "Timed out waiting for invoked function to complete"]
        assert [step.has_timed_out for step in run.steps] == [False, True, True, False]
        assert run.child_run_ids == ()


async def test_an_invoke_fails_as_it_is_told() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(
            it, "waits", mock("nap", None), mock("paid", MockTimeout()), mock("ask", MockError(message="no"))
        )
        assert run.output[1] == "no"


async def test_a_double_of_a_run_applies_to_the_runs_that_it_invokes() -> None:
    shop = Shop()
    async with shop.lab() as it:
        inner = mock("charge", "by the parent", function="order")
        run = await run_with(it, "waits", mock("nap", None), mock("paid", MockTimeout()), inner)
        assert run.output[1] == ["by the parent", "reserve", "mail"]
        child = await it.engine.get_run(run.child_run_ids[0])
        assert [use.outcome for use in child.doubles] == ["result"]
        assert run.doubled_below == (child.id,)
        assert (await run_with(it, "order")).output[0] == "charge"


async def test_an_event_gives_doubles_to_each_run_that_it_starts() -> None:
    shop = Shop()
    async with shop.lab() as it:
        event = NewEvent(name="shop/order", ts_ms=it.clock.now_ms() + 60_000)
        receipt = await it.engine.send_event(event, doubles=[mock("charge", "free")])
        run = await it.advance(60, receipt.started[0].run_id)
        assert run.output == ["free", "reserve", "mail"]
        other = await it.settle(await it.start("shop/order"))
        assert other.output[0] == "charge"
        assert other.doubles == ()


async def test_doubles_that_nothing_could_be_given_to_are_refused_with_the_event() -> None:
    shop = Shop()
    async with shop.lab() as it:
        with pytest.raises(InvalidInputError, match="starts no new run"):
            await it.engine.send_event(NewEvent(name="shop/nobody"), doubles=[mock("charge", 1)])
        with pytest.raises(FunctionNotFoundError):
            await it.engine.invoke_function("order", doubles=[mock("charge", 1, function="ordr")])
        with pytest.raises(InvalidInputError, match="outcomes"):
            await it.engine.invoke_function("order", doubles=[mock("charge")])
        await it.engine.settle()
        assert shop.ran == {}


async def test_a_mock_that_does_not_fit_its_step_fails_the_run_with_what_is_allowed() -> None:
    shop = Shop()
    async with shop.lab() as it:
        wrong = {
            "charge": ("order", MockEvent()),
            "paid": ("waits", {"id": 7}),
            "ask": ("waits", MockEvent()),
        }
        for step, (function, outcome) in wrong.items():
            others = [mock("nap", None)] if step != "nap" else []
            if step == "ask":
                others.append(mock("paid", MockTimeout()))
            run = await run_with(it, function, mock(step, outcome), *others)
            assert run.status is RunStatus.FAILED, step
            assert run.error is not None
            assert run.error["name"] == "DoubleMismatchError"
            assert f"step '{step}'" in run.error["message"]
            assert "Allowed there" in run.error["message"]
        run = await run_with(it, "waits", mock("nap", "slept"))
        assert run.status is RunStatus.FAILED
        assert shop.ran == {}


async def test_a_double_that_meets_no_step_is_named() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, "order", mock("chrage", "typo"))
        assert run.output[0] == "charge"
        (unused,) = run.unused_doubles
        assert (unused.step, unused.uses) == ("chrage", 0)


async def test_a_standing_double_applies_to_all_runs_until_it_is_cleared_or_expires() -> None:
    shop = Shop()
    async with shop.lab() as it:
        doubles = it.engine.doubles
        first = await doubles.add(mock("charge", "old", function="order"))
        added = await doubles.add(mock("charge", "standing", function="order"), lasts_ms=60_000)
        assert [double.id for double in await doubles.standing()] == [added.id] != [first.id]
        for name in ("shop/order", "shop/order"):
            run = await it.settle(await it.start(name))
            assert run.output[0] == "standing"
            assert run.doubles[0].is_standing
        (cleared,) = await doubles.clear("order", step="charge")
        assert (cleared.uses, cleared.expires_ms) == (2, added.expires_ms)
        assert await doubles.clear() == ()
        assert (await it.settle(await it.start("shop/order"))).output[0] == "charge"

        await doubles.add(mock("charge", "brief", function="order"), lasts_ms=60_000)
        await it.clock.advance(61)
        assert await doubles.standing("order") == ()
        assert (await it.settle(await it.start("shop/order"))).output[0] == "charge"


async def test_a_double_of_the_run_goes_before_a_standing_one() -> None:
    shop = Shop()
    async with shop.lab() as it:
        await it.engine.doubles.add(mock("charge", "standing", function="order"))
        run = await run_with(it, "order", mock("charge", "own"))
        assert run.output[0] == "own"
        (standing,) = await it.engine.doubles.standing()
        assert standing.uses == 0


async def test_a_standing_double_reaches_a_run_that_is_open_already() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await it.settle(await it.start("shop/waits", {"id": 7}))
        assert [wait.kind for wait in run.waiting_for] == ["sleep"]
        for double in (
            mock("paid", MockEvent(data={"id": 7}), function="waits"),
            mock("ask", 5, function="waits"),
        ):
            await it.engine.doubles.add(double, lasts_ms=7_200_000)
        run = await it.advance(3_700, run.id)
        assert run.output[:2] == [["shop/paid", {"id": 7}], 5]


async def test_a_restart_in_the_middle_of_a_sequence_goes_on_with_it(tmp_path: Path) -> None:
    shop = Shop()
    data_file = tmp_path / "engine.db"
    async with shop.lab(data_file=data_file) as it:
        again = MockError(message="again")
        run = await run_with(it, "order", mock("charge", again, again, "third"))
        clock = it.clock
    shop = Shop()
    async with shop.lab(data_file=data_file, clock=clock) as it:
        run = await finish(it, await it.settle(run.id))
        assert run.output[0] == "third"
        assert [use.attempt for use in run.doubles] == [0, 1, 2]
        assert shop.ran == {"reserve": 1, "mail": 1}


async def test_repeats_in_parallel_share_a_sequence() -> None:
    client = new_client()

    @client.create_function(fn_id="fan", trigger=inngest.TriggerEvent(event="shop/fan"))
    async def fan(ctx: inngest.Context) -> Any:
        async def body() -> str:
            return "real"

        return await ctx.group.parallel(tuple(lambda: ctx.step.run("item", body) for _ in range(4)))

    async with lab(client, [fan]) as it:
        run = await run_with(it, "fan", mock("item", "x", "y", "z", times=3))
        assert sorted(run.output) == ["real", "x", "y", "z"]
        assert len(run.doubles) == 3


async def test_a_double_waits_with_a_run_that_is_put_off() -> None:
    shop = Shop()
    trigger = inngest.TriggerEvent(event="shop/put-off")
    debounce = inngest.Debounce(period=60_000)
    create = shop.client.create_function(fn_id="put-off", trigger=trigger, debounce=debounce)
    async with lab(shop.client, [create(shop._order)]) as it:
        receipt = await it.engine.send_event(NewEvent(name="shop/put-off"), doubles=[mock("charge", "free")])
        assert receipt.started == ()
        await it.pass_time(70)
        page = await it.engine.records.runs(RunFilter(), limit=2)
        (record,) = page.runs
        run = await it.settle(record.id)
        assert run.output[0] == "free"

        again = await it.settle(await it.engine.control.rerun(run.id))
        assert again.output[0] == "charge"
        assert again.is_real


async def test_a_run_that_takes_over_a_mocked_result_says_so() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, "order", mock("charge", "free"))
        assert not run.is_real
        for _ in range(2):  # a rerun of a rerun, too
            run = await it.settle(await it.engine.control.rerun(run.id, from_step="mail"))
            assert run.output == ["free", "reserve", "mail"]
            assert [step.doubled for step in run.steps] == ["result", None, None]
            assert run.doubles == ()
            assert not run.is_real


async def test_a_known_start_takes_no_doubles() -> None:
    shop = Shop()
    async with shop.lab() as it:
        await it.engine.invoke_function("order", key="k")
        await it.engine.settle()
        with pytest.raises(InvalidInputError, match="was started before"):
            await it.engine.invoke_function("order", key="k", doubles=[mock("charge", 1)])


async def test_questions_to_models_are_answered_without_asking_anybody() -> None:
    client = new_client()
    adapter = openai.Adapter(auth_key="sk-secret-key", base_url="http://127.0.0.1:1", model="m")

    @client.create_function(fn_id="ask", retries=0, trigger=inngest.TriggerEvent(event="shop/ask"))
    async def ask(ctx: inngest.Context) -> Any:
        try:
            return await ctx.step.ai.infer("model", adapter=adapter, body={"messages": []})
        except inngest.StepError as error:
            return [error.name, error.message]

    async with lab(client, [ask]) as it:
        answer = {"choices": [{"message": {"content": "because"}}]}
        run = await run_with(it, "ask", mock("model", answer))
        assert run.output == answer
        (use,) = run.doubles
        assert use.input["body"]["model"] == "m"
        assert "sk-secret-key" not in str(use)
        run = await run_with(it, "ask", mock("model", MockError(message="quota")))
        assert run.output == ["AIGatewayError", "quota"]


async def test_a_step_that_runs_before_its_double_is_there_is_noted() -> None:
    client = new_client()
    added: list[Any] = []

    @client.create_function(fn_id="slow", trigger=inngest.TriggerEvent(event="shop/slow"))
    async def slow(ctx: inngest.Context) -> Any:
        async def body() -> str:
            added.append(await it.engine.doubles.add(mock("step", "mocked", function="slow")))
            return "real"

        return await ctx.step.run("step", body)

    async with lab(client, [slow]) as it:
        run = await it.settle(await it.start("shop/slow"))
        assert run.output == "real"
        assert run.notes == ("Step 'step' ran for real before a double could stand in.",)
        assert (await it.settle(await it.start("shop/slow"))).output == "mocked"
