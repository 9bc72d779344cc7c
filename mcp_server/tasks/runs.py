"""Tasks that are runs of the engine: its run table is where they are kept, and nothing runs for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from mcp.server.context import HandlerResult
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, CallToolRequestParams

from durable_engine import Handle, RunView, StepStatus
from durable_engine.errors import DurableEngineError, NotFoundError
from mcp_server.advice import without_hidden
from mcp_server.arguments import MAX_WAIT_S
from mcp_server.backend import EngineBackend
from mcp_server.config import ServerConfig
from mcp_server.errors import describe
from mcp_server.render.sentences import run_sentence
from mcp_server.render.waits import waits_of
from mcp_server.tasks.answers import STARTING_TOOLS, WAITING_TOOLS, as_facts, final_answer
from mcp_server.tasks.extension import UnknownTaskError
from mcp_server.tasks.ids import new_wait_id, run_of
from mcp_server.tasks.wire import Task
from mcp_server.waiting import Unfinished, handing_over

_WAITING: Final = "poll_run_status"
_BUSY_POLL_MS: Final = 1_000
_IDLE_POLL_MS: Final = 5_000
"""Between looks at runs that wait for time or for the outside."""
_MOVED_BY_OTHERS: Final = frozenset({"invoke", "concurrency", "slot", "report"})
"""Kinds of waits that runs or the app end, and nobody knows when."""


class RunTasks:
    """Makes a task of a wait that takes longer than the grace: a handle, kept with one of its runs.

    A task of invoke_function or rerun is its run: it has the run's id, and to cancel it cancels the run. Any
    other task is one wait for runs: to cancel it leaves them alone.
    """

    required: frozenset[str] = frozenset()

    def __init__(
        self,
        backend: EngineBackend,
        config: ServerConfig,
        offered: Collection[str],
        hidden: Collection[str] = (),
    ) -> None:
        """`offered` are names of tools; of what others began, nothing can be seen or cancelled here.

        No result advises one of the `hidden`.
        """
        self._hidden = hidden
        self.tools = WAITING_TOOLS.intersection(offered)
        self._backend = backend
        self._grace_s = config.task_grace_s
        self._origin = config.engine_url

    async def call(
        self, params: CallToolRequestParams, answer: Callable[[], Awaitable[HandlerResult]]
    ) -> Task | HandlerResult:
        """Return the tool's own answer if the runs end within the grace, else the task.

        Who started runs that then rest is told so at once: there is something to do about that. Only
        poll_run_status waits for such runs, as that is what it was called for.
        """
        with handing_over(self._grace_s) as handover:
            answered = await answer()
        if handover.unfinished is None:
            return answered
        try:
            with _faults():
                runs = await self._backend.wait_for_runs(handover.unfinished.run_ids, timeout_s=0)
                if params.name != _WAITING and all(map(_rests, runs.values())):
                    return answered
                return await self._begin(params.name, handover.unfinished, runs)
        except UnknownTaskError:  # somebody has emptied the engine meanwhile
            return answered

    async def get(self, task_id: str) -> Task:
        """Look at the runs of a task.

        Raises:
            UnknownTaskError: no such task, or its run is gone.
        """
        with _faults():
            handle = await self._handle(task_id)
            runs = await self._runs(handle)
            return await self._task(handle, runs)

    async def update(self, task_id: str, responses: Mapping[str, Any]) -> None:  # noqa: ARG002 - runs ask nothing
        """Ignore the answers, as nothing was asked; raises as `get`."""
        with _faults():
            await self._handle(task_id)

    async def cancel(self, task_id: str) -> None:
        """End a task, and its run if the task is the run; raises as `get`."""
        with _faults():
            handle = await self._handle(task_id)
            await self._backend.control.handles.drop(
                handle.id,
                handle.run_id,
                of=handle.facts["runs"],
                cancels_run=handle.facts["tool"] in STARTING_TOOLS,
            )

    async def _begin(self, tool: str, unfinished: Unfinished, known: Mapping[str, RunView]) -> Task:
        run_id = next((run_id for run_id in unfinished.run_ids if run_id in known), "")
        task_id = run_id if tool in STARTING_TOOLS else new_wait_id(run_id)
        facts = {"tool": tool, "runs": list(unfinished.run_ids), **as_facts(unfinished.about)}
        await self._backend.control.handles.give(task_id, run_id, facts)
        return await self.get(task_id)

    async def _handle(self, task_id: str) -> Handle:
        handle = await self._backend.control.handles.find(task_id, run_of(task_id))
        if handle is None or handle.facts["tool"] not in self.tools:
            raise UnknownTaskError(task_id)
        return handle

    async def _runs(self, handle: Handle) -> Mapping[str, RunView]:
        runs = await self._backend.wait_for_runs(handle.facts["runs"], timeout_s=0)
        if handle.run_id not in runs:
            raise UnknownTaskError(handle.id)
        return runs

    async def _task(self, handle: Handle, runs: Mapping[str, RunView]) -> Task:
        facts = handle.facts
        open_runs = [run for run in runs.values() if not run.status.is_terminal]
        is_idle = all(waits_of(run) for run in open_runs)
        moments = [handle.given_ms, handle.dropped_ms or 0, *map(_updated_ms, runs.values())]
        common: dict[str, Any] = {
            "id": handle.id,
            "created_ms": handle.given_ms,
            "updated_ms": max(moments),
            "poll_ms": _IDLE_POLL_MS if open_runs and is_idle else _BUSY_POLL_MS,
        }
        sentence = _sentence(list(runs.values()), open_runs)
        if handle.dropped_ms is not None:
            what = "Its run was cancelled." if facts["tool"] in STARTING_TOOLS else "Only the wait was ended."
            return Task(status="cancelled", message=f"{what} {sentence}", **common)
        if open_runs:
            return Task(status="working", message=sentence, **common)
        result = await final_answer(
            self._backend, facts["tool"], facts, facts["runs"], runs, origin=self._origin
        )
        result = without_hidden(result, self._hidden)
        return Task(status="completed", message=sentence, result=result, **common)


def _rests(run: RunView) -> bool:
    """Whether a run has ended, or nothing happens to it by itself for longer than a call may wait."""
    if any(step.status is StepStatus.RUNNING and step.waiting_for is None for step in run.steps):
        return False
    waits = waits_of(run)
    soonest_ms = run.now_ms + MAX_WAIT_S * 1_000
    return run.status.is_terminal or (
        bool(waits)
        and not any(
            wait.kind in _MOVED_BY_OTHERS or (wait.until_ms is not None and wait.until_ms <= soonest_ms)
            for wait in waits
        )
    )


def _updated_ms(run: RunView) -> int:
    steps = (moment for step in run.steps for moment in (step.started_ms, step.ended_ms))
    return max(moment or 0 for moment in (run.queued_ms, run.started_ms, run.ended_ms, *steps))


def _sentence(runs: list[RunView], open_runs: list[RunView]) -> str:
    """Say where the run is and what it waits for; of several, how many have ended, and one of the others."""
    if len(runs) == 1:
        return run_sentence(runs[0])
    count = f"{len(runs) - len(open_runs)} of {len(runs)} runs have ended."
    return f"{count} {run_sentence(open_runs[0])}" if open_runs else count


@contextmanager
def _faults() -> Iterator[None]:
    """Let clients read what is wrong with the engine; of the rest they see no more than that it failed."""
    try:
        yield
    except NotFoundError as error:
        raise UnknownTaskError(str(error)) from error
    except DurableEngineError as error:
        raise MCPError(INTERNAL_ERROR, describe(error)) from error
