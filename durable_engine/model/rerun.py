"""Repeating a run with something edited, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine.model.json_value import JSONObject, JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """How a step is to count as ended: with `result`, with `error` (`name`, `message`), or timed out.

    The result of a wait for an event is the event's data, that of a wait for a signal what came with it.
    """

    result: JSONValue = None
    error: JSONObject | None = None
    has_timed_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunReceipt:
    """A run that repeats `original_run_id`.

    `kept` are labels of the steps whose results it took over, in the order in which they ended, None where
    that is not known, and `edited_step` the one that has another outcome or other arguments. `event_id` is
    the event that started it, a new one if its data was edited. `notes` say what to bear in mind.
    """

    run_id: str
    original_run_id: str
    function_slug: str
    event_id: str
    kept: tuple[str, ...] | None = ()
    edited_step: str | None = None
    notes: tuple[str, ...] = ()
