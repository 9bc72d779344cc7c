"""Lists of runs and events: whatever the filter, the pages together are the list."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_tables import NOW_MS, World, a_function, an_event
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_app import App, engine_for, settle, start

from durable_engine import Engine, EventFilter, RunFilter, RunMoment, RunStatus, SpanStatus, StepStatus
from durable_engine.errors import (
    AppNotFoundError,
    EventNotFoundError,
    FunctionNotFoundError,
    InvalidInputError,
    RunNotFoundError,
)
from durable_engine.ids import new_ulid
from durable_engine.model.run import Run
from durable_engine.spans import _OF_RUN, _OF_STEP

FUNCTIONS = (a_function("a"), a_function("b"))
_offsets = st.integers(min_value=0, max_value=3)
_moments = st.one_of(st.none(), st.integers(min_value=-1, max_value=5).map(lambda offset: NOW_MS + offset))


@st.composite
def _runs(draw: st.DrawFn) -> Run:
    status = draw(st.sampled_from(RunStatus))
    queued_ms = NOW_MS + draw(_offsets)
    offset_ms = draw(_offsets)
    has_started = status is not RunStatus.QUEUED and (
        status is not RunStatus.CANCELLED or draw(st.booleans())
    )
    return Run(
        id=new_ulid(queued_ms),
        function_id=draw(st.sampled_from(FUNCTIONS)).id,
        event_id="",
        status=status,
        queued_ms=queued_ms,
        started_ms=NOW_MS + draw(_offsets) if has_started else None,
        ended_ms=NOW_MS + draw(_offsets) if status.is_terminal else None,
        offset_ms=offset_ms,
        skipped_ms=draw(st.integers(min_value=0, max_value=offset_ms)),
    )


_filters = st.builds(
    RunFilter,
    statuses=st.frozensets(st.sampled_from(RunStatus), max_size=2),
    event_id=st.sampled_from([None, "first", "second"]),
    event_name=st.sampled_from([None, "t/first", "t/second"]),
    moment=st.sampled_from(RunMoment),
    from_ms=_moments,
    until_ms=_moments,
    oldest_first=st.booleans(),
)
_chosen = st.one_of(st.none(), st.lists(st.sampled_from([entry.id for entry in FUNCTIONS]), unique=True))


def _at_ms(run: Run, wanted: RunFilter) -> int | None:
    return run.received_ms if wanted.moment is RunMoment.QUEUED else getattr(run, f"{wanted.moment}_ms")


def _fits(run: Run, wanted: RunFilter, functions: list[str] | None, names: dict[str, str]) -> bool:
    at_ms = _at_ms(run, wanted)
    return (
        at_ms is not None
        and (functions is None or run.function_id in functions)
        and (not wanted.statuses or run.status in wanted.statuses)
        and (wanted.event_id is None or run.event_id == wanted.event_id)
        and (wanted.event_name is None or names[run.event_id] == wanted.event_name)
        and (wanted.from_ms is None or at_ms >= wanted.from_ms)
        and (wanted.until_ms is None or at_ms < wanted.until_ms)
    )


@settings(max_examples=150, deadline=None)
@given(
    runs=st.lists(_runs(), max_size=12),
    wanted=_filters,
    functions=_chosen,
    limit=st.integers(min_value=1, max_value=4),
)
def test_the_pages_of_a_list_of_runs_are_the_runs_that_fit_in_their_order(
    runs: list[Run], wanted: RunFilter, functions: list[str] | None, limit: int
) -> None:
    world = World(*FUNCTIONS)
    events = {name: an_event(f"t/{name}") for name in ("first", "second")}
    names = {event.id: event.name for event in events.values()}
    stored = []
    for event in events.values():
        world.tables.events.insert(event)
    for number, run in enumerate(runs):
        event_id = events["second" if number % 3 else "first"].id
        stored.append(replace(run, event_id=event_id))
        world.tables.runs.insert(stored[-1])
    if wanted.event_id is not None:
        wanted = replace(wanted, event_id=events[wanted.event_id].id)
    fitting = [
        (_at_ms(run, wanted), row) for row, run in enumerate(stored) if _fits(run, wanted, functions, names)
    ]
    expected = [stored[row].id for _, row in sorted(fitting, reverse=not wanted.oldest_first)]

    seen: list[str] = []
    after: str | None = None
    while page := world.tables.run_lists.ids(wanted, functions=functions, after=after, limit=limit):
        seen += page
        after = page[-1]
    assert seen == expected


async def _event_names(engine: Engine, wanted: EventFilter) -> list[str]:
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = await engine.records.events(wanted, cursor=cursor, limit=3)
        names += [event.name for event in page.events]
        cursor = page.next_cursor
        if cursor is None:
            return names


@pytest.mark.anyio
async def test_events_of_one_millisecond_are_listed_in_the_order_in_which_they_came() -> None:
    async with engine_for(App(), *"abcdefgh") as engine:
        for name in "abcdefgh":
            await start(engine, f"t/{name}")
        await settle(engine)
        newest = [f"t/{name}" for name in "hgfedcba"]
        assert await _event_names(engine, EventFilter()) == newest
        everything = await _event_names(engine, EventFilter(with_internal=True))
        assert [name for name in everything if name in newest] == newest
        assert everything.count("inngest/function.finished") == 8
        internal = EventFilter(name="inngest/function.finished")
        assert await _event_names(engine, internal) == []
        assert len(await _event_names(engine, replace(internal, with_internal=True))) == 8


@pytest.mark.anyio
async def test_a_list_without_arguments_is_the_newest_runs_without_their_output() -> None:
    async with engine_for(App()) as engine:
        ids = [await start(engine) for _ in range(25)]
        await settle(engine)
        page = await engine.records.runs()
        assert [run.id for run in page.runs] == ids[:4:-1]
        assert page.next_cursor == ids[5]
        assert {run.output for run in page.runs} == {None}
        rest = await engine.records.runs(cursor=page.next_cursor, with_output=True)
        assert (rest.next_cursor, {run.output for run in rest.runs}) == (None, {"done"})
        assert (
            await engine.records.runs(RunFilter(app="lab", function="job"), limit=100)
        ).next_cursor is None


@pytest.mark.anyio
async def test_what_cannot_be_read_is_refused_with_a_sentence() -> None:
    async with engine_for(App()) as engine:
        records = engine.records
        for error, reading in (
            (InvalidInputError, records.runs(limit=0)),
            (InvalidInputError, records.runs(limit=101)),
            (InvalidInputError, records.events(limit=101)),
            (InvalidInputError, records.runs(cursor="x")),
            (InvalidInputError, records.events(cursor="x")),
            (AppNotFoundError, records.runs(RunFilter(app="lub"))),
            (FunctionNotFoundError, records.runs(RunFilter(function="jib"))),
            (RunNotFoundError, records.run("x")),
            (RunNotFoundError, records.jobs("x")),
            (RunNotFoundError, records.trace("x")),
            (EventNotFoundError, records.event("x")),
        ):
            with pytest.raises(error, match=r"\.$"):
                await reading


def test_every_status_has_a_span_status() -> None:
    assert _OF_RUN.keys() == set(RunStatus)
    assert _OF_STEP.keys() == set(StepStatus)
    assert {*_OF_RUN.values(), *_OF_STEP.values()} == set(SpanStatus)
