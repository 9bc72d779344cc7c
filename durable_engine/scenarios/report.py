"""A verdict as JSON, for programs in any language: pure."""

from __future__ import annotations

from typing import Final

from durable_engine.model.json_value import JSONObject, JSONValue, to_json
from durable_engine.model.views import RunView, StepView
from durable_engine.scenarios.model import Check, Verdict
from durable_engine.scenarios.telling import failure_text

_MOST_VALUE: Final = 100_000


def verdict_json(verdict: Verdict) -> JSONObject:
    """Return what came of a test.

    `failure` is null, or a text for people. Values over 100,000 characters are {"truncated": the beginning}.
    """
    failed = [check for check in verdict.checks if not check.passed]
    report: JSONObject = {
        "passed": verdict.passed,
        "failure": failure_text(failed, verdict.run, verdict.notes) if failed else None,
        "checks": [_check(check) for check in verdict.checks],
        "eventId": verdict.event_id,
        "otherRunIds": list(verdict.other_run_ids),
        "atRest": verdict.is_at_rest,
        "notes": list(verdict.notes),
    }
    return report if verdict.run is None else {**report, **_run(verdict.run)}


def _check(check: Check) -> JSONObject:
    return {
        "check": check.name,
        "passed": check.passed,
        "expected": _bounded(check.expected),
        "actual": _bounded(check.actual),
        "difference": check.difference,
    }


def _run(run: RunView) -> JSONObject:
    return {
        "runId": run.id,
        "functionId": run.function_slug,
        "status": run.status.value,
        "output": _bounded(run.output),
        "error": _bounded(run.error),
        "skippedMs": run.skipped_ms,
        "steps": [_step(step) for step in run.steps],
    }


def _step(step: StepView) -> JSONObject:
    return {
        "step": step.label,
        "kind": step.kind.value,
        "status": step.status.value,
        "attempts": step.attempts,
        "output": _bounded(step.output),
        "error": _bounded(step.error),
        "timedOut": step.has_timed_out,
        "double": step.doubled,
    }


def _bounded(value: JSONValue) -> JSONValue:
    text = to_json(value)
    return value if len(text) <= _MOST_VALUE else {"truncated": text[:_MOST_VALUE]}
