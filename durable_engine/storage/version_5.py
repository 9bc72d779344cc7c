"""What version 5 of a data file adds: lists of runs by receipt and by event, and who sent an event."""

from __future__ import annotations

from typing import Final

# When the engine took a run, in its own time: `queued_ms` is that of the run, which may be days ahead.
_LISTS: Final = """
ALTER TABLE run ADD COLUMN received_ms INTEGER
    GENERATED ALWAYS AS (queued_ms - offset_ms + skipped_ms) VIRTUAL;
ALTER TABLE run ADD COLUMN event_name TEXT NOT NULL DEFAULT '';
UPDATE run SET event_name = coalesce((SELECT name FROM event WHERE event.id = run.event_id), '');
DROP INDEX run_by_queued;
DROP INDEX run_by_status;
DROP INDEX run_by_function;
CREATE INDEX run_by_received ON run (received_ms);
CREATE INDEX run_by_status ON run (status, received_ms);
CREATE INDEX run_by_function ON run (function_id, status, received_ms);
CREATE INDEX run_by_event_name ON run (event_name, status, received_ms);
"""

# The steps that sent events, as their results tell, from now on.
_SENDERS: Final = """
CREATE TABLE event_sender (
    event_id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (id),
    step_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

VERSION_5: Final = _LISTS + _SENDERS
