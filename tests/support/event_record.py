"""What an engine has on record about an event: the decisions that kept it from starting a run at once."""

from __future__ import annotations

from support.sdk_app import Lab

from durable_engine.model.decision import EventDecision


async def record(it: Lab, event_id: str) -> list[EventDecision]:
    """Return what was decided about an event, in order."""
    return await it.engine._database.transact(lambda tables: tables.decisions.of_event(event_id))


async def kinds(it: Lab, event_id: str) -> list[tuple[str, str | None]]:
    """Return each decision about an event as its kind and the run that it names, in order."""
    return [(entry.decision.kind, entry.decision.run_id) for entry in await record(it, event_id)]
