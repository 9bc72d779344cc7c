"""Faults that reviews found, kept mended: each test states what should hold."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from engine_tables import NOW_MS, World, a_function, ref
from hypothesis import given, settings
from hypothesis import strategies as st
from run_drive import RETRIES, drive_of, functions
from scripted_app import (
    PATIENCE_S,
    SDK,
    URL,
    App,
    engine_for,
    opcodes,
    registration,
    result,
    settle,
    start,
    step_run,
)
from scripted_function import Part, Scripted

from durable_engine import Engine, EngineConfig, ManualClock, NewEvent, RunStatus, build_app
from durable_engine.durations import parse_rfc3339_ns
from durable_engine.errors import (
    DurableEngineError,
    InvalidEventError,
    InvalidFunctionError,
    RunNotFoundError,
)
from durable_engine.maintenance.app_sync import AppSync
from durable_engine.maintenance.discovery import Discovery
from durable_engine.model.changes import RunEnd
from durable_engine.model.json_value import parse_json
from durable_engine.model.op import Invoke, Op, RunReturned, Sleep, StepErrored, StepPlanned, StepRan, StepRef
from durable_engine.model.reply import Failed, Ops, Returned
from durable_engine.sdk.client import SDKClient
from durable_engine.sdk.opcodes import memo_error
from durable_engine.sdk.registration import read_registration
from durable_engine.sdk.reply import read_reply
from durable_engine.storage.database import Database
from durable_engine.storage.tables import Tables

anyio = pytest.mark.anyio
ERROR = {"name": "ValueError", "message": "boom"}


def ops(*asked: Op, version: int = 2) -> Ops:
    return Ops(ops=asked, sdk_version=version)


def _errored(name: str) -> StepErrored:
    return StepErrored(step=ref(name), error=ERROR, is_final=False)


# --- runs that never end -----------------------------------------------------------------------------


def _calls_now(world: World, answer: Callable[[int], Ops], *, most: int = 20) -> int:
    calls = 0
    while calls < most and (works := world.take()):
        calls += 1
        world.answer(works[0], answer(calls))
    return calls


def test_an_app_that_runs_a_memoized_step_again_and_again_is_not_called_without_end() -> None:
    # An SDK that does not fetch state (`use_api`; Go) gets no memos, runs the first step, reports it, ...
    world = World()
    world.start()
    calls = _calls_now(world, lambda number: ops(StepRan(step=ref("first"), data=number)))
    assert calls < 20, "called again at once, for ever"


def test_a_function_that_invents_a_new_step_id_in_each_call_is_stopped_at_the_step_limit() -> None:
    # `step.run(f"fetch-{time.time()}")`: no memo ever fits (protocol 11: 1000 steps).
    world = World()
    run_id = world.start()
    calls = _calls_now(world, lambda number: ops(StepRan(step=ref(str(number)), data=0)), most=1_100)
    assert calls <= 1_001
    assert world.run(run_id).status is RunStatus.FAILED


def test_a_step_that_was_gone_and_is_reported_again_does_not_loop() -> None:
    world = World()
    world.start()
    world.answer(world.take_one(), ops(StepPlanned(step=ref("a"))))
    world.answer(world.take_one(), Returned(data=None))
    calls = _calls_now(world, lambda _: ops(StepPlanned(step=ref("a"))))
    assert calls < 20, "called again at once, for ever"


def test_a_step_that_failed_and_is_planned_at_the_next_attempt_is_not_forgotten() -> None:
    world = World()
    run_id = world.start()
    world.answer(world.take_one(), ops(_errored("a"), StepPlanned(step=ref("b"))))
    planned = world.take_one()
    world.advance_to_next()
    again = world.take_one()
    assert again.call is not None
    assert again.call.plans_only, "so the SDK plans instead of executing"
    world.answer(again, ops(StepPlanned(step=ref("a")), StepPlanned(step=ref("b"))))
    world.answer(planned, ops(StepRan(step=ref("b"), data=1)))
    assert world.hung_runs() == []
    assert "hash-a" in {item.step_id for item in world.queue(run_id)}


@pytest.mark.parametrize(
    "instead",
    [
        StepPlanned(step=ref("a")),
        Sleep(step=ref("a"), until="1h"),
        Invoke(step=ref("a"), function="lab-kid", data={}, user={}, timeout=None),
    ],
)
def test_code_that_was_edited_between_two_attempts_goes_on_with_what_it_says_now(instead: Op) -> None:
    # `step.run("a")` fails; the user turns it into a parallel step, a sleep or an invoke under the same id.
    world = World(a_function(), a_function("kid"))
    run_id = world.start()
    world.answer(world.take_one(), ops(_errored("a")))
    world.advance_to_next()
    world.answer(world.take_one(), ops(instead))
    names = [
        entry.detail["error"]["name"]
        for entry in world.tables.history.of_run(run_id)
        if "error" in entry.detail
    ]
    assert "EmptyReplyError" not in names
    assert world.queue(run_id)[0].step_id == "hash-a"


def test_a_run_that_returns_without_waiting_for_its_invoke_leaves_nothing_behind() -> None:
    world = World(a_function(), a_function("kid"))
    run_id = world.start()
    invoke = Invoke(step=ref("i"), function="lab-kid", data={}, user={}, timeout=None)
    world.answer(world.take_one(), ops(invoke, RunReturned(data="end")))
    assert world.run(run_id).status is RunStatus.COMPLETED
    for work in world.take():
        world.answer(work, Returned(data="child"))
    # The child's end must not enqueue a call of the parent, which has ended.
    assert world.orphans() == []


@pytest.mark.parametrize("trigger", ["*", "inngest/*", "inngest/function.finished"])
def test_a_function_that_listens_to_everything_does_not_start_itself_for_ever(trigger: str) -> None:
    # And each generation carries the event before it twice: the payload doubles until memory is gone.
    world = World(a_function(event=trigger))
    world.send("inngest/function.finished" if trigger.startswith("inngest") else "t/job")
    generations = 0
    while generations < 10 and (works := world.take()):
        generations += 1
        for work in works:
            world.answer(work, Returned(data=None))
    assert generations < 10


# --- storage that fails for a while ------------------------------------------------------------------


async def _full(engine: Engine, *, is_full: bool) -> None:
    """Let the data file grow no more, as on a disk that is full; or let it grow again."""

    def limit(tables: Tables) -> None:
        connection = tables.runs._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages if is_full else 1_000_000}")

    await engine._database.transact(limit)


def _write_to_a_readonly_file(tables: Tables) -> None:
    tables.runs._connection.execute("PRAGMA query_only = ON")
    tables.runs._connection.execute("DELETE FROM history")


@anyio
async def test_a_write_that_sqlite_refuses_is_a_storage_error_for_the_caller() -> None:
    database = await Database.open(None)
    try:
        with pytest.raises(DurableEngineError):
            await database.transact(_write_to_a_readonly_file)
    finally:
        await database.close()


class _Faults(logging.Handler):
    """Tells when the engine has met a fault and said so."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.logged = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.logged.set()


