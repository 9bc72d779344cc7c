"""No query of the engine reads a growing table from end to end."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

from durable_engine import storage
from durable_engine.storage.database import _connect

_GROWING = (
    "run|step|queue_item|pause|cancel_trigger|history|event|start_key"
    "|lane|gate|lane_gate|appointment|appointment_event|event_decision|event_effect|event_sender|rate_limit|run_event|double"
)
_STATEMENT = re.compile(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT)\b")
# Read newest-first up to a limit, for an error message; or run once, when the file is opened, or to say
# why time could not be moved as far as asked.
_NOT_HOT = {
    "run_table._RECENT_IDS",
    "run_table._OPEN_IDS",
    "queue_table._RELEASE_ALL",
    "queue_table._CALLED_RUNS",
    "lane_table._EXIST",
    "lane_table._NOBODY_RUNS",
    "double_table._EXIST",
    # Standing doubles are few, and those that expired go.
    "double_table._ALL_STANDING",
    "double_table._DELETE_EXPIRED",
}


def _statements() -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(storage.__path__):
        if not module.name.endswith("_table"):
            continue
        names = vars(importlib.import_module(f"{storage.__name__}.{module.name}"))
        for name, value in names.items():
            if name.isupper() and isinstance(value, str) and _STATEMENT.match(value):
                yield f"{module.name}.{name}", value.replace("%s", "?, ?")


STATEMENTS = dict(_statements())


def _plan(sql: str) -> list[str]:
    connection = _connect(":memory:")
    named = re.findall(r":(\w+)", sql)
    values: object = dict.fromkeys(named) if named else (None,) * sql.count("?")
    try:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]  # type: ignore[arg-type]
    finally:
        connection.close()


def test_the_statements_of_all_tables_are_found() -> None:
    tables = {name.partition(".")[0] for name in STATEMENTS}
    assert tables >= {"run_table", "step_table", "queue_table", "pause_table", "event_table", "history_table"}
    assert STATEMENTS.keys() >= _NOT_HOT


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - _NOT_HOT))
def test_a_query_uses_an_index(name: str) -> None:
    plan = _plan(STATEMENTS[name])
    scans = [line for line in plan if re.match(rf"SCAN ({_GROWING})\b", line)]
    assert not scans, plan


_LISTS = [
    name
    for name in STATEMENTS
    # An event has few runs, so that those may be sorted.
    if name.startswith(("run_list_table._", "event_table._NEWEST")) and "BY_EVENT" not in name
]


@pytest.mark.parametrize("name", sorted(_LISTS))
def test_a_page_of_a_list_is_read_through_an_index_in_its_order(name: str) -> None:
    plan = _plan(STATEMENTS[name])
    assert re.match(r"SEARCH (run|event) USING", plan[0])
    assert not [line for line in plan if "TEMP B-TREE" in line]


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
]


@pytest.mark.parametrize("name", _OF_EVERY_CALL)
def test_a_query_of_every_call_sorts_nothing(name: str) -> None:
    assert not [line for line in _plan(STATEMENTS[name]) if "TEMP B-TREE" in line]


def test_what_is_due_is_found_among_however_much_that_waits_for_a_slot() -> None:
    plan = _plan(STATEMENTS["slot_table._DUE"])
    assert "USING INDEX queue_item_due (due_ms<?)" in plan[0], plan
    for name in ("slot_table._NEXT_LINE", "queue_table._HEAD"):
        (line,) = [line for line in _plan(STATEMENTS[name]) if "queue_item" in line]
        assert "INDEX queue_item_in_line (lane_id" in line


_OF_EVERY_EVENT = {
    "pause_table._PATHS": "pause_by_match",
    "pause_table._BY_MATCH": "pause_by_match",
    "pause_table._CANCEL_PATHS": "cancel_trigger_by_match",
    "pause_table._CANCEL_BY_MATCH": "cancel_trigger_by_match",
}


@pytest.mark.parametrize(("name", "index"), _OF_EVERY_EVENT.items())
def test_the_waits_that_an_event_may_end_are_looked_up_in_their_index(name: str, index: str) -> None:
    reads = [line for line in _plan(STATEMENTS[name]) if re.search(rf"\b({_GROWING})\b", line)]
    assert reads
    for line in reads:
        assert re.match(rf"SEARCH \w+ USING (COVERING )?INDEX {index} \(event_name=\?", line), line


@pytest.mark.parametrize("name", ["pause_table._BY_MATCH", "pause_table._CANCEL_BY_MATCH"])
def test_only_waits_with_the_very_key_are_read(name: str) -> None:
    (line,) = _plan(STATEMENTS[name])
    assert line.endswith("(event_name=? AND match_path=? AND match_key=?)")


@pytest.mark.parametrize("name", ["pause_table._BY_EVENT", "pause_table._CANCEL_BY_EVENT"])
def test_the_first_waits_of_a_name_are_read_in_order(name: str) -> None:
    assert not [line for line in _plan(STATEMENTS[name]) if "TEMP B-TREE" in line]
