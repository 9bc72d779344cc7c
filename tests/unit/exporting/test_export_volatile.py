"""What differs from run to run is found, and what does not is compared exactly."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from durable_engine.exporting.volatile import Volatility
from durable_engine.scenarios.comparing import first_difference

NOW_MS = 1_795_292_688_228  # 2026-11-21T20:24:48Z
RUN_ID = "01M7ZWGTME1XESNMSV8DSCGZSN"


def _volatility(known: str = "{}") -> Volatility:
    return Volatility(known=known, from_ms=NOW_MS, until_ms=NOW_MS + 5_000, ids=frozenset({RUN_ID, "short"}))


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("3f2731e6-114c-431c-b374-8a995c46e65e", "uuid"),
        ("3F2731E6-114C-431C-B374-8A995C46E65E", "uuid"),
        ("rsv-3f2731e6-114c-431c-b374-8a995c46e65e", "string"),
        ("01M7ZWGVVY3893XZDXT98R0RFZ", "ulid"),
        (RUN_ID, "ulid"),
        (f"{RUN_ID.lower()}/log.txt", "string"),
        ("2026-11-21T20:24:48.228166+00:00", "date"),
        ("2026-11-21", "date"),
        ("2026-12-21 09:00:00", "date"),
        ("due 2026-12-21", "string"),
        ("Sat, 21 Nov 2026 20:24:48 GMT", "string"),
        ("log-1795292688.txt", "string"),
        ("689c524f", "string"),
        ("V1StGXR8Z5jdHi6BmyT", "string"),
        ("V1StGXR8Z5", "string"),
        ("clh3x9s0k0000qzrm", "string"),
        ("rsv-12345678", "string"),
        ("rsv-a3f09b", "string"),
        ("d41d8cd98f00b204e9800998ecf8427e", "string"),
        (NOW_MS, "number"),
        (NOW_MS // 1_000, "number"),
        (NOW_MS * 1_000_000, "number"),
        (NOW_MS / 1_000, "number"),
        (0.513462251731996, "number"),
    ],
)
def test_what_differs_is_compared_by_its_shape(value: Any, shape: str) -> None:
    volatility = _volatility()
    expected = volatility.stable([{"x": value}])
    assert expected == [{"x": {"$any": shape}}]
    assert list(volatility.found) == ["$[0].x"]
    assert first_difference(expected, [{"x": value}]) is None
    other: Any = 7 if shape != "number" else "7"
    assert f"not any {shape}" in str(first_difference(expected, [{"x": other}]))


@pytest.mark.parametrize(
    "value",
    [
        *(
            "Hello",
            "o-1",
            "shop-process-order",
            "ch-o-1",
            "EUR",
            "",
            "deadbeef",
            "1234567",
            "trk-42",
            "v2.14.0",
        ),
        *("1970-01-01T00:00:00Z", "2001-02-03", "5 of 7", "short", "https://shop.example/orders/42?x=1"),
        *(0, 1, 12.5, -3, 0.1, 1_000_000, 99_999_999, True, False, None, {}, []),
        {"nested": [{"amount": 12, "currency": "EUR"}]},
    ],
)
def test_what_is_the_same_each_time_stays(value: Any) -> None:
    volatility = _volatility()
    assert volatility.stable({"x": value}) == {"x": value}
    assert volatility.found == {}


def test_what_the_input_had_stays_and_what_is_measured_goes() -> None:
    known = '{"id": "3f2731e6-114c-431c-b374-8a995c46e65e", "at": 1795292688228, "on": "2026-11-21"}'
    value = {"for": "order 3f2731e6-114c-431c-b374-8a995c46e65e of 2026-11-21", "at": NOW_MS}
    assert _volatility(known).stable(value) == value
    assert _volatility('{"n": 3, "m": 0.25}').stable({"durationMs": 3, "took": 0.25, "pid": 812}) == {
        "durationMs": {"$any": "number"},
        "took": {"$any": "number"},
        "pid": {"$any": "number"},
    }
    assert _volatility().stable({"by": {RUN_ID: 1}}) == {"by": {"$any": "object"}}


@pytest.mark.parametrize(
    ("expected", "actual", "difference"),
    [
        ({"$any": "list"}, [1], None),
        ({"$any": "list"}, {}, "$ is {}, not any list"),
        ({"$any": "number"}, True, "$ is true, not any number"),
        ({"$any": "value"}, None, None),
        ({"$any": "date"}, "2026-11-21T20:24:48Z", None),
        ({"$any": "date"}, "tomorrow", '$ is "tomorrow", not any date'),
        ({"$any": "else"}, {"$any": "else"}, None),
        ({"$any": "else"}, 1, '$ is 1, not {"$any":"else"}'),
        ({"$any": "uuid", "b": 1}, {"$any": "uuid", "b": 1}, None),
        ({"a": {"$any": "uuid"}}, {}, "$.a is missing"),
    ],
)
def test_shapes_can_be_expected(expected: Any, actual: Any, difference: str | None) -> None:
    assert first_difference(expected, actual) == difference


def test_what_code_makes_of_random_numbers_is_found_nearly_always() -> None:
    volatility, chance = _volatility(), random.Random(7)  # noqa: S311
    makers: dict[str, Callable[[], str]] = {
        "8 of a UUID": lambda: f"{chance.getrandbits(32):08x}",
        "token_hex": lambda: f"{chance.getrandbits(128):032x}",
        "base 36": lambda: "".join(chance.choices(string.digits + string.ascii_lowercase, k=11)),
        "nanoid": lambda: "".join(chance.choices(string.digits + string.ascii_letters, k=21)),
        "uuid": lambda: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "number": lambda: str(chance.randrange(10**9, 10**10)),
    }
    letters_alone = {"base 36": 200, "nanoid": 60}  # of 2,000: like words, where no digit is among them
    for name, make in makers.items():
        missed = [text for text in (f"id-{make()}" for _ in range(2_000)) if not volatility.reason(text)]
        assert len(missed) <= letters_alone.get(name, 2), (name, len(missed), missed[:5])
