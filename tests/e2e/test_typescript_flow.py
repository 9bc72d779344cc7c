"""TypeScript: whether and when an event starts a run: throttle, rate limit, debounce, batch and the like."""

from __future__ import annotations

import pytest
from support.gate import Gate
from support.typescript import Lab

from durable_engine import EventReceipt, NotStarted, RunFilter, RunStatus, RunView

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

HOUR_S = 3_600
MILLION = 1_000_000


def decision(receipt: EventReceipt) -> NotStarted:
    """Return why the one function that listens did not start at once."""
    assert receipt.started == ()
    (decided,) = receipt.not_started
    return decided


async def runs_of(lab: Lab, receipt: EventReceipt) -> list[RunView]:
    """Return the runs for an event that started none at once."""
    page = await lab.engine.records.runs(RunFilter(event_id=receipt.event.id))
    return [await lab.engine.get_run(run.id) for run in page.runs]


async def test_runs_over_a_throttle_start_later_each_key_by_itself(flow_lab: Lab) -> None:
    receipts = []
    for user in "aaab":
        receipts.append(await flow_lab.deliver("flow/throttle", {"user": user}))
        await flow_lab.engine.settle()
    held = [run.held for receipt in receipts for run in receipt.started]
    about = 'its throttle of 1 start per 1m for event.data.user = "a" has no start left now'
    assert [held[0], held[3]] == [None, None]
    assert held[1:3] == [
        f"{about}; it starts in 1m at the earliest",
        f"{about}; 1 of its function's calls is in line before it; it starts in 2m at the earliest",
    ]
    await flow_lab.pass_time(HOUR_S)

    runs = [await flow_lab.engine.get_run(receipt.started[0].run_id) for receipt in receipts]
    assert [(run.started_ms or 0) - run.queued_ms for run in runs] == [0, 60_000, 120_000, 0]
    assert all(run.status is RunStatus.COMPLETED for run in runs)


async def test_a_burst_lets_more_runs_start_at_once(flow_lab: Lab) -> None:
    ids = [await flow_lab.start("flow/burst") for _ in range(4)]
    await flow_lab.pass_time(4 * HOUR_S)

    runs = [await flow_lab.engine.get_run(run_id) for run_id in ids]
    assert [(run.started_ms or 0) - run.queued_ms for run in runs] == [0, 0, 5_400_000, 10_800_000]


async def test_events_over_a_rate_limit_start_nothing(flow_lab: Lab) -> None:
    assert (await flow_lab.run("flow/rate-limit", user="a")).status is RunStatus.COMPLETED
    dropped = decision(await flow_lab.deliver("flow/rate-limit", {"user": "a"}))
    assert (dropped.decision, dropped.control) == ("drop", "rateLimit")
    assert dropped.until_ms == flow_lab.clock.now_ms() + 30_000
    assert (await flow_lab.run("flow/rate-limit", user="b")).status is RunStatus.COMPLETED

    await flow_lab.pass_time(29)
    assert decision(await flow_lab.deliver("flow/rate-limit", {"user": "a"})).control == "rateLimit"
    await flow_lab.pass_time(1)
    assert (await flow_lab.run("flow/rate-limit", user="a")).status is RunStatus.COMPLETED


async def test_a_debounced_run_starts_with_the_newest_event_when_no_other_has_come(flow_lab: Lab) -> None:
    first = await flow_lab.deliver("flow/debounce", {"user": "a", "n": 1})
    assert (decision(first).decision, decision(first).control) == ("delay", "debounce")
    assert decision(first).until_ms == flow_lab.clock.now_ms() + 5_000
    await flow_lab.pass_time(4)
    second = await flow_lab.deliver("flow/debounce", {"user": "a", "n": 2})
    assert decision(second).decision == "merge"
    await flow_lab.pass_time(4.9)
    assert await runs_of(flow_lab, second) == []

    await flow_lab.pass_time(0.1)
    (run,) = await runs_of(flow_lab, second)
    assert (run.status, run.output) == (RunStatus.COMPLETED, 2)
    assert await runs_of(flow_lab, first) == []


async def test_a_debounce_waits_no_longer_than_its_timeout(flow_lab: Lab) -> None:
    receipts = []
    for n in range(4):
        receipts.append(await flow_lab.deliver("flow/debounce", {"user": "a", "n": n}))
        await flow_lab.pass_time(3.5 if n < 3 else 1.5)

    (run,) = await runs_of(flow_lab, receipts[-1])
    assert (run.output, run.queued_ms - receipts[0].event.received_ms) == (3, 12_000)


