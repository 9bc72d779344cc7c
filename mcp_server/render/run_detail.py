"""One run in full: the answers of get_run_status and invoke_function."""

from __future__ import annotations

from functools import partial

from mcp.types import CallToolResult

from durable_engine import RunView
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.doubles import MAX_USES, uses_of
from mcp_server.render.payload import Cutter
from mcp_server.render.runs import handler_runs, run_facts, step_of
from mcp_server.render.sentences import run_next, run_sentence
from mcp_server.render.times import iso
from mcp_server.render.waits import hold_notes
from mcp_server.results.runs import InvokeResult, RunDetail

STEPS_PER_PAGE = 50
SUMMARY_CHARS = 500
FULL_CHARS = 8_000
_MAX_EVENT_IDS = 100
_FUNCTION_FAILED = "inngest/function.failed"
_SHAPES_SUMMARY = ((50, 500), (50, 200), (50, 60), (25, 60), (10, 60), (3, 60))
_SHAPES_FULL = (
    (50, 8_000),
    (25, 8_000),
    (10, 8_000),
    (4, 8_000),
    (1, 8_000),
    (1, 4_000),
    (1, 2_000),
    (1, 500),
)
_SHAPES_INVOKE = ((20, 4_000), (20, 1_000), (20, 300), (10, 100), (3, 60))


def run_detail_answer(run: RunView, *, is_full: bool, offset: int, origin: str = "") -> CallToolResult:
    """Build get_run_status: a page of steps from `offset`, payloads cut by the level of detail.

    `origin` is where the engine listens.
    """
    shapes = _SHAPES_FULL if is_full else _SHAPES_SUMMARY
    return first_fit(
        partial(_detail, run, offset, steps, limit, is_full=is_full, origin=origin) for steps, limit in shapes
    )


def invoke_answer(run: RunView, *, origin: str = "") -> CallToolResult:
    """Build invoke_function: the run's end, or the state so far, with its first steps."""
    return first_fit(partial(_invoke, run, steps, limit, origin=origin) for steps, limit in _SHAPES_INVOKE)


def _detail(
    run: RunView, offset: int, steps: int, limit: int, *, is_full: bool, origin: str
) -> CallToolResult:
    cut = Cutter(limit)
    page = run.steps[offset : offset + steps]
    end = offset + len(page)
    more = len(run.steps) - end
    result = RunDetail(
        message=run_sentence(run),
        **run_facts(run, cut, shown_steps=page, origin=origin),
        event_data=cut.value(run.event.data) if run.event.data and offset == 0 else None,
        event_ts=iso(run.event.ts_ms),
        attempt=run.attempt,
        max_attempts=run.max_attempts or None,
        parent_run_id=run.parent_run_id,
        child_run_ids=list(run.child_run_ids[:STEPS_PER_PAGE]) or None,
        original_run_id=run.original_run_id,
        failed_run_id=_failed_run_id(run),
        failure_handler_runs=handler_runs(run),
        batch_event_ids=list(run.event_ids[:_MAX_EVENT_IDS]) if len(run.event_ids) > 1 else None,
        notes=[*run.notes, *hold_notes(run)] or None,
        doubles=uses_of(run, cut),
        doubles_omitted=max(0, len(run.doubles) - MAX_USES) or None,
        steps=[step_of(step, cut, now_ms=run.now_ms, origin=origin, told=run.error) for step in page],
        next_cursor=str(end) if more else None,
        next=run_next(run, origin=origin),
    )
    result.truncated = _truncated(cut, is_full=is_full, more=more, cursor=result.next_cursor)
    return reply(result)


def _failed_run_id(run: RunView) -> str | None:
    """Return the run whose failure started this one."""
    failed = run.event.data.get("run_id") if run.event.name == _FUNCTION_FAILED else None
    return failed if isinstance(failed, str) else None


def _truncated(cut: Cutter, *, is_full: bool, more: int, cursor: str | None) -> str | None:
    parts = []
    if cut.cuts:
        rest = (
            "the most that fits one answer" if is_full else f"detail=full shows up to {FULL_CHARS:,} of each"
        )
        parts.append(f"{cut.cuts} values are cut at {cut.limit:,} characters ({rest})")
    if more:
        parts.append(f"{more} more steps with cursor={cursor}")
    return f"{'; '.join(parts)}." if parts else None


def _invoke(run: RunView, steps: int, limit: int, *, origin: str) -> CallToolResult:
    cut = Cutter(limit)
    page = run.steps[:steps]
    result = InvokeResult(
        message=_invoke_message(run),
        **run_facts(run, cut, shown_steps=page, origin=origin),
        steps=[step_of(step, cut, now_ms=run.now_ms, origin=origin, told=run.error) for step in page],
        failure_handler_runs=handler_runs(run),
        next=run_next(run, origin=origin),
    )
    more = len(run.steps) - len(page)
    if cut.cuts or more:
        parts = [f"{cut.cuts} values are cut at {limit:,} characters"] if cut.cuts else []
        parts += [f"{more} more steps"] if more else []
        result.truncated = f'{" and ".join(parts)}; get_run_status runId="{run.id}" detail=full shows more.'
    return reply(result)


def _invoke_message(run: RunView) -> str:
    if run.status.is_terminal:
        return run_sentence(run)
    return f"It has not ended yet and goes on. {run_sentence(run)}"
