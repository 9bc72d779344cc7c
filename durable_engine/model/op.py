"""What an SDK can ask of the engine in one answer, free of the wire's spelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.status import StepKind


def step_label(name: str, index: int) -> str:
    """Return how people name a step: `charge`, `charge[1]` for a repeat."""
    return f"{name}[{index}]" if index else name


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRef:
    """The identity of a step.

    `id` is the SDK's hash and opaque; `name` is the id written in the user's code and `index` counts
    repeats of it from 0. `is_race`: the function goes on when this step ends, without waiting for the
    steps that were planned together with it.
    """

    id: str
    name: str
    index: int = 0
    is_race: bool = False

    @property
    def label(self) -> str:
        """The name, with the index of a repeat: `charge`, `charge[1]`."""
        return step_label(self.name, self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRan:
    """A step's code ran and returned `data`."""

    step: StepRef
    data: JSONValue
    kind: StepKind = StepKind.RUN
    input: JSONValue = None
    duration_ms: int | None = None
    """How long the step's code ran, by the app's clock, where the SDK says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepErrored:
    """A step's code raised; `is_final` when the SDK rules out another attempt."""

    step: StepRef
    error: JSONObject
    is_final: bool
    kind: StepKind = StepKind.RUN
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlanned:
    """A step wants a call of its own, with this step as the target."""

    step: StepRef
    kind: StepKind = StepKind.RUN
    input: JSONValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """Sleep until `until`: a duration or a date, still as text."""

    step: StepRef
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForEvent:
    """Wait for an event; `expression` sees the run's `event` and the incoming one as `async`."""

    step: StepRef
    event_name: str
    expression: str | None
    timeout: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForSignal:
    """Wait for a signal; `replaces` takes it over from a step that waits for it already."""

    step: StepRef
    signal: str
    timeout: str | None
    replaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Have the engine itself send an HTTP request and make the answer the step's result.

    `kind` is FETCH or AI_GATEWAY; `request` is as the SDK sent it, with whatever keys it carries.
    """

    step: StepRef
    kind: StepKind
    request: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke:
    """Start another function and wait for its result."""

    step: StepRef
    function: str
    data: JSONObject
    user: JSONObject
    timeout: str | None
    v: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    """A double ends a wait, a sleep or an invoke as soon as it is asked for.

    `memo` is JSON text as the SDK gets it; `detail` says what the step would have waited for.
    """

    step: StepRef
    kind: StepKind
    memo: str
    detail: JSONObject
    error: JSONObject | None = None
    input: JSONValue = None
    has_timed_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReturned:
    """The function returned, reported as an op instead of as the whole answer."""

    data: JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """An op this engine cannot carry out; `opcode` is the wire's word for it."""

    step: StepRef
    opcode: str


StepOp: TypeAlias = (
    StepRan
    | StepErrored
    | StepPlanned
    | Sleep
    | WaitForEvent
    | WaitForSignal
    | Gateway
    | Invoke
    | StepEnded
    | Unsupported
)
Op: TypeAlias = StepOp | RunReturned
