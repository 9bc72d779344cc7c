"""Doubles: what stands in for a step or for the call of a function; mocks answer, faults break it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from durable_engine.model.json_value import JSONObject, JSONValue
from durable_engine.model.op import step_label
from durable_engine.model.status import StepKind

HOUR_MS: Final = 3_600_000
DEFAULT_LIFE_MS: Final = HOUR_MS
MAX_LIFE_MS: Final = 24 * HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class MockResult:
    """The step returns `data` (JSON).

    An invoke: what the function returned. A signal: what was sent with it. A fetch: {status_code, headers,
    body, url}, all optional. A sleep: null, it is skipped.
    """

    data: JSONValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MockError:
    """The step fails; a retriable error uses up one attempt, another one fails the step at once.

    `more` are other fields of the error as an SDK reports it, such as its stack and its cause.
    """

    message: str
    name: str | None = None
    is_retriable: bool = True
    data: JSONValue = None
    more: JSONObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MockEvent:
    """An event ends the wait; what is left out is what such an event would have now."""

    data: JSONObject = field(default_factory=dict)
    name: str | None = None
    id: str | None = None
    ts_ms: int | None = None


@dataclass(frozen=True, slots=True)
class MockTimeout:
    """The wait, or the invoke, times out at once."""


class FaultKind(StrEnum):
    """What goes wrong with a call.

    STEP_ERROR: the step fails instead of being called. UNREACHABLE and CALL_TIMEOUT: the app is not there,
    or silent. SLOW_REPLY: the answer counts only later. REPLY_LOST: the app did the work, its answer is lost,
    and the attempt with it. REPLY_TWICE: the same answer comes twice. REQUEST_TWICE: the app is called twice,
    and the first answer counts. RESTART: the engine dies while the call is open, and makes it again.
    """

    STEP_ERROR = "step_error"
    UNREACHABLE = "unreachable"
    CALL_TIMEOUT = "call_timeout"
    SLOW_REPLY = "slow_reply"
    REPLY_LOST = "reply_lost"
    REPLY_TWICE = "reply_twice"
    REQUEST_TWICE = "request_twice"
    RESTART = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something goes wrong with the call; `delay_ms` is how late a slow reply is, in engine time."""

    kind: FaultKind
    delay_ms: int = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A step that nothing else stands in for fails at once instead of being carried out.

    Sleeps and waits have no effects and begin as usual. The error has these fields; without a `name` it has
    our own, and in its message `{step}` is the step. `but` are names and labels of steps that are carried
    out.
    """

    message: str
    name: str | None = None
    more: JSONObject = field(default_factory=dict)
    but: Sequence[str] = ()


Outcome: TypeAlias = MockResult | MockError | MockEvent | MockTimeout | Withheld | Fault

_WORDS: Final[dict[str, type[MockResult | MockError | MockEvent | MockTimeout | Withheld]]] = {
    "result": MockResult,
    "error": MockError,
    "event": MockEvent,
    "timeout": MockTimeout,
    "withheld": Withheld,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDouble:
    """A double to attach. `outcomes` apply one after the other, and the last one again and again.

    `step` is the step's id as in the code; None is the function's own call, which only faults can hit.
    `index` chooses one repeat of a step (from 0, in loops), or the call made after so many steps have ended;
    None is each of them. After `times` uses in all, the real thing happens again; a restart that comes last
    happens once unless `times` says more, as it uses up no attempt.
    `function` is a slug, UUID, or name; None means what is started with it.
    """

    outcomes: tuple[Outcome, ...]
    step: str | None = None
    index: int | None = None
    times: int | None = None
    function: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Double:
    """A double as stored.

    `scope` is the id of the run that it was given to, which includes the runs that this one invokes, or of
    the event whose run is to come; None for a standing one, which applies to all runs of the function until
    `expires_ms`. `uses` is how often it applied, `taken` how many calls are open for which it was chosen.
    """

    id: int
    function_id: str
    step: str | None
    index: int | None
    outcomes: tuple[Outcome, ...]
    times: int | None
    scope: str | None
    created_ms: int
    expires_ms: int | None = None
    uses: int = 0
    taken: int = 0

    @property
    def outcome(self) -> Outcome | None:
        """What it does next; None when it has been used up."""
        place = self.uses + self.taken
        if self.times is not None and place >= self.times:
            return None
        return self.outcomes[min(place, len(self.outcomes) - 1)]

    @property
    def withholds(self) -> bool:
        """Whether it is for all steps for which there is no other double."""
        return isinstance(self.outcomes[0], Withheld)

    def fits(self, name: str, step_id: str, index: int) -> bool:
        """Whether it is meant for this step; the SDK's hash serves as well as the name."""
        first = self.outcomes[0]
        if isinstance(first, Withheld):
            return not {name, step_id, step_label(name, index)} & {*first.but}
        return self.step in {name, step_id} and self.index in {None, index}

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"double {self.id} for {label_of(self.step, self.index)}"

    @property
    def words(self) -> tuple[str, ...]:
        """What its outcomes are called, in order."""
        return tuple(map(word_for, self.outcomes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one request to the app came to. `outcome` is one of ran, errored, planned, returned, failed.

    `text` is the result or the error, as JSON text of bounded length.
    """

    outcome: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleUse:
    """One use of a double in a run. `outcome` names what it did, `input` what the step was asked to do.

    `step_id` is None for the function's own call. `bodies` is how often the app did the step's work in it,
    and `deliveries` what came of each request.
    """

    double_id: int
    outcome: str
    at_ms: int
    attempt: int
    step_id: str | None = None
    is_standing: bool = False
    is_fault: bool = False
    input: JSONValue = None
    bodies: int = 0
    deliveries: tuple[Delivery, ...] = ()


def label_of(step: str | None, index: int | None) -> str:
    """Return what messages call an address."""
    if step is None:
        return "the function's own call" if index is None else f"the function's call after {index} steps"
    return f"step {step!r}" if index is None else f"step {step!r} (index {index})"


def word_for(outcome: Outcome) -> str:
    """Return what answers call an outcome."""
    if isinstance(outcome, Fault):
        return outcome.kind.value
    return next(word for word, kind in _WORDS.items() if isinstance(outcome, kind))


def outcome_json(outcome: Outcome) -> JSONObject:
    """Return an outcome as it is stored."""
    values = {name: getattr(outcome, name) for name in outcome.__dataclass_fields__}
    return {**values, "kind": word_for(outcome)}


def read_outcome(stored: JSONObject) -> Outcome:
    """Return a stored outcome."""
    values = dict(stored)
    word = values.pop("kind")
    kind = _WORDS.get(word)
    return Fault(kind=FaultKind(word), **values) if kind is None else kind(**values)


_FITTING: Final = {
    StepKind.SLEEP: (MockResult,),
    StepKind.WAIT_FOR_EVENT: (MockEvent, MockTimeout),
    StepKind.WAIT_FOR_SIGNAL: (MockResult, MockTimeout),
    StepKind.INVOKE: (MockResult, MockError, MockTimeout),
}


def fits_kind(outcome: Outcome, kind: StepKind) -> bool:
    """Whether an outcome may stand in for a step of this kind; what a result holds is not looked at."""
    return isinstance(outcome, _FITTING.get(kind, (MockResult, MockError, Fault)))


HAS_CALL: Final = frozenset(
    {StepKind.RUN, StepKind.SEND_EVENT, StepKind.AI, StepKind.FETCH, StepKind.AI_GATEWAY}
)
"""Steps that a call carries out, to the app or to somebody else: what faults can hit."""
