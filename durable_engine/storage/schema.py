"""The tables, and how an older data file becomes a current one.

STRICT tables; times are INTEGER Unix milliseconds; JSON is TEXT that no query looks into; every index
serves the query it is named after. The CHECKs repeat the state table in `model/status.py`.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from durable_engine.storage.version_4 import VERSION_4
from durable_engine.storage.version_5 import VERSION_5
from durable_engine.storage.version_6 import VERSION_6

MIN_SQLITE: Final = (3, 37, 0)  # STRICT tables
APPLICATION_ID: Final = 0x53746570
"""Marks a file as ours (`PRAGMA application_id`), so that no other program's database is ever changed."""

_VERSION_1: Final = """
CREATE TABLE app (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    sdk TEXT NOT NULL,
    framework TEXT NOT NULL,
    checksum TEXT NOT NULL,
    last_sync_ms INTEGER NOT NULL,
    sync_error TEXT
) STRICT;

CREATE TABLE function (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    app_name TEXT NOT NULL,
    url TEXT NOT NULL,
    triggers TEXT NOT NULL,
    retries INTEGER NOT NULL,
    config TEXT NOT NULL,
    is_archived INTEGER NOT NULL CHECK (is_archived IN (0, 1))
) STRICT;

CREATE TABLE event (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    ts_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    source TEXT NOT NULL
) STRICT;

CREATE TABLE run (
    id TEXT PRIMARY KEY,
    function_id TEXT NOT NULL REFERENCES function (id),
    event_id TEXT NOT NULL REFERENCES event (id),
    status TEXT NOT NULL CHECK (status IN ('QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    queued_ms INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms INTEGER,
    output TEXT,
    error TEXT,
    execution_version INTEGER NOT NULL,
    plans_only INTEGER NOT NULL CHECK (plans_only IN (0, 1)),
    parent_run_id TEXT,
    parent_step_id TEXT,
    CHECK ((status IN ('COMPLETED', 'FAILED', 'CANCELLED')) = (ended_ms IS NOT NULL)),
    CHECK (status != 'QUEUED' OR started_ms IS NULL)
) STRICT;
CREATE INDEX run_by_event ON run (event_id);
CREATE INDEX run_by_parent ON run (parent_run_id) WHERE parent_run_id IS NOT NULL;

CREATE TABLE start_key (
    function_id TEXT NOT NULL,
    key TEXT NOT NULL,
    run_id TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (function_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE step (
    seq INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (id),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    repeat INTEGER NOT NULL,
    is_race INTEGER NOT NULL CHECK (is_race IN (0, 1)),
    kind TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('QUEUED', 'RUNNING', 'WAITING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    queued_ms INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms INTEGER,
    attempts INTEGER NOT NULL,
    group_id INTEGER,
    memo TEXT,
    error TEXT,
    input TEXT,
    detail TEXT,
    due_ms INTEGER,
    has_timed_out INTEGER NOT NULL CHECK (has_timed_out IN (0, 1)),
    position INTEGER,
    UNIQUE (run_id, id),
    CHECK ((status IN ('COMPLETED', 'FAILED')) = (memo IS NOT NULL)),
    CHECK ((memo IS NULL) = (position IS NULL))
) STRICT;
CREATE INDEX step_by_position ON step (run_id, position);

CREATE TABLE queue_item (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES run (id),
    kind TEXT NOT NULL CHECK (kind IN ('discover', 'step', 'timer')),
    step_id TEXT,
    due_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    is_leased INTEGER NOT NULL DEFAULT 0 CHECK (is_leased IN (0, 1)),
    lease INTEGER NOT NULL DEFAULT 0,
    CHECK ((kind = 'discover') = (step_id IS NULL))
) STRICT;
CREATE INDEX queue_item_due ON queue_item (due_ms) WHERE is_leased = 0;
CREATE INDEX queue_item_due_timer ON queue_item (due_ms) WHERE is_leased = 0 AND kind = 'timer';
CREATE INDEX queue_item_by_run ON queue_item (run_id);
CREATE UNIQUE INDEX queue_item_of_step ON queue_item (run_id, step_id, kind) WHERE step_id IS NOT NULL;

CREATE TABLE pause (
    run_id TEXT NOT NULL REFERENCES run (id),
    step_id TEXT NOT NULL,
    event_name TEXT,
    expression TEXT,
    child_run_id TEXT,
    PRIMARY KEY (run_id, step_id),
    CHECK ((event_name IS NULL) != (child_run_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX pause_by_event ON pause (event_name) WHERE event_name IS NOT NULL;
CREATE INDEX pause_by_child ON pause (child_run_id) WHERE child_run_id IS NOT NULL;

CREATE TABLE history (
    seq INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (id),
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    step_id TEXT,
    attempt INTEGER,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_run ON history (run_id);
"""

