"""What a server elsewhere has on record about a run, for a test that repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durable_engine.errors import InvalidInputError, NotFoundError
from durable_engine.model.event import Event, sent_ids
from durable_engine.model.recording import Recording
from durable_engine.model.status import StepKind, StepStatus
from durable_engine.model.views import RunView, StepView
from mcp_server.remote.errors import RemoteError
from mcp_server.remote.events import Events
from mcp_server.remote.runs import Runs

_MOST_CHILDREN: Final = 20
_MOST_EVENTS: Final = 100


class Recordings:
    """Satisfies `mcp_server.backend.Recorder`."""

    def __init__(self, runs: Runs, events: Events) -> None:
        self._runs = runs
        self._events = events

    async def of_run(self, run_id: str) -> Recording:
        """Return what is on record about a run, without doubles: no trace has them.

        Raises:
            RunNotFoundError: the server knows no such run.
            InvalidInputError: its trace leaves out what a test needs.
            RemoteError: the server cannot be asked.
        """
        run = await self._runs.get(run_id)
        _check(run)
        children = await self._children(run)
        return Recording(
            run=run,
            children=children,
            signals={
                (view.id, step.id): signal
                for view in (run, *children)
                for step in view.steps
                if (signal := _signal(step)) is not None
            },
            events_sent=await self._sent(run.steps),
        )

    async def _children(self, run: RunView) -> tuple[RunView, ...]:
        """Return the runs below this one, nearer ones first, as far as they can be read."""
        found: list[RunView] = []
        todo = list(run.child_run_ids)
        while todo and len(found) < _MOST_CHILDREN:
            try:
                child = await self._runs.get(todo.pop(0))
            except (NotFoundError, RemoteError):
                continue
            found.append(child)
            todo += child.child_run_ids
        return tuple(found)

    async def _sent(self, steps: Sequence[StepView]) -> tuple[Event, ...]:
        ids = [
            event_id
            for step in steps
            if step.kind in {StepKind.SEND_EVENT, StepKind.RUN}
            for event_id in sent_ids(step.output)
        ]
        known = await self._events.several(ids[:_MOST_EVENTS])
        return tuple(known[event_id] for event_id in ids if event_id in known)


def _check(run: RunView) -> None:
    if not run.are_steps_known:
        raise InvalidInputError(
            f"The server has no trace of run {run.id}, so that its steps are not known.",
            hint="Export a run whose steps get_run_status shows.",
        )
    waits = {StepKind.WAIT_FOR_EVENT, StepKind.WAIT_FOR_SIGNAL}
    done = [step for step in run.steps if step.kind in waits and step.status is StepStatus.COMPLETED]
    for step in done:
        is_told = isinstance(step.output, dict) and (
            step.kind is StepKind.WAIT_FOR_EVENT or _signal(step) is not None
        )
        if not (step.has_timed_out or is_told):
            raise InvalidInputError(
                f"The server does not tell what ended the wait of step {step.label[:100]!r}, which a test "
                "would have to send.",
                hint="Export a run without such a step.",
            )


def _signal(step: StepView) -> str | None:
    """Return the signal that ended a wait, where its result names it."""
    if step.kind is not StepKind.WAIT_FOR_SIGNAL or not isinstance(step.output, dict):
        return None
    signal = step.output.get("signal")
    return signal if isinstance(signal, str) else None
