"""Cancelling and repeating runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from durable_engine.errors import InvalidInputError, RunAlreadyEndedError, RunNotFoundError
from durable_engine.model.function import Function
from durable_engine.model.json_value import JSONObject
from durable_engine.model.rerun import RerunReceipt
from durable_engine.model.views import RunView, StepView
from durable_engine.repeating import Edits, check_edits
from mcp_server.clean import in_json
from mcp_server.remote.api import Api, in_path
from mcp_server.remote.errors import (
    AbsentError,
    FaultyAnswerError,
    NotOfferedError,
    RejectedError,
    RemoteError,
)
from mcp_server.remote.reading import text
from mcp_server.remote.runs import Runs
from mcp_server.remote.started import Started
from mcp_server.remote.watching import look_until
from mcp_server.remote.writes import check_write

SHOWN_S: Final = 4.0
"""For how long a run is looked at that was cancelled and is not shown as such."""
_REPEAT: Final = re.compile(r":(\d+)$")


class Control:
    """Cancels runs; `repeating` repeats them."""

    def __init__(self, api: Api, runs: Runs, started: Started) -> None:
        self._api = api
        self._runs = runs
        self.repeating = Repeating(api, runs, started)
        """Repeats runs."""

    async def cancel(self, run_id: str) -> None:
        """Cancel a run, and wait a moment for the server to show it; which calls were open, nobody says.

        Raises:
            WritesRefusedError: nobody allowed that for this server.
            RunNotFoundError: the server knows no such run.
            RunAlreadyEndedError: it has ended before.
            RemoteError: the server does not do it; the hint says where it may have done so all the same.
        """
        await check_write(self._api, "Cancelling a run")
        try:
            await self._order(run_id)
        except AbsentError as error:
            raise RunNotFoundError(f"No run {run_id[:100]!r}.") from error
        except RejectedError as error:
            if error.status == 409 and await self._is_shown_as_ended(run_id):
                raise RunAlreadyEndedError(f"Run {run_id} has ended before.") from error
            raise
        await self._is_shown_as_ended(run_id)

    async def _order(self, run_id: str) -> None:
        shown = f"get_run_status runId={in_json(run_id)} shows whether it is cancelled"
        doubt = f"{shown}; cancelling it again does no harm."
        known = await self._api.known()
        if known.v2 is not None:
            try:
                await self._api.post(f"/runs/{in_path(run_id)}/cancel", doubt=doubt)
            except NotOfferedError:
                if not known.has_v1:
                    raise
            else:
                return
        # API v1 answers alike whether the run was open or not.
        if (await self._runs.look(run_id)).status.is_terminal:
            raise RunAlreadyEndedError(f"Run {run_id} has ended before.")
        await self._api.delete_v1(f"/runs/{in_path(run_id)}", doubt=doubt)

    async def _is_shown_as_ended(self, run_id: str) -> bool:
        async def look() -> bool:
            try:
                return (await self._runs.look(run_id)).status.is_terminal
            except (RunNotFoundError, RemoteError):
                return False

        return await look_until(self._api.connection.clock, look, timeout_s=SHOWN_S)


class Repeating:
    """Repeats runs."""

    def __init__(self, api: Api, runs: Runs, started: Started) -> None:
        self._api = api
        self._runs = runs
        self._started = started

    async def repeat(self, run_id: str, edits: Edits | None = None) -> RerunReceipt:
        """Start a new run of the same function for the same event, from its start or from a step on.

        Which results it takes over, the server decides and does not say.

        Raises:
            WritesRefusedError: nobody allowed that for this server.
            RunNotFoundError: the server knows no such run.
            InvalidInputError: the run has no such step, or the edits contradict each other.
            NotOfferedError: only the embedded engine can do that.
            RemoteError: the server does not do it; the hint says where it may have done so all the same.
        """
        edits = edits or Edits()
        await check_write(self._api, "Repeating a run")
        check_edits(edits)
        _check_offered(edits)
        run = await self._runs.get(run_id)
        step = None if edits.from_step is None else _step_named(run.steps, edits.from_step)
        body: JSONObject = {}
        if edits.from_step is not None:
            given = {} if edits.given is None else {"input": list(edits.given)}
            body["fromStep"] = {"stepId": edits.from_step if step is None else step.id, **given}
        new_id = await self._order(run, body)
        function = Function(
            id=run.function_slug,
            slug=run.function_slug,
            name=run.function_name,
            app_name=run.app_name,
            url="",
        )
        self._started.note(new_id, function, run.event, original_run_id=run.id)
        label = edits.from_step if step is None else step.label
        return RerunReceipt(
            run_id=new_id,
            original_run_id=run.id,
            function_slug=run.function_slug,
            event_id=run.event.id,
            kept=None,
            edited_step=label if edits.given is not None else None,
        )

    async def _order(self, run: RunView, body: JSONObject) -> str:
        where = f"list_runs functionId={in_json(run.function_slug)}"
        doubt = f"A new run may have been started, which {where} would show."
        try:
            data = await self._api.post(f"/runs/{in_path(run.id)}/rerun", body, doubt=doubt)
        except AbsentError as error:
            raise RunNotFoundError(f"The server does not know run {run.id[:100]!r} any more.") from error
        new_id = text(data, "runId", "run_id")
        if new_id is None:
            raise FaultyAnswerError("The server took the order to run it again and named no run.", hint=doubt)
        return new_id


def _check_offered(edits: Edits) -> None:
    for field, value in (("output", edits.outcome), ("data", edits.data)):
        if value is not None:
            instead = "; invoke_function starts a run with other data here" if field == "data" else ""
            raise NotOfferedError(
                f"rerun with {field} needs the embedded engine, and this session is on a server elsewhere.",
                hint=f"Start `stepcue dev` without --engine and call it there{instead}. Nothing was changed.",
            )


def _step_named(steps: Sequence[StepView], wanted: str) -> StepView | None:
    """Return the step that is meant, by id or label; None where the server tells no steps of the run."""
    forms = {wanted, _REPEAT.sub(r"[\1]", wanted), wanted.removesuffix(":0")}
    for step in steps:
        if forms & {step.id, step.label}:
            return step
    if not steps:
        return None
    names = ", ".join(repr(step.label[:80]) for step in steps[:10])
    raise InvalidInputError(f"The run has no step {wanted[:100]!r}.", hint=f"Its steps: {names}.")
