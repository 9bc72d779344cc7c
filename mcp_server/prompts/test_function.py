"""Prompt test_function: a plan of tests for one function, from the happy path to tests that stay."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mcp.server.mcpserver.prompts import Prompt

from mcp_server.arguments import MAX_NAME
from mcp_server.clean import in_json
from mcp_server.errors import as_argument_errors
from mcp_server.lookups import Lookups
from mcp_server.prompts.known import function_lines, names, waits
from mcp_server.prompts.writing import DATA, Line, define_prompt, plan, quoted
from mcp_server.resources.uris import MAX_FUNCTION_ID


def make(lookups: Lookups, offered: Collection[str]) -> Prompt:
    """Build the prompt."""

    async def fill(given: Mapping[str, str]) -> str:
        with as_argument_errors():
            function = await lookups.function(given["functionId"][:MAX_FUNCTION_ID])
            seen = await lookups.seen_steps(function)
        what = given.get("what")
        about = [
            "Plan tests of this workflow function, carry them out, and report what does not hold.",
            "",
            function_lines(function, seen),
        ]
        if what:
            about.append(f"The user wants to know above all: {quoted(what)}")
        call = f"functionId={in_json(function.slug, MAX_NAME)}"
        about += ["", _plan(offered, call, names(waits(seen))), "", _end()]
        return "\n".join(about)

    return define_prompt(
        "test_function",
        title="Test a workflow function",
        description="Plan and run tests of a function: happy path, branches, time-outs, failures, repeats.",
        arguments={
            "functionId": ("Id of the function, e.g. shop-process-order; its name works too.", True),
            "what": ("What to look at above all, in your own words, e.g. refunds after a time-out.", False),
        },
        fill=fill,
    )


def _plan(offered: Collection[str], call: str, waiting: str) -> str:
    test = f"test_function {call}"
    return plan(
        offered,
        "Read the code. List its branches, steps with effects, waits, and what handles failures.",
        f"Happy path: {test} data={{…}} expect={{…}}, every step with an effect in mocks: "
        '[{"stepId":"…","result":…}].',
        "Each branch: other data or mocked results; expect.ran and expect.notRan name its steps.",
        f"Waits{' (' + waiting + ')' if waiting else ''}: once with the event in events, once without: "
        "time is skipped, so it times out at once.",
        'Failures: each step once with {"stepId":"…","error":"declined"}; retries, roll-back and the failure '
        "handler must do what they should.",
        Line("run_fault_matrix", f"run_fault_matrix {call}: which steps are not safe to run twice."),
        Line("get_coverage", f"get_coverage {call}: what no run has shown; write those tests, too."),
        Line("export_test", "export_test runId=(run of a test worth keeping): a file for the test suite."),
    )


def _end() -> str:
    return (
        "Steps that are not mocked run for real: mock what must not happen. Report one line for each test "
        f"(what, expected, actual) and each fault of the code with its place. {DATA}"
    )
