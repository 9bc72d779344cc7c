"""Which double stands in for a call, and whether the SDK must plan its steps before it executes any."""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine.model.double import Double, Outcome
from durable_engine.model.queue_item import QueueItem
from durable_engine.model.run import Run
from durable_engine.model.step import Step
from durable_engine.storage.tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A double and what it does this time. `step` is None for the function's own call."""

    double: Double
    outcome: Outcome
    step: Step | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What doubles mean for a call: what stands in for it, and whether it only plans."""

    chosen: Chosen | None = None
    plans_first: bool = False


_NOTHING = Prepared()


def prepare(tables: Tables, run: Run, item: QueueItem, target: Step | None, *, now_ms: int) -> Prepared:
    """Choose a double for the call of `item`; it counts as taken as long as the call is open.

    As long as any may still apply to the run, the SDK only plans: a step that was executed together with the
    call before it could not be stood in for any more.
    """
    if not tables.doubles.exist():
        return _NOTHING
    found = tables.doubles.for_run(run.id, run.function_id, item_id=item.id, now_ms=now_ms)
    live = [double for double in found if double.outcome is not None]
    fitting = (double for double in live if _fits(tables, double, run, target))
    double = next(fitting, None)
    tables.doubles.take(item.id, None if double is None else double.id)
    if double is None or double.outcome is None:
        return Prepared(plans_first=bool(live))
    return Prepared(chosen=Chosen(double=double, outcome=double.outcome, step=target), plans_first=True)


def _fits(tables: Tables, double: Double, run: Run, target: Step | None) -> bool:
    if target is not None:
        return double.step is not None and double.fits(target.ref.name, target.ref.id, target.ref.index)
    if double.step is not None:
        return False
    return double.index is None or double.index == tables.steps.ended(run.id)
