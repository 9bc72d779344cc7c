"""What is collected for an explanation in moments that pass too quickly to be met from outside."""

from __future__ import annotations

from engine_tables import World

from durable_engine.explain.runs import explain_run
from durable_engine.fact_finding import FactFinding
from durable_engine.model.explanation import Explanation


def _explained(world: World, run_id: str) -> Explanation:
    finding = FactFinding(world.tables, world.registry, (), now_ms=world.now_ms)
    return explain_run(finding.about_run(world.run(run_id)))


def test_a_call_that_is_due_and_not_made_yet_is_told_apart_from_one_that_is_open() -> None:
    world = World()
    run_id = world.start()
    due = _explained(world, run_id)
    world.take_one()
    taken = _explained(world, run_id)

    assert due.cause == "call-due"
    assert due.message == "Its first call is due and is about to be made."
    assert due.happens_next.at_ms == world.now_ms
    assert taken.cause == "call-in-flight"
    assert taken.happens_next.at_ms is None
