"""Lanes and gates: where calls wait for their turn, and what has to be open for them.

A lane is a line of calls of one function with the same key values, in order of rank. A gate is a limit that
lanes pass: so many calls at once (concurrency), or so many starts per period (throttle).
"""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine.model.decision import Control


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """What a gate asks of a lane: at most `slots` open calls, or `interval_us` between starts.

    `words` are how a sentence names it: 'its concurrency limit of 5 calls for event.data.user = "u1"'.
    """

    control: Control
    words: str
    slots: int | None = None
    interval_us: int | None = None
    burst: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A gate of a lane; lanes that share `name` share what is counted."""

    name: str
    rule: GateRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A line with its gates; `name` is the same for runs of a function with the same keys and limits."""

    name: str
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Where the calls of a run wait: the first one in `start`, all others in `work`.

    In line the run goes `ahead_ms` before its time; when that is negative, it is due so much later.
    """

    start: Lane
    work: Lane
    ahead_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """A gate of a lane as it is now: `running` calls, and the slot of the last start."""

    id: int
    rule: GateRule
    running: int
    slot_us: int | None
