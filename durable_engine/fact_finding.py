"""Collect from storage what an explanation may look at, in one transaction; decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from durable_engine.errors import EventNotFoundError
from durable_engine.explain.ends import failed_steps
from durable_engine.explain.facts import EventFacts, HeldGate, OpenCall, RunFacts, SeenEvents, TakenSlots
from durable_engine.explain.names import difference
from durable_engine.expressions import compile_expression, explain_mismatch
from durable_engine.inspection import view_run
from durable_engine.model.appointment import AppointmentKind
from durable_engine.model.event import Event, UnmetWait
from durable_engine.model.queue_item import ItemKind, QueueItem
from durable_engine.model.records import EventFilter
from durable_engine.model.run import Run
from durable_engine.model.slot import SlotKind, kind_of
from durable_engine.model.views import AppView, RunView
from durable_engine.registry import Registry, closest
from durable_engine.standing import standings
from durable_engine.storage.tables import Tables

_DEPTH: Final = 8
"""Runs that are followed downwards, each invoked by the one before."""
_HOLDERS: Final = 5
_SEEN: Final = 5
_RECENT: Final = 100
"""Events among whose names one is looked for that is like the awaited one."""
_SIMILAR: Final = 2
_KNOWN: Final = 200
"""Events among which one is looked for by the id that its sender gave it."""
_WAITS: Final = 5
_RUNS: Final = 20
_EFFECTS: Final = 1_000


class FactFinding:
    """Reads the tables as of one moment; `apps` are by the names of apps."""

    def __init__(self, tables: Tables, registry: Registry, apps: Sequence[AppView], *, now_ms: int) -> None:
        self._tables = tables
        self._registry = registry
        self._apps = apps
        self._now_ms = now_ms

    def about_run(self, run: Run, *, depth: int = _DEPTH) -> RunFacts:
        """Return what there is to know of a run, and of the runs it invoked that it depends on."""
        view = view_run(self._tables, self._registry, run, now_ms=self._now_ms)
        function = self._registry.by_id(run.function_id)
        queue = self._tables.queue.of_run(run.id)
        queue = [replace(item, due_ms=run.at(item.due_ms)) for item in queue]
        pauses = self._tables.appointments.of_kind(AppointmentKind.PAUSE, function.id)
        deadlines = [item.due_ms for item in queue if item.kind is ItemKind.DEADLINE]
        return RunFacts(
            view=view,
            function=function,
            app=next((app for app in self._apps if app.name == function.app_name), None),
            calls=tuple(_open_call(view, item) for item in queue if item.is_leased and item.kind.is_call),
            gate=self._gate(run),
            taken=self._taken(run),
            seen=self._seen(run, view),
            children=self._children(view, depth=depth),
            starts=self._starts(run, view),
            deadline_ms=min(deadlines, default=None),
            pause_ends_ms=run.at(pauses[0].due_ms) if function.is_paused and pauses else None,
        )

    def about_event(self, event: Event) -> EventFacts:
        """Return what there is to know of an event."""
        tables, registry = self._tables, self._registry
        runs = tables.runs.of_event(event.id)
        effects = tables.effects.of_event(event.id, limit=_EFFECTS)
        waits = [effect for effect in effects if effect.step_id is not None]
        return EventFacts(
            event=event,
            now_ms=self._now_ms,
            started=tuple(view_run(tables, registry, run, now_ms=self._now_ms) for run in runs[:_RUNS]),
            started_functions=tuple(registry.by_id(run.function_id).slug for run in runs),
            ended_waits=tuple(
                (effect.run_id, tables.steps.name(effect.run_id, effect.step_id or "") or "")
                for effect in waits
            ),
            cancelled=tuple(effect.run_id for effect in effects if effect.step_id is None),
            decisions=tuple(tables.decisions.of_event(event.id)),
            listeners=tuple(function for function, _ in registry.listening_to(event.name)),
            gone=tuple(
                function
                for function in registry.archived
                if any(trigger.matches_name(event.name) for trigger in function.triggers)
            ),
            nearest=tuple(registry.nearest_triggers(event.name)),
            awaited=tuple(closest(event.name, tables.pauses.awaited(limit=_RECENT))),
            unmet=self._unmet(event),
            apps=tuple(self._apps),
            has_functions=bool(registry.functions),
        )

    def _gate(self, run: Run) -> HeldGate | None:
        if run.status.is_terminal:
            return None
        for standing in standings(self._tables, run.id, now_ms=self._now_ms):
            if standing.gate is not None:
                holders = self._tables.lanes.holders(standing.gate.id, limit=_HOLDERS)
                words, running = standing.gate.rule.words, standing.gate.running
                return HeldGate(words=words, running=running, holders=tuple(holders))
        return None

    def _taken(self, run: Run) -> TakenSlots | None:
        for standing in standings(self._tables, run.id, now_ms=self._now_ms):
            if standing.share is not None:
                kind = kind_of(standing.share)
                is_open = self._tables.slots.holders(kind)
                apps = Counter(app for app, _ in is_open).most_common()
                holders = dict.fromkeys(run_id for app, run_id in is_open if app == apps[0][0])
                return TakenSlots(
                    apps=tuple(apps),
                    holders=tuple(holders)[:_HOLDERS],
                    are_requests=kind is SlotKind.REQUEST,
                )
        return None

    def _seen(self, run: Run, view: RunView) -> Mapping[str, SeenEvents]:
        began_ms = {step.id: step.started_ms or 0 for step in view.steps}
        found: dict[str, SeenEvents] = {}
        for wait in view.waiting_for:
            if wait.kind != "event" or wait.event_name is None or wait.step_id is None:
                continue
            wanted = EventFilter(name=wait.event_name, with_internal=True)
            ids = self._tables.events.newest(wanted, after=None, limit=_SEEN)
            events = [
                replace(event, received_ms=run.at(event.received_ms))
                for event in map(self._tables.events.get, ids)
            ]
            since = tuple(event for event in events if event.received_ms >= began_ms[wait.step_id])
            similar = () if events else self._similar(wait.event_name)
            found[wait.step_id] = SeenEvents(since=since, before=tuple(events[len(since) :]), similar=similar)
        return found

    def _similar(self, name: str) -> tuple[str, ...]:
        ids = self._tables.events.newest(EventFilter(), after=None, limit=_RECENT)
        names = closest(name, [self._tables.events.name(event_id) for event_id in ids])
        return tuple(near for near in names if difference(name, near) is not None)[:_SIMILAR]

    def _children(self, view: RunView, *, depth: int) -> Mapping[str, RunFacts]:
        """Return the one invoked run on which this run depends: more would multiply with each level."""
        steps = failed_steps(view)[:1]
        ids = [step.child_run_id for step in steps] or [
            wait.run_id for wait in view.waiting_for if wait.kind == "invoke"
        ]
        run = self._tables.runs.get(ids[0]) if depth and ids and ids[0] is not None else None
        return {} if run is None else {run.id: self.about_run(run, depth=depth - 1)}

    def _starts(self, run: Run, view: RunView) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for wait in view.waiting_for:
            function = self._registry.exact(wait.function_slug or "")
            if wait.kind != "invoke" or wait.run_id is not None or function is None:
                continue
            for coming in self._tables.appointments.of_kind(AppointmentKind.DEBOUNCE, function.id):
                if wait.step_id is not None and coming.parent == (view.id, wait.step_id):
                    found[wait.step_id] = run.at(coming.due_ms)
        return found

    def _unmet(self, event: Event) -> tuple[UnmetWait, ...]:
        """Return the first of the open waits and cancelOn for the event's name that it does not meet."""
        found: list[UnmetWait] = []
        for pause in self._tables.pauses.for_event(event.name, limit=_WAITS):
            step = self._tables.steps.get(pause.run_id, pause.step_id)
            run = self._tables.runs.get_lean(pause.run_id)
            if step is None or run is None:
                continue
            reason = self._mismatch(pause.run_id, pause.expression, event)
            if (step.started_ms or 0) > run.at(event.received_ms):
                reason = "the wait began after the event had come, and only later ones count"
            if reason is not None:
                found.append(UnmetWait(run_id=pause.run_id, step_name=step.ref.name, reason=reason))
        for trigger in self._tables.pauses.cancelled_by(event.name, now_ms=self._now_ms, limit=_WAITS):
            reason = self._mismatch(trigger.run_id, trigger.expression, event)
            if reason is not None:
                found.append(UnmetWait(run_id=trigger.run_id, reason=reason))
        return tuple(found)

    def _mismatch(self, run_id: str, expression: str | None, event: Event) -> str | None:
        run = self._tables.runs.get(run_id)
        if run is None or expression is None:
            return None
        scope = self._tables.wait_scope(run, event.as_payload())
        return explain_mismatch(compile_expression(expression), scope, now_ms=run.at(self._now_ms))


