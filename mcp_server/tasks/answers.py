"""What a tool's answer needs besides the runs, as JSON, and the answer once the runs have ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from mcp.types import CallToolResult

from durable_engine import EventReceipt, NotStarted, RerunReceipt, RunView, StartedRun
from mcp_server.backend import EngineBackend
from mcp_server.render.events import event_answer
from mcp_server.render.reruns import Repeat, rerun_answer
from mcp_server.render.run_detail import invoke_answer
from mcp_server.results.reruns import Edited
from mcp_server.tools import poll_run_status

WAITING_TOOLS: Final = frozenset({"invoke_function", "rerun", "poll_run_status", "send_event"})
STARTING_TOOLS: Final = frozenset({"invoke_function", "rerun"})
"""Those that start the one run they wait for: that run is what a client cancels with their task."""


def as_facts(about: object) -> dict[str, Any]:
    """Return what a tool said about its wait as JSON."""
    if isinstance(about, EventReceipt):
        return {
            "event": about.event.id,
            "isKnown": about.is_known,
            "started": [asdict(run) for run in about.started],
            "resumed": list(about.resumed),
            "cancelled": list(about.cancelled),
            "notStarted": [asdict(missed) for missed in about.not_started],
        }
    if isinstance(about, Repeat):
        return {
            "receipt": asdict(about.receipt),
            "edited": None if about.edited is None else about.edited.model_dump(),
            "fromStep": about.from_step,
        }
    return {}


async def final_answer(
    backend: EngineBackend,
    tool: str,
    facts: Mapping[str, Any],
    run_ids: list[str],
    runs: Mapping[str, RunView],
    *,
    origin: str,
) -> CallToolResult:
    """Build the answer that the tool would have given at the end of the last run.

    `origin` is where the engine listens.

    Raises:
        EventNotFoundError: the event that was sent is gone.
        ToolError: all runs are gone.
    """
    if tool == "invoke_function":
        return invoke_answer(runs[run_ids[0]], origin=origin)
    if tool == "rerun":
        return rerun_answer(_repeat(facts), runs[run_ids[0]], origin=origin)
    if tool == "send_event":
        receipt = await _receipt(backend, facts)
        return event_answer(receipt, runs, unmatched=None, origin=origin)
    return await poll_run_status.answer(backend, run_ids, runs, timeout_s=0, origin=origin)


async def _receipt(backend: EngineBackend, facts: Mapping[str, Any]) -> EventReceipt:
    return EventReceipt(
        event=await backend.records.event(facts["event"]),
        is_known=facts["isKnown"],
        started=tuple(StartedRun(**run) for run in facts["started"]),
        resumed=tuple(facts["resumed"]),
        cancelled=tuple(facts["cancelled"]),
        not_started=tuple(NotStarted(**missed) for missed in facts["notStarted"]),
    )


def _repeat(facts: Mapping[str, Any]) -> Repeat:
    receipt = facts["receipt"]
    return Repeat(
        receipt=RerunReceipt(**{**receipt, "kept": tuple(receipt["kept"]), "notes": tuple(receipt["notes"])}),
        edited=None if facts["edited"] is None else Edited(**facts["edited"]),
        from_step=facts["fromStep"],
    )
