"""Sends events to a function with start controls, in any order with time, answers and crashes.

What became of each event is then read from the tables: its runs, and the decisions on its record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from engine_tables import World, a_function, an_event
from hypothesis import strategies as st

from durable_engine.executor import Work
from durable_engine.model.event import Event
from durable_engine.model.flow import Batch, Debounce, FlowControl, RateLimit, Singleton, SingletonMode
from durable_engine.model.json_value import to_json
from durable_engine.model.reply import Failed, Returned
from durable_engine.model.run import Run

KEY = "event.data.k"
MAX_BYTES = 1_500
"""In place of 10 MiB."""
MOVES = ("send", "send", "send", "send", "wait", "wait", "take", "answer", "answer", "fail", "crash")
_key = st.sampled_from([None, KEY])

debounces = st.builds(
    Debounce,
    period_ms=st.sampled_from([2_000, 5_000]),
    timeout_ms=st.sampled_from([None, 3_000, 9_000]),
    key=_key,
)
batches = st.builds(
    Batch,
    max_size=st.integers(1, 4),
    timeout_ms=st.sampled_from([3_000, 8_000]),
    key=_key,
    condition=st.sampled_from([None, "event.data.size < 400"]),
)
rate_limits = st.builds(
    RateLimit, limit=st.integers(1, 4), period_ms=st.sampled_from([4_000, 10_000]), key=_key
)
singletons = st.builds(Singleton, mode=st.sampled_from(list(SingletonMode)), key=_key)
start_controls = st.builds(
    FlowControl,
    debounce=st.none() | debounces,
    rate_limit=st.none() | rate_limits,
    singleton=st.none() | singletons,
    idempotency=st.sampled_from([None, None, KEY]),
) | st.builds(
    FlowControl,
    batch=batches,
    rate_limit=st.none() | rate_limits,
    idempotency=st.sampled_from([None, None, KEY]),
)


@dataclass
class StartDrive:
    """One function, the events that were sent to it, and its calls that are open."""

    flow: FlowControl
    world: World = field(init=False)
    sent: list[Event] = field(default_factory=list)
    open: list[Work] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(a_function(retries=1, flow=self.flow))

    def move(self, move: str, pick: int) -> None:
        match move:
            case "send":
                self.send(pick)
            case "wait":
                self.wait(pick * 319)
            case "down":
                self.crash()
                self.world.now_ms += pick * 1_511
            case "take":
                self.take()
            case "crash":
                self.crash()
            case "pause" | "resume":
                self.world.pause(self.world.registry.functions[0], is_paused=move == "pause")
            case "sync":
                self.world.sync(a_function(retries=1, flow=FlowControl() if pick % 2 else self.flow))
            case _ if self.open:
                self.answer(pick % len(self.open), fails=move == "fail")
        self.check()

    def send(self, pick: int) -> None:
        """Events have one of two keys, sizes from 5 to 500 bytes, older or newer times, and few ids."""
        data = {"k": "ab"[pick % 2], "size": pick * 25, "pad": "x" * (pick * 25)}
        more: dict[str, Any] = {"ts_ms": self.world.now_ms - pick * 37 % 5 * 700}
        if pick % 7 == 0:
            more["public_id"] = f"id-{pick // 7}"
        event = replace(an_event(data=data, at_ms=self.world.now_ms), **more)
        self.sent.append(event)
        self.world.ingest(event)

    def wait(self, length_ms: int) -> None:
        """Let time pass, and do what comes due in it when it is due, as the dispatcher does."""
        until_ms = self.world.now_ms + length_ms
        while (due_ms := self.world.next_due_ms()) is not None and due_ms <= until_ms:
            self.world.now_ms = max(self.world.now_ms, due_ms)
            self.take()
        self.world.now_ms = until_ms

    def take(self) -> None:
        self.open += self.world.take()

    def answer(self, place: int, *, fails: bool) -> None:
        work = self.open.pop(place)
        if work.call is None:
            self.world.fire(work)
            return
        self.world.answer(work, Failed(error={"name": "E", "message": "m"}) if fails else Returned(data=1))

    def crash(self) -> None:
        self.open.clear()
        self.world.crash()

    def finish(self) -> None:
        self.world.pause(self.world.registry.functions[0], is_paused=False)
        while True:
            self.take()
            if self.open:
                self.answer(0, fails=False)
            elif not self.world.advance_to_next():
                break
            self.check()
        assert all(run.status.is_terminal for run in self.runs())

    def check(self) -> None:
        assert self.world.hung_runs() == []
        if self.flow.singleton is not None:
            runs = [run for run in self.runs() if not run.status.is_terminal]
            keys = [run.singleton_key for run in runs if run.singleton_key is not None]
            assert len(keys) == len(set(keys))

    def runs(self) -> list[Run]:
        """Return the function's runs in the order in which they were queued."""
        rows = self.world.connection.execute("SELECT id FROM run ORDER BY rowid")
        return [self.world.run(row[0]) for row in rows]

    def events_of(self, run: Run) -> list[str]:
        return self.world.tables.runs.event_ids(run)

    def groups(self, control: str) -> Iterator[tuple[list[Event], list[int], Run | None]]:
        """Yield the events of each start to come, when each of them came, and the run it has become."""
        sent = {event.id: event for event in self.sent}
        found: dict[str, list[tuple[Event, int, str | None]]] = {}
        for event_id, at_ms, run_id, name in self.world.connection.execute(
            "SELECT event_id, at_ms, run_id, appointment_id FROM event_decision"
            " WHERE appointment_id IS NOT NULL AND control = ? ORDER BY seq",
            (control,),
        ):
            found.setdefault(name, []).append((sent[event_id], at_ms, run_id))
        for entries in found.values():
            events, times, run_ids = zip(*entries, strict=True)
            assert len(set(run_ids)) == 1
            yield list(events), list(times), None if run_ids[0] is None else self.world.run(run_ids[0])

    def every_event_has_one_outcome(self) -> None:
        """It is in one run, or was dropped, or became part of a start with a run that is not its own."""
        for event in self.sent:
            in_runs = self.world.tables.runs.of_event(event.id)
            decisions = [entry.decision for entry in self.world.tables.decisions.of_event(event.id)]
            drops = [decision for decision in decisions if decision.kind == "drop"]
            promised = [decision for decision in decisions if decision.kind != "drop"]
            assert len(in_runs) <= 1
            assert len(promised) <= 1
            assert all(decision.reason for decision in decisions)
            if in_runs:
                assert not drops
                assert all(decision.run_id == in_runs[0].id for decision in promised)
            elif not drops:
                assert [decision.run_id for decision in promised] != [None]
                assert len(promised) == 1
            else:
                assert len(drops) == 1
                assert all(decision.run_id is None for decision in promised)


def size(event: Event) -> int:
    return len(to_json(event.as_payload()).encode())
