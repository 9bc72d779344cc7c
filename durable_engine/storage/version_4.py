"""What version 4 of a data file adds: what tests of runs need, and what explains them."""

from __future__ import annotations

from typing import Final

# Time that is skipped for single runs, and for the whole engine (setting `clock_shift_ms`).
_TIME: Final = """
ALTER TABLE run ADD COLUMN timeline_id TEXT;
ALTER TABLE run ADD COLUMN offset_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN skipped_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX run_by_timeline ON run (timeline_id)
    WHERE timeline_id IS NOT NULL AND status IN ('QUEUED', 'RUNNING');
CREATE TABLE timeline (
    id TEXT PRIMARY KEY REFERENCES run (id),
    offset_ms INTEGER NOT NULL,
    until_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE planned_event (
    timeline_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    data TEXT NOT NULL,
    is_signal INTEGER NOT NULL CHECK (is_signal IN (0, 1)),
    after_step TEXT,
    after_ms INTEGER,
    sent_ms INTEGER,
    PRIMARY KEY (timeline_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

# What stands in for steps; `scope` is the run that a double is for, or the event whose run is to come.
_DOUBLES: Final = """
CREATE TABLE "double" (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    function_id TEXT NOT NULL REFERENCES function (id),
    step TEXT,
    repeat INTEGER,
    outcomes TEXT NOT NULL,
    times INTEGER,
    scope TEXT,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    uses INTEGER NOT NULL,
    CHECK ((scope IS NULL) = (expires_ms IS NOT NULL))
) STRICT;
CREATE INDEX double_by_scope ON "double" (scope) WHERE scope IS NOT NULL;
CREATE INDEX double_standing ON "double" (function_id, expires_ms) WHERE scope IS NULL;
ALTER TABLE queue_item ADD COLUMN double_id INTEGER;
CREATE INDEX queue_item_by_double ON queue_item (double_id) WHERE double_id IS NOT NULL;
"""

# What events did to runs that they did not start, from now on.
_EFFECTS: Final = """
CREATE TABLE event_effect (
    seq INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES run (id),
    step_id TEXT
) STRICT;
CREATE INDEX event_effect_by_event ON event_effect (event_id);
"""

# How often flow control decided about events of a function.
_COVERAGE: Final = """
CREATE INDEX event_decision_by_function ON event_decision (function_id, at_ms);
"""

VERSION_4: Final = _TIME + _DOUBLES + _EFFECTS + _COVERAGE
