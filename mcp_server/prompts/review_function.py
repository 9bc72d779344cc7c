"""Prompt review_function: the code of a function held against the rules of steps, each suspicion proven."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from mcp.server.mcpserver.prompts import Prompt

from durable_engine import RunFilter
from mcp_server.arguments import MAX_NAME
from mcp_server.backend import Backend
from mcp_server.clean import in_json
from mcp_server.errors import as_argument_errors
from mcp_server.lookups import Lookups
from mcp_server.prompts.known import function_lines
from mcp_server.prompts.writing import DATA, define_prompt, plan, quoted
from mcp_server.resources.uris import MAX_FUNCTION_ID

RULES: Final = (
    (
        "Side effects, dates and random values outside steps happen again at each replay.",
        "concepts/execution-model",
        "check_replay",
        "",
    ),
    (
        "Step ids that repeat, or are made of what changes, lose their results.",
        "concepts/step-ids",
        "check_replay",
        "",
    ),
    (
        "Several effects in one step: if the second fails, the first happens twice.",
        "guides/idempotency",
        "run_fault_matrix",
        "",
    ),
    (
        "Results that are not JSON (dates, classes, undefined) come back otherwise, or not at all.",
        "concepts/steps",
        "get_run_status",
        " shows what was stored",
    ),
    (
        "An answer that may come before its wait begins is never seen.",
        "steps/wait-for-event",
        "test_function",
        " with that event sent afterStep the request",
    ),
)
"""Each rule with the page that explains it, and the tool that proves a suspicion."""


def make(backend: Backend, lookups: Lookups, offered: Collection[str]) -> Prompt:
    """Build the prompt."""

    async def fill(given: Mapping[str, str]) -> str:
        lines = ["Review workflow code against the rules of durable steps, and prove each suspicion.", ""]
        reference, file = given.get("functionId"), given.get("file")
        call, run_id = "functionId=…", "(one of its runs)"
        if reference is not None:
            with as_argument_errors():
                function = await lookups.function(reference[:MAX_FUNCTION_ID])
                lines.append(function_lines(function, await lookups.seen_steps(function)))
                wanted = RunFilter(app=function.app_name, function=function.slug)
                newest = (await backend.records.runs(wanted, limit=1)).runs
            call = f"functionId={in_json(function.slug, MAX_NAME)}"
            run_id = f'"{newest[0].id}"' if newest else "(a run of it; start one first)"
        if file is not None:
            lines.append(f"The file to review: {quoted(file)}")
        if reference is None and file is None:
            lines.append("Review every workflow function of this project.")
        return "\n".join([*lines, "", _rules(offered, call, run_id), "", _end(offered)])

    return define_prompt(
        "review_function",
        title="Review a workflow function",
        description="Review code against the rules of durable steps, with a proof for each suspicion.",
        arguments={
            "functionId": ("Id of the function, e.g. shop-process-order; its name works too.", False),
            "file": ("File to review instead of, or besides, a function, e.g. src/orders.ts.", False),
        },
        fill=fill,
    )


def _rules(offered: Collection[str], call: str, run_id: str) -> str:
    lines = []
    for rule, page, tool, how in RULES:
        of_run = tool in {"check_replay", "get_run_status"}
        proof = f" Proof: {tool} {f'runId={run_id}' if of_run else call}{how}." if tool in offered else ""
        read = f' read_doc path="{page}".' if "read_doc" in offered else ""
        lines.append(f"{rule}{proof}{read}")
    return plan(offered, *lines)


def _end(offered: Collection[str]) -> str:
    mocks = "Mock steps with real effects when you prove something. " if "test_function" in offered else ""
    return (
        "Report each finding with file and line, the rule, what can go wrong, the proof and the fix; say "
        f"which rules hold. {mocks}Change nothing unless asked. {DATA}"
    )
