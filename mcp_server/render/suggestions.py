"""Which tests would show most of what no run has shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from durable_engine import Coverage, GapKind
from mcp_server.clean import as_json, one_line

MAX_SUGGESTIONS: Final = 5
_MAX_NAMES: Final = 3
_ALSO: Final = {GapKind.RUN_FAILED: "a failed run", GapKind.FAILURE_HANDLER: "the failure handler"}


def suggestions(found: Coverage) -> list[str]:
    """Return the next tests, the one that shows most first."""
    if not found.runs:
        return []
    subjects = {kind: [gap.subject for gap in found.gaps if gap.kind is kind] for kind in GapKind}
    ranked = sorted(_tests(found, subjects.__getitem__), key=lambda test: -test[0])
    return [text for _, text in ranked[:MAX_SUGGESTIONS]]


def _tests(found: Coverage, of: Callable[[GapKind], Sequence[str | None]]) -> Iterator[tuple[int, str]]:
    """Yield tests with how much that was never seen each of them shows."""
    test = f"test_function functionId={_name(found.function.slug)}"
    if failing := of(GapKind.STEP_FAILED):
        also = [words for kind, words in _ALSO.items() if of(kind)]
        shows = " and ".join(["it fail", *also])
        mock = f'{{"stepId": {_name(failing[0])}, "error": {{"message": "boom", "retriable": false}}}}'
        yield 1 + len(also), f"{test} mocks=[{mock}] shows {shows}{_others(failing)}."
    elif of(GapKind.RUN_FAILED) or of(GapKind.FAILURE_HANDLER):
        yield 1, f"{test} with data that the code refuses shows a failed run."
    if retried := of(GapKind.STEP_RETRIED):
        fault = f'{{"stepId": {_name(retried[0])}, "kind": "step_error"}}'
        yield 1, f"{test} faults=[{fault}] shows a retry{_others(retried)}."
    if timed := of(GapKind.WAIT_TIMED_OUT):
        mock = f'{{"stepId": {_name(timed[0])}, "timeout": true}}'
        yield 1, f"{test} mocks=[{mock}] shows what happens when its time is up{_others(timed)}."
    if waits := of(GapKind.WAIT_SATISFIED):
        yield 1, f"{test} with events=[...], sent while it waits, shows {_names(waits)} go on."
    yield from _of_starts(found, of)


def _of_starts(found: Coverage, of: Callable[[GapKind], Sequence[str | None]]) -> Iterator[tuple[int, str]]:
    slug = _name(found.function.slug)
    if of(GapKind.RUN_COMPLETED):
        yield 1, f"test_function functionId={slug} with mocks=[...] for what fails shows a completed run."
    crons = {trigger.cron for trigger in found.function.triggers}
    for name in of(GapKind.TRIGGER)[:1]:
        if name in crons:
            yield 1, f"advance_time to the next run of the schedule {_name(name)} shows that trigger."
        else:
            yield 1, f"send_event name={_name(name)} shows that trigger."
    for name in of(GapKind.CANCEL_ON)[:1]:
        yield 1, f"send_event name={_name(name)} while a run of {slug} waits shows it cancelled."
    if of(GapKind.TIMEOUT):
        yield 1, f"advance_time beyond the timeouts while a run of {slug} waits shows it cancelled."
    if controls := of(GapKind.FLOW_CONTROL):
        yield 1, f"send_event several times in a row shows {_names(controls)} at work."


def _names(names: Sequence[str | None]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(_name(name) for name in names[:_MAX_NAMES]) + more


def _others(names: Sequence[str | None]) -> str:
    """Name the steps of which the same holds."""
    return f"; the same for {_names(names[1:])}" if names[1:] else ""


def _name(name: str | None) -> str:
    return as_json(one_line(name or "", 80))
