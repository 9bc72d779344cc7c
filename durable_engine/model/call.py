"""One call to an app, as the engine sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from durable_engine.model.endpoint import EndpointCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Everything a call request carries.

    `events` and the values of `memos` are JSON text, passed through untouched. `target` is the hashed id
    of the one step to execute, None to run the function from the top. `attempt` counts from 0 for the
    queue item, not for the run.
    """

    url: str
    run_id: str
    function_id: str
    item_id: int
    item_ref: str | None
    """What the SDK sends back with steps that it reports during the call; with None it reports none."""
    target: str | None
    attempt: int
    max_attempts: int
    execution_version: int
    plans_only: bool
    """Ask the SDK to report new steps instead of executing them at once."""
    events: Sequence[str]
    memos: Mapping[str, str]
    """Memos by hashed step id, in the order in which the steps finished."""
    is_large: bool = False
    """The memos are empty, as they do not fit in a request: the SDK fetches them by our API."""
    endpoint: EndpointCall | None = None
    """The request to make again, for a run of a durable endpoint; the SDK fetches the rest by our API."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Input that replaces that of the target, as a memo of a step that has not run (reruns)."""
