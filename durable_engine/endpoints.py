"""Durable endpoints: functions that an HTTP request of somebody else starts, not an event.

The app runs such a function at once, in its own request, and reports the steps (`POST /v1/checkpoint`). When
it comes to a step that has to wait, its client is sent to the output route and the engine takes over: it
calls the endpoint again with the run's id until the function returns.

Source: TypeScript SDK 4, `inngest.endpoint()`, as observed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from durable_engine.answers import commit_report
from durable_engine.clock import Clock
from durable_engine.errors import ConflictError, InvalidInputError
from durable_engine.ids import derived_ulid, is_ulid, uuid_for
from durable_engine.model.changes import Changes
from durable_engine.model.endpoint import EndpointCall, EndpointResponse
from durable_engine.model.event import HTTP_REQUEST, Event
from durable_engine.model.function import ENDPOINT_FRAMEWORK, App, Function
from durable_engine.model.history import HistoryEntry, HistoryKind
from durable_engine.model.json_value import JSONObject
from durable_engine.model.op import RunReturned, StepRan
from durable_engine.model.queue_item import ItemKind, NewItem
from durable_engine.model.reply import Failed, Ops
from durable_engine.model.run import Run
from durable_engine.model.status import RunStatus
from durable_engine.registry import Registry
from durable_engine.registry_keeper import RegistryKeeper
from durable_engine.sdk.function_config import MAX_NAME_CHARS
from durable_engine.settle import Settled, Settlement
from durable_engine.storage.tables import Tables
from durable_engine.transactions import Transactions

SILENCE_MS: Final = 10 * 60_000
"""How long an app may say nothing of a run that it works on before the engine calls it again."""
_KEPT_RESPONSES: Final = 200
_KEPT_CHARS: Final = 32 * 1024 * 1024


class Endpoints:
    """Takes what endpoints report, and keeps what they answered for whoever was sent away to wait."""

    def __init__(self, clock: Clock, transactions: Transactions, keeper: RegistryKeeper) -> None:
        self._clock = clock
        self._transactions = transactions
        self._keeper = keeper
        self._responses: OrderedDict[str, EndpointResponse] = OrderedDict()

    async def start(
        self, run_id: str, data: JSONObject, *, sdk: str, retries: int, reply: Ops | Failed
    ) -> Function:
        """Begin a run that its app has begun already, with the steps it has reached; again is no harm.

        `data` is the data of the `inngest/http.request` event.

        Raises:
            InvalidInputError: the run's id or the request cannot be used.
        """
        if not is_ulid(run_id):
            raise InvalidInputError("The run id must be a ULID.")
        call = EndpointCall.of(data)
        function = _function(call, named=str(data.get("fn") or ""), retries=retries)
        app = App(
            id=uuid_for("app", function.app_name),
            name=function.app_name,
            url=call.origin,
            sdk=sdk,
            framework=ENDPOINT_FRAMEWORK,
            checksum="",
            last_sync_ms=self._clock.now_ms(),
        )
        await self._keeper.learn(app, function)

        def change(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            if tables.runs.get(run_id) is None:
                changes = _new_run(function, run_id, data, now_ms=now_ms)
                Settlement(tables, registry, now_ms=now_ms).apply(changes)
            return _report(tables, registry, run_id, reply, now_ms=now_ms)

        await self._transactions.commit(change)
        return function

    async def report(self, run_id: str, reply: Ops | Failed) -> None:
        """Take the steps that the app reports while it answers the request that started the run.

        Raises:
            ConflictError: no such run is being answered: it has ended, or the engine has taken it over.
        """

        def change(tables: Tables, registry: Registry, now_ms: int) -> Settled:
            return _report(tables, registry, run_id, reply, now_ms=now_ms)

        await self._transactions.commit(change)

    def keep_response(self, run_id: str, response: EndpointResponse) -> None:
        """Remember what an endpoint has answered at last, for whoever was sent away to wait."""
        self._responses[run_id] = response
        while len(self._responses) > _KEPT_RESPONSES or self._kept_chars() > _KEPT_CHARS:
            self._responses.popitem(last=False)

    def response(self, run_id: str) -> EndpointResponse | None:
        """Return what the endpoint has answered, if that is still remembered."""
        return self._responses.get(run_id)

    def forget_responses(self) -> None:
        """Forget what endpoints answered: the state of their runs is another one now."""
        self._responses.clear()

    def _kept_chars(self) -> int:
        return sum(len(response.body) for response in self._responses.values())


def _report(tables: Tables, registry: Registry, run_id: str, reply: Ops | Failed, *, now_ms: int) -> Settled:
    run = tables.runs.find(run_id)
    is_ours = run is not None and registry.by_id(run.function_id).is_endpoint
    item = tables.queue.take_silent(run_id, now_ms=now_ms) if is_ours else None
    if run is not None and is_ours and item is None and _is_known(tables, run, reply):
        return Settled()
    if item is None:
        raise ConflictError(
            f"Run {run_id[:40]!r} is not being answered by its endpoint any more.",
            hint="Start a new one with another request.",
        )
    return commit_report(tables, registry, item=item, reply=reply, silence_ms=SILENCE_MS, now_ms=now_ms)


def _is_known(tables: Tables, run: Run, reply: Ops | Failed) -> bool:
    """Whether a report that hands the run over came before: its sender did not get our answer.

    One of steps that just ran would let its sender go on beside us.
    """
    if not isinstance(reply, Ops) or all(isinstance(op, StepRan) for op in reply.ops):
        return False
    asked = {op.step.id for op in reply.ops if not isinstance(op, RunReturned)}
    returned = any(isinstance(op, RunReturned) for op in reply.ops)
    is_over = run.status is RunStatus.COMPLETED or not returned
    return is_over and tables.steps.some(run.id, asked).keys() == asked


def _function(call: EndpointCall, *, named: str, retries: int) -> Function:
    app_name = call.origin.partition("//")[2]
    name = (named or f"{call.method} {call.path}")[:MAX_NAME_CHARS]
    slug = f"{app_name}-{name}"
    return Function(
        id=uuid_for("function", slug),
        slug=slug,
        name=name,
        app_name=app_name,
        url=f"{call.origin}{call.path}",
        retries=retries,
        config={"endpoint": True},
    )


def _new_run(function: Function, run_id: str, data: JSONObject, *, now_ms: int) -> Changes:
    # Not the id of the run: that is the id of the event that tells of its failure.
    event_id = derived_ulid(now_ms, run_id, "http.request")
    event = Event(
        id=event_id,
        public_id=event_id,
        name=HTTP_REQUEST,
        data=data,
        user={},
        ts_ms=now_ms,
        received_ms=now_ms,
        source="endpoint",
    )
    run = Run(
        id=run_id,
        function_id=function.id,
        event_id=event.id,
        status=RunStatus.RUNNING,
        queued_ms=now_ms,
        started_ms=now_ms,
    )
    item = NewItem(run_id=run_id, kind=ItemKind.DISCOVER, due_ms=now_ms + SILENCE_MS)
    kinds = (HistoryKind.RUN_QUEUED, HistoryKind.RUN_STARTED)
    history = [HistoryEntry(run_id=run_id, at_ms=now_ms, kind=kind) for kind in kinds]
    return Changes(events=[event], new_runs=[run], items=[item], history=history)
