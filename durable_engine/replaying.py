"""Replay the present code of an app against a recorded run: no step body runs, and nothing is stored.

Each call gives the code the first results of the run and asks it to plan whatever it comes to. The code
outside of steps runs, as in every call of a run.
"""

from __future__ import annotations

from collections.abc import Callable

from durable_engine.clock import Clock
from durable_engine.errors import InvalidInputError
from durable_engine.inspection import PLANS
from durable_engine.model.call import Call
from durable_engine.model.function import Function
from durable_engine.model.json_value import parse_stored
from durable_engine.model.replay import ReplayReport
from durable_engine.model.run import Run
from durable_engine.registry import Registry
from durable_engine.replay.recording import Recording
from durable_engine.replay_walk import Caller, Walk
from durable_engine.sdk.client import SDKClient
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables


class Replaying:
    """Checks whether the code of an app still takes the way that a run took."""

    def __init__(
        self, database: Database, client: SDKClient, clock: Clock, registry: Callable[[], Registry]
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._registry = registry

    async def check(self, run_id: str) -> ReplayReport:
        """Replay the code with growing prefixes of the run's results; about 50 calls at most.

        Raises:
            RunNotFoundError: no such run.
            InvalidInputError: its function is not synced any more, or is a durable endpoint.
            ReplayError: the app cannot be reached, does not know the function, or its SDK ran a step.
        """

        def load(tables: Tables) -> tuple[Call, Function, Recording]:
            run = tables.runs.known(run_id)
            function = self._registry().by_id(run.function_id)
            _check_replayable(run, function)
            return _replay_call(tables, run, function), function, _recording(tables, run)

        call, function, recording = await self._database.read(load)
        walk = Walk(Caller(self._client, self._clock, call), recording)
        await walk.go()
        return ReplayReport(
            run_id=run_id,
            function_slug=function.slug,
            status=recording.status,
            differences=tuple(walk.differences),
            points=len(recording.points),
            checked=len(walk.checked),
            step_count=len(recording.steps),
            durations_ms=tuple(walk.caller.durations_ms),
            repeated=recording.repeated,
            unstable_inputs=tuple(walk.unstable),
            notes=tuple(walk.notes),
        )


def _check_replayable(run: Run, function: Function) -> None:
    if function.is_endpoint:
        raise InvalidInputError(
            f"Run {run.id} is of a durable endpoint: a request starts its code, and cannot be replayed.",
            hint="Only runs of functions can be replayed.",
        )
    if function.is_archived:
        raise InvalidInputError(
            f"Function {function.slug!r} of run {run.id} is not synced any more.",
            hint="Start its app again, or sync it.",
        )


def _replay_call(tables: Tables, run: Run, function: Function) -> Call:
    return Call(
        url=function.url,
        run_id=run.id,
        function_id=function.id,
        item_id=0,
        item_ref=None,
        target=None,
        attempt=0,
        max_attempts=function.max_attempts,
        execution_version=run.execution_version,
        plans_only=True,
        events=[tables.events.payload(event_id) for event_id in tables.runs.event_ids(run)],
        memos={},
    )


def _recording(tables: Tables, run: Run) -> Recording:
    return Recording(
        status=run.status,
        steps=tables.steps.all(run.id),
        planned=frozenset(entry.step_id for entry in tables.history.of_run(run.id) if entry.kind in PLANS),
        output=parse_stored(run.output),
        error=parse_stored(run.error),
    )
