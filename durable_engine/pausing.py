"""Pause a function and resume it. Source: as documented.

While a function is paused, events start no runs of it, and its open runs make no calls: each call that
becomes due is put aside. A call that is open runs to its end. What rests for 7 days is cancelled.
"""

from __future__ import annotations

from durable_engine.appointments import MAX_PAUSE_MS
from durable_engine.clock import Clock
from durable_engine.errors import InvalidInputError
from durable_engine.ids import derived_ulid
from durable_engine.model.appointment import Appointment, AppointmentKind
from durable_engine.model.function import Function
from durable_engine.registry_keeper import RegistryKeeper
from durable_engine.standing import note_held
from durable_engine.storage.tables import Tables

_HELD_BY = "its function was paused"


class Pausing:
    """Pauses functions and resumes them; to do either twice changes nothing."""

    def __init__(self, clock: Clock, keeper: RegistryKeeper) -> None:
        self._clock = clock
        self._keeper = keeper

    async def pause(self, function: Function) -> None:
        """Pause a function; its open runs rest.

        Raises:
            InvalidInputError: it is a durable endpoint.
        """
        if function.is_endpoint:
            raise InvalidInputError(
                f"{function.slug!r} is a durable endpoint: requests to the app itself start it.",
                hint="Stop the app, or cancel its runs.",
            )
        if function.is_paused:
            return
        await self._keeper.ready()
        now_ms = self._clock.now_ms()

        def limit(tables: Tables) -> None:
            tables.appointments.save(_end_of_pause(function, now_ms=now_ms))

        await self._keeper.note_pause(function, paused_ms=now_ms, besides=limit)

    async def resume(self, function: Function) -> None:
        """Let a function's runs go on, and new ones start."""
        await self._keeper.ready()
        now_ms = self._clock.now_ms()

        def let_go(tables: Tables) -> None:
            for appointment in tables.appointments.of_kind(AppointmentKind.PAUSE, function.id):
                tables.appointments.close(appointment)
            for run in filter(None, map(tables.runs.get_lean, tables.runs.open_of_function(function.id))):
                for item in tables.queue.let_go(run.id, now_ms=now_ms):
                    note_held(tables, item, run, by=_HELD_BY, now_ms=now_ms)

        await self._keeper.note_pause(function, paused_ms=None, besides=let_go)


def _end_of_pause(function: Function, *, now_ms: int) -> Appointment:
    return Appointment(
        id=derived_ulid(now_ms, AppointmentKind.PAUSE, function.id),
        kind=AppointmentKind.PAUSE,
        function_id=function.id,
        key="",
        due_ms=now_ms + MAX_PAUSE_MS,
        since_ms=now_ms,
    )
