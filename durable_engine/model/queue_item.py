"""Work that is due at a time: a call to an app, a timer that ends a wait, the deadline of a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ItemKind(StrEnum):
    """DISCOVER calls the function from the top, STEP carries out one planned step, TIMER ends a wait.

    DEADLINE cancels a run that has not started or ended in time.
    """

    DISCOVER = "discover"
    STEP = "step"
    TIMER = "timer"
    DEADLINE = "deadline"

    @property
    def is_call(self) -> bool:
        """Whether the work takes a call over HTTP."""
        return self in {ItemKind.DISCOVER, ItemKind.STEP}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """Work to enqueue. `attempt` counts from 0 and belongs to the item, not to the run."""

    run_id: str
    kind: ItemKind
    due_ms: int
    step_id: str | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """Work in the queue. `lease` names a taking of it: a commit needs it to be still valid.

    `lane_id` is the lane in which it waits for its turn, and `ready_ms` since when it does. Work without a
    lane that is ready belongs to a paused function. `share` is whose slot it keeps while it is taken.
    """

    id: int
    run_id: str
    kind: ItemKind
    due_ms: int
    step_id: str | None
    attempt: int
    lease: int
    lane_id: int | None = None
    ready_ms: int | None = None
    is_leased: bool = False
    share: int = 0

    @property
    def ref(self) -> str:
        """What SDKs send back to name this taking of the item (`qi_id`)."""
        return f"{self.id}.{self.lease}"
