"""Stories about injected faults: what breaks between the engine and the app, and what becomes of the run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import Conditions, Fault, FaultKind, MockResult, NewDouble, RunStatus, RunView, StepView
from durable_engine.errors import InvalidInputError, RunAlreadyEndedError

pytestmark = pytest.mark.anyio


def fault(kind: FaultKind, step: str | None = "charge", *, times: int | None = 1, **more: Any) -> NewDouble:
    """Return a fault that happens once, to the step `charge`, unless told otherwise."""
    delay = {"delay_ms": more.pop("delay_ms")} if "delay_ms" in more else {}
    return NewDouble(step=step, outcomes=(Fault(kind=kind, **delay),), times=times, **more)


class Shop:
    """A workflow that is not idempotent: each time the body of `charge` runs, money is taken."""

    def __init__(self, retries: int = 2) -> None:
        self.client = new_client()
        self.ran: Counter[str] = Counter()
        self.calls = 0
        trigger = inngest.TriggerEvent(event="shop/order")
        create = self.client.create_function(
            fn_id="order", retries=retries, trigger=trigger, timeouts=inngest.Timeouts(finish=3_600_000)
        )
        self.functions = [create(self._order)]

    def step(self, ctx: inngest.Context, name: str) -> Any:
        async def body() -> Any:
            self.ran[name] += 1
            return f"{name} {self.ran[name]}"

        return ctx.step.run(name, body)

    async def _order(self, ctx: inngest.Context) -> Any:
        self.calls += 1
        first = await self.step(ctx, "reserve")
        try:
            return [first, await self.step(ctx, "charge")]
        except inngest.StepError as error:
            return [first, error.message, await self.step(ctx, "undo")]

    def lab(self, **more: Any) -> Any:
        return lab(self.client, self.functions, **more)


async def run_with(it: Lab, *doubles: NewDouble) -> RunView:
    """Start the function with doubles, and let everything happen that can happen at once."""
    receipt = await it.engine.invoke_function("order", doubles=doubles)
    return await it.settle(receipt.started[0].run_id)


async def finish(it: Lab, run: RunView) -> RunView:
    """Let time pass until the run has ended."""
    while not run.status.is_terminal:
        due_ms = min(wait.until_ms for wait in run.waiting_for if wait.until_ms is not None)
        await it.clock.advance_to(due_ms)
        run = await it.settle(run.id)
    return run


def step_of(run: RunView, name: str) -> StepView:
    """Return the step with this name."""
    return next(step for step in run.steps if step.name == name)


async def test_a_step_fails_as_often_as_it_is_told_before_it_runs() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await finish(it, await run_with(it, fault(FaultKind.STEP_ERROR, times=2)))
        assert run.output == ["reserve 1", "charge 1"]
        assert step_of(run, "charge").attempts == 3
        assert step_of(run, "charge").body_runs == 1

        run = await finish(it, await run_with(it, fault(FaultKind.STEP_ERROR, times=None)))
        assert run.output[1].startswith("The step failed: an injected fault (step_error")
        assert run.output[2] == "undo 1"
        assert step_of(run, "charge").body_runs == 0


@pytest.mark.parametrize(
    ("kind", "name"),
    [(FaultKind.UNREACHABLE, "AppUnreachableError"), (FaultKind.CALL_TIMEOUT, "TimeoutError")],
)
async def test_an_app_that_is_not_there_or_silent_costs_an_attempt(kind: FaultKind, name: str) -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, fault(kind))
        (failure,) = step_of(run, "charge").failures
        assert failure.error["name"] == name
        assert "injected fault" in failure.error["message"]
        assert shop.ran == {"reserve": 1}
        run = await finish(it, run)
        assert run.output == ["reserve 1", "charge 1"]

        run = await finish(it, await run_with(it, fault(kind, times=None)))
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == name


async def test_a_reply_that_is_lost_makes_the_body_run_again() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, fault(FaultKind.REPLY_LOST))
        assert shop.ran["charge"] == 1
        (failure,) = step_of(run, "charge").failures
        assert failure.error["name"] == "ConnectionError"
        run = await finish(it, run)
        assert run.output == ["reserve 1", "charge 2"]
        charge = step_of(run, "charge")
        assert (charge.body_runs, charge.attempts, charge.doubled) == (2, 2, "reply_lost")
        assert step_of(run, "reserve").body_runs == 1
        (use,) = run.doubles
        assert (use.bodies, use.is_fault) == (1, True)
        assert [(it.outcome, it.text) for it in use.deliveries] == [("ran", '"charge 1"')]


async def test_a_reply_that_comes_twice_changes_nothing() -> None:
    shop = Shop()
    async with shop.lab() as it:
        twice = [fault(FaultKind.REPLY_TWICE, step) for step in ("reserve", "charge", None)]
        run = await run_with(it, *twice)
        assert run.output == ["reserve 1", "charge 1"]
        assert shop.ran == {"reserve": 1, "charge": 1}
        assert [step.body_runs for step in run.steps] == [1, 1]
        assert len(run.doubles) == 3


async def test_a_request_that_comes_twice_runs_the_body_twice_and_the_first_answer_counts() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, fault(FaultKind.REQUEST_TWICE))
        assert run.output == ["reserve 1", "charge 1"]
        assert shop.ran["charge"] == 2
        assert step_of(run, "charge").body_runs == 2
        assert [answer.text for answer in run.doubles[0].deliveries] == ['"charge 1"', '"charge 2"']


async def test_a_restart_makes_the_open_call_again_without_using_an_attempt() -> None:
    shop = Shop(retries=0)
    async with shop.lab() as it:
        run = await run_with(it, fault(FaultKind.RESTART))
        assert run.output == ["reserve 1", "charge 2"]
        charge = step_of(run, "charge")
        assert (charge.body_runs, charge.attempts, charge.failures) == (2, 1, ())

        run = await run_with(it, fault(FaultKind.RESTART, times=None))
        assert step_of(run, "charge").body_runs == 2
        run = await run_with(it, fault(FaultKind.RESTART, times=3))
        assert step_of(run, "charge").body_runs == 4


async def test_a_slow_reply_counts_when_its_time_has_come() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, fault(FaultKind.SLOW_REPLY, delay_ms=600_000))
        assert shop.ran["charge"] == 1
        (wait,) = run.waiting_for
        assert (wait.kind, wait.step_name) == ("reply", "charge")
        assert wait.until_ms == it.clock.now_ms() + 600_000
        explained = await it.engine.explainer.run(run.id)
        assert explained.message == (
            "The answer for step 'charge' is there, but an injected fault (slow_reply) makes it late: "
            "it counts in 10m."
        )
        run = await finish(it, run)
        assert run.output == ["reserve 1", "charge 1"]
        charge = step_of(run, "charge")
        assert (charge.body_runs, charge.attempts) == (1, 1)
        assert charge.ended_ms == wait.until_ms


async def test_a_reply_that_comes_after_the_end_of_its_run_changes_nothing() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await run_with(it, fault(FaultKind.SLOW_REPLY, delay_ms=7_200_000))
        run = await it.advance(3_660, run.id)
        assert run.status is RunStatus.CANCELLED
        assert shop.ran["charge"] == 1
        assert step_of(run, "charge").body_runs == 1
        assert (await it.advance(7_200, run.id)).status is RunStatus.CANCELLED
        with pytest.raises(RunAlreadyEndedError):
            await it.engine.control.cancel(run.id)


async def test_a_slow_reply_is_late_in_the_time_of_a_run_that_skips_it() -> None:
    shop = Shop()
    async with shop.lab() as it:
        doubles = [
            fault(FaultKind.SLOW_REPLY, delay_ms=600_000),
            fault(FaultKind.RESTART, "reserve"),
        ]
        receipt = await it.engine.invoke_function("order", doubles=doubles, under=Conditions(skips_time=True))
        run = await it.settle(receipt.started[0].run_id)
        assert run.output == ["reserve 2", "charge 1"]
        assert run.ended_ms is not None
        assert run.ended_ms - it.clock.now_ms() >= 600_000


async def test_a_standing_double_expires_by_the_engines_time_not_by_that_of_a_run() -> None:
    client = new_client()

    @client.create_function(fn_id="order", retries=0, trigger=inngest.TriggerEvent(event="shop/order"))
    async def order(ctx: inngest.Context) -> Any:
        await ctx.step.sleep("nap", 24 * 3_600_000)
        await ctx.step.sleep("mocked-nap", 24 * 3_600_000)

    async with lab(client, [order]) as it:
        await it.engine.doubles.add(
            NewDouble(function="order", step="mocked-nap", outcomes=(MockResult(data=None),)), lasts_ms=60_000
        )
        receipt = await it.engine.invoke_function("order", under=Conditions(skips_time=True))
        run = await it.settle(receipt.started[0].run_id)
        assert run.status is RunStatus.COMPLETED
        assert [step.doubled for step in run.steps] == [None, "result"]


async def test_a_process_that_dies_with_a_slow_reply_in_hand_makes_the_call_again(tmp_path: Path) -> None:
    shop = Shop()
    data_file = tmp_path / "engine.db"
    async with shop.lab(data_file=data_file) as it:
        run = await run_with(it, fault(FaultKind.SLOW_REPLY))
        clock = it.clock
    async with shop.lab(data_file=data_file, clock=clock) as it:
        run = await it.advance(60, run.id)
        assert run.output == ["reserve 1", "charge 2"]
        assert step_of(run, "charge").body_runs == 2


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.STEP_ERROR])
@pytest.mark.parametrize("boundary", [0, 1, 2])
async def test_a_fault_of_the_functions_own_call_at_any_boundary_runs_no_step_twice(
    kind: FaultKind, boundary: int
) -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await finish(it, await run_with(it, fault(kind, None, index=boundary)))
        assert run.status is RunStatus.COMPLETED
        assert run.output == ["reserve 1", "charge 1"]
        assert shop.ran == {"reserve": 1, "charge": 1}
        (use,) = run.doubles
        assert (use.outcome, use.step_id) == (kind.value, None)
        assert [step.body_runs for step in run.steps] == [1, 1]


async def test_an_app_that_stays_away_fails_the_run_when_the_attempts_are_used_up() -> None:
    shop = Shop()
    async with shop.lab() as it:
        run = await finish(it, await run_with(it, fault(FaultKind.UNREACHABLE, None, times=None)))
        assert run.status is RunStatus.FAILED
        assert shop.calls == 0
        assert [use.attempt for use in run.doubles] == [0, 1, 2]


async def test_faults_and_mocks_take_turns() -> None:
    shop = Shop()
    async with shop.lab() as it:
        outcomes = (Fault(kind=FaultKind.REPLY_LOST), MockResult(data="mocked"))
        run = await finish(it, await run_with(it, NewDouble(step="charge", outcomes=outcomes)))
        assert run.output == ["reserve 1", "mocked"]
        assert step_of(run, "charge").body_runs == 1
        assert [use.outcome for use in run.doubles] == ["reply_lost", "result"]


async def test_what_cannot_happen_to_the_functions_own_call_is_refused() -> None:
    shop = Shop()
    async with shop.lab() as it:
        for outcome in (MockResult(data=1), Fault(kind=FaultKind.STEP_ERROR)):
            with pytest.raises(InvalidInputError, match="the function's own call"):
                await run_with(it, NewDouble(outcomes=(outcome,)))
        assert shop.calls == 0


async def test_a_fault_of_a_step_that_makes_no_call_fails_the_run() -> None:
    client = new_client()

    @client.create_function(fn_id="order", retries=0, trigger=inngest.TriggerEvent(event="shop/order"))
    async def order(ctx: inngest.Context) -> None:
        await ctx.step.sleep("nap", 60_000)

    async with lab(client, [order]) as it:
        run = await run_with(it, fault(FaultKind.REPLY_LOST, "nap"))
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error["name"] == "DoubleMismatchError"
        assert "'reply_lost' does not fit a step of kind SLEEP" in run.error["message"]
