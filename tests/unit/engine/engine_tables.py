"""The engine below its dispatcher: in-memory tables, driven by hand, one transaction per move."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from support.invariants import check_remembered

from durable_engine.admission import leave
from durable_engine.answers import commit_answer, commit_checkpoint
from durable_engine.appointments import keep_due
from durable_engine.cancelling import cancellation
from durable_engine.crons import plan_crons
from durable_engine.executor import Work, next_due_ms, take_due
from durable_engine.ids import new_ulid, uuid_for
from durable_engine.lifecycle.resume import signal_arrived
from durable_engine.model.event import Event
from durable_engine.model.function import App, Function, Trigger
from durable_engine.model.op import StepRef
from durable_engine.model.pause import Pause
from durable_engine.model.queue_item import QueueItem
from durable_engine.model.reply import Ops, Reply
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus
from durable_engine.model.step import Step
from durable_engine.placing import place_anew
from durable_engine.registry import Registry
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.data_file import open_database
from durable_engine.storage.slot_table import SlotTable
from durable_engine.storage.tables import Tables
from durable_engine.timers import fire_timer

NOW_MS = 1_800_000_000_000
T = TypeVar("T")


def a_function(name: str = "job", *, retries: int = 4, event: str | None = None, **more: Any) -> Function:
    slug = f"lab-{name}"
    return Function(
        id=uuid_for("function", slug),
        slug=slug,
        name=name,
        app_name="lab",
        url=f"http://127.0.0.1:8000/api/inngest?fnId={slug}&stepId=step",
        triggers=(Trigger(event=event or f"t/{name}"),),
        retries=retries,
        **more,
    )


def an_app() -> App:
    return App(
        id=uuid_for("app", "lab"),
        name="lab",
        url="http://127.0.0.1:8000/api/inngest",
        sdk="py:v0.5.19",
        framework="fast_api",
        checksum="c",
        last_sync_ms=NOW_MS,
    )


def an_event(name: str = "t/job", data: Mapping[str, Any] | None = None, *, at_ms: int = NOW_MS) -> Event:
    event_id = new_ulid(at_ms)
    return Event(
        id=event_id,
        public_id=event_id,
        name=name,
        data=dict(data or {}),
        user={},
        ts_ms=at_ms,
        received_ms=at_ms,
    )


def ref(name: str) -> StepRef:
    return StepRef(id=f"hash-{name}", name=name)


class World:
    """One app's functions on in-memory tables, and a clock that is a number."""

    def __init__(self, *functions: Function) -> None:
        functions = functions or (a_function(),)
        self.now_ms = NOW_MS
        self.connection = open_database(":memory:")
        weakref.finalize(self, self.connection.close)
        self.tables = Tables(self.connection, remembers=True)
        self.registry = Registry([an_app()], functions)
        self._calls: set[str] = set()
        with self.transaction():
            self.tables.registry.save(an_app(), functions)

    def sync(self, *functions: Function) -> None:
        """Take over a new configuration of the app's functions, as a sync does."""

        def move() -> Registry:
            self.tables.registry.save(an_app(), functions)
            for function in functions:
                before = self.registry.by_id(function.id).flow
                place_anew(self.tables, function, before, now_ms=self.now_ms)
            registry = Registry([an_app()], self.tables.registry.functions())
            plan_crons(self.tables, registry.functions, now_ms=self.now_ms)
            return registry

        self.registry = self._do(move)

    def pause(self, function: Function, *, is_paused: bool) -> None:
        def move() -> Registry:
            self.tables.registry.pause(function.id, self.now_ms if is_paused else None)
            if not is_paused:
                for run_id in self.tables.runs.open_of_function(function.id):
                    self.tables.queue.let_go(run_id, now_ms=self.now_ms)
            return Registry([an_app()], self.tables.registry.functions())

        self.registry = self._do(move)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            self.tables.forget()
            raise
        self.tables.store()
        self.connection.execute("COMMIT")
        check_remembered(self.tables)

    def _do(self, move: Callable[[], T]) -> T:
        with self.transaction():
            return move()

    def forget_lanes(self) -> None:
        """Delete the lanes that nobody uses, as pruning does."""

        def move() -> None:
            lane_id: int | None = 2**62
            while lane_id is not None:
                lane_id = self.tables.pruning.prune_lanes(before=lane_id, now_ms=self.now_ms)

        self._do(move)

    def send(self, name: str = "t/job", data: Mapping[str, Any] | None = None) -> Settled:
        return self.ingest(an_event(name, data, at_ms=self.now_ms))

    def ingest(self, event: Event) -> Settled:
        return self._do(lambda: Settlement(self.tables, self.registry, now_ms=self.now_ms).ingest(event))

    def start(self, name: str = "t/job", data: Mapping[str, Any] | None = None) -> str:
        (started,) = self.send(name, data).started
        return started.run_id

    def take(self, limit: int = 1_000) -> list[Work]:
        def move() -> list[Work]:
            keep_due(self.tables, self.registry, now_ms=self.now_ms, limit=100)
            return take_due(self.tables, self.registry, now_ms=self.now_ms, limit=limit)

        taken = self._do(move)
        self._calls.update(work.item.ref for work in taken)
        return taken

    def next_due_ms(self) -> int | None:
        return self._do(lambda: next_due_ms(self.tables, self.registry, now_ms=self.now_ms))

    def take_one(self) -> Work:
        (work,) = self.take()
        return work

    def answer(self, work: Work, reply: Reply) -> Settled:
        def move() -> Settled:
            settled = commit_answer(
                self.tables,
                self.registry,
                item=work.item,
                reply=reply,
                started_ms=self.now_ms,
                now_ms=self.now_ms,
                sent=None if work.call is None else work.call.memos,
            )
            self._leave(work)
            return settled

        return self._do(move)

    def _leave(self, work: Work) -> None:
        # An answer may come twice, or after a crash; a call ends once, and only what is open.
        if work.item.ref in self._calls:
            self._calls.remove(work.item.ref)
            leave(self.tables, work.item, now_ms=self.now_ms)

    def checkpoint(self, run_id: str, item_ref: str, reply: Ops) -> Settled:
        return self._do(
            lambda: commit_checkpoint(
                self.tables,
                self.registry,
                run_id=run_id,
                item_ref=item_ref,
                reply=reply,
                now_ms=self.now_ms,
            )
        )

    def cancel(self, run_id: str) -> Settled:
        def move() -> Settled:
            run, now_ms = self.run(run_id), self.now_ms
            changes = cancellation(self.tables, self.registry, run, reason="by request", now_ms=now_ms)
            return Settlement(self.tables, self.registry, now_ms=now_ms).apply(changes)

        return self._do(move)

    def signal(self, pause: Pause) -> Settled:
        def move() -> Settled:
            step = self.tables.steps.get(pause.run_id, pause.step_id)
            assert step is not None
            changes = signal_arrived(
                self.run(pause.run_id),
                step,
                str(pause.signal),
                {"n": 1},
                around=self.tables.around(pause.run_id, step),
                now_ms=self.now_ms,
            )
            return Settlement(self.tables, self.registry, now_ms=self.now_ms).apply(changes)

        return self._do(move)

    def signals_awaited(self) -> list[Pause]:
        names = self.connection.execute("SELECT signal FROM pause WHERE signal IS NOT NULL ORDER BY signal")
        return [pause for (name,) in names if (pause := self.tables.pauses.for_signal(name))]

    def fire(self, work: Work) -> Settled:
        def move() -> Settled:
            settled = fire_timer(self.tables, self.registry, item=work.item, now_ms=self.now_ms)
            self._leave(work)
            return settled

        return self._do(move)

    def crash(self) -> None:
        """Lose all calls that are open, and do what opening the data file again does."""
        self._calls.clear()
        self.tables.slots = SlotTable(self.connection)
        self._do(self.tables.take_back)

    def advance_to_next(self) -> bool:
        """Move the clock to the next due time; False when there is none."""
        due_ms = self.next_due_ms()
        if due_ms is None:
            return False
        self.now_ms = max(self.now_ms, due_ms)
        return True

    def run(self, run_id: str) -> Run:
        run = self.tables.runs.get(run_id)
        assert run is not None
        return run

    def steps(self, run_id: str) -> dict[str, Step]:
        return {step.ref.name: step for step in self.tables.steps.all(run_id)}

    def queue(self, run_id: str) -> list[QueueItem]:
        return self.tables.queue.of_run(run_id)

    def hung_runs(self) -> list[str]:
        """Runs that have not ended and that nothing will ever move."""
        rows = self.connection.execute(
            "SELECT id FROM run WHERE status IN ('QUEUED', 'RUNNING')"
            " AND id NOT IN (SELECT run_id FROM queue_item WHERE kind != 'deadline')"
            " AND id NOT IN (SELECT run_id FROM pause)"
        )
        return [row[0] for row in rows]

    def orphans(self) -> list[str]:
        """Ended runs that still have work, waits or open steps."""
        rows = self.connection.execute(
            "SELECT id FROM run WHERE status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND ("
            " id IN (SELECT run_id FROM queue_item) OR id IN (SELECT run_id FROM pause)"
            " OR id IN (SELECT run_id FROM cancel_trigger)"
            " OR id IN (SELECT run_id FROM step WHERE status IN ('QUEUED', 'RUNNING', 'WAITING')))"
        )
        return [row[0] for row in rows]

    def finished_events(self, run_id: str) -> int:
        rows = self.connection.execute("SELECT payload FROM event WHERE name = 'inngest/function.finished'")
        return sum(f'"run_id":"{run_id}"' in row[0] for row in rows)

    def ended(self, run_id: str) -> bool:
        return self.run(run_id).status in {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}
