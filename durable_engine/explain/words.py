"""Pieces of sentences, and facts that several explanations name alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from durable_engine.durations import format_duration, parse_duration_ms
from durable_engine.explain.frames import user_frame
from durable_engine.model.explanation import Action, ActionKind, Evidence
from durable_engine.model.views import RunView, StepView

_LONGEST: Final = 100
_LONGEST_ERROR: Final = 500
_LONGEST_SENTENCE: Final = 300
_CLASS_NAME: Final = re.compile(r"an error|[\w.]{1,80}")
_MOMENT_MS: Final = 1_000


def quoted(text: str | None) -> str:
    """Return a name from the user's code in quotes, on one line, cut to 100 characters."""
    name = text or ""
    return repr(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...")


def said(text: object) -> str:
    """Return what a program said, which may be the user's, in quotes on one line, cut to 300 characters."""
    words = str(text or "")
    cut = words if len(words) <= _LONGEST_SENTENCE else f"{words[:_LONGEST_SENTENCE]}..."
    return json.dumps(cut, ensure_ascii=False)


def span(from_ms: int, to_ms: int) -> str:
    """Return how long it is from one moment to a later one."""
    return format_duration(max(0, to_ms - from_ms))


def ago(at_ms: int, now_ms: int) -> str:
    """Return e.g. `5m ago`, or `just now`."""
    return f"{span(at_ms, now_ms)} ago" if now_ms - at_ms >= _MOMENT_MS else "just now"


def label(step: StepView) -> str:
    """Return the step as the user's code names it, in quotes."""
    return quoted(step.name) + (f"[{step.index}]" if step.index else "")


def error_evidence(error: Mapping[str, Any] | None) -> list[Evidence]:
    """Return the place in the user's code first, where the stack names one, then the error."""
    if error is None:
        return []
    frame = user_frame(error.get("stack"))
    return [
        *([] if frame is None else [Evidence(kind="frame", text=str(frame))]),
        Evidence(kind="error", text=error_words(error)),
    ]


def error_words(error: Mapping[str, Any]) -> str:
    """Return e.g. `KeyError: 'card'`."""
    name, message = str(error.get("name") or "Error"), str(error.get("message") or "")
    text = f"{name}: {message}" if message else name
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}..."


def error_name(error: Mapping[str, Any] | None) -> str:
    """Return the kind of an error; in quotes when it is not the plain name of a class."""
    name = str((error or {}).get("name") or "an error")
    return name if _CLASS_NAME.fullmatch(name) else quoted(name)


def place_words(error: Mapping[str, Any] | None) -> str:
    """Return ` at pay.py:12`, or nothing when the stack names no place in the user's code."""
    frame = user_frame(None if error is None else error.get("stack"))
    if frame is None:
        return ""
    return f" at {frame.file.replace(chr(92), '/').rsplit('/', 1)[-1][:_LONGEST]}:{frame.line}"


def run_again(view: RunView) -> Action:
    """Return the offer to run it again, once what was wrong is mended."""
    return Action(kind=ActionKind.RUN_AGAIN, run_id=view.id, function_slug=view.function_slug)


def advice(text: str) -> Action:
    """Return something to do, in words."""
    return Action(kind=ActionKind.ADVICE, text=text)


def skip_time(view: RunView) -> Action:
    """Return the offer not to wait for time."""
    return Action(kind=ActionKind.SKIP_TIME, run_id=view.id)


def move_clock(now_ms: int, until_ms: int | None) -> tuple[Action, ...]:
    """Return the offer to move the engine's time, for what no run can skip alone; nothing without an end."""
    if until_ms is None:
        return ()
    seconds = max(1, -(-(until_ms - now_ms) // 1000))
    words = format_duration(seconds * 1000)
    exact = parse_duration_ms(words) == seconds * 1000
    return (Action(kind=ActionKind.SKIP_TIME, text=words if exact else f"{seconds}s"),)
