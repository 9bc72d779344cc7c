"""What is known of a function, in a few lines for a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from durable_engine import Function, StepKind
from mcp_server.prompts.writing import quoted
from mcp_server.render.functions import FLOW_CONTROL_KEYS

_MOST_TRIGGERS = 3
_MOST_STEPS = 10
_WAITS = frozenset({StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL})


def function_lines(function: Function, seen: Mapping[str, StepKind]) -> str:
    """Return what starts the function, how it is configured, and which steps were seen."""
    config = [key for key in (*FLOW_CONTROL_KEYS, "timeouts", "cancel") if function.config.get(key)]
    configured = ", ".join([f"{function.retries} retries", *config])
    lines = [
        f"Function {quoted(function.slug, 100)} of app {quoted(function.app_name, 60)}: {configured}.",
        f"Started by: {_triggers(function)}.",
        f"Steps seen in its runs: {_steps(seen)}."
        if seen
        else "No run of it has been seen yet: take the step ids from its code.",
    ]
    return "\n".join(lines)


def waits(seen: Mapping[str, StepKind]) -> list[str]:
    """Return the names of steps that wait for an event or a signal."""
    return [name for name, kind in seen.items() if kind in _WAITS]


def names(steps: Sequence[str]) -> str:
    """Return step names in quotes, the first few."""
    shown = ", ".join(quoted(name, 40) for name in steps[:_MOST_STEPS])
    return f"{shown} and {len(steps) - _MOST_STEPS} more" if len(steps) > _MOST_STEPS else shown


def _triggers(function: Function) -> str:
    parts = []
    for trigger in function.triggers[:_MOST_TRIGGERS]:
        when = f" if {quoted(trigger.expression, 80)}" if trigger.expression else ""
        what = f"event {quoted(trigger.event, 80)}" if trigger.event else f"cron {trigger.cron}"
        parts.append(what + when)
    more = len(function.triggers) - len(parts)
    return "; ".join(parts) + (f"; {more} more" if more > 0 else "") if parts else "no event: invoke it"


def _steps(seen: Mapping[str, StepKind]) -> str:
    shown = [f"{quoted(name, 40)} ({kind.value})" for name, kind in list(seen.items())[:_MOST_STEPS]]
    return ", ".join(shown) + (f" and {len(seen) - len(shown)} more" if len(seen) > len(shown) else "")
