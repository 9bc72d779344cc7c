"""Stories about what the recorded runs of a function have shown, on the real Python SDK."""

from __future__ import annotations

import datetime
from typing import Any

import inngest
import pytest
from support.sdk_app import Lab, lab, new_client

from durable_engine import Coverage, Edits, GapKind, RunStatus, StepOutcome
from durable_engine.errors import FunctionNotFoundError, InvalidDurationError

pytestmark = pytest.mark.anyio

HOUR = datetime.timedelta(hours=1)


class Orders:
    """A function with a branch, a group, a wait and an invoke, whose steps fail when its event says so."""

    def __init__(self) -> None:
        self.client = new_client()

        @self.client.create_function(fn_id="child", retries=0, trigger=inngest.TriggerEvent(event="t/child"))
        async def child(ctx: inngest.Context) -> Any:
            return 1

        async def tell(ctx: inngest.Context) -> Any:
            return "told"

        @self.client.create_function(
            fn_id="order",
            retries=1,
            trigger=[inngest.TriggerEvent(event="t/order"), inngest.TriggerEvent(event="t/other")],
            on_failure=tell,
            cancel=[inngest.Cancel(event="t/stop")],
            rate_limit=inngest.RateLimit(limit=5, period=HOUR),
            timeouts=inngest.Timeouts(finish=datetime.timedelta(hours=5)),
        )
        async def order(ctx: inngest.Context) -> Any:
            data = ctx.event.data

            def body(name: str) -> Any:
                async def run() -> str:
                    if data.get("fails") == name and ctx.attempt < int(data.get("times", 9)):
                        raise ValueError(name)
                    return name

                return run

            await ctx.step.run("price", body("price"))
            if data.get("gift"):
                await ctx.step.run("wrap", body("wrap"))
            await ctx.group.parallel(
                (lambda: ctx.step.run("mail", body("mail")), lambda: ctx.step.run("sms", body("sms")))
            )
            await ctx.step.wait_for_event("approval", event="t/approved", timeout=HOUR)
            await ctx.step.invoke("send", function=child)

        self.functions = [child, order]


async def _run(it: Lab, *, approves: bool = True, **data: Any) -> str:
    run_id = await it.start("t/order", data)
    await it.settle(run_id)
    if approves:
        await it.send("t/approved")
    await it.settle(run_id)
    await it.pass_time(3_700)
    return run_id


def _step(found: Coverage, name: str) -> Any:
    (step,) = [step for step in found.steps if step.name == name]
    return step


def _missing(found: Coverage) -> set[tuple[GapKind, str | None]]:
    return {(gap.kind, gap.subject) for gap in found.gaps}


async def test_one_good_run_leaves_much_that_was_never_seen() -> None:
    orders = Orders()
    async with lab(orders.client, orders.functions) as it:
        await _run(it)
        found = await it.engine.coverage.of("lab-order")

        assert (found.runs, dict(found.outcomes)) == (1, {RunStatus.COMPLETED: 1})
        assert [step.name for step in found.steps] == ["price", "mail", "sms", "approval", "send"]
        assert _missing(found) == {
            (GapKind.RUN_FAILED, None),
            (GapKind.FAILURE_HANDLER, None),
            (GapKind.CANCEL_ON, "t/stop"),
            (GapKind.TIMEOUT, None),
            *((GapKind.STEP_FAILED, name) for name in ("price", "mail", "sms", "send")),
            *((GapKind.STEP_RETRIED, name) for name in ("price", "mail", "sms")),
            (GapKind.WAIT_TIMED_OUT, "approval"),
            (GapKind.WAIT_TIMED_OUT, "send"),
            (GapKind.TRIGGER, "t/other"),
            (GapKind.FLOW_CONTROL, "rateLimit"),
        }


async def test_steps_that_were_asked_for_together_come_after_the_same_one() -> None:
    orders = Orders()
    async with lab(orders.client, orders.functions) as it:
        await _run(it)
        await _run(it, gift=True)
        found = await it.engine.coverage.of("lab-order")

        ways = {(branch.before, branch.after): branch.runs for branch in found.branches}
        assert ways == {
            (None, "price"): 2,
            ("price", "mail"): 1,
            ("price", "sms"): 1,
            ("price", "wrap"): 1,
            ("wrap", "mail"): 1,
            ("wrap", "sms"): 1,
            ("sms", "approval"): 2,
            ("approval", "send"): 2,
            ("send", None): 2,
        }


