"""Tables of skipped time, part of version 4."""

from __future__ import annotations

from typing import Final

# Time that is skipped for single runs, and for the whole engine (setting `clock_shift_ms`).
VERSION_4_TIME: Final = """
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
