"""An explanation of the engine as the answer of explain: its actions become calls of tools."""

from __future__ import annotations

from functools import partial
from typing import Final

from mcp.types import CallToolResult

from durable_engine import Action, ActionKind, Evidence, Explanation, FunctionVerdict
from durable_engine.durations import format_duration
from mcp_server.clean import as_one_line_json, in_json, one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.faults import how_to_run_again
from mcp_server.render.payload import Cutter
from mcp_server.render.times import iso
from mcp_server.render.waits import signal_command
from mcp_server.results.explanation import Effects, ExplainResult, Fact, NotStartedRow, StartedRow, WhatNext

_SHAPES: Final = ((1_000, 20), (300, 20), (100, 10))
"""Characters of each text, and entries of each list."""
_LONGEST_DATA: Final = 500


def explain_answer(explanation: Explanation, *, origin: str = "") -> CallToolResult:
    """Build the answer of explain; `origin` is where the engine listens."""
    return first_fit(partial(_answer, explanation, origin, limit=limit, rows=rows) for limit, rows in _SHAPES)


def _answer(explanation: Explanation, origin: str, *, limit: int, rows: int) -> CallToolResult:
    cut = Cutter(limit)
    run, event = explanation.run, explanation.event
    result = ExplainResult(
        message=_message(explanation),
        cause=explanation.cause.value,
        run_id=None if run is None else run.id,
        function_id=None if run is None else run.function_slug,
        status=None if run is None else run.status.value,
        event_id=None if event is None else event.id,
        evidence=[_fact(fact, cut) for fact in explanation.evidence[:rows]],
        happens_next=_what_next(explanation, cut),
        what_to_do=[_in_words(action, explanation, origin) for action in explanation.what_to_do] or None,
        effects=_effects(explanation, rows),
        not_started=[_not_started(verdict, cut) for verdict in explanation.functions[:rows]] or None,
        docs=list(explanation.docs),
        next=_next(explanation, origin),
    )
    result.truncated = _truncated(explanation, cut, rows)
    return reply(result)


def _truncated(explanation: Explanation, cut: Cutter, rows: int) -> str | None:
    parts = [f"{cut.cuts} texts are cut at {cut.limit:,} characters"] if cut.cuts else []
    lists = (explanation.ended_waits, explanation.cancelled, explanation.functions, explanation.evidence)
    if any(len(entries) > rows for entries in lists):
        parts.append(f"lists show their first {rows} entries")
    return f"{'; '.join(parts)}." if parts else None


def _effects(explanation: Explanation, rows: int) -> Effects | None:
    if not (explanation.started or explanation.ended_waits or explanation.cancelled):
        return None
    return Effects(
        runs=[
            StartedRow(run_id=started.id, function_id=started.function_slug, status=started.status.value)
            for started in explanation.started[:rows]
        ]
        or None,
        ended_waits=list(explanation.ended_waits[:rows]) or None,
        cancelled=list(explanation.cancelled[:rows]) or None,
    )


def _message(explanation: Explanation) -> str:
    message = one_line(explanation.message, 1_500)
    run = explanation.run
    if run is None:
        return message
    return f"Run {run.id} of {one_line(run.function_slug, 100)!r} is {run.status.value}. {message}"


def _fact(fact: Evidence, cut: Cutter) -> Fact:
    return Fact(kind=fact.kind, text=cut.text(fact.text), run_id=fact.run_id, event_id=fact.event_id)


def _what_next(explanation: Explanation, cut: Cutter) -> WhatNext:
    forecast = explanation.happens_next
    left = None if forecast.at_ms is None else max(0, forecast.at_ms - explanation.now_ms)
    return WhatNext(
        what=cut.text(forecast.text),
        at=iso(forecast.at_ms),
        remaining=None if left is None else format_duration(left),
        by_itself=forecast.is_by_itself,
    )


def _not_started(verdict: FunctionVerdict, cut: Cutter) -> NotStartedRow:
    return NotStartedRow(
        function_id=verdict.function_slug,
        cause=verdict.cause.value,
        reason=cut.text(verdict.message),
        until=iso(verdict.until_ms),
        run_id=verdict.run_id,
    )


def _in_words(action: Action, explanation: Explanation, origin: str) -> str:
    if action.kind is ActionKind.SEND_EVENT:
        return _send_event(action)
    if action.kind is ActionKind.RUN_AGAIN and explanation.run is not None:
        return how_to_run_again(explanation.run)
    function = in_json(action.function_slug or "")
    return {
        ActionKind.SEND_SIGNAL: f"{signal_command(action.signal or '', origin)} sends the signal",
        ActionKind.SKIP_TIME: f"{_skip_time(action)} lets that time pass at once",
        ActionKind.EXPLAIN_RUN: f'explain runId="{action.run_id}"',
        ActionKind.RESUME_FUNCTION: f"pause_function functionId={function} resume=true",
    }.get(action.kind, one_line(action.text, 300))


def _skip_time(action: Action) -> str:
    return f'advance_time runId="{action.run_id}"' if action.run_id else f'advance_time by="{action.text}"'


def _send_event(action: Action) -> str:
    call = f"send_event name={in_json(action.event_name or '')}"
    data = None if action.data is None else as_one_line_json(action.data)
    if data is None or len(data) > _LONGEST_DATA:
        return f"{call} {action.text}"
    return f"{call} data={data}"


def _next(explanation: Explanation, origin: str) -> str | None:
    """Return the first thing to do; advice is followed by the call that comes after it."""
    if not explanation.what_to_do:
        return None
    first, *rest = explanation.what_to_do
    words = _in_words(first, explanation, origin)
    call = next((action for action in rest if action.kind is not ActionKind.ADVICE), None)
    if first.kind is ActionKind.ADVICE and call is not None:
        then = _in_words(call, explanation, origin)
        words = f"{words}; {then[:1].lower()}{then[1:]}"
    return words
