"""Repeat a run: as it was, from one of its steps on, or with something edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from durable_engine.cancelling import run_facts
from durable_engine.clock import Clock
from durable_engine.defaults import MAX_EVENT_BYTES
from durable_engine.errors import InvalidEventError, InvalidInputError
from durable_engine.ids import new_ulid
from durable_engine.lifecycle.edit import as_if_ended
from durable_engine.lifecycle.facts import RunFacts
from durable_engine.lifecycle.rerun import repeat_run, steps_before
from durable_engine.model.changes import Changes
from durable_engine.model.event import Event
from durable_engine.model.function import Function
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONValue, to_json
from durable_engine.model.rerun import RerunReceipt, StepOutcome
from durable_engine.model.status import StepKind
from durable_engine.model.step import Step
from durable_engine.registry import Registry, closest
from durable_engine.settle import MAX_STATE_BYTES, Settled, Settlement
from durable_engine.storage.tables import Tables
from durable_engine.transactions import Transactions

_WITH_ARGUMENTS: Final = frozenset({StepKind.RUN, StepKind.AI, StepKind.SEND_EVENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What a repeated run has otherwise than the original.

    `from_step` is a step's id as in the code, or its hash: the results of the steps that had ended before it
    are kept. `given` are the arguments that it gets instead of its own, or `outcome` how it counts as ended
    without being run. `data` is that of a new event, otherwise like the one that started the original.
    """

    from_step: str | None = None
    given: Sequence[JSONValue] | None = None
    outcome: StepOutcome | None = None
    data: Mapping[str, Any] | None = None


