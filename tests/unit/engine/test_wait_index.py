"""Waits and cancelOn are looked up by the values of an event, and nothing is met that was not met before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from engine_tables import World, a_function, an_event, ref
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_engine.cancelling import cancelled_by
from durable_engine.expressions import compile_expression
from durable_engine.ingest import unmet_waits, waits_met
from durable_engine.model.event import Event
from durable_engine.model.function import CancelOn
from durable_engine.model.op import WaitForEvent
from durable_engine.model.pause import CancelTrigger, Pause
from durable_engine.model.reply import Ops

Data = Mapping[str, Any]


def waits(*asked: tuple[str | None, Data]) -> tuple[World, list[str]]:
    """A world in which each of these runs waits for t/go and is cancelled by t/stop, by its expression."""
    functions = [
        a_function(f"n{number}", cancels=(CancelOn(event="t/stop", expression=expression),))
        for number, (expression, _) in enumerate(asked)
    ]
    world = World(*functions)
    run_ids = [world.start(f"t/n{number}", data) for number, (_, data) in enumerate(asked)]
    expressions = dict(zip(run_ids, (expression for expression, _ in asked), strict=True))
    for work in world.take():
        op = WaitForEvent(
            step=ref("go"), event_name="t/go", expression=expressions[work.item.run_id], timeout="1h"
        )
        world.answer(work, Ops(ops=(op,), sdk_version=2))
    return world, run_ids


def met_one_by_one(world: World, of_name: list[Pause] | list[CancelTrigger], event: Event) -> list[str]:
    """The runs whose expression is true: all of them are evaluated."""
    met = []
    for wait in of_name:
        scope = world.tables.wait_scope(world.run(wait.run_id), event.as_payload())
        if wait.expression is None or compile_expression(wait.expression).matches(scope, now_ms=world.now_ms):
            met.append(wait.run_id)
    return met


def resumed_and_cancelled(world: World, data: Data) -> tuple[list[str], list[str]]:
    """What an event with these data ends, asked and then done: both are what evaluating all of them says."""
    pauses, now_ms = world.tables.pauses, world.now_ms
    go, stop = an_event("t/go", data), an_event("t/stop", data)
    resumed = met_one_by_one(world, pauses.for_event("t/go"), go)
    cancelled = met_one_by_one(world, pauses.cancelled_by("t/stop", now_ms=now_ms), stop)
    assert [pause.run_id for pause in waits_met(world.tables, go, now_ms=now_ms)] == resumed
    ends = [changes.ends for changes in cancelled_by(world.tables, world.registry, stop, now_ms=now_ms)]
    assert [end.run.id for (end,) in ends] == cancelled
    assert world.send("t/go", data).resumed == resumed
    assert world.send("t/stop", data).cancelled == cancelled
    assert world.orphans() == []
    return resumed, cancelled


CASES: list[tuple[str | None, Data, Data, bool]] = [
    (None, {}, {}, True),
    ("event.data.id == async.data.id", {"id": "a"}, {"id": "a"}, True),
    ("event.data.id == async.data.id", {"id": "a"}, {"id": "b"}, False),
    ("event.data.id == async.data.id", {"id": 1}, {"id": 1.0}, True),
    ("event.data.id == async.data.id", {"id": 1}, {"id": "1"}, False),
    ("event.data.id == async.data.id", {"id": 1}, {"id": True}, False),
    ("event.data.id == async.data.id", {"id": 0}, {"id": -0.0}, True),
    ("event.data.id == async.data.id", {"id": 10**400}, {"id": 10**400}, True),
    ("event.data.id == async.data.id", {}, {}, True),
    ("event.data.id == async.data.id", {"id": None}, {}, True),
    ("event.data.id == async.data.id", {}, {"id": ""}, False),
    ("event.data.id == async.data.id", {"id": [1, {"a": 2}]}, {"id": [1.0, {"a": 2}]}, True),
    ("event.data.id == async.data.id", {"id": [1]}, {"id": [2]}, False),
    ("event.data.id == async.data.id", {"id": "a"}, {"id": ["a"]}, False),
    ("event.data.id == async.data.id", {"id": "a\x00b"}, {"id": "a\x00b"}, True),
    ("event.data.id == async.data.id", {"id": "a\x00b"}, {"id": "a\x00c"}, False),
    ("event.data.id == async.data.id", {"id": "\ud800"}, {"id": "\ud800"}, True),
    ("event.data.id == async.data.id", {"id": "\ud800"}, {"id": "\ud801"}, False),
    ("event.data.id == async.data.id", {"id": "\U0001f600"}, {"id": "\U0001f600"}, True),
    ("event.data.id == async.data.id", {"id": "\u00e9"}, {"id": "e\u0301"}, False),
    ("event.data.id == async.data.id", {"id": "x" * 100_000}, {"id": "x" * 100_000}, True),
    ("event.data.id == async.data.id", {"id": "x" * 100_000}, {"id": "x" * 99_999 + "y"}, False),
    ("async.data.id == 'a' && async.data.ok", {}, {"id": "a", "ok": True}, True),
    ("async.data.id == 'a' && async.data.ok", {}, {"id": "a", "ok": False}, False),
    ("async.data.id == 'a' || async.data.ok", {}, {"id": "b", "ok": True}, True),
    ("async.data.id != event.data.id", {"id": "a"}, {"id": "b"}, True),
    ("async.data.id != event.data.id", {"id": "a"}, {"id": "a"}, False),
    ("!(async.data.id == event.data.id)", {"id": "a"}, {}, True),
    ("has(async.data.id) && async.data.id == null", {}, {"id": None}, True),
    ("has(async.data.id) && async.data.id == null", {}, {}, False),
    ("async.data.ids.exists(i, i == event.data.id)", {"id": "a"}, {"ids": ["b", "a"]}, True),
    ("async.data.ids[1] == event.data.id", {"id": "a"}, {"ids": ["b", "a"]}, True),
    ("async.data.ids[1] == event.data.id", {"id": "a"}, {"ids": ["a"]}, False),
    ("async.data['1'] == event.data.id", {"id": "a"}, {"1": "a"}, True),
    ("async.data[1] == event.data.id", {"id": "a"}, {"1": "a"}, True),
    ("async.data == event.data", {"id": "a"}, {"id": "a"}, True),
    ("async.data.id == async.data.other", {}, {"id": 1, "other": 1}, True),
    ("async.data.l == event.data.l && async.data.id == 2", {"l": [1]}, {"l": [1], "id": 2}, True),
    ("async.data.l == event.data.l && async.data.id == 2", {"l": [1]}, {"l": [1], "id": 3}, False),
    ("event.data.id == 1 && async.data.id == 2", {"id": 2}, {"id": 2}, False),
]


@pytest.mark.parametrize(("expression", "own", "incoming", "meets"), CASES)
def test_an_event_ends_a_wait_and_cancels_a_run_exactly_when_the_expression_is_true(
    expression: str | None, own: Data, incoming: Data, *, meets: bool
) -> None:
    # A second run that waits for the same keeps the first one company: either both go on, or none.
    world, run_ids = waits((expression, own), (expression, own))
    for_go = [pause.run_id for pause in world.tables.pauses.for_event("t/go")]
    assert sorted(run_ids) == for_go
    resumed, cancelled = resumed_and_cancelled(world, incoming)
    assert resumed == cancelled == (for_go if meets else [])


VALUES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        1.0,
        -0.0,
        1.5,
        2**63,
        "",
        "1",
        "a",
        "\x00",
        "\ud800",
        "x" * 300,
        [],
        [1],
        {"a": 1},
    ]
)
DATA = st.dictionaries(st.sampled_from("abc"), VALUES).map(lambda data: json.loads(json.dumps(data)))
CLAUSES = st.sampled_from(
    [
        *["event.data.a == async.data.a"] * 4,
        *["async.data.b == event.data.b"] * 2,
        *["async.data.a == 1", "1.0 == async.data.a", "async.data.a == '1'", "async.data.b == null"],
        *["async.data.a == true", "async.data.b == '\\u0000'", "async.data.c[0] == event.data.a"],
        *["async.data.c == event.data.c", "async.data == event.data", "async.data.a == async.data.b"],
        *["async.data.c.a == event.data.c.a", "event.data.a == event.data.b", "async.data.a == vars.a"],
        *["async.data.a != event.data.a", "!(async.data.b == 1)", "has(async.data.a)", "async.data.a >= 0"],
        *["async.data.c.exists(i, i == event.data.a)", "async.name == 't/go'", "async.v == null", "true"],
    ]
)
EXPRESSIONS = st.none() | st.tuples(
    st.sampled_from([" && ", " && ", " && ", " || "]), st.lists(CLAUSES, min_size=1, max_size=3)
).map(lambda drawn: drawn[0].join(drawn[1]))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(EXPRESSIONS, DATA, st.booleans()), min_size=1, max_size=8), DATA)
def test_the_index_answers_what_evaluating_every_wait_answers(
    asked: list[tuple[str | None, Data, bool]], incoming: Data
) -> None:
    world, run_ids = waits(*[(expression, own) for expression, own, _ in asked])
    for run_id, (_, _, is_old) in zip(run_ids, asked, strict=True):
        if is_old:  # as rows that an earlier version wrote
            world.connection.execute(
                "UPDATE pause SET match_path = '', match_key = '' WHERE run_id = ?", (run_id,)
            )
            world.connection.execute(
                "UPDATE cancel_trigger SET match_path = '', match_key = '' WHERE run_id = ?", (run_id,)
            )
    resumed_and_cancelled(world, incoming)
    world.connection.close()


def test_of_many_waits_only_those_are_looked_at_that_the_event_may_end() -> None:
    same = "event.data.id == async.data.id"
    world, run_ids = waits(
        *[(same, {"id": number}) for number in range(20)],
        *[(f"async.data.id == {number} && async.data.kind == 'x'", {}) for number in range(20)],
        ("async.data.id > 5", {}),
        (None, {}),
    )
    pauses, data = world.tables.pauses, {"id": 7, "kind": "x"}
    wanted = sorted([run_ids[7], run_ids[27], run_ids[40], run_ids[41]])
    assert [pause.run_id for pause in pauses.candidates("t/go", {"data": data})] == wanted
    found = pauses.cancel_candidates("t/stop", {"data": data}, now_ms=world.now_ms)
    assert [trigger.run_id for trigger in found] == wanted
    assert pauses.candidates("t/other", {"data": data}) == []
    assert len(pauses.candidates("t/go", {"data": {"id": 99}})) == 2


def test_what_cancels_only_for_a_time_is_looked_up_only_as_long() -> None:
    cancels = (CancelOn(event="t/stop", expression="event.data.id == async.data.id", timeout="1h"),)
    world = World(a_function(cancels=cancels))
    late, early = world.start(data={"id": 1}), world.start(data={"id": 2})
    assert world.send("t/stop", {"id": 2}).cancelled == [early]
    world.now_ms += 3_600_001
    assert world.send("t/stop", {"id": 1}).cancelled == []
    assert not world.ended(late)


def test_the_event_of_a_run_is_not_read_again_for_the_waits_of_an_answer() -> None:
    world = World()
    world.start(data={"id": 1})
    ops = tuple(
        WaitForEvent(
            step=ref(f"w{number}"),
            event_name="t/go",
            expression=f"async.data.id == event.data.id && async.data.n == {number}",
            timeout="1h",
        )
        for number in range(5)
    )
    work = world.take_one()
    statements: list[str] = []
    world.connection.set_trace_callback(statements.append)
    world.answer(work, Ops(ops=ops, sdk_version=2))
    world.connection.set_trace_callback(None)
    assert not any("source FROM event WHERE id" in statement for statement in statements)
    assert len(world.tables.pauses.for_event("t/go")) == 5


def test_the_first_waits_are_explained_whatever_they_are_looked_up_by() -> None:
    expressions = [
        "async.data.z == 1",
        "async.data.a == 1",
        "async.data.a > 1",
        "async.data.a == event.data.a",
    ]
    world, run_ids = waits(*[(expression, {"a": 5}) for expression in expressions])
    unmet = unmet_waits(world.tables, an_event("t/go", {"a": 0}), now_ms=world.now_ms)
    assert [wait.run_id for wait in unmet] == sorted(run_ids)
    assert {wait.step_name for wait in unmet} == {"go"}
    unmet = unmet_waits(world.tables, an_event("t/stop", {"a": 0}), now_ms=world.now_ms)
    assert [(wait.run_id, wait.step_name) for wait in unmet] == [(run_id, None) for run_id in sorted(run_ids)]
    world, run_ids = waits(*[("async.data.a == 1", {})] * 7)
    unmet = unmet_waits(world.tables, an_event("t/go", {"a": 0}), now_ms=world.now_ms)
    assert [wait.run_id for wait in unmet] == sorted(run_ids)[:5]
