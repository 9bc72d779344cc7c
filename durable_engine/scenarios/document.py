"""A test as JSON, the way tools, files and other languages write it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from durable_engine.durations import parse_duration_ms
from durable_engine.errors import InvalidDurationError, InvalidEventError, InvalidInputError
from durable_engine.intake import accept
from durable_engine.model.double import (
    Fault,
    FaultKind,
    MockError,
    MockEvent,
    MockResult,
    MockTimeout,
    NewDouble,
    Outcome,
)
from durable_engine.model.event import NewEvent
from durable_engine.model.plan import PlannedEvent
from durable_engine.model.status import RunStatus, StepStatus
from durable_engine.scenarios.model import Expectations, Scenario, StepExpectation, Value
from durable_engine.scenarios.wording import in_words


def _checked_duration(text: str) -> str:
    try:
        parse_duration_ms(text)
    except InvalidDurationError as fault:
        raise ValueError(str(fault)) from None
    return text


_OUTCOMES = ("result", "error", "event", "timeout", "fault")
_Name = Annotated[str, Field(min_length=1, max_length=1_000)]
_Duration = Annotated[str, Field(max_length=40), AfterValidator(_checked_duration)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=False)

    def gives(self, field: str) -> bool:
        """Whether a field was written, be it null."""
        return field in self.model_fields_set


class ErrorDocument(_Part):
    """An error that a mock makes a step fail with."""

    message: str
    name: str | None = None
    retriable: bool = True
    data: Any = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, written: object) -> object:
        return {"message": written} if isinstance(written, str) else written


class EventDocument(_Part):
    """An event that ends a wait."""

    data: dict[str, Any] = Field(default_factory=dict)
    name: str | None = None
    id: str | None = None
    ts: int | None = None


class OutcomeDocument(_Part):
    """Exactly one of the things that a mock can do."""

    result: Any = None
    error: ErrorDocument | None = None
    event: EventDocument | None = None
    timeout: Literal[True] | None = None
    fault: FaultKind | None = None
    delay: _Duration | None = None

    @model_validator(mode="after")
    def _one(self) -> OutcomeDocument:
        given = [name for name in _OUTCOMES if self.gives(name)]
        if len(given) != 1:
            raise ValueError("give exactly one of result, error, event, timeout and fault")
        if self.delay is not None and self.fault is not FaultKind.SLOW_REPLY:
            raise ValueError("only the fault slow_reply has a delay")
        return self

    def outcome(self) -> Outcome:
        """Return what it does."""
        if self.event is not None:
            event = self.event
            return MockEvent(data=event.data, name=event.name, id=event.id, ts_ms=event.ts)
        if self.gives("timeout"):
            return MockTimeout()
        if self.fault is not None:
            return _fault(self.fault, self.delay)
        if self.error is not None:
            error = self.error
            return MockError(
                message=error.message, name=error.name, is_retriable=error.retriable, data=error.data
            )
        return MockResult(data=self.result)


class OutcomesDocument(_Part):
    """What a double does, one after the other."""

    outcomes: Annotated[list[OutcomeDocument], Field(min_length=1, max_length=100)]


class MockDocument(_Part):
    """A mock: one outcome, or a sequence of them."""

    step_id: _Name
    index: int | None = None
    times: int | None = None
    function_id: _Name | None = None
    result: Any = None
    error: ErrorDocument | None = None
    event: EventDocument | None = None
    timeout: Literal[True] | None = None
    sequence: Annotated[list[OutcomeDocument], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _one(self) -> MockDocument:
        given = [name for name in ("result", "error", "event", "timeout", "sequence") if self.gives(name)]
        if len(given) != 1:
            raise ValueError("give exactly one of result, error, event, timeout and sequence")
        return self

    def double(self) -> NewDouble:
        """Return the double."""
        if self.sequence is not None:
            outcomes = tuple(entry.outcome() for entry in self.sequence)
        else:
            written = {name: getattr(self, name) for name in _OUTCOMES if self.gives(name)}
            outcomes = (OutcomeDocument.model_construct(_fields_set={*written}, **written).outcome(),)
        return NewDouble(
            outcomes=outcomes,
            step=self.step_id,
            index=self.index,
            times=self.times,
            function=self.function_id,
        )


class FaultDocument(_Part):
    """A fault; without `stepId` it hits the function's own call."""

    kind: FaultKind
    step_id: _Name | None = None
    index: int | None = None
    times: int = 1
    delay: _Duration | None = None
    function_id: _Name | None = None

    def double(self) -> NewDouble:
        """Return the double."""
        return NewDouble(
            outcomes=(_fault(self.kind, self.delay),),
            step=self.step_id,
            index=self.index,
            times=self.times,
            function=self.function_id,
        )


