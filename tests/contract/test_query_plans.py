"""No query of the engine reads a growing table from end to end."""

from __future__ import annotations

import re

import pytest
from support.query_plans import GROWING, NOT_HOT, STATEMENTS, plan, scans


def test_the_statements_of_all_tables_are_found() -> None:
    tables = {name.partition(".")[0] for name in STATEMENTS}
    assert tables >= {"run_table", "step_table", "queue_table", "pause_table", "event_table", "history_table"}
    assert STATEMENTS.keys() >= NOT_HOT


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - NOT_HOT))
def test_a_query_uses_an_index(name: str) -> None:
    assert not scans(STATEMENTS[name])


_LISTS = [
    name
    for name in STATEMENTS
    # An event has few runs, so that those may be sorted.
    if name.startswith(("run_list_table._", "event_table._NEWEST")) and "BY_EVENT" not in name
]


@pytest.mark.parametrize("name", sorted(_LISTS))
def test_a_page_of_a_list_is_read_through_an_index_in_its_order(name: str) -> None:
    lines = plan(STATEMENTS[name])
    assert re.match(r"SEARCH (run|event) USING", lines[0])
    assert not [line for line in lines if "TEMP B-TREE" in line]


_OF_EVERY_CALL = [
    "queue_table._LEASE",
    "queue_table._NEXT_DUE",
    "queue_table._HEAD",
    "lane_table._NEXT_OPEN",
    "lane_table._PARKED",
    "lane_table._NEXT_LOOK",
    "slot_table._DUE",
    "slot_table._NEXT_LINE",
    "step_table._MEMOS",
    "step_table._MEMO_IDS",
    "queue_table._AROUND",
]


@pytest.mark.parametrize("name", _OF_EVERY_CALL)
def test_a_query_of_every_call_sorts_nothing(name: str) -> None:
    assert not [line for line in plan(STATEMENTS[name]) if "TEMP B-TREE" in line]


def test_what_is_due_is_found_among_however_much_that_waits_for_a_slot() -> None:
    steps = plan(STATEMENTS["slot_table._DUE"])
    assert "USING INDEX queue_item_due (due_ms<?)" in steps[0], steps
    for name in ("slot_table._NEXT_LINE", "queue_table._HEAD"):
        (line,) = [line for line in plan(STATEMENTS[name]) if "queue_item" in line]
        assert "INDEX queue_item_in_line (lane_id" in line


_OF_EVERY_EVENT = {
    "pause_table._PATHS": "pause_by_match",
    "pause_table._BY_MATCH": "pause_by_match",
    "pause_table._CANCEL_PATHS": "cancel_trigger_by_match",
    "pause_table._CANCEL_BY_MATCH": "cancel_trigger_by_match",
}


@pytest.mark.parametrize(("name", "index"), _OF_EVERY_EVENT.items())
def test_the_waits_that_an_event_may_end_are_looked_up_in_their_index(name: str, index: str) -> None:
    reads = [line for line in plan(STATEMENTS[name]) if re.search(rf"\b({GROWING})\b", line)]
    assert reads
    for line in reads:
        assert re.match(rf"SEARCH \w+ USING (COVERING )?INDEX {index} \(event_name=\?", line), line


@pytest.mark.parametrize("name", ["pause_table._BY_MATCH", "pause_table._CANCEL_BY_MATCH"])
def test_only_waits_with_the_very_key_are_read(name: str) -> None:
    (line,) = plan(STATEMENTS[name])
    assert line.endswith("(event_name=? AND match_path=? AND match_key=?)")


@pytest.mark.parametrize("name", ["pause_table._BY_EVENT", "pause_table._CANCEL_BY_EVENT"])
def test_the_first_waits_of_a_name_are_read_in_order(name: str) -> None:
    assert not [line for line in plan(STATEMENTS[name]) if "TEMP B-TREE" in line]
