"""What a caller holds on runs."""

from __future__ import annotations

from dataclasses import dataclass

from durable_engine.model.json_value import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """A handle that is kept with run `run_id`; `facts` are what its caller wants to find again.

    `dropped_ms` is when it was given up, while the runs still went on.
    """

    id: str
    run_id: str
    facts: JSONObject
    given_ms: int
    dropped_ms: int | None = None
