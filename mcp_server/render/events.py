"""An event's receipt as the answer of send_event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcp.types import CallToolResult

from durable_engine import EventReceipt, Inventory, NotStarted, RunStatus, RunView, StartedRun, UnmetWait
from mcp_server.clean import as_one_line_json, in_json, one_line
from mcp_server.connect import how_to_connect
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.numbers import counted
from mcp_server.render.payload import Cutter
from mcp_server.render.runs import run_facts
from mcp_server.render.sentences import run_next
from mcp_server.render.times import iso
from mcp_server.results.events import AppProblem, EventRun, NotStartedFunction, SendEventResult, UnmetWaitInfo

_SHAPES = ((2_000, 60, 400), (500, 60, 400), (150, 60, 400), (150, 20, 400), (60, 5, 200))
"""Characters of each payload, runs that are described, and ids in each list."""
_MOMENT_MS = 1_000
"""An event may be received a moment before the run is queued that it starts at once."""
_MAX_NEAREST = 5
UNREPORTED = "unreported"
"""The decision about a function of which a server has not said yet whether the event started it."""
_LONGEST_DATA = 300
"""Characters of event data that are written out in a call; longer data are those of the call before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """What helps when an event reached no function."""

    inventory: Inventory
    nearest: tuple[str, ...]
    engine_url: str
    is_remote: bool = False


def event_answer(
    receipt: EventReceipt,
    runs: Mapping[str, RunView],
    *,
    unmatched: Unmatched | None,
    origin: str = "",
) -> CallToolResult:
    """Build the answer; `runs` are the states at the end of a wait, empty without one.

    `origin` is where the engine listens.
    """
    return first_fit(
        partial(_answer, receipt, runs, unmatched, origin, limit=limit, rows=rows, ids=ids)
        for limit, rows, ids in _SHAPES
    )


def _answer(
    receipt: EventReceipt,
    runs: Mapping[str, RunView],
    unmatched: Unmatched | None,
    origin: str,
    *,
    limit: int,
    rows: int,
    ids: int,
) -> CallToolResult:
    cut = Cutter(limit)
    sent_ms = receipt.event.received_ms
    started = [_started(run, runs.get(run.run_id), cut, sent_ms, origin) for run in receipt.started[:rows]]
    resumed_runs = [
        _resumed(runs[run_id], cut, origin) for run_id in receipt.resumed[:rows] if run_id in runs
    ]
    not_started = [_not_started(missed, cut) for missed in receipt.not_started[:rows]]
    unmet = [
        UnmetWaitInfo(
            run_id=wait.run_id,
            step_name=None if wait.step_name is None else cut.text(wait.step_name),
            reason=cut.text(wait.reason),
        )
        for wait in receipt.unmet
    ]
    result = SendEventResult(
        message=_message(receipt, runs, unmatched),
        event_id=receipt.event.id,
        event_name=receipt.event.name,
        status="known" if receipt.is_known else "accepted",
        run_ids=[run.run_id for run in receipt.started[:ids]],
        runs=started,
        resumed=list(receipt.resumed[:ids]) or None,
        resumed_runs=resumed_runs or None,
        cancelled=list(receipt.cancelled[:ids]) or None,
        not_started=not_started or None,
        unmet=unmet or None,
        nearest_triggers=list(unmatched.nearest[:_MAX_NEAREST]) or None if unmatched else None,
        app_errors=_app_errors(unmatched, cut) or None,
        truncated=_truncated(receipt, cut, rows, ids, origin),
        next=_next(receipt, runs, unmatched, origin),
    )
    return reply(result)


def _started(run: StartedRun, now: RunView | None, cut: Cutter, sent_ms: int, origin: str) -> EventRun:
    state = {"status": run.status} if now is None else _state(now, cut, origin)
    return EventRun(
        run_id=run.run_id,
        function_id=run.function_slug,
        existed=run.existed or None,
        starts_at=iso(run.due_ms) if run.due_ms > sent_ms + _MOMENT_MS else None,
        held=cut.text(run.held) if run.held and now is None else None,
        **state,
    )


