"""Flow control as a sync describes it: what is read, and what is refused with the reason."""

from __future__ import annotations

import datetime
from typing import Any

import inngest
import pytest

from durable_engine.errors import InvalidFunctionError
from durable_engine.model.flow import (
    NO_FLOW_CONTROL,
    Batch,
    Concurrency,
    Debounce,
    FlowControl,
    RateLimit,
    Scope,
    Singleton,
    SingletonMode,
    Throttle,
)
from durable_engine.sdk.flow_config import read_flow
from durable_engine.sdk.function_config import fold

KEY = "event.data.user"


def _read(**config: Any) -> FlowControl:
    return read_flow(fold(config), "app-fn")


def _refusal(**config: Any) -> str:
    with pytest.raises(InvalidFunctionError) as refused:
        _read(**config)
    refusal = str(refused.value)
    assert "unction 'app-fn'" in refusal
    assert len(refusal) < 400
    return refusal


def test_what_the_python_sdk_sends_is_read() -> None:
    client = inngest.Inngest(app_id="app", is_production=False)
    minute = datetime.timedelta(minutes=1)

    @client.create_function(
        fn_id="fn",
        trigger=inngest.TriggerEvent(event="t/x"),
        concurrency=[
            inngest.Concurrency(limit=5, key=KEY),
            inngest.Concurrency(limit=9, key='"openai"', scope="account"),
        ],
        throttle=inngest.Throttle(limit=3, period=minute, burst=2, key=KEY),
        rate_limit=inngest.RateLimit(limit=4, period=datetime.timedelta(hours=1)),
        debounce=inngest.Debounce(period=minute, timeout=datetime.timedelta(minutes=5), key=KEY),
        singleton=inngest.Singleton(mode="cancel", key=KEY),
        priority=inngest.Priority(run="event.data.urgent ? 60 : 0"),
        idempotency=KEY,
    )
    async def function(ctx: inngest.Context) -> None: ...

    sent: Any = function.get_config("http://a/api").main.to_dict()
    assert read_flow(fold(sent), "app-fn") == FlowControl(
        concurrency=(
            Concurrency(limit=5, key=KEY),
            Concurrency(limit=9, key='"openai"', scope=Scope.ACCOUNT),
        ),
        throttle=Throttle(limit=3, period_ms=60_000, burst=2, key=KEY),
        rate_limit=RateLimit(limit=4, period_ms=3_600_000),
        debounce=Debounce(period_ms=60_000, timeout_ms=300_000, key=KEY),
        singleton=Singleton(mode=SingletonMode.CANCEL, key=KEY),
        priority="event.data.urgent ? 60 : 0",
        idempotency=KEY,
    )


def test_a_batch_of_the_python_sdk_is_read() -> None:
    client = inngest.Inngest(app_id="app", is_production=False)
    batch = inngest.Batch(
        max_size=50, timeout=datetime.timedelta(seconds=5), key=KEY, if_exp="event.data.n > 1"
    )

    @client.create_function(fn_id="fn", trigger=inngest.TriggerEvent(event="t/x"), batch_events=batch)
    async def function(ctx: inngest.Context) -> None: ...

    sent: Any = function.get_config("http://a/api").main.to_dict()
    expected = Batch(max_size=50, timeout_ms=5_000, key=KEY, condition="event.data.n > 1")
    assert read_flow(fold(sent), "app-fn") == FlowControl(batch=expected)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"Singleton": {"Mode": "cancel", "Key": KEY}},
            FlowControl(singleton=Singleton(mode=SingletonMode.CANCEL, key=KEY)),
        ),
        (
            {"RateLimit": {"Limit": 2, "Period": "1m", "Key": None}},
            FlowControl(rate_limit=RateLimit(limit=2, period_ms=60_000)),
        ),
        (
            {"rate_limit": {"limit": 2, "period": "1m"}},
            FlowControl(rate_limit=RateLimit(limit=2, period_ms=60_000)),
        ),
        (
            {"batch_events": {"max_size": 2, "timeout": "1m"}},
            FlowControl(batch=Batch(max_size=2, timeout_ms=60_000)),
        ),
        ({"Priority": {"Run": "5"}}, FlowControl(priority="5")),
        ({"Concurrency": {"Step": 3}}, FlowControl(concurrency=(Concurrency(limit=3),))),
    ],
)
def test_names_are_read_in_every_sdks_spelling(config: dict[str, Any], expected: FlowControl) -> None:
    assert _read(**config) == expected


