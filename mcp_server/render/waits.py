"""What a run waits for, and what a caller can do about it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Final

from durable_engine import RunView, WaitingFor
from durable_engine.durations import format_duration
from mcp_server.clean import one_line
from mcp_server.render.payload import Cutter
from mcp_server.render.times import iso
from mcp_server.results.runs import Wait

_LONGEST_SIGNAL: Final = 200
"""Characters of a signal that is shown in a command; longer ones are left to the field."""

_MAX_HOLDS: Final = 5


def wait_of(waiting: WaitingFor, *, now_ms: int, cut: Cutter, origin: str = "") -> Wait:
    """Describe one wait. `origin` is where the engine listens; without it paths are relative."""
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
        how=_how(waiting, origin),
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
        "event": f"an event {one_line(waiting.event_name, 100)!r}" if waiting.event_name else "an event",
        "signal": _signal_words(waiting),
        "invoke": f"run {waiting.run_id or 'of another function'}",
        "retry": "the next attempt",
        "start": "its start time",
        "report": "the app, which is handling the request",
        "concurrency": "its turn (concurrency)",
        "throttle": "its turn (throttle)",
        "slot": "a free slot for its call",
        "paused": "its function to be resumed",
        "reply": "an answer that an injected fault makes late",
    }.get(waiting.kind, one_line(waiting.kind, 40))
    step = f" (step {one_line(waiting.step_name, 80)!r})" if waiting.step_name else ""
    remaining = _remaining(waiting.until_ms, now_ms)
    return f"{what}{step}" + (f", {remaining} left" if remaining else "")


def _remaining(until_ms: int | None, now_ms: int) -> str | None:
    return None if until_ms is None else format_duration(max(0, until_ms - now_ms))


def send_signal_command(waiting: WaitingFor, origin: str) -> str:
    """Return the command that sends the signal of a wait."""
    return signal_command(waiting.signal or "", origin)


def signal_command(signal: str, origin: str) -> str:
    """Return the command that sends a signal, to be pasted into a shell."""
    body = json.dumps({"signal": signal, "data": {}}) if len(signal) <= _LONGEST_SIGNAL else '{"signal": "…"}'
    return f"curl -X POST {origin}/v1/signals -d {shlex.quote(body)}"


def _signal_words(waiting: WaitingFor) -> str:
    if waiting.signal is None:
        return "a signal"
    name = one_line(waiting.signal, 100)
    return f"the time-out of signal {name!r}, taken over" if waiting.is_displaced else f"a signal {name!r}"


def _how(waiting: WaitingFor, origin: str) -> str:
    if waiting.kind in {"event", "signal"} and not (waiting.event_name or waiting.signal):
        return f"Its code names the {waiting.kind}, which this server does not tell."
    if waiting.kind in {"sleep", "retry"} and waiting.until_ms is None:
        return "Nothing to do: it ends by itself; this server does not say when."
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
    if waiting.kind == "signal" and waiting.is_displaced:
        return (
            "Nothing can satisfy it: another step has taken over its signal (see notes). It times out at "
            "`until`, and the run goes on."
        )
    if waiting.kind == "signal":
        command = send_signal_command(waiting, origin)
        return f"{command} (or let the app send it). At `until` the wait times out and the run goes on."
    reason = one_line(waiting.reason or "", 300)
    return {
        "sleep": "Nothing to do: it ends by itself at `until`; advance_time with this runId skips it.",
        "invoke": "It ends when the invoked run ends: see get_run_status of that runId.",
        "retry": "It is called again at `until`. A fix of the cause deployed before then counts.",
        "start": "It starts at `until`: the event's ts lies in the future, or its priority is negative.",
        "concurrency": f"It goes on when a call that is open now ends: {reason}.",
        "slot": f"It goes on when a call that is open now ends: {reason}. explain says whose they are.",
        "throttle": f"It starts at `until` at the earliest: {reason}.",
        "paused": "pause_function with resume=true lets it go on.",
        "reply": "Nothing to do: the answer is there, and counts at `until` (injected fault slow_reply).",
        "report": "The app is handling the request; it is called again at `until` unless it reports before.",
    }.get(waiting.kind, "It ends by itself at `until`.")


def hold_notes(run: RunView) -> list[str]:
    """Say which calls of a run waited for their turn, for how long and because of what."""
    holds: dict[str, list[int]] = {}
    for hold in run.holds:
        holds.setdefault(hold.by, []).append(hold.until_ms - hold.from_ms)
    return [_hold_note(by, spans) for by, spans in list(holds.items())[:_MAX_HOLDS]]


def _hold_note(by: str, spans: Sequence[int]) -> str:
    who = "A call waited" if len(spans) == 1 else f"{len(spans)} calls waited, together"
    return f"{who} {format_duration(sum(spans))} for a turn: {one_line(by, 300)}."


def time_left(waiting: WaitingFor, *, now_ms: int) -> str:
    """Return how long a wait lasts at most, or nothing for one without an end."""
    return _remaining(waiting.until_ms, now_ms) or ""
