"""When an engine is to die: at a point inside of it, in a body of the app, or at a moment of the clock."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

_POINTS: Final = {
    "statement": 1_500,
    "commit": 120,
    "committed": 120,
    "send": 150,
    "sent": 150,
    "receive": 150,
    "received": 150,
}
"""Points at which an engine can end itself, and about how often each is passed in a round."""


@dataclass(frozen=True)
class Kill:
    """`point` is one of `engine_host`; the nth `body` of a step from now; a `moment`, `nth` milliseconds from
    when it answers; one while it starts (`start`) or while it stops as asked (`stop`); or at once (`rest`).
    """

    point: str
    nth: int

    @property
    def is_inner(self) -> bool:
        return self.point in _POINTS

    def __str__(self) -> str:
        return f"{self.point} {self.nth}" if self.nth else self.point


LIVE: Final = Kill("none", 0)
REST: Final = Kill("rest", 0)


def draw(rng: random.Random, *, share: float, with_moments: bool) -> Kill:
    """Return a kill of a new engine; a third of those inside come soon. `share` makes them all sooner."""
    choice = rng.random()
    if choice < 0.15:
        return Kill("body", rng.randint(1, max(2, round(40 * share))))
    if with_moments and choice < 0.35:
        return rng.choice([Kill("moment", rng.randint(0, 1_500)), Kill("start", rng.randint(0, 500))])
    point = rng.choice(list(_POINTS))
    most = max(2, round(_POINTS[point] * share))
    return Kill(point, rng.randint(1, most if rng.random() < 0.7 else max(1, most // 10)))


def draw_outer(rng: random.Random) -> Kill:
    """Return a kill of an engine that runs."""
    return rng.choice([REST, Kill("body", rng.randint(1, 30)), Kill("stop", rng.randint(0, 1_000))])