@pytest.mark.parametrize(
    ("concurrency", "limits"),
    [
        (5, [5]),
        (5.0, [5]),
        ({"limit": 5}, [5]),
        ([{"limit": 5}, 3], [5, 3]),
        ([None, {"limit": 2}], [2]),
        ({"step": 4}, [4]),
        ({"fn": 0, "step": [{"limit": 4}]}, [4]),
        ({"limit": 0}, []),
        (0, []),
        ([], []),
        ({}, []),
        (None, []),
    ],
)
def test_concurrency_is_a_number_an_object_or_a_list_of_them(concurrency: Any, limits: list[int]) -> None:
    assert [entry.limit for entry in _read(concurrency=concurrency).concurrency] == limits


@pytest.mark.parametrize("nothing", [None, {}, [], "", False, 0])
@pytest.mark.parametrize(
    "name", ["concurrency", "throttle", "rateLimit", "debounce", "batchEvents", "singleton", "priority"]
)
def test_what_is_empty_configures_nothing(name: str, nothing: Any) -> None:
    assert _read(**{name: nothing}) == NO_FLOW_CONTROL


def test_options_that_are_left_out_have_their_documented_defaults() -> None:
    assert _read(throttle={"limit": 1, "period": "1s"}).throttle == Throttle(limit=1, period_ms=1_000)
    assert _read(throttle={"limit": 1, "period": "1s", "burst": 0}).throttle == Throttle(
        limit=1, period_ms=1_000, burst=1
    )
    assert _read(singleton={"key": KEY}).singleton == Singleton(mode=SingletonMode.SKIP, key=KEY)
    assert _read(debounce={"period": "7d"}).debounce == Debounce(period_ms=7 * 86_400_000)


_LIMITED = [
    ("throttle", "limit", {"period": "1s"}),
    ("rateLimit", "limit", {"period": "1s"}),
    ("batchEvents", "maxSize", {"timeout": "1s"}),
]


@pytest.mark.parametrize(("control", "name", "rest"), _LIMITED)
@pytest.mark.parametrize(
    "limit",
    [
        0,
        -1,
        1.5,
        True,
        False,
        "3",
        [3],
        {},
        10**9 + 1,
        pytest.param(10**400, id="huge"),
        1e300,
        pytest.param("9" * 10_000, id="long"),
        pytest.param([0] * 10_000, id="many"),
    ],
)
def test_a_limit_is_a_whole_number_from_one_on(control: str, name: str, rest: Any, limit: Any) -> None:
    refusal = _refusal(**{control: {name: limit, **rest}})
    assert f"'app-fn' has {control}.{name} of " in refusal
    assert refusal.endswith("; a whole number from 1 to 1,000,000,000 is needed.")


@pytest.mark.parametrize(("control", "name", "rest"), _LIMITED)
def test_a_limit_that_is_missing_is_told(control: str, name: str, rest: Any) -> None:
    for found in (rest, {name: None, **rest}):
        refusal = _refusal(**{control: found})
        assert f"'app-fn' has no {control}.{name}; a whole number from 1 to" in refusal


@pytest.mark.parametrize("limit", [-1, 2.5, True, "3", None, [1], 10**9 + 1])
def test_a_concurrency_limit_may_be_zero_and_is_a_whole_number_otherwise(limit: Any) -> None:
    refusal = _refusal(concurrency={"limit": limit})
    assert "concurrency.limit" in refusal
    assert refusal.endswith("; a whole number from 0 to 1,000,000,000 is needed.")


