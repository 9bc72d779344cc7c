"""A replay check as the answer of check_replay."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from statistics import median
from typing import Final

from mcp.types import CallToolResult

from durable_engine import Divergence, ReplayDifference, ReplayReport
from mcp_server.clean import one_line, quoted_step
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.payload import Cutter
from mcp_server.results.replays import Changed, Difference, Hints, RepeatedId, ReplayResult, Replays

SLOW_MS: Final = 100
"""Median of a replay from which the code outside of steps is worth a look."""
_SHAPES: Final = ((10, 1_000), (10, 300), (5, 100), (1, 60))
_MAX_NAMES: Final = 20
_SENTENCES: Final[Mapping[Divergence, str]] = {
    Divergence.MISSING: "{where} the run came to step {was}; the code {now}, and never comes to {was}.",
    Divergence.NEW: "{where} the run came to {was}; the code {now}, a new step.",
    Divergence.RENAMED: "{where} the code {now} in the place of step {was}, whose result it loses.",
    Divergence.REORDERED: "{where} the run came to step {was}; the code {now} first, and later to {was}.",
    Divergence.RANDOM_ID: "{where} the id of a step differs at each replay: it was {was}, the code {now}.",
    Divergence.UNSTABLE: "{where} two replays with the same results took different ways.",
    Divergence.INPUT: "{where} step {was} is asked to do something else ({what}).",
    Divergence.RAISED: "{where} the run came to {was}; the code raises an error.",
    Divergence.OUTPUT: "With all results the code returns something else than the run.",
    Divergence.ERROR: "With all results the code fails with another error than the run.",
    Divergence.OUTCOME: "With all results the code ends otherwise than the run.",
}


def replay_answer(report: ReplayReport) -> CallToolResult:
    """Build the answer."""
    return first_fit(partial(_answer, report, rows, limit) for rows, limit in _SHAPES)


def _answer(report: ReplayReport, rows: int, limit: int) -> CallToolResult:
    cut = Cutter(limit)
    shown = [_difference(found, cut) for found in report.differences[: rows + 1]]
    replays = _replays(report)
    left_out = len(report.differences) - rows - 1
    result = ReplayResult(
        message=_message(report),
        run_id=report.run_id,
        deterministic=report.is_deterministic,
        difference=shown[0] if shown else None,
        further_differences=shown[1:] or None,
        replays=replays,
        hints=_hints(report, cut),
        notes=[*report.notes, *_remarks(report, replays)] or None,
        next=_next(report),
    )
    parts = [f"{cut.cuts} values are cut at {limit:,} characters"] if cut.cuts else []
    parts += [f"{left_out} more changed inputs"] if left_out > 0 else []
    result.truncated = f"{'; '.join(parts)}." if parts else None
    return reply(result)


def _replays(report: ReplayReport) -> Replays:
    middle = round(median(report.durations_ms), 1)
    return Replays(
        function_id=report.function_slug,
        run_status=report.status.value,
        points=report.points,
        checked=report.checked,
        calls=len(report.durations_ms),
        min_ms=round(min(report.durations_ms), 1),
        median_ms=middle,
        max_ms=round(max(report.durations_ms), 1),
        slow=middle >= SLOW_MS or None,
    )


def _hints(report: ReplayReport, cut: Cutter) -> Hints | None:
    if not report.repeated and not report.unstable_inputs:
        return None
    repeated = [
        RepeatedId(step_name=cut.text(name), count=count) for name, count in report.repeated[:_MAX_NAMES]
    ]
    unstable = [cut.text(name) for name in report.unstable_inputs[:_MAX_NAMES]]
    return Hints(repeated_ids=repeated or None, unstable_inputs=unstable or None)


def _message(report: ReplayReport) -> str:
    slug = repr(one_line(report.function_slug, 100))
    what = f"{report.checked} of {report.points} points replayed, no step body ran"
    if report.is_deterministic:
        return f"Deterministic: the code of {slug} takes the way of run {report.run_id} ({what})."
    says = _says(report.differences[0])
    return f"Not deterministic: the code of {slug} differs from run {report.run_id}. {says} ({what}.)"


def _remarks(report: ReplayReport, replays: Replays) -> list[str]:
    hints = []
    if report.repeated:
        hints.append(
            "Ids that are used more than once (repeatedIds) are told apart by their order: give each pass of "
            "a loop an id of its own if passes may ever be added, dropped or moved."
        )
    if report.unstable_inputs:
        hints.append(
            "What the steps under unstableInputs are asked to do differs between two replays, and the first "
            "value counts. Make it in a step if it is random or a time."
        )
    if replays.slow:
        hints.append(
            f"A replay takes {replays.median_ms:.0f} ms: code outside of steps runs in each call of a run. "
            "Work and side effects belong into steps."
        )
    return hints


def _difference(found: ReplayDifference, cut: Cutter) -> Difference:
    recorded, now = found.recorded, found.found
    return Difference(
        kind=found.kind.value,
        says=_says(found),
        ended_steps=found.ended_steps,
        after_step=None if found.after is None else cut.text(found.after.label),
        recorded_step=None if recorded is None else cut.text(recorded.label),
        recorded_kind=None if recorded is None else recorded.kind.value,
        found_step=None if now is None else cut.text(now.label),
        found_kind=None if now is None else now.kind.value,
        changes=[
            Changed(what=change.key, was=cut.value(change.recorded), now=cut.value(change.found))
            for change in found.changes
        ]
        or None,
    )


def _says(found: ReplayDifference) -> str:
    """Return one sentence about a difference."""
    now = found.found
    return _SENTENCES[found.kind].format(
        where=f"After step {quoted_step(found.after.name, found.after.index)}"
        if found.after
        else "At its start",
        was=quoted_step(found.recorded.name, found.recorded.index) if found.recorded else "its end",
        now=f"comes to {quoted_step(now.name, now.index)} ({now.kind.value})" if now else "ends",
        what=", ".join(change.key for change in found.changes),
    )


def _next(report: ReplayReport) -> str:
    run = f'runId="{report.run_id}"'
    if report.is_deterministic:
        return f"rerun {run} runs the code for real; get_run_status {run} shows what was recorded."
    first = report.differences[0]
    if first.kind in {Divergence.RANDOM_ID, Divergence.UNSTABLE}:
        return (
            "Make what is random, a time or from outside in a step and use its result, then call "
            'check_replay again; search_docs query="determinism" has more.'
        )
    back = "Change it back"
    if first.kind is Divergence.RENAMED and first.recorded is not None:
        back = f"Give the step its id {quoted_step(first.recorded.name, first.recorded.index)} back"
    return (
        f"{back} and call check_replay again; if the change is meant, let open runs of the old code end "
        f"first: rerun {run} starts anew with the new code."
    )