# Cancellation, signals, requests that the engine sends itself, reruns, lists of runs and events. The
# next sync of each app fills the new columns of its functions.
_VERSION_2: Final = """
ALTER TABLE function ADD COLUMN cancels TEXT NOT NULL DEFAULT '[]';
ALTER TABLE function ADD COLUMN start_timeout_ms INTEGER;
ALTER TABLE function ADD COLUMN finish_timeout_ms INTEGER;
UPDATE app SET checksum = '';

ALTER TABLE run ADD COLUMN original_run_id TEXT;
ALTER TABLE run ADD COLUMN state_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE run SET state_bytes = (
    SELECT coalesce(sum(length(CAST(memo AS BLOB))), 0) FROM step WHERE run_id = run.id
) WHERE status IN ('QUEUED', 'RUNNING');

CREATE INDEX run_by_queued ON run (queued_ms);
CREATE INDEX run_by_started ON run (started_ms) WHERE started_ms IS NOT NULL;
CREATE INDEX run_by_ended ON run (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX run_by_status ON run (status, queued_ms);
CREATE INDEX run_by_function ON run (function_id, status, queued_ms);
CREATE INDEX event_by_received ON event (received_ms);
CREATE INDEX event_sent ON event (received_ms) WHERE substr(name, 1, 8) != 'inngest/';
CREATE INDEX event_by_name ON event (name, received_ms);

CREATE TABLE cancel_trigger (
    run_id TEXT NOT NULL REFERENCES run (id),
    position INTEGER NOT NULL,
    event_name TEXT NOT NULL,
    expression TEXT,
    expires_ms INTEGER,
    PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX cancel_trigger_by_event ON cancel_trigger (event_name);

ALTER TABLE queue_item RENAME TO old_queue_item;
DROP INDEX queue_item_due;
DROP INDEX queue_item_due_timer;
DROP INDEX queue_item_by_run;
DROP INDEX queue_item_of_step;
CREATE TABLE queue_item (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES run (id),
    kind TEXT NOT NULL CHECK (kind IN ('discover', 'step', 'timer', 'deadline')),
    step_id TEXT,
    due_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    is_leased INTEGER NOT NULL DEFAULT 0 CHECK (is_leased IN (0, 1)),
    lease INTEGER NOT NULL DEFAULT 0,
    CHECK ((kind IN ('discover', 'deadline')) = (step_id IS NULL))
) STRICT;
INSERT INTO queue_item (id, run_id, kind, step_id, due_ms, attempt, is_leased, lease)
    SELECT id, run_id, kind, step_id, due_ms, attempt, is_leased, lease FROM old_queue_item;
DELETE FROM sqlite_sequence WHERE name = 'queue_item';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'queue_item', seq FROM sqlite_sequence WHERE name = 'old_queue_item';
DROP TABLE old_queue_item;
CREATE INDEX queue_item_due ON queue_item (due_ms) WHERE is_leased = 0;
CREATE INDEX queue_item_due_timer ON queue_item (due_ms)
    WHERE is_leased = 0 AND kind IN ('timer', 'deadline');
CREATE INDEX queue_item_by_run ON queue_item (run_id);
CREATE UNIQUE INDEX queue_item_of_step ON queue_item (run_id, step_id, kind) WHERE step_id IS NOT NULL;

ALTER TABLE pause RENAME TO old_pause;
DROP INDEX pause_by_event;
DROP INDEX pause_by_child;
CREATE TABLE pause (
    run_id TEXT NOT NULL REFERENCES run (id),
    step_id TEXT NOT NULL,
    event_name TEXT,
    expression TEXT,
    child_run_id TEXT,
    signal TEXT,
    PRIMARY KEY (run_id, step_id),
    CHECK ((event_name IS NOT NULL) + (child_run_id IS NOT NULL) + (signal IS NOT NULL) = 1)
) STRICT, WITHOUT ROWID;
INSERT INTO pause (run_id, step_id, event_name, expression, child_run_id)
    SELECT run_id, step_id, event_name, expression, child_run_id FROM old_pause;
DROP TABLE old_pause;
CREATE INDEX pause_by_event ON pause (event_name) WHERE event_name IS NOT NULL;
CREATE INDEX pause_by_child ON pause (child_run_id) WHERE child_run_id IS NOT NULL;
CREATE UNIQUE INDEX pause_by_signal ON pause (signal) WHERE signal IS NOT NULL;
"""

