"""What callers may do about standing doubles: add them, clear them, look at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from durable_engine.clock import Clock
from durable_engine.doubles.checks import check, check_life
from durable_engine.doubles.giving import attach
from durable_engine.errors import InvalidInputError
from durable_engine.model.double import DEFAULT_LIFE_MS, Double, NewDouble
from durable_engine.model.status import StepKind
from durable_engine.registry import Registry
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables


class Doubling:
    """Doubles that stand for all runs of a function, open ones included, or are for one that is open."""

    def __init__(self, database: Database, clock: Clock, registry: Callable[[], Registry]) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry

    async def add(
        self,
        double: NewDouble,
        *,
        app: str | None = None,
        run_id: str | None = None,
        lasts_ms: int | None = None,
    ) -> Double:
        """Let a double stand for the runs of `double.function`, for an hour or `lasts_ms` of engine time.

        With a `run_id` it is for that open run and what it invokes, as long as the run lasts; its function is
        then that of the run, unless it names one. It replaces one with the same scope, function, step, index.

        Raises:
            InvalidInputError: it cannot be used, names no function, or is to last longer than 24 hours.
            FunctionNotFoundError, AppNotFoundError: as `Engine.invoke_function`.
            RunNotFoundError, RunAlreadyEndedError: there is no such run that is open.
        """
        check([double])
        named = self._function_id(double.function, app)
        life_ms = DEFAULT_LIFE_MS if lasts_ms is None else lasts_ms
        if run_id is None:
            if named is None:
                raise InvalidInputError("A standing double needs the function that it is for.")
            check_life(life_ms)
        elif lasts_ms is not None:
            raise InvalidInputError("A double of one run lasts as long as the run; it cannot expire before.")
        await self._database.ready()
        now_ms = self._clock.now_ms()

        def store(tables: Tables) -> Double:
            tables.doubles.delete_expired(now_ms=now_ms)
            function_id = named or tables.runs.known_open(run_id or "").function_id
            if run_id is None:
                others = tables.doubles.standing(function_id, now_ms=now_ms)
            else:
                tables.runs.known_open(run_id)
                others = tables.doubles.of_scope(run_id)
            address = (function_id, double.step, double.index)
            for other in others:
                if (other.function_id, other.step, other.index) == address:
                    tables.doubles.delete(other.id)
            expires_ms = now_ms + life_ms if run_id is None else None
            return attach(
                tables, double, function_id=function_id, scope=run_id, expires_ms=expires_ms, now_ms=now_ms
            )

        return await self._database.transact(store)

    async def seen_steps(self, function: str, *, app: str | None = None) -> Mapping[str, StepKind]:
        """Return the steps that recent runs of a function came to, by name; raises as `clear`."""
        function_id = self._registry().find(function, app=app).id
        return await self._database.read(lambda tables: tables.steps.seen(function_id))

    async def clear(
        self, function: str | None = None, *, step: str | None = None, app: str | None = None
    ) -> tuple[Double, ...]:
        """Remove the standing doubles of a function, or of all, and of one of its steps, if `step` says so.

        Returns them as they stood, with how often they applied. What a call that is open was given stays.

        Raises:
            FunctionNotFoundError, AppNotFoundError: as `Engine.invoke_function`.
        """
        function_id = self._function_id(function, app)
        await self._database.ready()
        now_ms = self._clock.now_ms()

        def remove(tables: Tables) -> tuple[Double, ...]:
            tables.doubles.delete_expired(now_ms=now_ms)
            standing = tables.doubles.standing(function_id, now_ms=now_ms)
            gone = [double for double in standing if step is None or double.step == step]
            for double in gone:
                tables.doubles.delete(double.id)
            return tuple(gone)

        return await self._database.transact(remove)

    async def standing(self, function: str | None = None, *, app: str | None = None) -> tuple[Double, ...]:
        """Return the standing doubles that have not expired; raises as `clear`."""
        function_id = self._function_id(function, app)
        now_ms = self._clock.now_ms()
        found = await self._database.read(lambda tables: tables.doubles.standing(function_id, now_ms=now_ms))
        return tuple(found)

    def _function_id(self, function: str | None, app: str | None) -> str | None:
        return None if function is None else self._registry().find(function, app=app).id
