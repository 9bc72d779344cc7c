"""What callers may do to runs: cancel them, repeat them, signal them, report steps of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durable_engine.answers import commit_checkpoint
from durable_engine.cancelling import BY_REQUEST, cancellation
from durable_engine.clock import Clock
from durable_engine.errors import InvalidInputError, StaleCallError
from durable_engine.expressions import compile_expression
from durable_engine.handles import Handles
from durable_engine.lifecycle.resume import signal_arrived
from durable_engine.mirroring import Mirroring
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONValue
from durable_engine.model.reply import Ops
from durable_engine.model.run import Run
from durable_engine.registry import Registry
from durable_engine.repeating import Edits, Repeating
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables
from durable_engine.transactions import Transactions

_AT_ONCE: Final = 100
"""Runs cancelled in one transaction: a bulk cancellation must not hold up everybody else."""
_EVENT: Final = frozenset({"event", "vars"})


class RunControl:
    """Changes runs from outside, each change in a transaction of its own."""

    def __init__(self, database: Database, clock: Clock, transactions: Transactions) -> None:
        self._database = database
        self._clock = clock
        self._transactions = transactions
        self.repeating = Repeating(clock, transactions)
        """Repeats runs with something edited."""
        self.mirroring = Mirroring(clock, transactions)
        """Starts runs in the place of runs elsewhere."""
        self.handles = Handles(database, transactions)
        """Keeps what callers hold on runs that they do not stay for."""

    async def cancel(self, run_id: str) -> tuple[str | None, ...]:
        """Cancel a run. A step that is being executed runs to its end; its result is dropped.

        Returns which calls were open: the hashed ids of their steps, None for one of the whole function.

        Raises:
            RunNotFoundError: no such run.
            RunAlreadyEndedError: it has ended before.
        """
        calls: list[str | None] = []

        def change(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            run = tables.runs.known_open(run_id)
            items = tables.queue.of_run(run.id)
            calls.extend(item.step_id for item in items if item.is_leased and item.kind.is_call)
            return _cancel(tables, registry, run, now_ms=now_ms)

        await self._transactions.commit(change)
        return tuple(calls)

    async def cancel_many(
        self,
        function_id: str,
        *,
        started_after_ms: int | None = None,
        started_before_ms: int,
        expression: str | None = None,
    ) -> list[str]:
        """Cancel the open runs of a function (its UUID) that were queued in a span of time.

        `expression` (CEL) sees the event that started the run as `event`. Returns the ids of the runs.

        Raises:
            InvalidExpressionError: the expression does not compile.
        """
        condition = None if expression is None else compile_expression(expression, variables=_EVENT)

        def is_meant(tables: Tables, run: Run, now_ms: int) -> bool:
            if run.status.is_terminal or run.received_ms >= started_before_ms:
                return False
            if started_after_ms is not None and run.received_ms <= started_after_ms:
                return False
            if condition is None:
                return True
            scope = {"event": tables.events.get(run.event_id).as_payload()}
            return condition.matches(scope, now_ms=now_ms)

        open_ids = await self._database.read(lambda tables: tables.runs.open_of_function(function_id))
        cancelled: list[str] = []
        for start in range(0, len(open_ids), _AT_ONCE):
            chunk = open_ids[start : start + _AT_ONCE]

            def change(
                tables: Tables, registry: Registry, now_ms: int, chunk: Sequence[str] = chunk
            ) -> Settled:
                settled = Settled()
                for run in filter(None, map(tables.runs.get, chunk)):
                    if is_meant(tables, run, now_ms):
                        settled.add(_cancel(tables, registry, run, now_ms=now_ms))
                        cancelled.append(run.id)
                return settled

            await self._transactions.commit(change)
        return cancelled

    async def rerun(
        self, run_id: str, *, from_step: str | None = None, given: Sequence[JSONValue] | None = None
    ) -> str:
        """Run a function again for the event of an earlier run; returns the id of the new run.

        `from_step` (a step's id as in the code, or its hash) keeps the results of the steps that had ended
        before it; `given` are then the arguments it gets instead of its own.

        Raises:
            RunNotFoundError: no such run.
            InvalidInputError: the run has no such step, its function is gone, or its SDK takes no arguments.
        """
        edits = Edits(from_step=from_step, given=None if from_step is None else given)
        return (await self.repeating.repeat(run_id, edits)).run_id

    async def send_signal(self, signal: str, data: JSONValue = None) -> str | None:
        """Wake the step that waits for a signal; returns the id of its run, None when nobody waits.

        Raises:
            InvalidInputError: the signal has no name.
        """
        if not signal:
            raise InvalidInputError("A signal needs a name.", hint='Send {"signal": "...", "data": ...}.')
        woken: list[str] = []

        def change(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            pause = tables.pauses.for_signal(signal)
            run = None if pause is None else tables.runs.get(pause.run_id)
            step = None if pause is None else tables.steps.get(pause.run_id, pause.step_id)
            if run is None or step is None:
                return Settled()
            woken.append(run.id)
            changes = signal_arrived(
                run, step, signal, data, around=tables.around(run.id, step), now_ms=run.at(now_ms)
            )
            return Settlement(tables, registry, now_ms=now_ms).apply(changes)

        await self._transactions.commit(change)
        return woken[0] if woken else None

    async def checkpoint(self, run_id: str, *, item_ref: str, reply: Ops) -> None:
        """Keep steps that an SDK reports while its call goes on; `item_ref` is the call's `qi_id`.

        Raises:
            StaleCallError: that call does not count any more, or these steps have ended the run (a limit).
        """

        def change(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            return commit_checkpoint(
                tables, registry, run_id=run_id, item_ref=item_ref, reply=reply, now_ms=now_ms
            )

        settled = await self._transactions.commit(change)
        if run_id in settled.ended:
            raise StaleCallError(f"Run {run_id} has ended with these steps.", hint="Stop working on it.")

    async def note(self, run_id: str, text: str) -> str | None:
        """Add a remark to a run, once; returns the name of the run's app, None when there is no such run."""
        app_names: list[str] = []

        def change(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            run = tables.runs.find(run_id)
            if run is None:
                return Settled()
            app_names.append(registry.by_id(run.function_id).app_name)
            if text not in {entry.detail.get("text") for entry in tables.history.of_run(run_id)}:
                tables.history.append(
                    HistoryEntry(
                        run_id=run_id, at_ms=run.at(now_ms), kind=HistoryKind.NOTE, detail={"text": text}
                    )
                )
            return Settled(changed={run_id})

        await self._transactions.commit(change)
        return app_names[0] if app_names else None


def _cancel(tables: Tables, registry: Registry, run: Run, *, now_ms: int) -> Settled:
    changes = cancellation(tables, registry, run, reason=BY_REQUEST, now_ms=now_ms)
    return Settlement(tables, registry, now_ms=now_ms).apply(changes)
