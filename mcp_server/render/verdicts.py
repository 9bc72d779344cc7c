"""The answer of test_function."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from mcp.types import CallToolResult

from durable_engine import RunStatus, RunView
from durable_engine.durations import format_duration
from durable_engine.scenarios.model import Check, Verdict
from mcp_server.clean import one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.doubles import mocked_words
from mcp_server.render.payload import Cutter
from mcp_server.render.runs import elapsed_ms, real_duration, step_of, time_skipped
from mcp_server.render.sentences import run_next, run_sentence
from mcp_server.render.waits import wait_of, waits_of
from mcp_server.results.tests import CheckResult, TestResult

_SHAPES: Final = ((20, 1_000, 100), (20, 200, 100), (10, 100, 50), (3, 60, 10))
"""Steps, characters of a value, and checks that are shown."""
_MOST_NOTES: Final = 20
_MOST_WAITS: Final = 3


def verdict_answer(verdict: Verdict, *, origin: str = "") -> CallToolResult:
    """Build the answer: the verdict first, then each check, then the run."""
    return first_fit(partial(_answer, verdict, *shape, origin) for shape in _SHAPES)


def _answer(verdict: Verdict, steps: int, limit: int, most_checks: int, origin: str) -> CallToolResult:
    cut, run = Cutter(limit), verdict.run
    checks: Sequence[Check] = verdict.checks
    if len(checks) > most_checks:  # what failed matters
        checks = sorted(checks, key=lambda check: check.passed)[:most_checks]
    failure = verdict.first_failure
    result = TestResult(
        message=_message(verdict),
        passed=verdict.passed,
        first_failure=None if failure is None else cut.text(_sentence(failure)),
        checks=[_check(check, cut) for check in checks],
        other_run_ids=list(verdict.other_run_ids) or None,
        event_id=verdict.event_id,
        notes=[one_line(note, 300) for note in verdict.notes[:_MOST_NOTES]] or None,
        next=_next(verdict, origin),
        **({} if run is None else _run_facts(run, cut, steps, origin)),
    )
    if run is not None and (cut.cuts or len(run.steps) > steps):
        result.truncated = f'Shortened; get_run_status runId="{run.id}" detail=full shows more.'
    if len(checks) < len(verdict.checks):
        more = f"{len(verdict.checks) - len(checks)} checks are left out, those that passed first."
        result.truncated = f"{more} {result.truncated or ''}".strip()
    return reply(result)


def _run_facts(run: RunView, cut: Cutter, steps: int, origin: str) -> dict[str, Any]:
    elapsed = elapsed_ms(run)
    waits = [] if run.status.is_terminal else waits_of(run)[:_MOST_WAITS]
    facts: dict[str, Any] = {
        "run_id": run.id,
        "function_id": run.function_slug,
        "status": run.status.value,
        "error": cut.error(run.error) if run.status is RunStatus.FAILED else None,
        "virtual_duration": None if elapsed is None else format_duration(elapsed),
        "real_duration": real_duration(run),
        "time_skipped": time_skipped(run),
        "steps": [
            step_of(step, cut, now_ms=run.now_ms, origin=origin, told=run.error) for step in run.steps[:steps]
        ],
        "waiting_for": [wait_of(wait, now_ms=run.now_ms, cut=cut, origin=origin) for wait in waits] or None,
        "mocked": mocked_words(run),
    }
    if run.status is RunStatus.COMPLETED:
        facts["output"] = cut.value(run.output)
    return facts


def _message(verdict: Verdict) -> str:
    failed = sum(not check.passed for check in verdict.checks)
    several = "" if len(verdict.checks) == 1 else "s"
    if verdict.passed:
        words = f"Test passed ({len(verdict.checks)} check{several})."
    else:
        failure = verdict.first_failure
        first = "" if failure is None else f" First: {one_line(_sentence(failure), 300)}"
        words = f"Test failed: {failed} of {len(verdict.checks)} check{several} failed.{first}"
    if verdict.run is None:
        return words
    stays = " Only something from outside can move it." if verdict.is_at_rest else ""
    return f"{words} {run_sentence(verdict.run)}{stays}"


def _sentence(check: Check) -> str:
    if check.name.startswith("not ran"):
        return f"{check.name}: the run came to it ({check.actual})."
    if check.name.startswith(("ran", "step")) and isinstance(check.actual, list):
        return f"{check.name}: the run never came to it."
    if check.name == "started":
        return f"{check.difference}."
    why = f": {check.difference}" if check.difference else ""
    if check.name.endswith("output"):
        return f"{check.name} differs{why}."
    return f"{check.name} is {check.actual!r}, not {check.expected!r}{why}."


def _check(check: Check, cut: Cutter) -> CheckResult:
    shown: dict[str, Any] = {}
    if not check.passed:
        shown = {"expected": cut.value(check.expected), "actual": cut.value(check.actual)}
    difference = None if check.passed or check.difference is None else cut.text(check.difference)
    return CheckResult(check=cut.text(check.name), passed=check.passed, difference=difference, **shown)


def _next(verdict: Verdict, origin: str) -> str | None:
    run = verdict.run
    if run is None:
        return "list_functions shows what there is and what triggers it."
    if verdict.passed:
        return f'export_test runId="{run.id}" writes it down as a test; get_run_status shows it step by step.'
    if not run.status.is_terminal:
        return run_next(run, origin=origin)
    if run.status is RunStatus.FAILED:
        return f'explain runId="{run.id}" names the cause; fix the code, or mock the step, and test again.'
    return (
        f'get_run_status runId="{run.id}" detail=full shows what happened; then fix the code and test again.'
    )
