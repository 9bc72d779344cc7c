"""Singleton: one run at a time for each key.

Source: as documented; a run that is queued or retried counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from durable_engine.flow_control.keys import for_key
from durable_engine.model.decision import Admit, Control, Drop
from durable_engine.model.flow import Singleton, SingletonMode


def decide(singleton: Singleton, value: str, holders: Sequence[str]) -> Admit | Drop:
    """Return the decision about a new run; `holders` are the ids of the runs that have not ended."""
    if not holders:
        return Admit()
    if singleton.mode is SingletonMode.CANCEL:
        return Admit(replaces=tuple(holders))
    holder = holders[0]
    reason = f"it is a singleton{for_key(singleton.key, value)}, and its run {holder} has not ended"
    return Drop(control=Control.SINGLETON, reason=reason, run_id=holder)