@anyio
async def test_a_disk_that_is_full_for_a_moment_neither_fails_nor_hangs_the_run_whose_answer_is_in_hand(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fault = _Faults()
    logging.getLogger("durable_engine").addHandler(fault)
    request.addfinalizer(lambda: logging.getLogger("durable_engine").removeHandler(fault))

    async def large(_: dict[str, Any]) -> httpx.Response:
        return result("x" * 1_000_000)

    app, clock = App(large), ManualClock()
    app.gate.clear()
    async with engine_for(app, data_file=tmp_path / "engine.db", clock=clock) as engine:
        run_id = await start(engine)
        await app.called(1)
        await _full(engine, is_full=True)
        app.gate.set()
        await asyncio.wait_for(fault.logged.wait(), PATIENCE_S)
        await _full(engine, is_full=False)
        for _ in range(3):
            await clock.advance(60)
            await settle(engine)
        view = await engine.get_run(run_id)
    assert view.status is RunStatus.COMPLETED
    assert len(app.bodies) == 1


# --- stopping ----------------------------------------------------------------------------------------


@anyio
async def test_an_engine_that_is_closing_makes_no_more_calls() -> None:
    async def endless(body: dict[str, Any]) -> httpx.Response:
        return opcodes(step_run(f"s{len(body['steps'])}"))

    app = App(endless)
    app.gate.clear()
    async with engine_for(app) as engine:
        await start(engine)
        await app.called(1)
        closing = asyncio.create_task(engine.close())
        for _ in range(10):
            await asyncio.sleep(0)
        app.gate.set()
        await closing
    assert len(app.bodies) == 1


@anyio
async def test_closing_answers_whoever_waits() -> None:
    app = App()
    app.gate.clear()
    async with engine_for(app) as engine:
        run_id = await start(engine)
        await app.called(1)
        waits = [
            asyncio.create_task(engine.wait_for_runs([run_id], timeout_s=1_000)),
            asyncio.create_task(engine.settle()),
        ]
        await asyncio.sleep(0)
        await engine.close()
        _, pending = await asyncio.wait(waits, timeout=PATIENCE_S)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    assert not pending


@anyio
async def test_waiting_for_no_run_at_all_returns_at_once() -> None:
    async with engine_for(App()) as engine:
        async with asyncio.timeout(PATIENCE_S):
            assert await engine.wait_for_runs([], timeout_s=1_000) == {}


# --- what the SDKs say -------------------------------------------------------------------------------


def test_a_step_error_with_the_no_retry_header_is_not_retried() -> None:
    # Go: NoRetryError inside a step is a 206 StepError with X-Inngest-No-Retry (protocol 3.7, 4).
    body = b'[{"op":"StepError","id":"hash-a","userland":{"id":"a"},"error":{"message":"no"}}]'
    reply = read_reply(206, SDK | {"x-inngest-no-retry": "true"}, body, now_ms=NOW_MS)
    world = World()
    run_id = world.start()
    world.answer(world.take_one(), reply)
    assert world.steps(run_id)["a"].memo is not None
    assert world.queue(run_id)[0].attempt == 0


def test_an_error_memo_keeps_the_data_key_that_go_needs() -> None:
    # Go cannot decode the memo of a failed step without `error.data`, even null (protocol 3.3, trap 12).
    assert "data" in memo_error({"name": "Step failed", "message": "m", "data": None})


def test_a_race_goes_on_with_its_first_step() -> None:
    # group.parallel({mode: "race"}): `opts.parallelMode` of the ops (protocol 5).
    plan = b'[{"op":"StepPlanned","id":"hash-a","userland":{"id":"a"},"opts":%b},%b]' % (
        b'{"parallelMode":"race"}',
        b'{"op":"Sleep","id":"hash-n","name":"30d","userland":{"id":"n"},"opts":{"parallelMode":"race"}}',
    )
    world = World()
    world.start()
    reply = read_reply(206, SDK | {"x-inngest-req-version": "2"}, plan, now_ms=NOW_MS)
    world.answer(world.take_one(), reply)
    ran = b'[{"op":"StepRun","id":"hash-a","userland":{"id":"a"},"data":1,"opts":{"parallelMode":"race"}}]'
    world.answer(world.take_one(), read_reply(206, SDK, ran, now_ms=NOW_MS))
    assert [work.call.target for work in world.take() if work.call] == [None]


@pytest.mark.parametrize("loser_ends_late", [True, False])
def test_what_follows_a_race_is_not_executed_twice_when_the_loser_ends_too(
    loser_ends_late: bool,  # noqa: FBT001
) -> None:
    # Each racer's end is followed by a call. Neither may execute the next step at once: the other call may
    # be doing just that, or the step may have been planned by then and be running in a call of its own.
    one, two = (Part(name, is_race=True) for name in ("one", "two"))
    script = Scripted([[one, two], [Part("after")]])
    world = World()
    world.start()
    world.answer(world.take_one(), ops(StepPlanned(step=one.ref), StepPlanned(step=two.ref)))
    winner, loser = world.take()
    world.answer(winner, ops(StepRan(step=one.ref, data=1)))
    if loser_ends_late:
        discovery = world.take_one()
        assert discovery.call is not None
        world.answer(discovery, script.reply(discovery.call))
    open_calls = world.take() if loser_ends_late else []
    world.answer(loser, ops(StepRan(step=two.ref, data=2)))
    open_calls += world.take()
    replies = [(work, script.reply(work.call)) for work in open_calls if work.call]
    for work, reply in replies:
        world.answer(work, reply)
    for work in world.take():
        assert work.call is not None
        script.reply(work.call)
    assert sum(count for (_, name), count in script.ran.items() if name == "after") == 1


@settings(deadline=None, max_examples=150)
@given(
    functions(races=True),
    st.lists(st.tuples(st.sampled_from(["take", "answer", "twice"]), st.integers(0, 9))),
)
def test_with_races_no_step_body_runs_more_often_than_its_failures_ask_for(
    script: Scripted, moves: list[tuple[str, int]]
) -> None:
    drive = drive_of(script, Scripted([[Part("kid")]]))
    for move, pick in moves:
        drive.move(move, pick)
    drive.finish()
    fails = {part.name: part.fails for stage in script.stages for part in stage}
    for (_, name), count in script.ran.items():
        assert count <= min(fails[name], RETRIES) + 1
    drive.world.connection.close()


def test_a_deferred_call_never_fails_its_parent() -> None:
    body = (
        b'[{"op":"DeferAdd","id":"d","userland":{"id":"d"},"opts":{"fn_slug":"x","input":{}}},'
        b'{"op":"StepRun","id":"hash-a","userland":{"id":"a"},"data":1}]'
    )
    world = World()
    run_id = world.start()
    world.answer(world.take_one(), read_reply(206, SDK, body, now_ms=NOW_MS))
    assert world.run(run_id).status is RunStatus.RUNNING


@anyio
async def test_a_retry_after_date_is_when_the_next_attempt_is_due_however_long_the_call_took() -> None:
    clock = ManualClock()
    due = "2027-01-15T09:00:00Z"

    async def slow(_: dict[str, Any]) -> httpx.Response:
        await clock.advance(600)
        return httpx.Response(500, json={"message": "later"}, headers=SDK | {"retry-after": due})

    async with engine_for(App(slow), clock=clock) as engine:
        run_id = await start(engine)
        await settle(engine)
        (wait,) = (await engine.get_run(run_id)).waiting_for
    assert wait.until_ms == parse_rfc3339_ns(due) // 1_000_000


@pytest.mark.parametrize("header", ["²", "Wed, 01 Jan 99999999999 00:00:00 GMT"])
def test_a_retry_after_that_is_nonsense_is_ignored(header: str) -> None:
    reply = read_reply(500, SDK | {"retry-after": header}, b"", now_ms=NOW_MS)
    assert isinstance(reply, Failed)
    assert reply.retry_after_ms is None


def test_an_sdk_that_refuses_our_signature_is_not_said_to_be_no_sdk() -> None:
    # A 401 of an SDK has no X-Inngest-SDK header, only `x-inngest-sdk-handled` (protocol 0.1, trap 19).
    headers = {"x-inngest-sdk-handled": "true"}
    reply = read_reply(401, headers, b'{"message":"Unauthorized"}', now_ms=NOW_MS)
    assert isinstance(reply, Failed)
    assert reply.error["name"] != "NotAnSDKError"
    assert "INNGEST_DEV" in reply.error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b'[{"op":"StepRun","id":"hash-a","userland":{"id":"cut \\ud83d"},"data":1}]',
        b'[{"op":"StepRun","id":"\\ud83d","userland":{"id":"a"},"data":1}]',
        b'[{"op":"WaitForEvent","id":"w","name":"e","opts":{"if":"async.data.x == \'\\ud83d\'"}}]',
        b'[{"op":"StepRun","id":"hash-a","userland":{"id":"a","index":99999999999999999999},"data":1}]',
    ],
)
def test_a_step_whose_name_json_can_carry_and_sqlite_cannot_does_not_end_in_a_bug(body: bytes) -> None:
    # "…".slice(0, 20) in JavaScript cuts an emoji in two; JSON.stringify then writes a lone surrogate.
    world = World()
    run_id = world.start()
    world.answer(world.take_one(), read_reply(206, SDK, body, now_ms=NOW_MS))
    assert world.run(run_id).status is RunStatus.RUNNING


