"""All tables of one connection, and the writing of a decision's `Changes`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from durable_engine.model.changes import Changes
from durable_engine.model.event import Event
from durable_engine.model.json_value import JSONObject
from durable_engine.model.lane import Placing
from durable_engine.model.run import Run
from durable_engine.model.step import Step, Surroundings
from durable_engine.storage.appointment_table import AppointmentTable
from durable_engine.storage.decision_table import DecisionTable
from durable_engine.storage.double_table import DoubleTable
from durable_engine.storage.effect_table import EffectTable
from durable_engine.storage.event_table import EventTable
from durable_engine.storage.history_table import HistoryTable
from durable_engine.storage.lane_table import LaneTable
from durable_engine.storage.pages import Pages
from durable_engine.storage.pause_table import PauseTable
from durable_engine.storage.pruning_table import PruningTable
from durable_engine.storage.queue_table import QueueTable
from durable_engine.storage.registry_table import RegistryTable
from durable_engine.storage.retention_table import RetentionTable
from durable_engine.storage.run_list_table import RunListTable
from durable_engine.storage.run_table import RunTable
from durable_engine.storage.setting_table import SettingTable
from durable_engine.storage.slot_table import SlotTable
from durable_engine.storage.step_table import StepTable
from durable_engine.storage.timeline_table import TimelineTable


class Tables:
    """The tables as one transaction sees them.

    Those of the one connection that writes may remember what they read (`remembers`).
    """

    def __init__(self, connection: sqlite3.Connection, *, remembers: bool = False) -> None:
        self._connection = connection
        self.registry = RegistryTable(connection)
        self.events = EventTable(connection, remembers=remembers)
        self.runs = RunTable(connection, remembers=remembers)
        self.run_lists = RunListTable(connection)
        self.steps = StepTable(connection, remembers=remembers)
        self.queue = QueueTable(connection)
        self.pauses = PauseTable(connection, remembers=remembers)
        self.history = HistoryTable(connection, remembers=remembers)
        self.lanes = LaneTable(connection)
        self.slots = SlotTable(connection)
        self.appointments = AppointmentTable(connection, remembers=remembers)
        self.decisions = DecisionTable(connection)
        self.timelines = TimelineTable(connection, moved=self.runs.forget)
        self.settings = SettingTable(connection)
        self.doubles = DoubleTable(connection)
        self.effects = EffectTable(connection)
        self.retention = RetentionTable(connection)
        self.pruning = PruningTable(connection)
        self.pages = Pages(connection)

    def take_back(self) -> int:
        """Free what a process that died had taken; returns how many calls were open."""
        self.lanes.count_anew()
        self.queue.let_all_go()
        return self.queue.release_all()

    def forget(self) -> None:
        """Let go of what is known from before: something was undone."""
        self.events.forget()
        self.runs.forget()
        self.steps.forget()
        self.pauses.forget()
        self.appointments.forget()
        self.timelines.forget()
        self.doubles.forget()
        self.history.forget()

    def store(self) -> None:
        """Store what waits for the end of the transaction, or for a savepoint."""
        self.history.store()

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Undo what is done in this block, and nothing else of the transaction, when it raises."""
        self.store()
        self._connection.execute("SAVEPOINT block")
        try:
            yield
        except BaseException:
            self.forget()
            if self._connection.in_transaction:  # which a fault of the file may have ended
                self._connection.execute("ROLLBACK TO block")
                self._connection.execute("RELEASE block")
            raise
        self._connection.execute("RELEASE block")

    def around(self, run_id: str, step: Step) -> Surroundings:
        """Return what else a waiting step's run is up to."""
        return Surroundings(
            open_in_group=self.steps.open_in_group(run_id, step.group_id),
            is_alone=not self.queue.has_besides(run_id, step.ref.id)
            and not self.pauses.steps_waiting(run_id) - {step.ref.id},
        )

    def lanes_of(self, placing: Placing) -> tuple[int, int]:
        """Return the lane in which the first call of a run waits, and the one behind it for all others."""
        work = self.lanes.id_of(placing.work)
        if placing.start.name == placing.work.name:
            return work, work
        return self.lanes.id_of(placing.start, work_lane_id=work), work

    def line_up(self, *, now_ms: int) -> None:
        """Let every call that is due join the line of its lane, and let those lanes be looked at."""
        for lane_id in self.queue.line_up(now_ms=now_ms):
            self.lanes.wake(lane_id)

    def events_of(self, run: Run) -> list[Event]:
        """Return the events that started a run, in the order in which they came."""
        return [self.events.get(event_id) for event_id in self.runs.event_ids(run)]

    def waits(self, run_id: str, step_id: str) -> bool:
        """Whether a step has not ended, and its run neither."""
        run, step = self.runs.get_lean(run_id), self.steps.get(run_id, step_id)
        return (
            run is not None and step is not None and not (run.status.is_terminal or step.status.is_terminal)
        )

    def wait_scope(self, run: Run, incoming: JSONObject) -> JSONObject:
        """Return what an expression sees of an incoming event (its payload) and of the run it is about."""
        return {"event": self.events.get(run.event_id).as_payload(), "async": incoming}

    def apply(self, changes: Changes) -> dict[str, int]:
        """Write everything a decision asks for, except what it asks to be decided next.

        Returns the size of all memos, in bytes, of the runs that got new ones, by run id.
        """
        self._apply_runs(changes)
        self._apply_starts_to_come(changes)
        sizes = self._apply_steps(changes)
        self._apply_work(changes)
        for effect in changes.effects:
            self.effects.insert(effect)
        for sender in changes.sent:
            self.events.note_sender(sender)
        self.history.append(*changes.history)
        for end in changes.ends:
            if self.runs.end(end):
                self.queue.close_run(end.run.id)
                self.pauses.close_run(end.run.id)
                self.steps.abandon_open(end.run.id, now_ms=end.ended_ms)
        return sizes

    def _apply_runs(self, changes: Changes) -> None:
        for event in changes.events:
            self.events.insert(event)
        for run in changes.new_runs:
            placing = changes.placings.get(run.id)
            lane_id = None if placing is None else self.lanes_of(placing)[0]
            self.runs.insert(run if lane_id is None else replace(run, lane_id=lane_id))
        for timeline in changes.timelines:
            self.timelines.open(timeline)
        for run_id, event_ids in changes.run_events:
            self.runs.add_events(run_id, event_ids)
        for key in changes.start_keys:
            self.runs.save_key(*key)
        for mode in changes.modes:
            self.runs.set_mode(mode)

    def _apply_starts_to_come(self, changes: Changes) -> None:
        for appointment in changes.appointments:
            self.appointments.save(appointment)
        for appointment, event_id in changes.collected:
            self.appointments.add_event(appointment, event_id)
        for decision in changes.decisions:
            self.decisions.insert(decision)
        for appointment, run_id in changes.kept:
            self.appointments.close(appointment)
            if run_id is not None:
                self.decisions.note_run(appointment.id, run_id)
        for rate in changes.rates:
            self.decisions.save_slot(*rate)

    def _apply_steps(self, changes: Changes) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for run_id, step in ((write.run_id, write.step) for write in changes.steps):
            if self.steps.save(run_id, step) and step.memo is not None:
                sizes[run_id] = self.runs.grow_state(run_id, len(step.memo.encode()))
        return sizes

    def _apply_work(self, changes: Changes) -> None:
        for run_id, step_id in changes.closed_waits:
            self.pauses.close(run_id, step_id)
            self.queue.close_wait(run_id, step_id)
        for item in changes.items:
            self.queue.insert(item)
        for retry in changes.retries:
            self.queue.retry(retry)
        for run_id, step_id in changes.displaced:
            self.pauses.close(run_id, step_id)
        for pause in changes.pauses:
            self.pauses.insert(pause)
        for trigger in changes.cancel_triggers:
            self.pauses.insert_cancel(trigger)