class SentDocument(_Part):
    """An event, or a signal, that is sent while the run waits."""

    name: _Name | None = None
    signal: _Name | None = None
    data: Any = None
    after_step: _Name | None = None
    after: _Duration | None = None

    @model_validator(mode="after")
    def _one(self) -> SentDocument:
        if (self.name is None) == (self.signal is None):
            raise ValueError("give the name of an event, or a signal")
        if self.signal is None and not isinstance(self.data, dict | None):
            raise ValueError("the data of an event is an object")
        if self.after_step is not None and self.after is not None:
            raise ValueError("give afterStep or after, not both")
        if self.name is not None:
            try:
                accept(NewEvent(name=self.name, data=self.data or {}), now_ms=0)
            except InvalidEventError as fault:
                raise ValueError(f"cannot be sent: {fault}") from None
        return self

    def planned(self) -> PlannedEvent:
        """Return the event."""
        return PlannedEvent(
            name=self.name or self.signal or "",
            data=self.data if self.signal is not None else self.data or {},
            is_signal=self.signal is not None,
            after_step=self.after_step,
            after_ms=None if self.after is None else parse_duration_ms(self.after),
        )


class StepDocument(_Part):
    """What is expected of a step."""

    status: StepStatus | None = None
    output: Any = None
    error: str | None = None
    attempts: int | None = None
    timed_out: bool | None = None

    def expectation(self) -> StepExpectation:
        """Return the expectation."""
        return StepExpectation(
            status=self.status,
            output=Value(self.output) if self.gives("output") else None,
            error=self.error,
            attempts=self.attempts,
            has_timed_out=self.timed_out,
        )


class ExpectDocument(_Part):
    """What is expected of the run."""

    status: RunStatus | None = None
    output: Any = None
    error: str | None = None
    steps: dict[str, StepDocument] = Field(default_factory=dict)
    ran: list[str] = Field(default_factory=list)
    not_ran: list[str] = Field(default_factory=list)
    events_sent: list[str] = Field(default_factory=list)

    def expectations(self) -> Expectations:
        """Return the expectations."""
        return Expectations(
            status=self.status,
            output=Value(self.output) if self.gives("output") else None,
            error=self.error,
            steps={label: step.expectation() for label, step in self.steps.items()},
            ran=tuple(self.ran),
            not_ran=tuple(self.not_ran),
            events_sent=tuple(self.events_sent),
        )


class ScenarioDocument(_Part):
    """A whole test."""

    function_id: _Name | None = None
    app_id: _Name | None = None
    event: _Name | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    user: dict[str, Any] = Field(default_factory=dict)
    mocks: Annotated[list[MockDocument], Field(max_length=100)] = Field(default_factory=list)
    faults: Annotated[list[FaultDocument], Field(max_length=100)] = Field(default_factory=list)
    events: Annotated[list[SentDocument], Field(max_length=100)] = Field(default_factory=list)
    time: Literal["skip", "real"] = "skip"
    expect: ExpectDocument = Field(default_factory=ExpectDocument)
    timeout: Annotated[float, Field(ge=0, le=3_600)] = 30

    @model_validator(mode="after")
    def _start(self) -> ScenarioDocument:
        if self.function_id is None and self.event is None:
            raise ValueError("takes a functionId to invoke, or an event to send")
        return self


def read_scenario(document: object) -> Scenario:
    """Read a test from JSON.

    Raises:
        InvalidInputError: something in it cannot be; the message names each place and what is allowed there.
    """
    try:
        read = ScenarioDocument.model_validate(document)
        return Scenario(
            function=read.function_id,
            app=read.app_id,
            event=read.event,
            data=read.data,
            user=read.user,
            doubles=(
                *(mock.double() for mock in read.mocks),
                *(fault.double() for fault in read.faults),
            ),
            events=tuple(event.planned() for event in read.events),
            skips_time=read.time == "skip",
            expect=read.expect.expectations(),
            timeout_s=read.timeout,
        )
    except ValidationError as fault:
        raise InvalidInputError(f"The test cannot be read: {in_words(fault, _ALLOWED)}.") from None


def read_outcomes(outcomes: object) -> tuple[Outcome, ...]:
    """Read what a double does, one after the other; raises as `read_scenario`."""
    try:
        read = OutcomesDocument.model_validate({"outcomes": outcomes})
        return tuple(entry.outcome() for entry in read.outcomes)
    except ValidationError as fault:
        raise InvalidInputError(f"The outcomes cannot be read: {in_words(fault, _ALLOWED)}.") from None


def _fault(kind: FaultKind, delay: str | None) -> Fault:
    return Fault(kind=kind) if delay is None else Fault(kind=kind, delay_ms=parse_duration_ms(delay))


_PLACES: Final[dict[str, type[_Part]]] = {
    "": ScenarioDocument,
    "mocks": MockDocument,
    "sequence": OutcomeDocument,
    "outcomes": OutcomeDocument,
    "error": ErrorDocument,
    "event": EventDocument,
    "faults": FaultDocument,
    "events": SentDocument,
    "expect": ExpectDocument,
    "steps": StepDocument,
}
_ALLOWED: Final = {
    place: tuple(field.alias or name for name, field in kind.model_fields.items())
    for place, kind in _PLACES.items()
}
