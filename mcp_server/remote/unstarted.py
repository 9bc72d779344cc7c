"""What is known of functions that an event did not start: why, or only that no run of them was reported."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from durable_engine.model.event import NotStarted, StartedRun
from durable_engine.model.function import Function
from durable_engine.model.records import RunRecord
from durable_engine.model.views import Inventory
from mcp_server.remote.api import Api, in_path
from mcp_server.remote.probing import ServerKind
from mcp_server.remote.reading import moment, objects, text

UNREPORTED: Final = "unreported"
"""The decision about a function of which nobody knows yet whether the event started it."""
UNLISTED: Final = "(unknown)"
"""Stands for the functions of a server that does not list them."""
_CONTROLS: Final = (
    "concurrency",
    "throttle",
    "rateLimit",
    "debounce",
    "batchEvents",
    "singleton",
    "idempotency",
)


def listeners_of(inventory: Inventory | None, name: str) -> list[Function] | None:
    """Return the functions that listen to an event; None where the server does not list functions."""
    if inventory is None:
        return None
    return [
        function
        for function in inventory.functions
        if not function.is_archived and any(trigger.matches_name(name) for trigger in function.triggers)
    ]


def started(run: RunRecord) -> StartedRun:
    """Return a run as one that an event started."""
    return StartedRun(
        run_id=run.id, function_slug=run.function_slug, status=run.status.value, due_ms=run.queued_ms
    )


async def decisions(api: Api, event_id: str) -> tuple[NotStarted, ...]:
    """Return why functions that listen were not started, which only a Stepcue says; raises as `Api.v1`."""
    if (await api.known()).kind is not ServerKind.STEPCUE:
        return ()
    data = await api.v1(f"/events/{in_path(event_id)}/decisions")
    return tuple(
        NotStarted(
            function_slug=text(entry, "function") or UNLISTED,
            reason=text(entry, "reason") or "(no reason given)",
            decision=text(entry, "decision") or "drop",
            control=text(entry, "control"),
            until_ms=moment(entry, "until"),
            run_id=text(entry, "run_id"),
        )
        for entry in objects(data)
    )


def unreported(
    runs: Collection[RunRecord], missed: Sequence[NotStarted], listeners: Sequence[Function] | None
) -> tuple[NotStarted, ...]:
    """Return the functions that listen and of which neither a run nor a reason is known."""
    looked = "the server has reported no run of it so far"
    if listeners is None:
        if runs:
            return ()
        return (NotStarted(function_slug=UNLISTED, reason=looked, decision=UNREPORTED),)
    told = {run.function_slug for run in runs} | {entry.function_slug for entry in missed}
    return tuple(
        NotStarted(function_slug=function.slug, reason=f"{looked}{_perhaps(function)}", decision=UNREPORTED)
        for function in listeners
        if function.slug not in told
    )


def _perhaps(function: Function) -> str:
    if function.is_paused:
        return "; it is paused now"
    conditions = [trigger.expression for trigger in function.triggers if trigger.expression]
    if conditions:
        return f"; its trigger has a condition, which this event may not meet: {conditions[0][:200]}"
    is_held = any(function.config.get(control) for control in _CONTROLS)
    return "; its flow control may delay or drop a start" if is_held else ""
