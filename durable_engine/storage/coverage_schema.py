"""What version 4 of the tables has for the coverage of functions."""

from __future__ import annotations

from typing import Final

VERSION_4_COVERAGE: Final = """
CREATE INDEX event_decision_by_function ON event_decision (function_id, at_ms);
"""
