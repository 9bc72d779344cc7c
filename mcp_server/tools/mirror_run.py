"""Tool mirror_run: repeat a run of a server elsewhere on the app here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine import RunView
from durable_engine.errors import FunctionNotFoundError, RunNotFoundError
from durable_engine.mirroring import Mirrored
from mcp_server.arguments import EventData, FunctionId, Timeout
from mcp_server.backend import EngineBackend, RunSource
from mcp_server.clean import one_line
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import ACTS
from mcp_server.remote.alike import compare_across
from mcp_server.remote.events import UNTOLD
from mcp_server.remote.recorded import event_of, is_presumed, stand_ins
from mcp_server.render.mirrors import Mirror, mirror_answer
from mcp_server.results.mirrors import MirrorResult
from mcp_server.strict import define_tool
from mcp_server.waiting import with_progress

RemoteRun = Annotated[
    str, Field(min_length=1, max_length=64, description='Run of that server, e.g. "01JD4Z9Q…".')
]
Real = Annotated[
    list[str],
    Field(
        max_length=100,
        description='Steps whose code runs, e.g. ["charge"]; "*": whatever is not on record.',
    ),
]


def make(backend: EngineBackend, source: RunSource, config: ServerConfig) -> Tool:
    """Build the tool."""

    async def mirror_run(
        run_id: RemoteRun,
        context: Context[Any, Any],
        real: Real | None = None,
        data: EventData | None = None,
        function_id: FunctionId | None = None,
        timeout: Timeout = 30,
    ) -> Annotated[CallToolResult, MirrorResult]:
        """Repeat a run of the server that --mirror names on the app here, to reproduce and debug it: same
        event, time skipped, each step does what is on record and none runs, unless real names it.

        That server is only read. Returns whether both runs are the same, where they part, what was mocked,
        ran or was held back, and the run here. Next: explain, export_test.
        """
        with as_tool_errors():
            remote = await _run_of(source, run_id)
            if data is None and remote.event.source == UNTOLD:
                raise ToolError(f"{source.environment} does not tell the event of this run: give its data.")
            recorded = stand_ins(remote, tuple(real or ()))
            wanted = Mirrored(
                function=function_id or remote.function_slug,
                event=event_of(remote, data),
                doubles=recorded.doubles,
                until_ms=_until_ms(remote),
                note=f"It repeats run {remote.id} of {one_line(source.environment, 300)}.",
            )
            local_id = await _start(backend, wanted, remote)
            runs = await with_progress(
                backend.wait_for_runs([local_id], timeout_s=timeout, or_idle=True),
                what="the run here",
                timeout_s=timeout,
                interval_s=config.progress_interval_s,
                context=context,
            )
            local = runs.get(local_id) or await backend.get_run(local_id)
        return mirror_answer(
            Mirror(
                local=local,
                found=compare_across(remote, local),
                environment=source.environment,
                real=tuple(real or ()),
                notes=(*recorded.notes, *_notes(local)),
            )
        )

    return define_tool(mirror_run, title="Mirror run", annotations=ACTS)


def _until_ms(remote: RunView) -> int | None:
    """Return how far time is skipped: what a run waits for there it waits for here, too."""
    return None if remote.status.is_terminal else max(0, remote.now_ms - remote.queued_ms)


async def _run_of(source: RunSource, run_id: str) -> RunView:
    try:
        return await source.get_run(run_id)
    except RunNotFoundError as error:
        raise RunNotFoundError(
            f"No run {run_id[:64]!r} in {source.environment}.",
            hint="Take the id from that server: its dashboard, or a Stepcue with --engine, lists runs.",
        ) from error


async def _start(backend: EngineBackend, wanted: Mirrored, remote: RunView) -> str:
    """Start the run here; an app may have another name here than there."""
    try:
        return await backend.control.mirroring.start(wanted)
    except FunctionNotFoundError as error:
        short = remote.function_slug.removeprefix(f"{remote.app_name}-")
        error.hint = "Name the one here that is meant with functionId; list_functions shows all of them."
        if short == wanted.function or wanted.function != remote.function_slug:
            raise
        try:
            return await backend.control.mirroring.start(replace(wanted, function=short))
        except FunctionNotFoundError:
            raise error from None


def _notes(run: RunView) -> Iterator[str]:
    presumed = [step.label for step in run.steps if is_presumed(step)]
    if presumed:
        yield (
            f"Of step {presumed[0]!r} nothing is on record: the error that ended the run there is taken for "
            "its own, as SDKs may report no step for such an error."
        )
