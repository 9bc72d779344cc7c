"""A data file of an earlier version is brought up to date with everything that is in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from scripted_app import App, registration, settle

from durable_engine import Engine, EngineConfig, ManualClock, RunFilter, RunStatus
from durable_engine.ids import uuid_for
from durable_engine.model.pause import CancelTrigger, Pause
from durable_engine.sdk.client import SDKClient
from durable_engine.storage.schema import APPLICATION_ID, MIGRATIONS, migrate
from durable_engine.storage.tables import Tables

_CONTENT = """
INSERT INTO app VALUES ('a', 'shop', 'http://127.0.0.1:3000/api/inngest', 'js:v4', 'nodejs', 'sum', 1, NULL);
INSERT INTO function VALUES ('f', 'shop-job', 'job', 'shop', 'http://127.0.0.1:3000/x', '[]', 4, '{}', 0);
INSERT INTO event VALUES ('e', 't/job', '{"data":{},"id":"e","name":"t/job","ts":1,"user":{}}', 1, 1, 'api');
INSERT INTO run VALUES ('r', 'f', 'e', 'RUNNING', 1, 2, NULL, NULL, NULL, 2, 0, NULL, NULL);
INSERT INTO step VALUES (1, 'r', 's1', 'a', 0, 0, 'RUN', 'COMPLETED', 1, 1, 2, 1, NULL, '{"data":"é"}', NULL,
    NULL, NULL, NULL, 0, 1);
INSERT INTO step VALUES (2, 'r', 's2', 'w', 0, 0, 'WAIT_FOR_EVENT', 'WAITING', 1, 1, NULL, 1, NULL, NULL,
    NULL, NULL, NULL, 9, 0, NULL);
INSERT INTO queue_item (run_id, kind, step_id, due_ms, attempt) VALUES ('r', 'discover', NULL, 1, 0);
DELETE FROM queue_item;
INSERT INTO queue_item (run_id, kind, step_id, due_ms, attempt) VALUES ('r', 'timer', 's2', 9, 0);
INSERT INTO pause VALUES ('r', 's2', 't/go', 'async.data.x', NULL);
"""


def _file_of_version_1(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.executescript(
        f"{MIGRATIONS[0]} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1; {_CONTENT}"
    )
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def test_a_file_of_version_1_keeps_its_runs_waits_and_work(tmp_path: Path) -> None:
    connection = _file_of_version_1(tmp_path / "engine.db")
    migrate(connection)
    tables = Tables(connection)

    run = tables.runs.get("r")
    assert run is not None
    assert run.original_run_id is None
    assert run.state_bytes == len('{"data":"é"}'.encode())
    assert tables.pauses.for_event("t/go") == [
        Pause(run_id="r", step_id="s2", event_name="t/go", expression="async.data.x")
    ]
    (item,) = tables.queue.of_run("r")
    assert (item.id, item.step_id, item.due_ms) == (2, "s2", 9)
    (function,) = tables.registry.functions()
    assert (function.cancels, function.finish_timeout_ms) == ((), None)
    # The app's next sync counts as new, so that its functions' new columns are filled.
    assert [app.checksum for app in tables.registry.apps()] == [""]
    wanted = RunFilter(event_name="t/job", statuses=frozenset({RunStatus.RUNNING}), from_ms=1, until_ms=2)
    assert tables.run_lists.ids(wanted, functions=None, after=None, limit=9) == ["r"]
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_ids_of_queue_items_are_never_given_twice_after_a_migration(tmp_path: Path) -> None:
    connection = _file_of_version_1(tmp_path / "engine.db")
    connection.execute("DELETE FROM queue_item")
    migrate(connection)
    connection.execute(
        "INSERT INTO queue_item (run_id, kind, due_ms, attempt) VALUES ('r', 'discover', 1, 0)"
    )
    assert connection.execute("SELECT id FROM queue_item").fetchone()[0] == 3
    connection.close()


def test_waits_of_a_file_without_keys_are_held_against_every_event_of_their_name(tmp_path: Path) -> None:
    connection = _file_of_version_1(tmp_path / "engine.db")
    connection.executescript(
        f"{MIGRATIONS[1]} PRAGMA user_version = 2;"  # noqa: S608 - our own script
        "INSERT INTO cancel_trigger VALUES ('r', 0, 't/stop', 'event.data.x == async.data.x', NULL);"
    )
    migrate(connection)
    pauses, incoming = Tables(connection).pauses, {"data": {"x": 1}}

    assert pauses.candidates("t/go", incoming) == pauses.for_event("t/go") != []
    assert pauses.cancel_candidates("t/stop", incoming, now_ms=1) == [
        CancelTrigger(run_id="r", position=0, event_name="t/stop", expression="event.data.x == async.data.x")
    ]
    assert pauses.candidates("t/stop", incoming) == []
    connection.close()


@pytest.mark.anyio
async def test_open_runs_of_an_older_file_obey_the_limits_of_the_next_sync(tmp_path: Path) -> None:
    clock, path = ManualClock(), tmp_path / "engine.db"
    due_ms = clock.now_ms() + 60_000
    connection = _file_of_version_1(path)
    connection.executescript(f"{MIGRATIONS[1]} PRAGMA user_version = 2;")
    function_id = uuid_for("function", "lab-job")
    connection.execute(
        "INSERT INTO function (id, slug, name, app_name, url, triggers, retries, config, is_archived)"
        " VALUES (?, 'lab-job', 'job', 'lab', 'http://127.0.0.1:8000/x', '[]', 4, '{}', 0)",
        (function_id,),
    )
    for number in range(3):
        run_id = f"01ARZ3NDEKTSV4RRFFQ69G5FA{number}"
        connection.execute(
            "INSERT INTO run (id, function_id, event_id, status, queued_ms, execution_version, plans_only)"
            " VALUES (?, ?, 'e', 'QUEUED', 1, -1, 0)",
            (run_id, function_id),
        )
        connection.execute(
            "INSERT INTO queue_item (run_id, kind, due_ms, attempt) VALUES (?, 'discover', ?, 0)",
            (run_id, due_ms),
        )
    connection.close()

    app = App()
    async with await Engine.open(EngineConfig(data_file=path), clock=clock, client=SDKClient(app)) as engine:
        body = registration("job")
        body["functions"][0]["concurrency"] = 1
        await settle(engine)  # what the other run still had to do
        await engine.register_app(body)
        await clock.advance(60)
        await settle(engine)
        assert [call["ctx"]["fn_id"] for call in app.bodies].count(function_id) == 3
        assert app.most_open == 1
