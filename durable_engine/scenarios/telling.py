"""Say in plain text what came of a test, for people who read it in a terminal: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from durable_engine.explain.frames import user_frame
from durable_engine.model.json_value import JSONObject, JSONValue, to_json
from durable_engine.model.status import RunStatus, StepStatus
from durable_engine.model.views import RunView, StepView
from durable_engine.scenarios.checking import error_text
from durable_engine.scenarios.model import Check

_MOST_VALUE: Final = 2_000
_MOST_BRIEF: Final = 100
_MOST_STEPS: Final = 50


def failure_text(failed: Sequence[Check], run: RunView | None, notes: Sequence[str] = ()) -> str:
    """Return what failed, where it differs, and the steps of the run with the user's lines that raised."""
    lines: list[str] = []
    for check in failed:
        lines += [*check_lines(check), ""]
    if run is not None:
        lines += [_headline(run), *step_lines(run)]
    lines += [f"Note: {note}" for note in notes]
    return "\n".join(lines).rstrip()


def check_lines(check: Check) -> list[str]:
    """Return a failing check: its name, what was expected, what there is, where that differs."""
    if check.name == "started":
        return [f"no run of {check.expected} was started: {check.difference}"]
    if check.name.startswith("not ran"):
        return [f"{check.name.removeprefix('not ')}, which it should not have: {check.actual}"]
    # The name of a step or an event is the last thing in the names of these, and in quotes.
    if isinstance(check.actual, list) and check.name.endswith(("'", '"')):
        what = "the events sent are" if check.name.startswith("sent ") else "its steps are"
        return [f"{check.name}: never happened; {what} {_value(check.actual, check)}"]
    return [
        f"{check.name} is not as expected{f': {check.difference}' if check.difference else ''}",
        f"  expected: {_value(check.expected, check)}",
        f"  actual:   {_value(check.actual, check)}",
    ]


def step_lines(run: RunView) -> list[str]:
    """Return one line for each step, and where in the user's code those that failed raised their error."""
    lines = [line for step in run.steps[:_MOST_STEPS] for line in _step(step)]
    if not run.steps:
        lines = ["  (none)"]
    if run.steps[_MOST_STEPS:]:
        lines.append(f"  ... and {len(run.steps) - _MOST_STEPS} more")
    if run.status is RunStatus.FAILED and not any(step.status is StepStatus.FAILED for step in run.steps):
        lines += [f"  the run failed: {_cut(error_text(run.error) or '', _MOST_VALUE)}", *_raised(run.error)]
    return lines


def _headline(run: RunView) -> str:
    stands = {StepStatus.WAITING, StepStatus.QUEUED, StepStatus.RUNNING}
    open_steps = [step.label for step in run.steps if step.status in stands]
    where = f" at {', '.join(map(repr, open_steps[:5]))}" if open_steps else ""
    return f"Run {run.id} of {run.function_slug!r} is {run.status.value}{where}. Its steps:"


def _step(step: StepView) -> Iterator[str]:
    words = f"  {step.label}: {step.status.value}"
    if step.attempts > 1:
        words += f" after {step.attempts} attempts"
    if step.doubled:
        words += f" (double: {step.doubled})"
    if step.has_timed_out:
        words += ", timed out"
    elif step.status is StepStatus.COMPLETED:
        words += f", {_cut(to_json(step.output), _MOST_BRIEF)}"
    error = step.error if step.status is not StepStatus.COMPLETED else None
    if error:
        words += f", {_cut(error_text(error) or '', _MOST_VALUE)}"
    yield words
    yield from _raised(error)


def _raised(error: JSONObject | None) -> list[str]:
    frame = user_frame((error or {}).get("stack"))
    return [] if frame is None else [f"    raised at {frame}"]


def _value(value: JSONValue, check: Check) -> str:
    if value is None:
        return "nothing"
    is_word = isinstance(value, str) and check.name.endswith("status")
    return str(value) if is_word else _cut(to_json(value), _MOST_VALUE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
