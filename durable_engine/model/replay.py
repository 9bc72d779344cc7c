"""What a replay check found out: the report that callers read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from durable_engine.model.json_value import JSONValue
from durable_engine.model.op import step_label
from durable_engine.model.status import RunStatus, StepKind


class Divergence(StrEnum):
    """How the code differs from the record.

    MISSING: it no longer comes to a recorded step. NEW: it asks for a step that is not recorded.
    RENAMED: it asks for a new id where a step of the same kind was. REORDERED: it asks for the steps in
    another order. RANDOM_ID: a step's id differs between two replays of the same prefix. UNSTABLE: two such
    replays differ otherwise. INPUT: a step is asked to do something else. RAISED: the code fails before the
    step. OUTPUT and ERROR: it ends with another result, or another error. OUTCOME: it ends otherwise.
    """

    MISSING = "missing"
    NEW = "new"
    RENAMED = "renamed"
    REORDERED = "reordered"
    RANDOM_ID = "randomId"
    UNSTABLE = "unstable"
    INPUT = "changedInput"
    RAISED = "raised"
    OUTPUT = "output"
    ERROR = "error"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLabel:
    """A step as people name it; `index` counts repeats of the name from 0."""

    name: str
    index: int
    kind: StepKind

    @property
    def label(self) -> str:
        """How people name the step: `charge`, `charge[1]` for a repeat."""
        return step_label(self.name, self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputChange:
    """One thing that a step is asked to do, as recorded and as the code asks now."""

    key: str
    recorded: JSONValue
    found: JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDifference:
    """One difference between the code and the record.

    `ended_steps` is how many recorded results the code had been given then, `after` the last of them.
    `recorded` and `found` are steps; `changes` what differs in the input, output or error.
    """

    kind: Divergence
    ended_steps: int
    after: StepLabel | None = None
    recorded: StepLabel | None = None
    found: StepLabel | None = None
    changes: tuple[InputChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """The answer of a replay check.

    `differences` are in the order of the run, empty for deterministic code: those of inputs, and at the end
    one of the way that the code takes, behind which nothing was checked. `points` is how many places of the
    run can be replayed, `checked` how many were, with `durations_ms` of all the calls that took.
    `repeated` are step names that the run uses more than once, with how often. `unstable_inputs` are steps
    whose input differs between two replays. `notes` are sentences about what was not compared, and why.
    """

    run_id: str
    function_slug: str
    status: RunStatus
    differences: tuple[ReplayDifference, ...]
    points: int
    checked: int
    step_count: int
    durations_ms: tuple[float, ...]
    repeated: tuple[tuple[str, int], ...] = ()
    unstable_inputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_deterministic(self) -> bool:
        """Whether the code follows the record everywhere it was checked."""
        return not self.differences
