"""What a test is given, in the short forms that suit Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from durable_engine.errors import InvalidInputError
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
from durable_engine.scenarios.document import read_scenario
from durable_engine.scenarios.model import Scenario

Mocks: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
"""Steps and what happens instead of them: a result, an outcome, or outcomes in a row; or as in a document."""
Faults: TypeAlias = Mapping[str, str | Fault] | Sequence[Mapping[str, Any]] | None
"""Steps and what goes wrong with their calls, once; or as in a document."""
Events: TypeAlias = Sequence[Mapping[str, Any]]
_LABEL: Final = re.compile(r"(?P<step>.+)\[(?P<index>\d+)\]", re.DOTALL)
_OUTCOMES: Final = (MockResult, MockError, MockEvent, MockTimeout, Fault)


def scenario_of(mocks: Mocks, faults: Faults, **document: Any) -> Scenario:
    """Return a test; `document` has the fields of its JSON form, of which None is left out.

    Raises:
        InvalidInputError: something in it cannot be; the message names each place and what is allowed there.
    """
    doubles: list[NewDouble] = []
    for field, given, read in (("mocks", mocks, mock_for), ("faults", faults, _fault_for)):
        if isinstance(given, Mapping):
            doubles += [read(label, value) for label, value in given.items()]
        elif given is not None:
            document[field] = list(given)
    scenario = read_scenario({name: value for name, value in document.items() if value is not None})
    return replace(scenario, doubles=(*scenario.doubles, *doubles))


def mock_for(label: str, given: Any) -> NewDouble:
    """Return the double for a step named by its label, such as `charge` or `charge[1]`."""
    step, index = _address(label)
    return NewDouble(outcomes=outcomes_of(given), step=step, index=index)


def outcomes_of(given: Any) -> tuple[Outcome, ...]:
    """Return what a mock does, one after the other: anything that is no outcome is a result.

    A list without any outcome is a result as well, as steps return lists.
    """
    if isinstance(given, list | tuple) and any(isinstance(entry, _OUTCOMES) for entry in given):
        return tuple(entry if isinstance(entry, _OUTCOMES) else MockResult(data=entry) for entry in given)
    return (given,) if isinstance(given, _OUTCOMES) else (MockResult(data=given),)


def _fault_for(label: str, given: str | Fault) -> NewDouble:
    if isinstance(given, str):
        try:
            given = Fault(kind=FaultKind(given))
        except ValueError:
            allowed = ", ".join(FaultKind)
            raise InvalidInputError(f"There is no fault {given!r}; allowed: {allowed}.") from None
    step, index = _address(label)
    return NewDouble(outcomes=(given,), step=step, index=index, times=1)


def _address(label: str) -> tuple[str, int | None]:
    match = _LABEL.fullmatch(label)
    return (label, None) if match is None else (match["step"], int(match["index"]))
