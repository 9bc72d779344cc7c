"""The engine as callers see it: opens its parts bottom-up, closes them top-down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self

from durable_engine.clock import Clock, RealClock
from durable_engine.config import EngineConfig
from durable_engine.control import RunControl
from durable_engine.covering import Covering
from durable_engine.dispatcher import Dispatcher
from durable_engine.doubling import Doubling
from durable_engine.duties import Duties
from durable_engine.endpoints import Endpoints
from durable_engine.errors import InvalidFunctionError, RunNotFoundError
from durable_engine.executor import Executor
from durable_engine.explainer import Explainer
from durable_engine.gateway.client import GatewayClient
from durable_engine.inspection import view_run
from durable_engine.maintenance.app_sync import AppSync
from durable_engine.maintenance.discovery import Discovery
from durable_engine.maintenance.recovery import Recovery
from durable_engine.model.appointment import AppointmentKind
from durable_engine.model.double import NewDouble
from durable_engine.model.event import EventReceipt, NewEvent
from durable_engine.model.function import Function
from durable_engine.model.json_value import JSONValue
from durable_engine.model.plan import AS_USUAL, Conditions
from durable_engine.model.views import Inventory, RunView
from durable_engine.patience import first_of
from durable_engine.pausing import Pausing
from durable_engine.probing import Probing
from durable_engine.pruning import Pruning, limits_of
from durable_engine.reception import Reception
from durable_engine.recordings import Recordings
from durable_engine.records import Records
from durable_engine.registry import Registry, closest
from durable_engine.registry_keeper import RegistryKeeper
from durable_engine.replaying import Replaying
from durable_engine.sdk.client import SDKClient
from durable_engine.sdk.registration import is_serve_url, read_registration
from durable_engine.settle import Settled
from durable_engine.signals import Observer, Signals
from durable_engine.snapshots import Snapshots
from durable_engine.stillness import Stillness
from durable_engine.storage.database import Database
from durable_engine.storage.snapshot_store import store_for
from durable_engine.storage.tables import Tables
from durable_engine.time_control import TimeControl
from durable_engine.transactions import Transactions
from durable_engine.unsupported import Unsupported

logger = logging.getLogger(__name__)

_DRAIN_S: Final = 0.5
_RECENT: Final = 200
_WHENCE: Final = "Run ids come from send_event and invoke_function; list_runs finds them."


class Engine:
    """A durable engine in this process. Make it with `Engine.open`, use it as a context manager."""

    def __init__(self, config: EngineConfig, database: Database, clock: Clock, client: SDKClient) -> None:
        self.config = config
        self._database = database
        self._clock = clock
        self._client = client
        self._gateway = GatewayClient()
        self._signals = signals = Signals()
        self._keeper = RegistryKeeper(database, clock, signals.work_changed, signals.functions_changed)
        self._apps = AppSync(client, self._keeper, clock)
        executor = Executor(database, client, self._gateway, clock, self._registry)
        self._dispatcher = Dispatcher(database, executor, clock, self._signals, self._registry)
        self._transactions = transactions = Transactions(database, clock, self._signals, self._registry)
        self._reception = Reception(clock, transactions, self._registry, max_bytes=config.max_event_bytes)
        self.control = RunControl(database, clock, transactions)
        """Changes runs: cancels, repeats, signals them."""
        self.time = TimeControl(database, clock, transactions, self._signals, self._registry)
        """Moves the engine's time, and that of single runs."""
        self.doubles = Doubling(database, clock, self._registry)
        """Mocks and faults that stand for the runs of a function."""
        self._pausing = Pausing(clock, self._keeper)
        self.endpoints = Endpoints(clock, transactions, self._keeper)
        """Takes what durable endpoints report."""
        still = Stillness(database, clock, self._dispatcher, self._signals, moving=self.time.moving)
        self.snapshots = Snapshots(
            database,
            clock,
            still,
            self._signals,
            self._keeper,
            self._apps,
            store_for(config.data_file),
            forget=self.endpoints.forget_responses,
        )
        """Keeps the whole state under a name, comes back to it, or to an empty one."""
        self.unsupported = Unsupported(clock.now_ms, self.control.note)
        self.records = Records(database, clock, self._registry)
        """Lists runs and events, and what belongs to one of them."""
        self.replay = Replaying(database, client, clock, self._registry)
        """Checks whether the code of an app still takes the way that a run took."""
        self.coverage = Covering(database, clock, self._registry)
        """Says what the recorded runs of a function have shown."""
        self.recordings = Recordings(database, clock, self._registry)
        """What is on record about a run, for a test that repeats it."""
        self.explainer = Explainer(database, clock, self._registry, self._apps.views)
        """Says why a run is where it is, and what an event did."""
        self.probing = Probing(client)
        """Looks at who answers at an address."""
        self.pruning = Pruning(database, clock, signals, limits_of(config))
        """Deletes ended runs that are old or too many."""
        self._duties = Duties()

    @classmethod
    async def open(
        cls, config: EngineConfig, *, clock: Clock | None = None, client: SDKClient | None = None
    ) -> Engine:
        """Open the data file, free what a process that died had taken, and start to work.

        Raises:
            StorageError: the data file cannot be used, or another engine holds it.
            ConfigError: the signing key is not one.
        """
        key = config.signing_key.get_secret_value() if config.signing_key else None
        client = client or SDKClient(signing_key=key)
        database = await Database.open(config.data_file)
        try:
            engine = cls(config, database, clock or RealClock(), client)
            released = await database.transact(Tables.take_back)
            if released:
                logger.info("took back %d calls that were open when the engine stopped", released)
            await engine.time.restore()
            await engine._keeper.load()
            # Each is looked at, as after any change, in case it was left with nothing to do.
            await engine._transactions.commit(lambda tables, *_: Settled(resumed=tables.runs.open_ids()))
        except BaseException:
            await database.close()
            raise
        engine._duties.start(engine._dispatcher.run())
        engine._duties.start(Recovery(database, engine._clock, engine._signals).run())
        engine._duties.start(engine.pruning.run())
        return engine

    def keep_apps_in_sync(self, *, own_port: int | None = None) -> None:
        """Start to sync the configured apps and to look for others; call it once requests are served.

        `own_port` is where this engine listens: discovery leaves it out.
        """
        for url in self.config.app_urls:
            self._apps.add(url, lasts=True)
        if own_port is not None:
            self._database.say_where(own_port)
        interval_s = self.config.poll_interval_s
        self._duties.start(self._apps.run(interval_s, polls=self.config.polls))
        if self.config.discovers and not self.config.app_urls:
            discovery = Discovery(self._client, self._apps, self._keeper, self._clock, own_port=own_port)
            self._duties.start(discovery.run(interval_s))

    @property
    def open_calls(self) -> int:
        """How many calls to apps are open, or have been answered and cannot be stored yet."""
        return self._dispatcher.open_count

    async def wind_down(self, patience_s: float) -> None:
        """Answer who waits, make no more calls, and let those that are open end for `patience_s` seconds.

        Everything else goes on until `close`: events are taken, reports of apps stored.
        """
        self.release_waiters()
        self._dispatcher.take_no_more()
        self._database.outage.try_again()  # for the last time
        await first_of([self._dispatcher.no_calls(), self._clock.patience(patience_s)])

    async def close(self) -> None:
        """Answer who waits, let open calls end for half a second, hand back the rest, close the file."""
        self.release_waiters()
        await self._duties.end()
        left = await self._dispatcher.drain(_DRAIN_S)
        fault = self._database.outage.fault
        if left:
            why = "" if fault is None else f", as what was answered could not be stored: {fault}"
            logger.info("handed back %d open call(s); the next start makes them again%s", left, why)
        await self._client.close()
        await self._gateway.close()
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def send_event(
        self,
        event: NewEvent,
        *,
        seed: str | None = None,
        source: str = "direct",
        under: Conditions = AS_USUAL,
        doubles: Sequence[NewDouble] = (),
    ) -> EventReceipt:
        """Accept one event; the receipt tells what it started, known in the same transaction.

        `seed` makes the event's id reproducible: the same seed is the same event, accepted once. `source`
        says how it came, as in `Event.source`. `under` are conditions for the runs that it starts, and
        `doubles` stand in for steps of them and of the runs that those invoke.

        Raises:
            InvalidEventError: the event is malformed, reserved or too large.
            InvalidInputError: a double cannot be used, or the event starts no run to give it to.
            FunctionNotFoundError: a double is for an unknown function.
        """
        (receipt,) = await self._reception.send(
            [event], seed=seed, explains=True, source=source, under=under, doubles=doubles
        )
        return receipt

    async def send_events(self, events: Sequence[NewEvent], *, seed: str | None = None) -> list[EventReceipt]:
        """Accept up to 5,000 events, all of them or none; raises as `send_event`.

        The receipts leave out what only people read and what costs more than the event itself: `unmet` waits,
        and what keeps runs waiting for their turn (`held`).
        """
        return await self._reception.send(events, seed=seed, explains=False, source="api")

    async def invoke_function(
        self,
        function: str,
        *,
        app: str | None = None,
        data: Mapping[str, object] | None = None,
        user: Mapping[str, object] | None = None,
        key: str | None = None,
        under: Conditions = AS_USUAL,
        doubles: Sequence[NewDouble] = (),
    ) -> EventReceipt:
        """Start one function directly, whatever triggers it.

        `function` is a slug, UUID, slug without the app, or name. For 24 h the same `key` starts it only
        once: the receipt then tells of the run that exists, as that of a known event.
        `doubles` stand in for steps of the run, and of the runs that it invokes; raises as `send_event`.

        Raises:
            FunctionNotFoundError: nothing fits, or a short form fits several functions.
            AppNotFoundError: `app` is not synced.
            InvalidInputError: it is a durable endpoint, which requests to the app itself start.
            InvalidEventError: `data` cannot be an event's data.
        """
        return await self._reception.invoke(
            function, app=app, data=data, user=user, key=key, under=under, doubles=doubles
        )

    async def pause_function(
        self, function: str, *, app: str | None = None, cancels_runs: bool = False
    ) -> Function:
        """Let events start no runs of a function, and let its open runs rest, until it is resumed.

        They are cancelled at once if `cancels_runs`, otherwise after 7 days. Raises as `invoke_function`.
        """
        found = self._keeper.registry.find(function, app=app)
        await self._pausing.pause(found)
        if cancels_runs:
            await self.control.cancel_many(found.id, started_before_ms=self._clock.now_ms() + 1)
        return self._keeper.registry.by_id(found.id)

    async def resume_function(self, function: str, *, app: str | None = None) -> Function:
        """End the pause of a function: its open runs go on, and new events start runs again."""
        found = self._keeper.registry.find(function, app=app)
        await self._pausing.resume(found)
        return self._keeper.registry.by_id(found.id)

    async def inventory(self) -> Inventory:
        """Return all functions known now, and their apps."""
        crons = await self._database.read(lambda tables: tables.appointments.of_kind(AppointmentKind.CRON))
        return Inventory(
            ticks={(cron.function_id, cron.key): cron.due_ms for cron in crons},
            functions=self._keeper.registry.functions,
            apps=self._apps.views(),
            storage_fault=self._database.outage.words,
            unsupported=self.unsupported.uses,
            doubles=await self.doubles.standing(),
            now_ms=self._clock.now_ms(),
            clock_shift_ms=self.time.shift_ms,
        )

    async def get_run(self, run_id: str) -> RunView:
        """Return one run with all its steps.

        Raises:
            RunNotFoundError: no such run; `nearest` are ids of recent runs.
        """
        views = await self._view_runs([run_id])
        if run_id in views:
            return views[run_id]
        raise await self._database.read(partial(_missing_run, run_id=run_id))

    async def wait_for_runs(
        self, run_ids: Sequence[str], *, timeout_s: float, or_idle: bool = False
    ) -> Mapping[str, RunView]:
        """Return the runs once all have ended, or as they are after `timeout_s` seconds.

        `or_idle`: also when only time or the outside moves them: nobody's call is open and nothing is due, or
        nothing goes on in the times that they have of their own. Ids of no run are missing from the answer.
        """
        wanted = list(dict.fromkeys(run_ids))
        with self._signals.watch(wanted) as watch:
            views = await self._view_runs(wanted)
            if all(view.status.is_terminal for view in views.values()):
                return views
            for run_id in wanted:
                if run_id not in views or views[run_id].status.is_terminal:
                    watch.note_end(run_id)
            idle = [self.settle(), self.time.rested(wanted)] if or_idle else []
            await first_of([watch.over(), self._clock.patience(timeout_s), *idle])
        return await self._view_runs(wanted)

    def release_waiters(self) -> None:
        """Answer everybody who waits for runs with the state so far: the process is about to stop."""
        self._signals.release_watchers()

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Tell `observer` of changes as they are committed, until the returned function is called."""
        return self._signals.observe(observer)

    async def settle(self) -> None:
        """Return once no call is open and nothing is due: all runs wait for time or for the outside."""
        await self._signals.settled()

    async def nearest_triggers(self, event_name: str) -> Sequence[str]:
        """Return event names that functions listen to or runs wait for, those like `event_name` first."""
        awaited = await self._database.read(lambda tables: tables.pauses.awaited(limit=_RECENT))
        return self._keeper.registry.nearest_triggers(event_name, awaited=awaited)

    async def sync_app(self, url: str) -> None:
        """Sync the app at this serve endpoint now, and keep it in sync.

        Raises:
            SyncError: unreachable, not an SDK endpoint, or its functions cannot be used.
        """
        await self._apps.sync(url)

    async def register_app(self, body: JSONValue) -> bool:
        """Take what an app sent to `/fn/register`; False when it was known already.

        Raises:
            InvalidFunctionError: names the function, what is wrong with it, and what is allowed.
        """
        try:
            registration = read_registration(body, url=None, now_ms=self._clock.now_ms())
        except InvalidFunctionError as error:
            url = body.get("url") if isinstance(body, dict) else None
            if is_serve_url(url):
                self._apps.note_refusal(url, str(error))
            raise
        return await self._keeper.register(registration.app, registration.functions)

    async def remove_app(self, url: str) -> bool:
        """Forget the app at this serve endpoint; False when there is none."""
        app = self._keeper.registry.app_at(url)
        self._apps.forget(url)
        if app is not None:
            await self._keeper.remove(app)
        return app is not None

    async def _view_runs(self, run_ids: Sequence[str]) -> dict[str, RunView]:
        now_ms = self._clock.now_ms()
        around: dict[str, Any] = {
            "clock_shift_ms": self.time.shift_ms,
            "is_engine_stopping": self._signals.is_stopping,
            "storage_fault": self._database.outage.words,
        }

        def load(tables: Tables) -> dict[str, RunView]:
            runs = filter(None, map(tables.runs.find, run_ids))
            views = (view_run(tables, self._registry(), run, now_ms=now_ms) for run in runs)
            return {view.id: replace(view, **around) for view in views}

        return await self._database.read(load)

    def _registry(self) -> Registry:
        return self._keeper.registry


def _missing_run(tables: Tables, run_id: str) -> RunNotFoundError:
    nearest = closest(run_id, tables.runs.recent_ids(_RECENT))
    return tables.runs.missing(run_id, nearest=nearest, hint=_WHENCE)