@pytest.mark.parametrize("burst", [-1, 1.5, True, "2"])
def test_a_burst_is_a_whole_number(burst: Any) -> None:
    refusal = _refusal(throttle={"limit": 1, "period": "1s", "burst": burst})
    assert f"throttle.burst of {burst!r}; a whole number from 1 to" in refusal


_PERIODS = [
    ("throttle", "period", {"limit": 1}, "to '7d'"),
    ("rateLimit", "period", {"limit": 1}, "to '1d'"),
    ("debounce", "period", {}, "to '7d'"),
    ("batchEvents", "timeout", {"maxSize": 2}, "on"),
]


@pytest.mark.parametrize(("control", "name", "rest", "end"), _PERIODS)
def test_a_period_is_a_duration_within_its_bounds(control: str, name: str, rest: Any, end: str) -> None:
    allowed = f"text from '1s' {end} is needed."
    for missing in ({}, {name: None}, {name: ""}):
        assert _refusal(**{control: rest | {"key": KEY} | missing}) == (
            f"Function 'app-fn' has no {control}.{name}; {allowed}"
        )
    for out_of_bounds in ("0", "0s", "999ms", "1ns", *(() if end == "on" else ("169h", "8d", "100w"))):
        assert _refusal(**{control: {name: out_of_bounds, **rest}}) == (
            f"Function 'app-fn' has {control}.{name} of {out_of_bounds!r}; {allowed}"
        )


@pytest.mark.parametrize(("control", "name", "rest", "end"), _PERIODS)
@pytest.mark.parametrize(
    "period",
    [
        "-5s",
        "soon",
        "30",
        31,
        30_000,
        True,
        0.5,
        ["30s"],
        {"s": 1},
        "1 y",
        " ",
        pytest.param("x" * 10_000, id="long"),
        "293y",
    ],
)
def test_a_period_that_is_no_duration_is_refused(
    control: str, name: str, rest: Any, end: str, period: Any
) -> None:
    refusal = _refusal(**{control: {name: period, **rest}})
    assert f"'app-fn' has {control}.{name} that cannot be read: " in refusal


def test_a_rate_limit_lasts_a_day_at_most() -> None:
    assert _read(rateLimit={"limit": 1, "period": "24h"}).rate_limit == RateLimit(
        limit=1, period_ms=86_400_000
    )
    assert "rateLimit.period of '25h'" in _refusal(rateLimit={"limit": 1, "period": "25h"})


def test_the_timeout_of_a_debounce_is_a_duration_without_an_upper_bound() -> None:
    debounce = _read(debounce={"period": "10m", "timeout": "365d"}).debounce
    assert debounce == Debounce(period_ms=600_000, timeout_ms=365 * 86_400_000)
    assert "debounce.timeout of '0s'; text from '1s' on" in _refusal(
        debounce={"period": "1s", "timeout": "0s"}
    )
    assert "debounce.timeout that cannot be read" in _refusal(debounce={"period": "1s", "timeout": "later"})


@pytest.mark.parametrize(
    "scope", ["team", "FN", "function", 5, True, ["fn"], {"fn": 1}, pytest.param("x" * 10_000, id="long")]
)
def test_a_scope_is_one_of_three(scope: Any) -> None:
    refusal = _refusal(concurrency={"limit": 1, "scope": scope, "key": KEY})
    assert "'app-fn' has the concurrency scope " in refusal
    assert refusal.endswith("; allowed are fn, env, account.")


@pytest.mark.parametrize("scope", ["env", "account"])
def test_a_limit_that_functions_share_needs_a_key(scope: str) -> None:
    refusal = _refusal(concurrency={"limit": 1, "scope": scope})
    assert f"a concurrency limit of scope '{scope}' without a key" in refusal
    (limit,) = _read(concurrency={"limit": 1, "scope": scope, "key": '"openai"'}).concurrency
    assert limit == Concurrency(limit=1, key='"openai"', scope=Scope(scope))