async def test_what_was_seen_is_no_gap_any_more() -> None:
    orders = Orders()
    async with lab(orders.client, orders.functions) as it:
        await _run(it)
        await _run(it, approves=False)
        await _run(it, fails="price")
        await _run(it, fails="mail", times=1)
        stopped = await it.start("t/other")
        await it.settle(stopped)
        await it.send("t/stop")
        await it.settle(stopped)
        found = await it.engine.coverage.of("order")

        assert dict(found.outcomes) == {RunStatus.COMPLETED: 3, RunStatus.FAILED: 1, RunStatus.CANCELLED: 1}
        price, mail, approval = (_step(found, name) for name in ("price", "mail", "approval"))
        assert (price.runs, price.completed, price.failed, price.retried) == (5, 4, 1, 1)
        assert (mail.completed, mail.retried, mail.failed) == (4, 1, 0)
        assert (approval.completed, approval.timed_out, approval.cancelled) == (1, 2, 1)
        assert (found.handler_runs, dict(found.cancelled_by)) == (1, {"event": 1})
        assert dict(found.triggers) == {"t/order": 4, "t/other": 1}
        left = _missing(found)
        assert (GapKind.STEP_FAILED, "mail") in left
        assert (GapKind.FLOW_CONTROL, "rateLimit") in left
        seen = {
            (GapKind.RUN_FAILED, None),
            (GapKind.FAILURE_HANDLER, None),
            (GapKind.CANCEL_ON, "t/stop"),
            (GapKind.STEP_FAILED, "price"),
            (GapKind.STEP_RETRIED, "mail"),
            (GapKind.WAIT_TIMED_OUT, "approval"),
            (GapKind.TRIGGER, "t/other"),
        }
        assert not left & seen


async def test_a_control_that_decided_something_was_seen() -> None:
    orders = Orders()
    async with lab(orders.client, orders.functions) as it:
        for _ in range(8):
            await it.send("t/order", {"fails": "price"})
        await it.engine.settle()
        await it.pass_time(100)
        found = await it.engine.coverage.of("lab-order")

        assert found.controls["rateLimit"] >= 1
        assert GapKind.FLOW_CONTROL not in {gap.kind for gap in found.gaps}
        assert GapKind.RUN_COMPLETED in {gap.kind for gap in found.gaps}


async def test_results_that_a_rerun_took_over_or_that_were_edited_did_not_run() -> None:
    orders = Orders()
    async with lab(orders.client, orders.functions) as it:
        run_id = await _run(it)
        edits = Edits(from_step="approval", outcome=StepOutcome(has_timed_out=True))
        await it.engine.control.repeating.repeat(run_id, edits)
        await it.engine.settle()
        found = await it.engine.coverage.of("lab-order")

        price, approval = _step(found, "price"), _step(found, "approval")
        assert (price.runs, price.completed, price.not_run) == (2, 1, 1)
        assert (approval.completed, approval.timed_out, approval.not_run) == (1, 0, 1)
        assert (GapKind.WAIT_TIMED_OUT, "approval") in _missing(found)
        # The times of what was taken over are those of another run.
        ways = {(branch.before, branch.after): branch.runs for branch in found.branches}
        assert ways[("approval", "send")] == ways[("send", None)] == 2
        assert not {before for before, after in ways if after == "approval"} - {"mail", "sms"}


async def test_only_runs_since_a_time_count_and_the_newest_of_them() -> None:
    orders = Orders()
    async with lab(orders.client, orders.functions) as it:
        for _ in range(3):
            await _run(it)  # an hour and a bit each

        assert (await it.engine.coverage.of("lab-order", since="2h")).runs == 1
        assert (await it.engine.coverage.of("lab-order", since="2100-01-01")).runs == 0
        found = await it.engine.coverage.of("lab-order", since="2000-01-01")
        assert (found.runs, found.has_more) == (3, False)
        found = await it.engine.coverage.of("lab-order", most=2)
        assert (found.runs, found.has_more) == (2, True)


async def test_what_cannot_be_covered_is_refused() -> None:
    orders = Orders()
    async with lab(orders.client, orders.functions) as it:
        with pytest.raises(FunctionNotFoundError):
            await it.engine.coverage.of("nobody")
        with pytest.raises(InvalidDurationError):
            await it.engine.coverage.of("lab-order", since="yesterday")
