"""What callers may do about standing doubles: add them, clear them, look at them."""

from __future__ import annotations

from collections.abc import Callable

from durable_engine.clock import Clock
from durable_engine.doubles.checks import check, check_life
from durable_engine.doubles.giving import attach
from durable_engine.errors import InvalidInputError
from durable_engine.model.double import DEFAULT_LIFE_MS, Double, NewDouble
from durable_engine.registry import Registry
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables


class Doubling:
    """Doubles that stand for all runs of a function, open ones included, until they expire or are cleared."""

    def __init__(self, database: Database, clock: Clock, registry: Callable[[], Registry]) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry

    async def add(self, double: NewDouble, *, app: str | None = None, lasts_ms: int | None = None) -> Double:
        """Let a double stand for the runs of `double.function`, for an hour or `lasts_ms` of engine time.

        It takes the place of a standing one with the same address (function, step and index).

        Raises:
            InvalidInputError: it cannot be used, names no function, or is to last longer than 24 hours.
            FunctionNotFoundError, AppNotFoundError: as `Engine.invoke_function`.
        """
        if double.function is None:
            raise InvalidInputError("A standing double needs the function that it is for.")
        function = self._registry().find(double.function, app=app)
        life_ms = DEFAULT_LIFE_MS if lasts_ms is None else lasts_ms
        check([double])
        check_life(life_ms)
        await self._database.ready()
        now_ms = self._clock.now_ms()

        def store(tables: Tables) -> Double:
            tables.doubles.delete_expired(now_ms=now_ms)
            for other in tables.doubles.standing(function.id, now_ms=now_ms):
                if (other.step, other.index) == (double.step, double.index):
                    tables.doubles.delete(other.id)
            return attach(
                tables,
                double,
                function_id=function.id,
                scope=None,
                expires_ms=now_ms + life_ms,
                now_ms=now_ms,
            )

        return await self._database.transact(store)

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