class Repeating:
    """Repeats runs, each in a transaction of its own."""

    def __init__(self, clock: Clock, transactions: Transactions) -> None:
        self._clock = clock
        self._transactions = transactions

    async def repeat(self, run_id: str, edits: Edits | None = None) -> RerunReceipt:
        """Start a new run of the same function, for the event of an earlier run.

        Raises:
            RunNotFoundError: no such run.
            InvalidInputError: the run has no such step, its function is gone, its SDK takes no arguments, a
                step of this kind cannot end so, or the edits contradict each other.
            InvalidEventError: the data is too large, or cannot be written as JSON.
        """
        edits = edits or Edits()
        check_edits(edits)
        receipts: list[RerunReceipt] = []

        def change(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            run = tables.runs.known(run_id)
            facts = run_facts(tables, registry, run, now_ms=now_ms)
            changes, receipt = _repeated(facts, tables.steps.all(run_id), registry, edits)
            receipts.append(receipt)
            return Settlement(tables, registry, now_ms=now_ms).apply(changes)

        await self._transactions.commit(change)
        return receipts[-1]


def check_edits(edits: Edits) -> None:
    """Look whether the edits go together.

    Raises:
        InvalidInputError: they contradict each other.
    """
    if edits.from_step is None and (edits.given is not None or edits.outcome is not None):
        raise InvalidInputError(
            "Arguments or an outcome belong to a step, and no step is named.", hint="Name it with fromStep."
        )
    if edits.given is not None and edits.outcome is not None:
        raise InvalidInputError(
            "A step gets other arguments, and is run; or it gets an outcome, and is not.",
            hint="Give one of them.",
        )


def _repeated(
    facts: RunFacts, steps: Sequence[Step], registry: Registry, edits: Edits
) -> tuple[Changes, RerunReceipt]:
    """Return the new run that the edits ask for."""
    function, now_ms = facts.function, facts.engine_ms
    if function.is_archived:
        raise InvalidInputError(
            f"Function {function.slug!r} of run {facts.run.id} is not synced any more.",
            hint="Start its app again, or sync it.",
        )
    first = None if edits.from_step is None else _step_named(steps, edits.from_step)
    kept = [] if first is None else steps_before(steps, first)
    taken_over = tuple(step.ref.label for step in kept)
    if first is not None and edits.given is not None:
        _check_takes_input(registry, function, first)
    if first is not None and edits.outcome is not None:
        outcome = _for_sdk(registry, function, edits.outcome)
        kept.append(as_if_ended(first, outcome, event_id=new_ulid(now_ms), now_ms=now_ms))
    if sum(len((step.memo or "").encode()) for step in kept) > MAX_STATE_BYTES:
        raise InvalidInputError(
            "The results of the steps before are over the limit of 32 MiB for a run.",
            hint="Rerun from an earlier step, or from the start.",
        )
    event = None if edits.data is None else _edited_event(facts, edits.data, now_ms=now_ms)
    changes, new_id = Changes(), new_ulid(now_ms)
    is_run = None if edits.outcome is not None else first
    repeat_run(changes, facts, run_id=new_id, kept=kept, first=is_run, given=edits.given, event=event)
    is_edited = edits.given is not None or edits.outcome is not None
    notes = _notes(facts, edits, taken_over)
    _remember(changes, new_id, first if is_edited else None, edits, notes, now_ms=now_ms)
    return changes, RerunReceipt(
        run_id=new_id,
        original_run_id=facts.run.id,
        function_slug=function.slug,
        event_id=facts.run.event_id if event is None else event.id,
        kept=taken_over,
        edited_step=first.ref.label if first is not None and is_edited else None,
        notes=notes,
    )


def _notes(facts: RunFacts, edits: Edits, taken_over: Sequence[str]) -> tuple[str, ...]:
    if edits.data is None:
        return ()
    notes = [f"Started with edited event data; otherwise like run {facts.run.id}."]
    if taken_over:
        notes.append("The results taken over from that run were computed from its own event data.")
    return tuple(notes)


def _remember(
    changes: Changes, run_id: str, edited: Step | None, edits: Edits, notes: Sequence[str], *, now_ms: int
) -> None:
    if edited is not None:
        what = "input" if edits.outcome is None else "output"
        changes.history.append(
            HistoryEntry(
                run_id=run_id,
                at_ms=now_ms,
                kind=HistoryKind.STEP_EDITED,
                step_id=edited.ref.id,
                detail={"what": what},
            )
        )
    for text in notes:
        changes.history.append(
            HistoryEntry(run_id=run_id, at_ms=now_ms, kind=HistoryKind.NOTE, detail={"text": text})
        )


def _edited_event(facts: RunFacts, data: Mapping[str, Any], *, now_ms: int) -> Event:
    """Return a new event like the one that started the run, with other data."""
    if facts.run.event_count > 1:
        raise InvalidInputError(
            f"Run {facts.run.id} was started by {facts.run.event_count} events, so that one data fits none.",
            hint="Send the events anew, or rerun without data.",
        )
    if facts.function.is_endpoint:
        raise InvalidInputError(
            "A run of a durable endpoint was started by a request, which has no event data.",
            hint="Make the request anew, or rerun without data.",
        )
    (original,) = facts.load_events()
    engines = {key: value for key, value in original.data.items() if key == "_inngest"}
    event_id = new_ulid(now_ms)
    event = replace(
        original,
        id=event_id,
        public_id=event_id,
        data={**data, **engines},
        ts_ms=now_ms,
        received_ms=now_ms,
        source="rerun",
    )
    try:
        size = len(to_json(event.as_payload()).encode())
    except (TypeError, ValueError, RecursionError):
        raise InvalidEventError("The data cannot be written as JSON.") from None
    if size > MAX_EVENT_BYTES:
        raise InvalidEventError(f"The event would be {size:,} bytes; {MAX_EVENT_BYTES:,} are allowed.")
    return event


def _for_sdk(registry: Registry, function: Function, outcome: StepOutcome) -> StepOutcome:
    """Go reads no memo of a failed step without the key `data`."""
    if outcome.error is None or not registry.app(function.app_name).sdk.startswith("go:"):
        return outcome
    return replace(outcome, error={"data": None, **outcome.error})


def _check_takes_input(registry: Registry, function: Function, step: Step) -> None:
    """As observed, the Python SDK takes the input of a step for its result."""
    if step.kind not in _WITH_ARGUMENTS:
        raise InvalidInputError(
            f"Step {step.ref.name!r} runs no code of the app, so that it takes no arguments.",
            hint="Rerun from it without an input, or from another step.",
        )
    app = registry.app(function.app_name)
    if app.sdk.startswith("py:"):
        raise InvalidInputError(
            "The Python SDK cannot run a step with other arguments than those in the code.",
            hint="Rerun from the step without an input, or invoke the function with other data.",
        )


def _step_named(steps: Sequence[Step], wanted: str) -> Step:
    for step in steps:
        name, index = step.ref.name, step.ref.index
        labels = {f"{name}:{index}", f"{name}[{index}]"} if index else {name}
        if wanted in {step.ref.id, *labels}:
            return step
    names = list(dict.fromkeys(step.ref.name for step in steps))
    near = ", ".join(map(repr, closest(wanted, names)))
    raise InvalidInputError(
        f"The run has no step {wanted[:100]!r}.", hint=f"Its steps: {near}." if near else "It has no steps."
    )
