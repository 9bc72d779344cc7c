"""What a user sees of an engine at rest: its lists have what the data file has, its explanations are true."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import httpx
from mcp import Client
from support.processes import call
from survival.data_file import DataFile

_PAGE: Final = 51
_SAMPLE: Final = 5
_CAUSES: Final = {
    "COMPLETED": {"completed"},
    "FAILED": {"failed-in-step"},
    "CANCELLED": {"cancelled-by-event"},
    "RUNNING": {
        "sleeping",
        "waiting-for-event",
        "waiting-for-signal",
        "event-never-seen",
        "event-not-matched",
    },
}
"""What explains the runs of this app at rest, by their status."""


async def check_outside(origin: str, data: DataFile) -> list[str]:
    """Return how the answers of an engine differ from its data file; of many a sample of the newest."""
    async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=60) as http:
        faults = await _lists(http, data)
        faults += await _runs_of_events(http, data)
    return [*faults, *await _explanations(origin, data)]


async def _lists(http: httpx.AsyncClient, data: DataFile) -> list[str]:
    faults = []
    runs = await _all(http, "/v2/runs")
    if sorted(runs) != sorted(data.runs):
        faults.append(
            f"/v2/runs: {len(runs)} runs, {len(set(runs))} different; the file has {len(data.runs)}"
        )
    newest = (await http.get("/v1/events", params={"limit": _PAGE})).json()["data"]
    sent = [event["id"] for event in data.events.values() if not event["name"].startswith("inngest/")]
    if [event["internal_id"] for event in newest] != sent[::-1][:_PAGE]:
        faults.append("/v1/events does not list the newest events of the file")
    return faults


async def _all(http: httpx.AsyncClient, path: str) -> list[str]:
    ids: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = (await http.get(path, params={"limit": _PAGE, **cursor})).json()
        ids += [entry["id"] for entry in answer.get("data", [])]
        if not answer["page"]["hasMore"]:
            return ids
        cursor = {"cursor": answer["page"]["cursor"]}


async def _runs_of_events(http: httpx.AsyncClient, data: DataFile) -> list[str]:
    faults = []
    for event_id in islice(reversed(data.events), _SAMPLE):
        listed = {run["run_id"] for run in (await http.get(f"/v1/events/{event_id}/runs")).json()["data"]}
        wanted = {run_id for run_id, events in data.run_events.items() if event_id in events}
        if listed != wanted:
            faults.append(f"/v1/events/{event_id}/runs lists {listed}, the file has {wanted}")
    return faults


async def _explanations(origin: str, data: DataFile) -> list[str]:
    faults = []
    open_runs = [run for run in reversed(data.runs.values()) if run["ended_ms"] is None]
    async with Client(f"{origin}/mcp") as client:
        await client.list_tools()
        for run in [*open_runs[:_SAMPLE], *islice(reversed(data.runs.values()), _SAMPLE)]:
            told = await call(client, "explain", runId=run["id"])
            if told["cause"] not in _CAUSES.get(run["status"], ()):
                faults.append(f"{run['slug']} {run['id']}, {run['status']}, is explained by {told['cause']}")
    return faults