async def test_a_batch_that_is_full_starts_at_once_with_all_its_events(flow_lab: Lab) -> None:
    first = await flow_lab.deliver("flow/batch", {"user": "a", "n": 1})
    await flow_lab.deliver("flow/batch.more", {"user": "a", "n": 2})
    other = await flow_lab.deliver("flow/batch", {"user": "b", "n": 9})
    assert [decision(receipt).decision for receipt in (first, other)] == ["delay", "delay"]
    (run_id,) = await flow_lab.send("flow/batch", {"user": "a", "n": 3})

    run = await flow_lab.settle(run_id)
    assert run.output == {"first": 1, "written": [1, 2, 3], "names": ["flow/batch", "flow/batch.more"]}
    await flow_lab.pass_time(10)
    (run,) = await runs_of(flow_lab, other)
    assert run.output == {"first": 9, "written": [9], "names": ["flow/batch"]}


async def test_a_batch_that_does_not_fill_starts_at_its_timeout_and_is_retried_as_a_whole(
    flow_lab: Lab,
) -> None:
    first = await flow_lab.deliver("flow/batch", {"user": "a", "n": 1})
    await flow_lab.pass_time(9)
    await flow_lab.deliver("flow/batch.more", {"user": "a", "n": 2, "fail": True})
    await flow_lab.pass_time(1)

    (run,) = await runs_of(flow_lab, first)
    assert (run.status, run.queued_ms - first.event.received_ms) == (RunStatus.RUNNING, 10_000)
    await flow_lab.pass_time(60)
    run = await flow_lab.settle(run.id)
    assert run.output["written"] == [1, 2]
    assert (await flow_lab.journal(run.id)).counts == {"write": 2}


async def test_an_event_that_its_batch_does_not_take_starts_a_run_alone(flow_lab: Lab) -> None:
    await flow_lab.deliver("flow/batch", {"user": "a", "n": 1})
    run = await flow_lab.run("flow/batch", user="a", n=2, urgent=True)
    assert run.output["written"] == [2]


async def test_a_batch_too_large_for_a_call_is_fetched_by_the_app(flow_lab: Lab) -> None:
    text = "é" * MILLION  # two bytes each; a call has room for 4 MiB
    await flow_lab.send("flow/large-batch", {"text": text})
    await flow_lab.send("flow/large-batch", {"text": text})
    (run_id,) = await flow_lab.send("flow/large-batch", {"text": text})

    run = await flow_lab.settle(run_id)
    assert run.output == [MILLION] * 3
    assert (await flow_lab.journal(run_id)).ran == ["before"]


async def test_a_value_of_an_idempotency_key_starts_one_run_in_24_hours(flow_lab: Lab) -> None:
    first = await flow_lab.start("flow/idempotent", cart=7)
    await flow_lab.settle(first)
    dropped = decision(await flow_lab.deliver("flow/idempotent", {"cart": 7}))
    assert (dropped.decision, dropped.control, dropped.run_id) == ("drop", "idempotency", first)
    assert await flow_lab.start("flow/idempotent", cart=8) != first

    await flow_lab.pass_time(24 * HOUR_S)
    assert (await flow_lab.run("flow/idempotent", cart=7)).status is RunStatus.COMPLETED


async def test_a_singleton_skips_events_until_its_run_has_ended(flow_lab: Lab) -> None:
    first = await flow_lab.run("flow/skip", user="a")
    dropped = decision(await flow_lab.deliver("flow/skip", {"user": "a"}))
    assert (dropped.decision, dropped.control, dropped.run_id) == ("drop", "singleton", first.id)
    assert (await flow_lab.run("flow/skip", user="b")).status is RunStatus.RUNNING

    await flow_lab.pass_time(HOUR_S)
    assert (await flow_lab.settle(first.id)).status is RunStatus.COMPLETED
    assert (await flow_lab.run("flow/skip", user="a")).status is RunStatus.RUNNING


async def test_a_singleton_that_cancels_ends_its_run_for_the_newer_one(
    flow_lab: Lab, flow_gate: Gate
) -> None:
    first = await flow_lab.start("flow/replace", name="first", gate=flow_gate.origin)
    assert await flow_gate.somebody() == ["first.a"]
    receipt = await flow_lab.deliver("flow/replace", {"name": "second", "gate": flow_gate.origin})
    assert receipt.cancelled == (first,)
    (second,) = [run.run_id for run in receipt.started if run.function_slug == "flow-replace"]
    run = await flow_lab.engine.get_run(first)
    assert run.status is RunStatus.CANCELLED
    assert run.cancelled == f"by its newer run {second}, as the function is a singleton"
    await flow_gate.somebody(2)
    await flow_gate.open()

    assert (await flow_lab.settle(second)).output == ["a", "b", "c"]
    # Its open call goes on to its next report, and it is no failure.
    assert sorted((await flow_lab.journal(first)).ran) == ["a", "cancelled flow-replace"]
