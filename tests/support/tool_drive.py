"""Calls every tool that a server offers, and keeps every text that comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mcp import Client

ENDING: Final = ("restore_engine", "reset_engine")
"""What takes away what others look at comes last."""


@dataclass
class Asked:
    """A client, the texts of all answers, and of those among them that were refusals, by tool."""

    client: Client
    texts: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; return the structured part of its answer."""
        result = await self.client.call_tool(tool, arguments)
        text = "\n".join(getattr(block, "text", "") for block in result.content)
        structured = dict(result.structured_content or {})
        self.texts += [text, json.dumps(structured, ensure_ascii=False)]
        if result.is_error:
            self.refusals[tool] = text
        return structured


async def ask_every_tool(
    asked: Asked, *, run_ids: Sequence[str], event_id: str, function_id: str, timeout_s: float = 20
) -> None:
    """Call every tool about these runs, this event and this function; tools of later days by their names."""
    known = _calls(run_ids, event_id, function_id, timeout_s)
    by_name = {"runId": run_ids[0], "eventId": event_id, "functionId": function_id, "name": "a/b"}
    tools = (await asked.client.list_tools()).tools
    for tool in sorted(tools, key=lambda tool: tool.name in ENDING):
        required = {name: by_name[name] for name in tool.input_schema.get("required", ()) if name in by_name}
        for arguments in known.get(tool.name, [required]):
            await asked.call(tool.name, **arguments)


def _calls(
    run_ids: Sequence[str], event_id: str, function_id: str, timeout_s: float
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    formats = ("pytest", "vitest", "scenario")
    each_run = [{"runId": run_id} for run_id in run_ids]
    function = {"functionId": function_id}
    return {
        "send_event": [{"name": "nobody/listens"}, {"name": "inngest/reserved"}],
        "invoke_function": [{**function, "timeout": min(timeout_s, 2)}],
        "poll_run_status": [{"runIds": list(run_ids), "timeout": 1}],
        "get_run_status": [{**run, "detail": "full"} for run in each_run],
        "cancel_run": [{"runId": run_ids[-1]}],
        "pause_function": [function, {**function, "resume": True}],
        "test_function": [{**function, "timeout": timeout_s}],
        "run_fault_matrix": [{"runId": run_ids[0], "timeout": timeout_s}],
        "advance_time": [{"by": "1s"}],
        "check_replay": each_run,
        "rerun": [{**run, "wait": min(timeout_s, 5)} for run in each_run],
        "compare_runs": [{"runIdA": run_ids[0], "runIdB": run_ids[-1]}],
        "export_test": [{**run, "format": kind} for run in each_run for kind in formats],
        "explain": [*each_run, {"eventId": event_id}],
        "mock_step": [{**function, "stepId": "some-step", "outcomes": [{"result": 1}]}],
        "snapshot_engine": [{"name": "one", "replace": True}],
        "restore_engine": [{"name": "one"}],
        "search_docs": [{"query": "retries"}],
        "grep_docs": [{"pattern": "retries"}],
        "read_doc": [{"path": "steps/fetch"}],
    }
