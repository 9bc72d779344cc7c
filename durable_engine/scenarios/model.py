"""What a test of a function is, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from durable_engine.model.double import NewDouble
from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.plan import PlannedEvent
from durable_engine.model.status import RunStatus, StepStatus
from durable_engine.model.views import RunView

DEFAULT_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value that is expected; null is one, too."""

    json: JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class StepExpectation:
    """What is expected of a step, where something is. `error` is part of "Name: message"."""

    status: StepStatus | None = None
    output: Value | None = None
    error: str | None = None
    attempts: int | None = None
    has_timed_out: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What is expected of the run. Steps are named by their labels: `charge`, `charge[1]`.

    Without a `status` and without an `error` the run is to be COMPLETED. `error` is part of "Name: message".
    `output` has to be the same JSON. `ran` are steps that the run is to come to, `not_ran` such that it must
    not; `events_sent` are names of events that its steps are to send.
    """

    status: RunStatus | None = None
    output: Value | None = None
    error: str | None = None
    steps: Mapping[str, StepExpectation] = field(default_factory=dict)
    ran: tuple[str, ...] = ()
    not_ran: tuple[str, ...] = ()
    events_sent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A test. `event` triggers, or else `function` is invoked; with both, the expectations are about its run.

    `events` are sent while it waits. `timeout_s` is how long to wait, in seconds of real time.
    """

    function: str | None = None
    app: str | None = None
    event: str | None = None
    data: JSONObject = field(default_factory=dict)
    user: JSONObject = field(default_factory=dict)
    doubles: tuple[NewDouble, ...] = ()
    events: tuple[PlannedEvent, ...] = ()
    skips_time: bool = True
    expect: Expectations = field(default_factory=Expectations)
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation and what came of it. `difference` says where two values differ."""

    name: str
    passed: bool
    expected: JSONValue
    actual: JSONValue
    difference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a test. `run` is what the expectations were held against; None if none was started.

    `other_run_ids` are runs that the same event started. `is_at_rest`: the run has not ended, and only
    something from outside can move it. `notes` are facts worth knowing that are no failure.
    """

    checks: tuple[Check, ...]
    run: RunView | None = None
    event_id: str | None = None
    other_run_ids: tuple[str, ...] = ()
    is_at_rest: bool = False
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def first_failure(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if not check.passed), None)
