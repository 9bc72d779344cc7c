"""How much is measured: everything, a version of under a minute, and next to nothing for a test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Numbers of runs, and of samples."""

    rounds: int
    """How often each function is run, per server; a hundredth as often for the one of 100 steps."""
    bursts: tuple[tuple[int, int], ...]
    """Runs of a burst, and how often it is sent."""
    sleepers: int
    waits: int
    real_waits: int
    """Runs that wait in another server, where each has to be started."""
    wait_samples: int
    runs: int
    """Runs after which memory is looked at."""
    long_steps: int
    long_bytes: int
    """State of the long run, in all."""
    starts: int
    calls: int
    """How often a tool is called."""
    timeout_s: float
    fresh: bool = True
    """Whether memory is measured of servers that have done nothing else."""


FULL = Sizes(
    rounds=100,
    bursts=((300, 5), (3_000, 2)),
    sleepers=10_000,
    waits=100_000,
    real_waits=10_000,
    wait_samples=50,
    runs=100_000,
    long_steps=1_000,
    long_bytes=32_000_000,
    starts=10,
    calls=300,
    timeout_s=1_800,
)
QUICK = Sizes(
    rounds=20,
    bursts=((300, 2),),
    sleepers=500,
    waits=5_000,
    real_waits=500,
    wait_samples=20,
    runs=3_000,
    long_steps=100,
    long_bytes=3_200_000,
    starts=3,
    calls=100,
    timeout_s=120,
)
TINY = Sizes(
    rounds=1,
    bursts=((3, 1),),
    sleepers=3,
    waits=20,
    real_waits=3,
    wait_samples=2,
    runs=10,
    long_steps=8,
    long_bytes=8_000,
    starts=1,
    calls=3,
    timeout_s=60,
    fresh=False,
)
