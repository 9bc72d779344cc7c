"""Prompt debug_run: from a run that went wrong to a fix that is proven."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mcp.server.mcpserver.prompts import Prompt

from durable_engine import RunFilter, RunRecord, RunStatus, RunView, StepStatus
from durable_engine.errors import DurableEngineError
from mcp_server.arguments import MAX_NAME
from mcp_server.backend import Backend
from mcp_server.clean import in_json, one_line
from mcp_server.config import ServerConfig
from mcp_server.errors import as_argument_errors
from mcp_server.prompts.writing import DATA, Line, define_prompt, plan, quoted
from mcp_server.render.resources import error_words
from mcp_server.render.sentences import run_next, run_sentence
from mcp_server.render.times import iso
from mcp_server.resources.uris import MAX_RUN_ID

_RUN_ID = (
    "Id of the run, e.g. 01JD4Z9QW3V8T5N2B7K1M6X0CR; without it, the newest failed or stuck run is found."
)
_SHOWN = 3
_OPEN = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})


def make(backend: Backend, config: ServerConfig, offered: Collection[str]) -> Prompt:
    """Build the prompt."""

    async def fill(given: Mapping[str, str]) -> str:
        run_id = given.get("runId")
        with as_argument_errors():
            if run_id is None:
                return f"{await _candidates(backend)}\n\n{_steps(offered, config, 'RUN_ID')}\n\n{_end()}"
            run = await backend.get_run(run_id[:MAX_RUN_ID])
            worked = await _one_that_worked(backend, run)
        about = _about(run, origin=config.engine_url)
        return f"{about}\n\n{_steps(offered, config, run.id, run=run, worked=worked)}\n\n{_end()}"

    return define_prompt(
        "debug_run",
        title="Debug a workflow run",
        description="Find why a run failed, hangs or did the wrong thing, fix the cause and prove the fix.",
        arguments={"runId": (_RUN_ID, False)},
        fill=fill,
    )


def _about(run: RunView, *, origin: str) -> str:
    lines = ["Find out why this workflow run is where it is, mend the cause, and prove the fix.", ""]
    lines.append(run_sentence(run))
    parts = [] if run.error is None else [run.error.get("name"), run.error.get("message")]
    error = ": ".join(part for part in parts if isinstance(part, str) and part)
    if error:
        lines.append(f"Its error, quoted from the app: {quoted(error)}")
    hint = None if run.status.is_terminal else run_next(run, origin=origin)
    if hint:
        lines.append(f"It is open: {one_line(hint, 500)}")
    return "\n".join(lines)


async def _candidates(backend: Backend) -> str:
    failed = await backend.records.runs(
        RunFilter(statuses=frozenset({RunStatus.FAILED})), limit=_SHOWN, with_output=True
    )
    waiting = await backend.records.runs(RunFilter(statuses=_OPEN, oldest_first=True), limit=_SHOWN)
    lines = ["Find the workflow run that went wrong, mend the cause, and prove the fix.", ""]
    lines += ["Failed, newest first:", *map(_line, failed.runs)] if failed.runs else ["No run has failed."]
    lines += ["Open, oldest first:", *map(_line, waiting.runs)] if waiting.runs else ["No run is open."]
    if failed.runs or waiting.runs:
        lines += [
            "",
            "Take the newest failed one, or the oldest open one if none failed; it is RUN_ID below.",
        ]
    else:
        lines += ["", "Ask what went wrong."]
    return "\n".join(lines)


def _line(run: RunRecord) -> str:
    error = error_words(run)
    since = f"ended {iso(run.ended_ms)}" if run.ended_ms else f"since {iso(run.queued_ms)}"
    return (
        f"- {run.id} of {quoted(run.function_slug, 80)}, {run.status.value}, {since}"
        f"{': ' + quoted(error, 120) if error else ''}"
    )


async def _one_that_worked(backend: Backend, run: RunView) -> str | None:
    """Return the newest run of the same function that completed, if the run itself did not."""
    if run.status is RunStatus.COMPLETED:
        return None
    wanted = RunFilter(
        app=run.app_name, function=run.function_slug, statuses=frozenset({RunStatus.COMPLETED})
    )
    try:
        page = await backend.records.runs(wanted, limit=1)
    except DurableEngineError:  # its function may be gone from a server elsewhere: debugging goes on without
        return None
    return page.runs[0].id if page.runs else None


def _steps(
    offered: Collection[str],
    config: ServerConfig,
    run_id: str,
    *,
    run: RunView | None = None,
    worked: str | None = None,
) -> str:
    from_step = _failed_step(run)
    begin = f" fromStep={in_json(from_step, MAX_NAME)}" if from_step else ""
    return plan(
        offered,
        Line("list_runs", "list_runs shows more runs, by status and function.") if run is None else None,
        Line("explain", 'explain eventId="…" if an event started nothing.') if run is None else None,
        Line("explain", f'explain runId="{run_id}": the cause, and the place in the code where it arose.'),
        f'get_run_status runId="{run_id}": each step with input, output and failed attempts; '
        "detail=full for long values.",
        Line("compare_runs", f'compare_runs runIdA="{worked}" runIdB="{run_id}": against one that completed.')
        if worked
        else None,
        "Read the code there. Say the cause in one sentence, with its evidence, before you change anything. "
        "A run that only waits as it should needs no fix: say what it waits for.",
        f"Fix the code and have it deployed; {config.engine_url} then runs it."
        if config.is_remote
        else "Fix the code; the app is synced again by itself.",
        Line("check_replay", f'check_replay runId="{run_id}": whether the new code still fits this run.'),
        Line(
            "rerun",
            f'rerun runId="{run_id}"{begin}: '
            f"{'what ran before that is not repeated, the rest' if begin else 'all of it'} runs for real. "
            "Ask first if that moves money or sends mail"
            f"{'; test_function with mocks does not' if 'test_function' in offered else ''}.",
        ),
        Line("export_test", "export_test runId=(the run that now completes): keeps it fixed."),
    )


def _failed_step(run: RunView | None) -> str | None:
    """Return the step that failed, as `rerun` takes it."""
    failed = [] if run is None else [step for step in run.steps if step.status is StepStatus.FAILED]
    if not failed:
        return None
    return f"{failed[-1].name}:{failed[-1].index}" if failed[-1].index else failed[-1].name


def _end() -> str:
    return f"Report cause, fix and proof. {DATA}"
