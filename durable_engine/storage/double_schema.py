"""What version 4 of a data file adds for doubles."""

from __future__ import annotations

from typing import Final

# What stands in for steps; `scope` is the run that a double is for, or the event whose run is to come.
VERSION_4_DOUBLES: Final = """
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
