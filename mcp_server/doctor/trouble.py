"""Checks of what happened lately: runs that their app holds up, and events that nothing listened to."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_server.clean import in_json, one_line
from mcp_server.doctor.check import Check, ok, problem, warning
from mcp_server.doctor.facts import Facts, RunTrouble, UnheardEvent

_SHOWN = 3


def trouble_checks(facts: Facts) -> Iterator[Check]:
    """Judge recent runs and events."""
    if facts.engine is None:
        return
    yield from _runs(facts.runs)
    yield from _events(facts.events)
    if not facts.runs and not facts.events:
        yield ok("recent", "No recent run is held up by its app, and no recent event went unheard.")


def _runs(runs: tuple[RunTrouble, ...]) -> Iterator[Check]:
    stuck = [run for run in runs if run.is_open]
    for found in (stuck, [run for run in runs if not run.is_open]):
        if not found:
            continue
        first = found[0]
        others = f" (and {len(found) - 1} more)" if found[1:] else ""
        text = f"Run {first.run_id}{others}: {one_line(first.message, 240)}"
        call = f"explain runId={in_json(first.run_id)} says why"
        if first.is_open:
            fix = "Solve the app's problem: the run is then tried again by itself."
            yield problem("runs-held-up", text, fix, next_call=call)
        else:
            fix = "Solve the app's problem, then rerun it."
            yield warning("runs-failed", text, fix, next_call=call)


def _events(events: tuple[UnheardEvent, ...]) -> Iterator[Check]:
    if not events:
        return
    names = [_event(event) for event in events[:_SHOWN]]
    more = f" and {len(events) - _SHOWN} other names" if len(events) > _SHOWN else ""
    yield warning(
        "events-unheard",
        f"Events of the last hour that nothing listened to: {', '.join(names)}{more}.",
        "Correct the name where it is sent, or the trigger of the function.",
        next_call=f"explain eventId={in_json(events[0].event_id)} says why",
    )


def _event(event: UnheardEvent) -> str:
    near = ", ".join(one_line(name, 60) for name in event.nearest[:2])
    times = f" {event.count} times" if event.count > 1 else ""
    return f"{one_line(event.name, 80)!r}{times}" + (f" (nearest trigger: {near})" if near else "")
