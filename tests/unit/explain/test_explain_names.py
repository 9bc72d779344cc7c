"""How names differ, and which data meet a condition."""

from __future__ import annotations

from typing import Any

import pytest

from durable_engine.explain.meeting import data_that_meets
from durable_engine.explain.names import difference
from durable_engine.expressions import compile_expression
from durable_engine.model.event import Event


@pytest.mark.parametrize(
    ("sent", "known", "how"),
    [
        ("Order/Placed", "order/placed", "differs in upper and lower case only"),
        ("order/placed ", "order/placed", "differs in blanks at the ends only"),
        ("order-placed", "order/placed", "differs in its separators only: '/' instead of '-'"),
        ("orderPlaced", "order/placed", "differs in its separators only: '/' instead of none"),
        ("placed", "order/placed", "has 'order/' before it"),
        ("order/placed", "placed", "lacks the 'order/' before it"),
        ("order/place", "order/placed", "goes on with 'd'"),
        ("order/placed.v2", "order/placed", "lacks the '.v2' at the end"),
        ("order/palced", "order/placed", "differs in 1 letter"),
        ("ordr/plced", "order/placed", "differs in 2 letters"),
        ("user/created", "order/placed", None),
        ("a", "b", None),
        ("order/placed", "order/placed", None),
    ],
)
def test_the_difference_of_two_names_is_told_in_words(sent: str, known: str, how: str | None) -> None:
    assert difference(sent, known) == how


def _event(**data: Any) -> Event:
    return Event(id="e", public_id="e", name="t/run", data=data, user={}, ts_ms=1, received_ms=1)


@pytest.mark.parametrize(
    ("expression", "data"),
    [
        (None, {}),
        ("async.data.id == event.data.id", {"id": 7}),
        ("event.data.id == async.data.id", {"id": 7}),
        ("async.data.order.id == event.data.id && async.data.ok == true", {"order": {"id": 7}, "ok": True}),
        ("event.data.id == 7", {}),
        ('async.name == "t/go"', {}),
        ("async.data.id == event.data.missing", {"id": None}),
        ("async.data.amount > 5", None),
        ("async.data.a == 1 || async.data.b == 1", None),
        ("event.data.id == 8", None),
        ("async.data.items[0] == 1", None),
        ("async.data.a == 1 && async.data.a.b == 2", None),
        ("async.data.a == async.data.b", {}),
    ],
)
def test_data_that_meet_a_condition_are_told_or_not_but_never_guessed(
    expression: str | None, data: dict[str, Any] | None
) -> None:
    compiled = None if expression is None else compile_expression(expression)
    assert data_that_meets(compiled, _event(id=7), name="t/go", now_ms=1) == data
