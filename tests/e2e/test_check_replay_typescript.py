"""TypeScript: the present code is replayed against the record of a run, and no step body runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.typescript import Lab

from durable_engine import Divergence, ReplayReport, RunStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

GROUPS = [
    "together",
    "with-sleep",
    "race",
    "race-of-steps",
    "race-then-sleep",
    "nested",
    "two-groups",
    "same-id",
    "one-fails",
    "late-await",
    "mixed",
    "group-race",
]
MODES = ["", "-optimized", "-unoptimized"]
STEPS: dict[str, dict[str, Any]] = {
    "three": {},
    "loop": {},
    "input": {},
    "values": {},
    "nothing": {},
    "sleep": {"time": "1h"},
    "send": {},
    "ai-wrap": {},
    "wait-in-a-loop": {},
    "invoke-many": {},
    "invoke-uncaught": {},
    "flaky": {"failures": 1},
    "rollback": {},
    "no-retries": {},
    "no-retries-outside": {},
    "non-retriable-caught": {},
    "non-retriable-uncaught": {},
    "throws-text": {},
    "throws-object": {},
    "catch-and-go-on": {},
    "edited-inputs": {},
}
"""Functions that run one step after the other, and the data of their events."""


async def _edition(it: Lab, name: str) -> None:
    await it.app.http.get(f"{it.app.origin}/edition/{name}")


async def _check(
    it: Lab, function: str, after: str = "first", *, before: str = "first", **data: Any
) -> ReplayReport:
    """Record a run with one edition of the code, and replay it with another."""
    await _edition(it, before)
    run = await it.finish(function, **data)
    assert run.status is not RunStatus.RUNNING
    ran = (await it.journal(run.id)).ran
    await _edition(it, after)
    report = await it.engine.replay.check(run.id)
    journal = await it.journal(run.id)
    assert journal.ran == ran, "a replay ran a step body"
    now = await it.engine.get_run(run.id)
    assert replace(now, clock_shift_ms=run.clock_shift_ms) == run
    return report


@pytest.mark.parametrize("mode", MODES)
async def test_parallel_code_that_did_not_change_follows_its_record(ts_lab: Lab, mode: str) -> None:
    for function in GROUPS:
        report = await _check(ts_lab, function + mode)

        assert report.differences == (), function
        assert report.notes == (), function
        assert report.checked == report.points, function


async def test_code_that_did_not_change_follows_its_record_whatever_its_steps(ts_lab: Lab) -> None:
    for function, data in STEPS.items():
        report = await _check(ts_lab, function, **data)

        assert report.differences == (), function
        assert report.checked == report.points, function


@pytest.mark.parametrize(
    ("edition", "kind", "ended", "recorded", "found"),
    [
        ("renamed", Divergence.RENAMED, 1, "b", "better"),
        ("reordered", Divergence.REORDERED, 1, "b", "c"),
        ("removed", Divergence.MISSING, 1, "b", "c"),
        ("added", Divergence.NEW, 1, "b", "more"),
        ("raises", Divergence.RAISED, 0, "a", None),
    ],
)
async def test_typescript_code_that_changed_is_told_by_its_first_difference(
    ts_lab: Lab, edition: str, kind: Divergence, ended: int, recorded: str, found: str | None
) -> None:
    report = await _check(ts_lab, "edited", edition)

    (difference,) = report.differences
    assert (difference.kind, difference.ended_steps) == (kind, ended)
    assert difference.recorded is not None
    assert difference.recorded.name == recorded
    assert (difference.found.name if difference.found else None) == found


async def test_a_random_id_on_typescript_is_told_from_a_new_name(ts_lab: Lab) -> None:
    if ts_lab.app.version == "v3":
        pytest.skip("version 3 of the SDK waits ten seconds for each step that it does not find")
    report = await _check(ts_lab, "edited", "random", before="random")
    assert [(found.kind, found.ended_steps) for found in report.differences] == [(Divergence.RANDOM_ID, 1)]


async def test_changes_within_a_group_on_typescript_are_found(ts_lab: Lab) -> None:
    assert (await _check(ts_lab, "edited-group")).differences == ()
    (found,) = (await _check(ts_lab, "edited-group", "longer")).differences
    assert (found.kind, found.recorded and found.recorded.name) == (Divergence.INPUT, "nap")
    assert [(change.recorded, change.found) for change in found.changes] == [("1h", "2h")]
    (found,) = (await _check(ts_lab, "edited-group", "renamed")).differences
    assert (found.kind, found.found and found.found.name) == (Divergence.RENAMED, "straight")


async def test_changed_inputs_on_typescript_are_found_each(ts_lab: Lab) -> None:
    report = await _check(ts_lab, "edited-inputs", "other")

    told = [(found.recorded and found.recorded.name, found.changes[0].key) for found in report.differences]
    assert told == [("ask", "data"), ("wait", "timeout"), ("add", "input")]
