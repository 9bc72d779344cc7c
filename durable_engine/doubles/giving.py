"""Give doubles to the runs that a request starts, in the transaction that starts them."""

from __future__ import annotations

from collections.abc import Sequence

from durable_engine.doubles.checks import check
from durable_engine.errors import InvalidInputError
from durable_engine.model.double import Double, Fault, FaultKind, NewDouble
from durable_engine.model.event import EventReceipt
from durable_engine.registry import Registry
from durable_engine.storage.tables import Tables


def give(
    tables: Tables, registry: Registry, doubles: Sequence[NewDouble], receipt: EventReceipt, *, now_ms: int
) -> None:
    """Give doubles to the runs that the receipt tells of, to those that are put off as well.

    One for a function that is started goes to its run only, another one to all of them, for what they invoke.

    Raises:
        InvalidInputError: one cannot be used, or there is no new run that it could be given to.
        FunctionNotFoundError: one is for an unknown function.
    """
    if not doubles:
        return
    check(doubles)
    # (function id, scope): the runs themselves, and the event whose run is to come
    started = [(_id(registry, run.function_slug), run.run_id) for run in receipt.started if not run.existed]
    put_off = [
        (_id(registry, missed.function_slug), receipt.event.id)
        for missed in receipt.not_started
        if missed.decision != "drop"
    ]
    scopes = [] if receipt.is_known else [*started, *put_off]
    if not scopes:
        raise InvalidInputError(
            f"Event {receipt.event.name!r} starts no new run to give the doubles to{_reason(receipt)}.",
            hint="Send an event that starts one, or leave the doubles out.",
        )
    for double in doubles:
        meant = None if double.function is None else registry.find(double.function).id
        own = [scope for scope in scopes if meant in {None, scope[0]}]
        for function_id, scope in own or scopes:
            attach(tables, double, function_id=meant or function_id, scope=scope, now_ms=now_ms)


def attach(
    tables: Tables,
    double: NewDouble,
    *,
    function_id: str,
    scope: str | None,
    expires_ms: int | None = None,
    now_ms: int,
) -> Double:
    """Store a double for a run (`scope` is its id), or a standing one, which needs `expires_ms`.

    A restart as the last outcome happens once: it uses up no attempt, and would never end.
    """
    last = double.outcomes[-1]
    restarts = isinstance(last, Fault) and last.kind is FaultKind.RESTART
    return tables.doubles.insert(
        Double(
            id=0,
            function_id=function_id,
            step=double.step,
            index=double.index,
            outcomes=double.outcomes,
            times=len(double.outcomes) if restarts and double.times is None else double.times,
            scope=scope,
            created_ms=now_ms,
            expires_ms=expires_ms,
        )
    )


def _id(registry: Registry, slug: str) -> str:
    return registry.find(slug).id


def _reason(receipt: EventReceipt) -> str:
    if receipt.is_known or any(run.existed for run in receipt.started):
        return ": what it would start was started before"
    reasons = [f"{missed.function_slug}: {missed.reason}" for missed in receipt.not_started]
    return f" ({'; '.join(reasons[:3])})" if reasons else ""
