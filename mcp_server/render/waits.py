"""What a run waits for, and what a caller can do about it."""

from __future__ import annotations

from durable_engine import RunView, WaitingFor
from durable_engine.durations import format_duration
from mcp_server.clean import one_line
from mcp_server.render.payload import Cutter
from mcp_server.render.times import iso
from mcp_server.results.runs import Wait


def wait_of(waiting: WaitingFor, *, now_ms: int, cut: Cutter) -> Wait:
    """Describe one wait."""
    return Wait(
        kind=waiting.kind,
        step_name=None if waiting.step_name is None else cut.text(waiting.step_name),
        step_id=waiting.step_id,
        until=iso(waiting.until_ms),
        remaining=_remaining(waiting.until_ms, now_ms),
        event_name=None if waiting.event_name is None else cut.text(waiting.event_name),
        expression=None if waiting.expression is None else cut.text(waiting.expression),
        run_id=waiting.run_id,
        function_id=waiting.function_slug,
        signal=None if waiting.signal is None else cut.text(waiting.signal),
        how=_how(waiting),
    )


def waits_of(run: RunView) -> list[WaitingFor]:
    """Return all waits of a run, those of its steps included, each once."""
    waits = list(run.waiting_for)
    seen = {wait.step_id for wait in waits}
    waits += [step.waiting_for for step in run.steps if step.waiting_for is not None and step.id not in seen]
    return waits


def describe_wait(waiting: WaitingFor, *, now_ms: int) -> str:
    """Return a few words for a sentence: `an event 'a/b' (step 'wait') for another 5m`."""
    what = {
        "sleep": "the end of a sleep",
        "event": f"an event {one_line(waiting.event_name or '', 100)!r}",
        "signal": f"a signal {one_line(waiting.signal or '', 100)!r}",
        "invoke": f"run {waiting.run_id or 'of another function'}",
        "retry": "the next attempt",
        "start": "its start time",
    }.get(waiting.kind, one_line(waiting.kind, 40))
    step = f" (step {one_line(waiting.step_name, 80)!r})" if waiting.step_name else ""
    remaining = _remaining(waiting.until_ms, now_ms)
    return f"{what}{step}" + (f", {remaining} left" if remaining else "")


def _remaining(until_ms: int | None, now_ms: int) -> str | None:
    return None if until_ms is None else format_duration(max(0, until_ms - now_ms))


def _how(waiting: WaitingFor) -> str:
    if waiting.kind == "event":
        condition = (
            " and data for which `expression` holds (`async` is the event you send, `event` the one that "
            "started the run)"
            if waiting.expression
            else ""
        )
        return (
            f"send_event with this eventName{condition}. At `until` the wait times out and the run goes on."
        )
    return {
        "signal": (
            'POST {"signal": "...", "data": {}} to /v1/signals, or let the app send it. At `until` the wait '
            "times out and the run goes on."
        ),
        "sleep": "Nothing to do: it ends by itself at `until`.",
        "invoke": "It ends when the invoked run ends: see get_run_status of that runId.",
        "retry": "It is called again at `until`. A fix of the cause deployed before then counts.",
        "start": "The event's ts lies in the future: the run starts at `until`.",
    }.get(waiting.kind, "It ends by itself at `until`.")