def _not_started(missed: NotStarted, cut: Cutter) -> NotStartedFunction:
    return NotStartedFunction(
        function_id=missed.function_slug,
        decision=missed.decision,
        control=missed.control,
        reason=cut.text(missed.reason),
        until=iso(missed.until_ms),
        run_id=missed.run_id,
    )


def _resumed(run: RunView, cut: Cutter, origin: str) -> EventRun:
    return EventRun(run_id=run.id, function_id=run.function_slug, **_state(run, cut, origin))


def _state(run: RunView, cut: Cutter, origin: str) -> dict[str, Any]:
    facts = run_facts(run, cut, failures=1, most_waits=1, most_failed=0, origin=origin)
    kept = ("status", "duration", "mocked", "unused_mocks", "output", "error", "waiting_for", "waits_omitted")
    state = {key: facts[key] for key in kept if key in facts}
    if facts["failures"] and run.ended_ms is None:
        state["last_failure"] = facts["failures"][-1]
    return state


def _app_errors(unmatched: Unmatched | None, cut: Cutter) -> list[AppProblem]:
    if unmatched is None:
        return []
    broken = [app for app in unmatched.inventory.apps if app.error]
    return [AppProblem(url=app.url, error=cut.text(app.error or "")) for app in broken[:5]]


def _message(receipt: EventReceipt, runs: Mapping[str, RunView], unmatched: Unmatched | None) -> str:
    name = one_line(receipt.event.name, 100)
    if unmatched is not None:
        return f"Event {name!r} was accepted, but {_why_unmatched(unmatched)}."
    if receipt.is_known:
        runs_then = counted(len(receipt.started), "run")
        return (
            f"Nothing was sent: this seed was used before, for the event {name!r}, which started {runs_then}."
        )
    parts = _effects(receipt)
    if receipt.unmet and not parts:
        return f"Event {name!r} was accepted and did nothing: {_unmet(receipt.unmet[0])} (see unmet)."
    text = f"Event {name!r} was accepted and {' and '.join(parts)}."
    if not runs:
        return text
    ended = sum(run.status.is_terminal for run in runs.values())
    return f"{text} {ended} of {len(runs)} ended."


def _effects(receipt: EventReceipt) -> list[str]:
    """Return what an event did, as ends of a sentence."""
    parts = []
    if receipt.started:
        parts.append(f"started {counted(len(receipt.started), 'run')}")
    if receipt.resumed:
        parts.append(f"resumed {counted(len(receipt.resumed), 'waiting run')}")
    if receipt.cancelled:
        parts.append(f"cancelled {counted(len(receipt.cancelled), 'run')}")
    unreported = sum(missed.decision == UNREPORTED for missed in receipt.not_started)
    if unreported:
        parts.append(
            f"no run of {counted(unreported, 'function')} that may listen has been reported yet, which does "
            "not mean that none starts (see notStarted)"
        )
    later = [missed for missed in receipt.not_started if missed.decision not in {"drop", UNREPORTED}]
    if later:
        parts.append(f"will start {counted(len(later), 'function')} later (see notStarted)")
    dropped = len(receipt.not_started) - len(later) - unreported
    if dropped:
        parts.append(f"did not start {counted(dropped, 'function')} (see notStarted)")
    return parts


def _why_unmatched(unmatched: Unmatched) -> str:
    if not unmatched.inventory.functions:
        return "no app is synced, so there is no function to start"
    if unmatched.is_remote:
        return "no function listens to it; whether a run waits for it, this server does not say"
    return "no function listens to it and no run waits for it"


def _unmet(wait: UnmetWait) -> str:
    what = "would be cancelled by it" if wait.step_name is None else "waits for it"
    return f"run {wait.run_id} {what}, but {one_line(wait.reason, 300)}"


