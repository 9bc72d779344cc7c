"""What must hold of an engine's data whenever a test leaves it: no run hangs silently."""

from __future__ import annotations

from typing import Final

from durable_engine import Engine
from durable_engine.storage.tables import Tables

BROKEN: Final = {
    "runs that have not ended and that nothing will ever move": """
        SELECT id FROM run WHERE status IN ('QUEUED', 'RUNNING')
            AND id NOT IN (SELECT run_id FROM queue_item WHERE kind != 'deadline')
            AND id NOT IN (SELECT run_id FROM pause)""",
    "runs that were repaired": "SELECT DISTINCT run_id FROM history WHERE kind = 'run.repaired'",
    "ended runs with work, waits or open steps": """
        SELECT id FROM run WHERE status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND (
            id IN (SELECT run_id FROM queue_item) OR id IN (SELECT run_id FROM pause)
            OR id IN (SELECT run_id FROM cancel_trigger)
            OR id IN (SELECT run_id FROM step WHERE status IN ('QUEUED', 'RUNNING', 'WAITING')))""",
    "waiting steps that nothing will ever wake": """
        SELECT run_id FROM step WHERE status = 'WAITING' AND due_ms IS NOT NULL
            AND kind IN ('SLEEP', 'WAIT_FOR_EVENT', 'WAIT_FOR_SIGNAL', 'INVOKE')
            AND NOT EXISTS (SELECT 1 FROM queue_item
                            WHERE queue_item.run_id = step.run_id AND queue_item.step_id = step.id)""",
}


def check_remembered(tables: Tables) -> None:
    """Fail the test after which the connection that writes remembers something else than what is stored."""
    connection = tables.runs._connection
    stored = Tables(connection)
    for run_id, (run, _) in tables.runs._kept._values.items():
        assert stored.runs.get(run_id) == run
    for event_id, (row, _) in tables.events._kept._values.items():
        found = connection.execute("SELECT * FROM event WHERE id = ?", (event_id,)).fetchone()
        assert found is None or tuple(found) == row  # one that was pruned is never asked for
    for run_id, (memos, _) in tables.steps._kept._values.items():
        assert stored.steps.memos(run_id) == memos
        assert list(stored.steps.memos(run_id)) == list(memos)
    for names in (tables.pauses._awaited, tables.pauses._cancelling):
        assert all(map(names.may_have, names.some(limit=10_000)))
    assert not tables.history._coming


async def check_nothing_hangs(engine: Engine, *, may_repair: bool = False) -> None:
    """Fail the test that left a run which nothing will ever move, or a slot that nobody will ever free.

    An engine that it closed is not asked.
    """

    def look(tables: Tables) -> tuple[dict[str, list[str]], dict[int, int]]:
        check_remembered(tables)
        connection = tables.runs._connection
        found = {what: [row[0] for row in connection.execute(sql)] for what, sql in BROKEN.items()}
        if may_repair:
            del found["runs that were repaired"]
        taken = {share: count for share, count in tables.slots.running.items() if count}
        return {what: run_ids for what, run_ids in found.items() if run_ids}, taken

    if engine._database._is_closed:
        return
    async with engine._dispatcher.held():  # what is counted then is open, or has just ended
        open_count = engine._dispatcher.open_count
        found, taken = await engine._database.transact(look)
    assert found == {}
    assert min(taken.values(), default=0) >= 0, taken
    assert sum(taken.values()) <= open_count, taken
