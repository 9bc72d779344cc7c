"""Tool send_event: one event into the engine, and what it started."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine import EventReceipt, NewEvent
from mcp_server.arguments import MAX_WAIT_S, EventData, EventUser
from mcp_server.backend import Backend
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import ACTS
from mcp_server.render.events import Unmatched, event_answer
from mcp_server.results.events import SendEventResult
from mcp_server.strict import define_tool
from mcp_server.waiting import RunWaiter

EventName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        description='Event name, e.g. "shop/order.placed".',
    ),
]
EventId = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=256,
        validation_alias="id",
        description='Idempotency id, e.g. "order-42": within 24 h it starts nothing twice.',
    ),
]
Seed = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        description='Makes eventId reproducible, e.g. "case-1".',
    ),
]
Timestamp = Annotated[
    int,
    Field(
        ge=0,
        description="Unix milliseconds, e.g. 1767225600000; a future time delays the runs.",
    ),
]
Wait = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_WAIT_S,
        description="Seconds to wait for the runs to end, e.g. 20.",
    ),
]


def make(backend: Backend, config: ServerConfig) -> Tool:
    """Build the tool."""
    waiter = RunWaiter(backend, interval_s=config.progress_interval_s)

    async def send_event(
        name: EventName,
        context: Context[Any, Any],
        data: EventData | None = None,
        user: EventUser | None = None,
        event_id_seed: Seed | None = None,
        event_id: EventId = None,
        ts: Timestamp | None = None,
        wait: Wait = 0,
    ) -> Annotated[CallToolResult, SendEventResult]:
        """Send an event, to trigger every function that listens to it and continue runs that wait for it.

        To run just one function use invoke_function.

        Returns eventId, the runs it started, resumed and cancelled, and per function that did not start the
        reason; when nothing matched, the nearest event names; with `wait` each run's output or error. Next:
        poll_run_status.
        """
        event = NewEvent(name=name, data=data or {}, user=user or {}, id=event_id, ts_ms=ts)
        with as_tool_errors():
            receipt = await backend.send_event(event, seed=event_id_seed)
        accepted = receipt.event.id
        shows = f'list_runs eventId="{accepted}" shows its runs'
        with as_tool_errors(f"Event {accepted} was accepted, and {shows}. More cannot be said:"):
            unmatched = await _unmatched(backend, config, receipt)
            run_ids = [run.run_id for run in receipt.started] + list(receipt.resumed)
            ended = (
                await waiter.wait(run_ids, timeout_s=wait, context=context, about=receipt)
                if wait and run_ids
                else {}
            )
        return event_answer(receipt, ended, unmatched=unmatched, origin=config.engine_url)

    return define_tool(send_event, title="Send event", annotations=ACTS)


async def _unmatched(backend: Backend, config: ServerConfig, receipt: EventReceipt) -> Unmatched | None:
    """Gather what helps when the event reached no function; None when it did."""
    did_something = receipt.started or receipt.resumed or receipt.cancelled
    if did_something or receipt.not_started or receipt.unmet:
        return None
    inventory = await backend.inventory()
    nearest = await backend.nearest_triggers(receipt.event.name) if inventory.functions else ()
    return Unmatched(
        inventory=inventory, nearest=tuple(nearest), engine_url=config.engine_url, is_remote=config.is_remote
    )