def _next(
    receipt: EventReceipt, runs: Mapping[str, RunView], unmatched: Unmatched | None, origin: str
) -> str | None:
    if unmatched is not None:
        return _next_unmatched(unmatched, receipt.event.data)
    failed = [run.id for run in runs.values() if run.status is RunStatus.FAILED]
    if failed:
        return f'explain runId="{failed[0]}" says why it failed; get_run_status shows its steps.'
    if receipt.unmet:
        why = f'explain runId="{receipt.unmet[0].run_id}" tells which data meet the condition'
        return f"{why}; send_event name={in_json(receipt.event.name)} sends them."
    ids = [run.run_id for run in receipt.started] + list(receipt.resumed)
    waiting = [run_id for run_id in ids if run_id not in runs or not runs[run_id].status.is_terminal]
    if len(waiting) == 1 and waiting[0] in runs:
        return run_next(runs[waiting[0]], origin=origin)
    if waiting:
        shown = ", ".join(f'"{run_id}"' for run_id in waiting[:10])
        return f"poll_run_status runIds=[{shown}] waits for the end; get_run_status shows the steps of one."
    touched = [*ids, *receipt.cancelled]
    shows = f'get_run_status runId="{touched[0]}" shows its steps.' if touched else None
    return shows or _next_unreported(receipt) or _next_not_started(receipt, origin)


def _next_unreported(receipt: EventReceipt) -> str | None:
    if all(missed.decision != UNREPORTED for missed in receipt.not_started):
        return None
    return f'list_runs eventId="{receipt.event.id}" shows its runs once the server reports them.'


def _next_not_started(receipt: EventReceipt, origin: str) -> str | None:
    """Return what to do about an event that started nothing at once."""
    for missed in receipt.not_started:
        function = in_json(missed.function_slug)
        if missed.run_id is not None:
            return f'get_run_status runId="{missed.run_id}" shows the run that notStarted names.'
        if missed.decision != "drop":
            path = f"{origin}/v1/events/{receipt.event.id}/decisions"
            return f"It starts by itself at {iso(missed.until_ms)}; GET {path} names the run then."
        if missed.control == "pause":
            return f"pause_function functionId={function} resume=true lets events start it again."
        if missed.until_ms is not None:
            return f"An event like this one starts {function} again from {iso(missed.until_ms)} on."
        return (
            f'explain eventId="{receipt.event.id}" says what keeps {function} from starting, and what to do.'
        )
    return None


def _next_unmatched(unmatched: Unmatched, data: Mapping[str, Any]) -> str:
    if not unmatched.inventory.functions:
        return how_to_connect(unmatched.engine_url, unmatched.inventory.apps, is_remote=unmatched.is_remote)
    if unmatched.nearest:
        call = f"send_event name={in_json(unmatched.nearest[0])}"
        if len(same := as_one_line_json(data)) <= _LONGEST_DATA:
            call = f"{call} data={same}"
        return f"{call} has the nearest name that something listens to; list_functions shows all triggers."
    return "list_functions shows what triggers each function; invoke_function starts one without an event."


def _truncated(receipt: EventReceipt, cut: Cutter, rows: int, ids: int, origin: str) -> str | None:
    parts = []
    for what, count in (("started", len(receipt.started)), ("resumed", len(receipt.resumed))):
        if count > rows:
            has = "all" if count <= ids else f"the first {ids}"
            parts.append(f"the first {rows} of {count} runs {what} are described, the list of ids has {has}")
    if len(receipt.cancelled) > ids:
        parts.append(f"the first {ids} of {len(receipt.cancelled)} cancelled runs are listed")
    if len(receipt.not_started) > rows:
        parts.append(f"the first {rows} of {len(receipt.not_started)} functions not started are listed")
    if len(receipt.started) > ids:
        parts.append(f"GET {origin}/v1/events/{receipt.event.id}/runs has all runs started")
    if cut.cuts:
        parts.append(
            f"{cut.cuts} values are cut at {cut.limit:,} characters, get_run_status shows more of them"
        )
    return f"{'; '.join(parts)}." if parts else None
