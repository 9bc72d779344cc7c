"""A backend that answers from canned views, and builders of such views."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client
from mcp.types import CallToolResult

from durable_engine import (
    AppView,
    Event,
    EventReceipt,
    FailedAttempt,
    Function,
    Inventory,
    NewEvent,
    RunStatus,
    RunView,
    StartedRun,
    StepKind,
    StepStatus,
    StepView,
    Trigger,
    WaitingFor,
)
from durable_engine.errors import RunNotFoundError

NOW_MS = 1_790_000_000_000
"""2026-09-21T14:13:20.000Z"""
RUN_ID = "01JD4Z9QW3V8T5N2B7K1M6X0CR"
EVENT_ID = "01JD4Z9QW3V8T5N2B7K1M6X0EV"


class ScriptedBackend:
    """Satisfies `mcp_server.backend.Backend`.

    `holds_waits` keeps `wait_for_runs` open until `release` is set; `waiting` says that one is open,
    `wait_was_cancelled` that its caller gave up.
    """

    def __init__(self) -> None:
        self.runs: dict[str, RunView] = {}
        self.receipt = a_receipt()
        self.view = Inventory(functions=(a_function(),), apps=(an_app(),))
        self.triggers: tuple[str, ...] = ()
        self.error: Exception | None = None
        self.sent: list[tuple[NewEvent, str | None]] = []
        self.invoked: list[dict[str, Any]] = []
        self.paused: list[dict[str, Any]] = []
        self.waits: list[tuple[tuple[str, ...], float]] = []
        self.holds_waits = False
        self.release = asyncio.Event()
        self.waiting = asyncio.Event()
        self.wait_was_cancelled = asyncio.Event()

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    async def send_event(self, event: NewEvent, *, seed: str | None = None) -> EventReceipt:
        self._fail()
        self.sent.append((event, seed))
        return self.receipt

    async def invoke_function(
        self,
        function: str,
        *,
        app: str | None = None,
        data: Mapping[str, object] | None = None,
        user: Mapping[str, object] | None = None,
    ) -> EventReceipt:
        self._fail()
        self.invoked.append({"function": function, "app": app, "data": data, "user": user})
        return self.receipt

    async def pause_function(
        self, function: str, *, app: str | None = None, cancels_runs: bool = False
    ) -> Function:
        self._fail()
        self.paused.append({"function": function, "app": app, "cancels_runs": cancels_runs})
        return a_function(paused_ms=NOW_MS)

    async def resume_function(self, function: str, *, app: str | None = None) -> Function:
        self._fail()
        self.paused.append({"function": function, "app": app, "resumes": True})
        return a_function()

    async def inventory(self) -> Inventory:
        self._fail()
        return self.view

    async def get_run(self, run_id: str) -> RunView:
        self._fail()
        if run_id not in self.runs:
            raise RunNotFoundError(f"There is no run {run_id}.", nearest=list(self.runs)[:5])
        return self.runs[run_id]

    async def wait_for_runs(self, run_ids: Sequence[str], *, timeout_s: float) -> Mapping[str, RunView]:
        self._fail()
        self.waits.append((tuple(run_ids), timeout_s))
        if self.holds_waits:
            self.waiting.set()
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.wait_was_cancelled.set()
                raise
        return {run_id: self.runs[run_id] for run_id in run_ids if run_id in self.runs}

    async def nearest_triggers(self, event_name: str) -> Sequence[str]:
        return self.triggers


class BackendSwitch:
    """Stands for the backend of the test that runs: building a server takes longer than most tests."""

    backend: ScriptedBackend

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)


def an_event(**changes: Any) -> Event:
    fields = {
        "id": EVENT_ID,
        "public_id": EVENT_ID,
        "name": "shop/order.placed",
        "data": {"orderId": "o-1"},
        "user": {},
        "ts_ms": NOW_MS,
        "received_ms": NOW_MS,
    }
    return Event(**{**fields, **changes})


def a_receipt(**changes: Any) -> EventReceipt:
    started = StartedRun(run_id=RUN_ID, function_slug="shop-pay", status="QUEUED", due_ms=NOW_MS)
    return EventReceipt(**{"event": an_event(), "started": (started,), **changes})


def a_function(**changes: Any) -> Function:
    fields = {
        "id": "0b0a7b2e-0000-5000-8000-000000000001",
        "slug": "shop-pay",
        "name": "Pay",
        "app_name": "shop",
        "url": "http://localhost:3000/api/inngest",
        "triggers": (Trigger(event="shop/order.placed"),),
    }
    return Function(**{**fields, **changes})


def an_app(**changes: Any) -> AppView:
    fields = {
        "url": "http://localhost:3000/api/inngest",
        "name": "shop",
        "sdk": "js:v4.1.0",
        "framework": "express",
        "last_sync_ms": NOW_MS,
        "is_reachable": True,
    }
    return AppView(**{**fields, **changes})


def a_step(name: str = "charge", **changes: Any) -> StepView:
    fields = {
        "id": f"hash-{name}",
        "name": name,
        "index": 0,
        "kind": StepKind.RUN,
        "status": StepStatus.COMPLETED,
        "queued_ms": NOW_MS,
        "started_ms": NOW_MS,
        "ended_ms": NOW_MS + 250,
        "attempts": 1,
        "output": {"charged": True},
    }
    return StepView(**{**fields, **changes})


def a_run(**changes: Any) -> RunView:
    fields = {
        "id": RUN_ID,
        "status": RunStatus.COMPLETED,
        "function_slug": "shop-pay",
        "function_name": "Pay",
        "app_name": "shop",
        "event": an_event(),
        "queued_ms": NOW_MS,
        "now_ms": NOW_MS + 2_000,
        "started_ms": NOW_MS,
        "ended_ms": NOW_MS + 1_200,
        "output": {"paid": True},
        "steps": (a_step(),),
        "max_attempts": 5,
    }
    return RunView(**{**fields, **changes})


def a_waiting_run(**changes: Any) -> RunView:
    wait = WaitingFor(
        kind="event",
        until_ms=NOW_MS + 62_000,
        step_id="hash-approval",
        step_name="approval",
        event_name="shop/approved",
        expression="async.data.orderId == event.data.orderId",
    )
    step = a_step(
        "approval",
        kind=StepKind.WAIT_FOR_EVENT,
        status=StepStatus.WAITING,
        output=None,
        ended_ms=None,
        waiting_for=wait,
    )
    fields = {
        "status": RunStatus.RUNNING,
        "ended_ms": None,
        "output": None,
        "steps": (a_step(), step),
        "waiting_for": (wait,),
    }
    return a_run(**{**fields, **changes})


def a_failure(**changes: Any) -> FailedAttempt:
    fields = {
        "attempt": 0,
        "at_ms": NOW_MS + 100,
        "error": {"name": "CardDeclined", "message": "card declined", "stack": "at pay.ts:3"},
        "next_attempt_ms": NOW_MS + 30_100,
    }
    return FailedAttempt(**{**fields, **changes})


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content)


@asynccontextmanager
async def connected(server: Any, era: str = "auto", **options: Any):
    async with Client(server, mode=era, **options) as client:
        yield client


async def ask(
    server: Any, tool: str, arguments: dict[str, Any] | None = None, *, era: str = "auto"
) -> dict[str, Any]:
    """Call a tool that must succeed, and return its structured answer."""
    async with connected(server, era) as client:
        result = await client.call_tool(tool, arguments or {})

    assert not result.is_error, text_of(result)
    return result.structured_content


async def refused(
    server: Any, tool: str, arguments: dict[str, Any] | None = None, *, era: str = "auto"
) -> str:
    """Call a tool that must refuse, and return the text."""
    async with connected(server, era) as client:
        result = await client.call_tool(tool, arguments or {})

    assert result.is_error, text_of(result)
    return text_of(result)