# Flow control: lanes of calls, starts to come, decisions about events, runs for several events. The next sync
# of each app fills the new column of its functions.
_VERSION_3: Final = """
ALTER TABLE function ADD COLUMN flow TEXT NOT NULL DEFAULT '{}';
ALTER TABLE function ADD COLUMN paused_ms INTEGER;
UPDATE app SET checksum = '';

ALTER TABLE run ADD COLUMN lane_id INTEGER;
ALTER TABLE run ADD COLUMN rank_ms INTEGER NOT NULL DEFAULT 0;
UPDATE run SET rank_ms = queued_ms;
ALTER TABLE run ADD COLUMN singleton_key TEXT;
ALTER TABLE run ADD COLUMN event_count INTEGER NOT NULL DEFAULT 1;
CREATE INDEX run_by_singleton ON run (function_id, singleton_key)
    WHERE singleton_key IS NOT NULL AND status IN ('QUEUED', 'RUNNING');
CREATE TABLE run_event (
    run_id TEXT NOT NULL REFERENCES run (id),
    position INTEGER NOT NULL,
    event_id TEXT NOT NULL REFERENCES event (id),
    PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_event_by_event ON run_event (event_id);

CREATE TABLE lane (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    work_lane_id INTEGER,
    is_waiting INTEGER NOT NULL DEFAULT 0 CHECK (is_waiting IN (0, 1)),
    parked_at INTEGER REFERENCES gate (id),
    parked_slots INTEGER,
    held_by TEXT,
    turn INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX lane_by_turn ON lane (turn);
CREATE INDEX lane_waiting ON lane (parked_at, turn) WHERE is_waiting = 1;
CREATE INDEX lane_by_slots ON lane (parked_at, parked_slots) WHERE is_waiting = 1;
CREATE TABLE gate (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    running INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
    slot_us INTEGER,
    wake_ms INTEGER
) STRICT;
CREATE INDEX gate_by_wake ON gate (wake_ms) WHERE wake_ms IS NOT NULL;
CREATE TABLE lane_gate (
    lane_id INTEGER NOT NULL REFERENCES lane (id),
    position INTEGER NOT NULL,
    gate_id INTEGER NOT NULL REFERENCES gate (id),
    control TEXT NOT NULL,
    words TEXT NOT NULL,
    slots INTEGER,
    interval_us INTEGER,
    burst INTEGER NOT NULL,
    PRIMARY KEY (lane_id, position)
) STRICT, WITHOUT ROWID;

ALTER TABLE queue_item ADD COLUMN lane_id INTEGER;
ALTER TABLE queue_item ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_item ADD COLUMN ready_ms INTEGER;
DROP INDEX queue_item_due;
CREATE INDEX queue_item_due ON queue_item (due_ms) WHERE is_leased = 0 AND ready_ms IS NULL;
CREATE INDEX queue_item_due_lane ON queue_item (due_ms)
    WHERE is_leased = 0 AND ready_ms IS NULL AND lane_id IS NOT NULL;
CREATE INDEX queue_item_in_line ON queue_item (lane_id, rank) WHERE is_leased = 0 AND ready_ms IS NOT NULL;

CREATE TABLE appointment (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('debounce', 'batch', 'cron', 'pause')),
    function_id TEXT NOT NULL REFERENCES function (id),
    key TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    event_id TEXT,
    count INTEGER NOT NULL,
    size INTEGER NOT NULL,
    parent_run_id TEXT,
    parent_step_id TEXT,
    start_key TEXT,
    UNIQUE (kind, function_id, key)
) STRICT;
CREATE INDEX appointment_by_due ON appointment (due_ms);
CREATE TABLE appointment_event (
    appointment_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    event_id TEXT NOT NULL REFERENCES event (id),
    PRIMARY KEY (appointment_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_decision (
    seq INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES event (id),
    function_id TEXT NOT NULL REFERENCES function (id),
    kind TEXT NOT NULL CHECK (kind IN ('delay', 'drop', 'merge')),
    control TEXT NOT NULL,
    reason TEXT NOT NULL,
    until_ms INTEGER,
    run_id TEXT,
    appointment_id TEXT,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX event_decision_by_event ON event_decision (event_id);
CREATE INDEX event_decision_by_appointment ON event_decision (appointment_id)
    WHERE appointment_id IS NOT NULL;
CREATE TABLE rate_limit (
    function_id TEXT NOT NULL,
    key TEXT NOT NULL,
    slot_us INTEGER NOT NULL,
    PRIMARY KEY (function_id, key)
) STRICT, WITHOUT ROWID;
"""

# Waits are looked up by the values that their expressions need of an event. Those of older files, whose
# columns stay empty, are held against every event of their name, as before.
_VERSION_3_WAITS: Final = """
ALTER TABLE pause ADD COLUMN match_path TEXT NOT NULL DEFAULT '';
ALTER TABLE pause ADD COLUMN match_key TEXT NOT NULL DEFAULT '';
CREATE INDEX pause_by_match ON pause (event_name, match_path, match_key) WHERE event_name IS NOT NULL;
ALTER TABLE cancel_trigger ADD COLUMN match_path TEXT NOT NULL DEFAULT '';
ALTER TABLE cancel_trigger ADD COLUMN match_key TEXT NOT NULL DEFAULT '';
CREATE INDEX cancel_trigger_by_match ON cancel_trigger (event_name, match_path, match_key);
"""

MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3 + _VERSION_3_WAITS, VERSION_4, VERSION_5, VERSION_6)
"""The script at position n takes a file from version n to n + 1; a published one is never edited."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a checked file to the current version; a new one is given its tables."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {number}; COMMIT;"
        )
