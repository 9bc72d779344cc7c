"""The answers of snapshot_engine, restore_engine and reset_engine."""

from __future__ import annotations

from typing import Final

from mcp.types import CallToolResult

from durable_engine import Replaced, SnapshotView, StateSummary, SyncedAgain, Taken
from durable_engine.durations import format_duration
from durable_engine.errors import StillCalledError
from mcp_server.clean import one_line
from mcp_server.render.budget import reply
from mcp_server.render.times import iso
from mcp_server.results.snapshots import (
    AppItem,
    Lost,
    ResetResult,
    RestoreResult,
    SnapshotItem,
    SnapshotResult,
    State,
)

_KB: Final = 1_024
_APPS: Final = 20
_EMPTY: Final = "The engine is empty: only the synced apps and their functions are left. Its clock is real."


def taken_answer(taken: Taken) -> CallToolResult:
    """Say what was kept."""
    name = taken.snapshot.name
    verb = "was replaced" if taken.replaced else "was taken"
    return reply(
        SnapshotResult(
            message=f"Snapshot {name!r} {verb} at {iso(taken.snapshot.engine_ms)}: {_holds(taken.summary)}.",
            saved=True,
            engine_time=iso(taken.snapshot.engine_ms) or "",
            state=_state(taken.summary),
            snapshots=[_item(snapshot) for snapshot in taken.snapshots],
            next=f'restore_engine name="{name}" comes back to it, as often as you like.',
        )
    )


def not_taken_answer(refusal: StillCalledError, *, now_ms: int) -> CallToolResult:
    """Say which runs kept the snapshot from being taken."""
    return reply(
        SnapshotResult(
            message=f"No snapshot was taken. {refusal}",
            saved=False,
            engine_time=iso(now_ms) or "",
            open_calls=list(refusal.run_ids) or None,
            next=refusal.hint,
        )
    )


def restored_answer(done: Replaced) -> CallToolResult:
    """Say what the state is now, and what is gone."""
    off = format_duration(abs(done.shift_ms))
    return reply(
        RestoreResult(
            message=" ".join([_replaced(done), *_gone(done), *_synced(done.apps)]),
            done=True,
            engine_time=iso(done.engine_ms) or "",
            clock_ahead=off if done.shift_ms > 0 else None,
            clock_behind=off if done.shift_ms < 0 else None,
            state=_state(done.summary),
            apps=[_app(app) for app in done.apps[:_APPS]] or None,
            lost=_lost(done),
            next=_next(done),
        )
    )


def reset_answer(done: Replaced) -> CallToolResult:
    """Say that nothing is left, and what is gone."""
    return reply(
        ResetResult(
            message=" ".join([_EMPTY, *_gone(done)]),
            done=True,
            engine_time=iso(done.engine_ms) or "",
            lost=_lost(done),
            dropped_snapshots=list(done.dropped) or None,
            next="send_event or invoke_function starts a run; list_functions shows what there is.",
        )
    )


def not_replaced_answer(
    refusal: StillCalledError, kind: type[RestoreResult | ResetResult], *, now_ms: int
) -> CallToolResult:
    """Say which runs kept the state from being replaced."""
    return reply(
        kind(
            message=str(refusal),
            done=False,
            engine_time=iso(now_ms) or "",
            open_calls=list(refusal.run_ids) or None,
            next=refusal.hint,
        )
    )


def _replaced(done: Replaced) -> str:
    name = "" if done.snapshot is None else done.snapshot.name
    side = "ahead of" if done.shift_ms > 0 else "behind"
    off = f", {format_duration(abs(done.shift_ms))} {side} the real one" if done.shift_ms else ""
    return (
        f"The state is that of snapshot {name!r} again: {_holds(done.summary)}. "
        f"The engine's time is {iso(done.engine_ms)}{off}; it goes on from there."
    )


def _gone(done: Replaced) -> list[str]:
    if not done.lost_count:
        return []
    what = "" if done.snapshot is None else " that did not exist then"
    return [f"{_many(done.lost_count, 'run')}{what} {_verb(done.lost_count, 'is', 'are')} gone."]


def _lost(done: Replaced) -> Lost | None:
    return Lost(count=done.lost_count, newest=list(done.lost)) if done.lost_count else None


def _synced(apps: tuple[SyncedAgain, ...]) -> list[str]:
    words = []
    changed = [_name(app) for app in apps if app.is_changed]
    failed = [_name(app) for app in apps if app.error]
    count = len(apps) - len(failed)
    if count:
        synced = f"{_many(count, 'app')} {_verb(count, 'was', 'were')} synced again"
        words.append(f"{synced}: the code that runs is the present one.")
    if changed:
        words.append(f"Other functions than in the snapshot: {', '.join(changed[:5])}.")
    if failed:
        words.append(f"Not synced, see apps: {', '.join(failed[:5])}.")
    return words


def _next(done: Replaced) -> str:
    if any(app.error for app in done.apps):
        return "list_functions shows which apps are reachable; runs of others fail or are tried again."
    if done.summary.timers or done.summary.starts:
        return "advance_time (with runId for one run) lets what it waits for come due."
    return "send_event or invoke_function goes on from here; restore_engine again undoes it."


def _holds(summary: StateSummary) -> str:
    total = sum(summary.runs.values())
    by_status = ", ".join(f"{count} {status}" for status, count in summary.runs.items())
    runs = f"{_many(total, 'run')} ({by_status})" if total else "no runs"
    coming = f"{_many(summary.timers, 'timer')} and {_many(summary.starts, 'start')} to come"
    return f"{runs}, {_many(summary.events, 'event')}, {coming}"


def _state(summary: StateSummary) -> State:
    return State(
        runs=dict(summary.runs),
        events=summary.events,
        timers=summary.timers,
        starts_to_come=summary.starts,
        standing_doubles=summary.doubles,
    )


def _item(snapshot: SnapshotView) -> SnapshotItem:
    return SnapshotItem(
        name=snapshot.name,
        engine_time=iso(snapshot.engine_ms) if snapshot.fault is None else None,
        taken_at=iso(snapshot.taken_ms) if snapshot.fault is None else None,
        size=f"{-(-snapshot.size // _KB)}KB",
        fault=snapshot.fault,
    )


def _app(app: SyncedAgain) -> AppItem:
    return AppItem(
        name=one_line(app.name, 100) or None,
        url=one_line(app.url, 200),
        changed=app.is_changed,
        error=None if app.error is None else one_line(app.error, 300),
    )


def _name(app: SyncedAgain) -> str:
    return repr(one_line(app.name or app.url, 100))


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _verb(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