def _open_call(view: RunView, item: QueueItem) -> OpenCall:
    """Return since when a call is open: since it was due, or its turn came, or the step before it ended."""
    step = next((step for step in view.steps if step.id == item.step_id), None)
    holds = [hold.until_ms for hold in view.holds if hold.step_id == item.step_id]
    ended = [other.ended_ms for other in view.steps if other.ended_ms is not None] if step is None else []
    since_ms = max([item.due_ms, view.started_ms or 0, *holds, *ended])
    return OpenCall(
        since_ms=min(since_ms, view.now_ms),
        attempt=item.attempt,
        step_name=None if step is None else step.name,
        is_gateway=step is not None and step.kind.is_gateway,
    )


def find_event(tables: Tables, event_id: str) -> Event:
    """Return an event by its ULID, or by the id its sender gave it, if it came not long ago.

    Raises:
        EventNotFoundError: no such event; `nearest` are ids of recent events.
    """
    found = tables.events.find(event_id)
    if found is not None:
        return found
    recent = list(map(tables.events.get, tables.events.newest(EventFilter(), after=None, limit=_KNOWN)))
    given = next((event for event in recent if event.public_id == event_id), None)
    if given is not None:
        return given
    is_run = tables.runs.find(event_id) is not None
    hint = "It is the id of a run: ask about the run." if is_run else tables.events.hint(event_id)
    names = (name for event in recent for name in dict.fromkeys((event.id, event.public_id)))
    ids = [name for name in names if name.isprintable()]  # senders may choose any text
    raise EventNotFoundError(f"No event {event_id[:100]!r}.", nearest=closest(event_id, ids), hint=hint)