# --- what people and apps send -----------------------------------------------------------------------


@anyio
@pytest.mark.parametrize(
    "content",
    [
        b'{"name": "cut \\ud83d"}',
        b'{"name": "inngest/\\ud83d"}',
        b'{"name": "t/job", "id": "cut \\ud83d"}',
        b'{"name": "t/job", "v": "cut \\ud83d"}',
    ],
)
async def test_an_event_with_half_a_character_is_taken_or_refused_with_a_sentence(content: bytes) -> None:
    async with engine_for(App()) as engine:
        transport = httpx.ASGITransport(build_app(engine), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as api:
            response = await api.post("/e/key", content=content)
    assert response.status_code in {200, 400}


@anyio
async def test_an_event_with_half_a_character_is_no_bug_for_python_callers_either() -> None:
    async with engine_for(App()) as engine:
        with contextlib.suppress(InvalidEventError):
            await engine.send_event(NewEvent(name="t/job", id="cut \ud83d"))


@anyio
async def test_a_run_id_that_cannot_be_one_is_not_found() -> None:
    async with engine_for(App()) as engine:
        with pytest.raises(RunNotFoundError):
            await engine.get_run("\ud83d")


@pytest.mark.parametrize("url", ["http://[::1", "http://[x/api"])
def test_a_url_that_cannot_be_parsed_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(InvalidFunctionError):
        read_registration(registration("job") | {"url": url}, url=None, now_ms=NOW_MS)
    with pytest.raises(InvalidFunctionError):
        read_registration(
            {"appName": "a", "url": URL, "functions": registration("x", url=url)["functions"]},
            url=None,
            now_ms=NOW_MS,
        )


@pytest.mark.parametrize("expression", [5, True, ["a"]])
def test_a_trigger_expression_that_is_no_text_is_refused_or_read_as_text(expression: object) -> None:
    # Otherwise each event of this name ends in a TypeError, for all functions that listen to it.
    body = registration("job")
    body["functions"][0]["triggers"] = [{"event": "t/job", "expression": expression}]
    try:
        found = read_registration(body, url=None, now_ms=NOW_MS)
    except InvalidFunctionError:
        return
    assert isinstance(found.functions[0].triggers[0].expression, str | None)


# --- duties ------------------------------------------------------------------------------------------


@anyio
async def test_an_app_that_is_removed_while_it_is_being_synced_stays_removed_and_harms_nothing() -> None:
    app = App()
    app.gate.clear()

    async def refuse(_: dict[str, Any]) -> httpx.Response:
        return httpx.Response(404)

    app.handler = refuse
    async with engine_for(app) as engine:
        apps = engine._apps
        syncing = asyncio.create_task(apps.run_once())
        await app.called(1)
        await engine.remove_app(URL)
        app.gate.set()
        await asyncio.wait_for(syncing, PATIENCE_S)
        assert (await engine.inventory()).apps == ()


class _Redirects(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": "http://a:port/"})


@anyio
async def test_a_stranger_on_a_usual_port_does_not_end_the_search_for_apps() -> None:
    async with await Engine.open(EngineConfig(), clock=ManualClock()) as engine:
        client = SDKClient(_Redirects())
        apps = AppSync(client, engine._keeper, engine._clock)
        search = Discovery(client, apps, engine._keeper, engine._clock, own_port=None)
        assert await search.run_once() is None


# --- the data file -----------------------------------------------------------------------------------


@anyio
async def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customer (name TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    database = None
    try:
        with pytest.raises(DurableEngineError):
            database = await Database.open(path)
    finally:
        if database is not None:
            await database.close()
    assert path.read_bytes() == before


@anyio
async def test_a_newer_file_is_left_alone_whatever_its_journal_mode(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE run (id TEXT); PRAGMA user_version = 99;")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DurableEngineError):
        await Database.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("after", [RunStatus.COMPLETED, RunStatus.FAILED])
def test_sql_lets_no_run_end_that_never_started_as_the_state_table_says(after: RunStatus) -> None:
    world = World()
    run_id = world.start()
    end = RunEnd(run=world.run(run_id), status=after, ended_ms=1)
    assert not world.tables.runs.end(end)
    assert world.run(run_id).status is RunStatus.QUEUED


def test_the_attempts_of_a_step_are_its_own() -> None:
    # The call before never reached the app, so the step ran once.
    world = World()
    run_id = world.start()
    world.answer(world.take_one(), Failed(error=ERROR))
    world.advance_to_next()
    world.answer(world.take_one(), ops(StepRan(step=StepRef(id="hash-a", name="a"), data=1)))
    assert parse_json(world.steps(run_id)["a"].memo or "") == {"data": 1}
    assert world.steps(run_id)["a"].attempts == 1
