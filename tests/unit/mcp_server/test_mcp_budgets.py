"""The largest legal things in one answer: it fits the budget, and says what is cut and how to go on."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from mcp_scripted import RUN_ID, a_failure, a_function, a_receipt, a_run, a_step, an_app, text_of

from durable_engine import (
    Branch,
    Coverage,
    Gap,
    GapKind,
    Inventory,
    NotStarted,
    RunStatus,
    StartedRun,
    StepCoverage,
    StepStatus,
    Trigger,
    WaitingFor,
)
from durable_engine.comparison.runs import compare
from durable_engine.exporting.repeating import RepeatingTest
from durable_engine.scenarios.matrix import Cell, Matrix, Suspicion
from durable_engine.scenarios.model import Check, Verdict
from mcp_server.clean import as_json
from mcp_server.render.budget import MAX_CHARS, fits
from mcp_server.render.comparisons import compare_answer
from mcp_server.render.coverage import coverage_answer
from mcp_server.render.events import event_answer
from mcp_server.render.exports import export_answer
from mcp_server.render.functions import functions_answer
from mcp_server.render.matrix import matrix_answer
from mcp_server.render.polls import poll_answer
from mcp_server.render.run_detail import invoke_answer, run_detail_answer
from mcp_server.render.verdicts import verdict_answer

LONG_NAME = "n" * 900
LONG = "x" * 4_194_304
ERROR = {"name": "E" * 2_000, "message": "m" * 20_000, "stack": "s\n" * 50_000, "code": {"a": "d" * 50_000}}


def steps(number: int, **changes: Any):
    """Steps that each are as large as they can be."""
    failures = tuple(a_failure(attempt=attempt, error=ERROR) for attempt in range(20))
    return tuple(
        replace(
            a_step(
                f"{place}{LONG_NAME}", **{"output": {"a": "o" * 4_000}, "input": ["i" * 4_000], **changes}
            ),
            id=f"{place:040}",
            failures=failures,
        )
        for place in range(number)
    )


BIG = a_run(steps=steps(1_000), output=LONG, function_name=LONG_NAME)
BIG_FAILED = replace(
    BIG, status=RunStatus.FAILED, output=None, error=ERROR, steps=steps(1_000, error=ERROR, output=None)
)
WAITS = tuple(
    replace(
        a_step(
            f"{place}{LONG_NAME}",
            status=StepStatus.WAITING,
            output=None,
            waiting_for=WaitingFor(
                kind="event",
                step_name=LONG_NAME,
                step_id=f"{place:040}",
                event_name="e" * 256,
                expression="q" * 4_000,
            ),
        ),
        id=f"{place:040}",
    )
    for place in range(1_000)
)
BIG_WAITING = a_run(status=RunStatus.RUNNING, output=None, ended_ms=None, steps=WAITS)
RUNS = {"completed": BIG, "failed": BIG_FAILED, "waiting": BIG_WAITING}


def functions(number: int) -> Inventory:
    flow = {
        "concurrency": [{"key": "k" * 2_000, "limit": 1}],
        "throttle": {"key": "k" * 2_000, "limit": 1, "period": "1h"},
        "cancel": [{"event": "e" * 256, "if": "i" * 2_000} for _ in range(5)],
    }
    found = tuple(
        a_function(
            id=f"id-{place}",
            slug=f"shop-{place}-{LONG_NAME[:200]}",
            name=LONG_NAME,
            triggers=tuple(Trigger(event=f"e{n}" + "v" * 250, expression="x" * 2_000) for n in range(10)),
            config=flow,
        )
        for place in range(number)
    )
    return Inventory(
        functions=found, apps=tuple(an_app(url=f"http://h/{n}", error="e" * 9_000) for n in range(30))
    )


def matrix(number: int) -> Matrix:
    suspicion = partial(Suspicion, kind="reply_lost", first="f" * 5_000, then="t" * 5_000)
    return Matrix(
        baseline=a_run(function_slug=LONG_NAME),
        cells=tuple(
            Cell(
                step=f"{place}{LONG_NAME}",
                index=None,
                kind="reply_lost",
                run=a_run(),
                ran_again=tuple(f"{again}{LONG_NAME}" for again in range(40)),
                suspicions=(suspicion(step=f"{place}{LONG_NAME}"),),
                difference="d" * 5_000,
            )
            for place in range(number)
        ),
        left_out=3,
    )


def coverage(number: int) -> Coverage:
    names = [f"{place}{LONG_NAME}" for place in range(number)]
    return Coverage(
        function=a_function(slug=LONG_NAME),
        runs=100,
        has_more=True,
        outcomes={RunStatus.COMPLETED: 100},
        steps=tuple(StepCoverage(name=name, kind=a_step().kind, runs=9) for name in names),
        branches=tuple(Branch(before=name, after=name, runs=1) for name in names),
        gaps=tuple(
            Gap(kind=kind, subject=name) for name in names for kind in (GapKind.STEP_FAILED, GapKind.TRIGGER)
        ),
        failed_outside_steps=0,
        handler_runs=0,
        cancelled_by=dict.fromkeys(names, 1),
        triggers=dict.fromkeys(names, 1),
        controls=dict.fromkeys(names, 1),
    )


def verdict(run) -> Verdict:
    checks = tuple(
        Check(name=f"step {place}{LONG_NAME}", passed=False, expected=LONG, actual=LONG, difference=LONG)
        for place in range(300)
    )
    return Verdict(
        run=run,
        checks=checks,
        other_run_ids=tuple(RUN_ID for _ in range(50)),
        notes=("n" * 5_000,) * 60,
        event_id=RUN_ID,
    )


def other(run):
    return replace(run, id=RUN_ID[::-1], steps=tuple(replace(step, output="other") for step in run.steps))


def receipt(number: int):
    return a_receipt(
        started=tuple(
            StartedRun(
                run_id=f"{place:026}",
                function_slug=LONG_NAME[:500],
                status="QUEUED",
                due_ms=1,
                held="h" * 900,
            )
            for place in range(number)
        ),
        resumed=tuple(f"{place:026}" for place in range(number)),
        cancelled=tuple(f"{place:026}" for place in range(number)),
        not_started=tuple(
            NotStarted(function_slug=LONG_NAME[:500], reason="r" * 3_000) for _ in range(number)
        ),
    )


CASES = {
    **{
        f"get_run_status {name}": partial(run_detail_answer, run, is_full=False, offset=0)
        for name, run in RUNS.items()
    },
    **{
        f"get_run_status full {name}": partial(run_detail_answer, run, is_full=True, offset=0)
        for name, run in RUNS.items()
    },
    **{f"invoke_function {name}": partial(invoke_answer, run) for name, run in RUNS.items()},
    **{
        f"poll_run_status {name}": partial(poll_answer, [run] * 40, [], timeout_s=1)
        for name, run in RUNS.items()
    },
    **{f"test_function {name}": partial(verdict_answer, verdict(run)) for name, run in RUNS.items()},
    "list_functions": partial(functions_answer, functions(100), app=None, query=None, engine_url="http://h"),
    "run_fault_matrix": partial(matrix_answer, matrix(400)),
    "get_coverage": partial(coverage_answer, coverage(1_000)),
    "compare_runs": partial(compare_answer, compare(BIG, other(BIG))),
    "compare_runs failed": partial(compare_answer, compare(BIG, BIG_FAILED)),
    "export_test": partial(
        export_answer,
        RepeatingTest(run_id=RUN_ID, function="f", name="t", document={}, notes=("n" * 5_000,) * 200),
        "pytest",
        '"\n' * 2_000_000,
        path=None,
    ),
    "send_event": partial(event_answer, receipt(600), {}, unmatched=None),
}


@pytest.mark.parametrize("name", CASES)
def test_the_largest_thing_fits_and_says_what_is_cut_and_how_to_get_it(name):
    answer = CASES[name]()

    facts = answer.structured_content
    assert fits(answer), f"{len(as_json(facts)):,} and {len(text_of(answer)):,} of {MAX_CHARS:,}"
    assert any(char.isdigit() for char in facts["truncated"])
    assert f"truncated: {facts['truncated']}" in text_of(answer)
    assert any(
        way in facts["truncated"] for way in ("get_run_status", "cursor=", "query", "kinds", "since", "path=")
    )


@pytest.mark.parametrize("is_full", [False, True], ids=["summary", "full"])
@pytest.mark.parametrize("name", RUNS)
def test_cursors_walk_through_all_steps_of_a_run_once_and_each_page_fits(name, is_full):
    run = replace(RUNS[name], steps=RUNS[name].steps[:: 40 if is_full else 4])
    seen: list[str] = []
    cursor = "0"
    while cursor is not None:
        answer = run_detail_answer(run, is_full=is_full, offset=int(cursor))
        assert fits(answer)
        seen += [step["stepId"] for step in answer.structured_content["steps"]]
        cursor = answer.structured_content.get("nextCursor")

    assert seen == [step.id for step in run.steps]
