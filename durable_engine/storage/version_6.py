"""What version 6 of a data file adds: which ended runs and events are old, and what still needs them."""

from __future__ import annotations

from typing import Final

# The runs that have ended, in the order in which they did. Times of runs would not tell: each may have a time
# of its own, and that of the engine can be moved by a month in a second. Runs of older files count from now.
_ORDER: Final = """
ALTER TABLE run ADD COLUMN ended_order INTEGER;
UPDATE run SET ended_order = rowid WHERE ended_ms IS NOT NULL;
CREATE INDEX run_by_ended_order ON run (ended_order) WHERE ended_order IS NOT NULL;
"""

# How far runs and events had come at moments of the real time.
_MARKS: Final = """
CREATE TABLE retention_mark (
    wall_ms INTEGER PRIMARY KEY,
    ended_order INTEGER NOT NULL,
    event_row INTEGER NOT NULL
) STRICT;
"""

# By these a row is found whose run, event, lane or gate is about to be deleted.
_REFERENCES: Final = """
CREATE INDEX event_effect_by_run ON event_effect (run_id);
CREATE INDEX event_sender_by_run ON event_sender (run_id);
CREATE INDEX appointment_event_by_event ON appointment_event (event_id);
CREATE INDEX start_key_by_run ON start_key (run_id);
CREATE INDEX start_key_by_expiry ON start_key (expires_ms);
CREATE INDEX rate_limit_by_slot ON rate_limit (slot_us);
CREATE INDEX run_by_lane ON run (lane_id) WHERE lane_id IS NOT NULL AND status IN ('QUEUED', 'RUNNING');
CREATE INDEX lane_by_work ON lane (work_lane_id) WHERE work_lane_id IS NOT NULL;
CREATE INDEX lane_by_gate ON lane (parked_at);
CREATE INDEX lane_gate_by_gate ON lane_gate (gate_id);
"""

# Timers have slots of their own, and are found among all that is due.
_DEAD: Final = "DROP INDEX queue_item_due_timer;"

VERSION_6: Final = _ORDER + _MARKS + _REFERENCES + _DEAD
