"""A call that a double stands in for: what is answered instead, or what goes wrong with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from durable_engine.double_uses import Use, late_entry, use_entry
from durable_engine.doubles.choosing import Chosen
from durable_engine.doubles.mocks import failed_step, misfit, reply_for
from durable_engine.model.changes import ItemRetry
from durable_engine.model.double import HAS_CALL, Fault, FaultKind, MockError
from durable_engine.model.history import HistoryEntry
from durable_engine.model.json_value import parse_stored
from durable_engine.model.queue_item import QueueItem
from durable_engine.model.reply import Reply
from durable_engine.registry import Registry
from durable_engine.sdk.reply import failure
from durable_engine.settle import Settled
from durable_engine.storage.tables import Tables

Ask = Callable[[], Awaitable[Reply]]
"""Makes the real call."""
Commit = Callable[..., Settled]
"""`commit_answer` for the item, which lacks tables, registry, reply and time."""
Answer = Callable[..., Settled]
"""Stores an answer in a transaction: gets a `Commit`, tables, registry and time."""

_BROKEN: Final = {
    FaultKind.UNREACHABLE: ("AppUnreachableError", "Unable to reach {whom}"),
    FaultKind.CALL_TIMEOUT: ("TimeoutError", "{whom} did not answer in time"),
    FaultKind.REPLY_LOST: ("ConnectionError", "The connection to {whom} broke during the call"),
}
MOST_LATE: Final = 1_000
MOST_LATE_CHARS: Final = 64 * 1024 * 1024
"""Of slow replies that wait for their time, about; the oldest are dropped, and their calls made again."""
_NOT_ASKED: Final = frozenset({FaultKind.UNREACHABLE, FaultKind.CALL_TIMEOUT, FaultKind.STEP_ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a double did with a call.

    `reply` counts, `times` times over. Without one the call is to be made again; a `delay_ms` then tells that
    an answer is in hand, and counts when it has passed.
    """

    chosen: Chosen
    reply: Reply | None = None
    deliveries: tuple[Reply, ...] = ()
    times: int = 1
    delay_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Late:
    use: HistoryEntry
    reply: Reply
    size: int


class StandIns:
    """Plays doubles. Holds slow replies like open calls are: if the process dies, the call is made again."""

    def __init__(self) -> None:
        self._late: dict[int, _Late] = {}

    async def answer(self, item: QueueItem, chosen: Chosen | None, ask: Ask) -> Answer:
        """Answer the call for `item`, by the app or by a double."""
        late = self._late.pop(item.id, None)
        if late is not None:
            return partial(_commit_late, item, late)
        if chosen is None:
            return partial(_commit_real, await ask())
        return partial(self._commit, item, await play(chosen, ask))

    def _keep(self, item: QueueItem, late: _Late) -> None:
        # Those of runs that have ended meanwhile are never asked for.
        self._late[item.id] = late
        chars = sum(kept.size for kept in self._late.values())
        for oldest in list(self._late):
            if len(self._late) <= MOST_LATE and (chars <= MOST_LATE_CHARS or oldest == item.id):
                break
            chars -= self._late.pop(oldest).size

    def _commit(
        self,
        item: QueueItem,
        played: Played,
        commit: Commit,
        tables: Tables,
        registry: Registry,
        *,
        now_ms: int,
    ) -> Settled:
        """Store what a double did, its use included, in one transaction; a late call uses nothing up."""
        held = tables.queue.held(item.id, item.lease)
        if held is None:
            return Settled()
        chosen, step = played.chosen, played.chosen.step
        use = Use(
            double=chosen.double,
            outcome=chosen.outcome,
            run_id=item.run_id,
            step_id=item.step_id,
            attempt=item.attempt,
            asked=parse_stored(step.input) if step is not None else None,
            deliveries=played.deliveries,
            committed=played.reply,
        )
        run = tables.runs.get_lean(item.run_id)
        offset_ms = 0 if run is None else run.offset_ms
        entry = use_entry(use, now_ms=now_ms + offset_ms)
        tables.doubles.use(chosen.double.id)
        tables.history.append(entry)
        if played.reply is None:
            due_ms = held.due_ms + offset_ms
            if played.delay_ms is not None:
                due_ms = now_ms + offset_ms + played.delay_ms
                self._keep(item, _Late(entry, played.deliveries[0], len(repr(played.deliveries[0]))))
            tables.queue.retry(ItemRetry(item_id=item.id, due_ms=due_ms, attempt=held.attempt))
            return Settled()
        settled = Settled()
        for _ in range(played.times):
            settled.add(commit(tables, registry, reply=played.reply, now_ms=now_ms))
        return settled


async def play(chosen: Chosen, ask: Ask) -> Played:
    """Do what a double says about a call."""
    double, outcome, step = chosen.double, chosen.outcome, chosen.step
    if not isinstance(outcome, Fault):
        if step is None:
            raise ValueError("only faults can hit the function's own call")
        return Played(chosen=chosen, reply=reply_for(double, outcome, step))
    if step is not None and step.kind not in HAS_CALL:
        return Played(chosen=chosen, reply=misfit(double, outcome, step.ref, step.kind))
    kind = outcome.kind
    requests = 0 if kind in _NOT_ASKED else 2 if kind is FaultKind.REQUEST_TWICE else 1
    deliveries = tuple([await ask() for _ in range(requests)])
    if kind in _BROKEN or kind is FaultKind.STEP_ERROR:
        return Played(chosen=chosen, reply=_broken(chosen, kind), deliveries=deliveries)
    if kind is FaultKind.SLOW_REPLY:
        return Played(chosen=chosen, deliveries=deliveries, delay_ms=outcome.delay_ms)
    if kind is FaultKind.RESTART:
        return Played(chosen=chosen, deliveries=deliveries)
    times = 2 if kind is FaultKind.REPLY_TWICE else 1
    return Played(chosen=chosen, reply=deliveries[0], deliveries=deliveries, times=times)


def _broken(chosen: Chosen, kind: FaultKind) -> Reply:
    """Return the reply to a call that a fault broke; it says that it was one."""
    step = chosen.step
    is_gateway = step is not None and step.kind.is_gateway
    name, text = _BROKEN.get(kind, (None, "The step failed"))
    whom = "the server that the step asks" if is_gateway else "the app"
    message = f"{text.format(whom=whom)}: an injected fault ({kind}, double {chosen.double.id})."
    message = message[0].upper() + message[1:]
    if step is not None and (is_gateway or name is None):
        return failed_step(step, MockError(message=message, name="InjectedError" if name is None else None))
    return failure(name or "Error", message)


def _commit_real(reply: Reply, commit: Commit, tables: Tables, registry: Registry, *, now_ms: int) -> Settled:
    return commit(tables, registry, reply=reply, now_ms=now_ms)


def _commit_late(
    item: QueueItem, late: _Late, commit: Commit, tables: Tables, registry: Registry, *, now_ms: int
) -> Settled:
    run = tables.runs.get_lean(item.run_id)
    if run is not None and tables.queue.held(item.id, item.lease) is not None:
        tables.history.append(late_entry(late.use, late.reply, now_ms=run.at(now_ms)))
    return commit(tables, registry, reply=late.reply, now_ms=now_ms)