@pytest.mark.parametrize(
    "mode", ["replace", "SKIP", 5, True, ["skip"], {"skip": 1}, pytest.param("x" * 10_000, id="long")]
)
def test_a_mode_is_one_of_two(mode: Any) -> None:
    refusal = _refusal(singleton={"mode": mode})
    assert "'app-fn' has the singleton mode " in refusal
    assert refusal.endswith("; allowed are skip, cancel.")


def test_more_than_two_concurrency_limits_and_limits_of_whole_runs_are_refused() -> None:
    assert "3 concurrency limits; at most 2 are allowed" in _refusal(concurrency=[1, 2, 3])
    for concurrency in ({"fn": 3}, {"Fn": 3, "step": 2}):
        assert "concurrency.fn, a limit of whole runs" in _refusal(concurrency=concurrency)


@pytest.mark.parametrize(
    "name", ["concurrency", "throttle", "rateLimit", "debounce", "batchEvents", "singleton", "priority"]
)
@pytest.mark.parametrize("value", ["text", [["list"]]])
def test_what_is_no_object_is_refused(name: str, value: Any) -> None:
    assert f"'app-fn' has {name} of " in _refusal(**{name: value})
    assert _refusal(**{name: value}).endswith("; an object is needed.")


def _with(control: str, field: str, expression: Any) -> dict[str, Any]:
    required: dict[str, dict[str, Any]] = {
        "concurrency": {"limit": 1},
        "throttle": {"limit": 1, "period": "1s"},
        "rateLimit": {"limit": 1, "period": "1s"},
        "debounce": {"period": "1s"},
        "batchEvents": {"maxSize": 2, "timeout": "1s"},
        "singleton": {"mode": "skip"},
        "priority": {},
    }
    return {control: {**required[control], field: expression}}


_EXPRESSIONS = [
    ("concurrency", "key"),
    ("throttle", "key"),
    ("rateLimit", "key"),
    ("debounce", "key"),
    ("batchEvents", "key"),
    ("batchEvents", "if"),
    ("singleton", "key"),
    ("priority", "run"),
]


@pytest.mark.parametrize(("control", "field"), _EXPRESSIONS)
def test_an_expression_must_compile_and_the_refusal_has_the_place(control: str, field: str) -> None:
    of = f"{control}.{field} of function 'app-fn'"
    refusal = _refusal(**_with(control, field, "event.data.user ="))
    assert (
        refusal
        == f"{of} does not compile: '=' at position 16 is not expected here; values are compared with =="
    )
    assert _refusal(**_with(control, field, "evnt.data.user")).startswith(
        f"{of} does not compile: 'evnt' at position 0 is not a variable"
    )
    assert "'async' at position 0" in _refusal(**_with(control, field, "async.data.user"))
    for no_text in (5, True, ["event"], {"a": 1}):
        assert _refusal(**_with(control, field, no_text)) == f"{of} must be text."
    for absent in (None, ""):
        _read(**_with(control, field, absent))


@pytest.mark.parametrize("expression", [5, True, 0, False, ["event"], {"a": 1}])
def test_an_idempotency_key_is_text(expression: Any) -> None:
    assert _refusal(idempotency=expression) == "idempotency of function 'app-fn' must be text."


def test_an_idempotency_key_must_compile() -> None:
    assert "idempotency of function 'app-fn' does not compile" in _refusal(idempotency="event.data.")
    assert _read(idempotency=KEY) == FlowControl(idempotency=KEY)
    assert _read(idempotency="") == NO_FLOW_CONTROL


def test_a_batch_with_an_empty_list_of_cancellations_is_one_without() -> None:
    batch = {"maxSize": 2, "timeout": "1s"}
    assert _read(batchEvents=batch, cancel=[], debounce=None, singleton={}).batch is not None
    assert "batchEvents and cancel, which cannot be combined; leave one out." in _refusal(
        batchEvents=batch, cancel=[{"event": "a"}]
    )
