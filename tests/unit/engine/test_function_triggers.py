"""Triggers as a sync describes them: schedules, jitter, wildcards, and what may not stand twice."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import inngest
import pytest

from durable_engine import Trigger
from durable_engine.errors import InvalidFunctionError
from durable_engine.sdk.function_config import MAX_TRIGGERS, read_triggers


def _refusal(*triggers: Any) -> str:
    with pytest.raises(InvalidFunctionError) as refused:
        read_triggers(list(triggers), "app-fn")
    assert "'app-fn'" in str(refused.value)
    assert str(refused.value).endswith(".")
    return str(refused.value)


def test_cron_triggers_of_the_python_sdk_are_read() -> None:
    client = inngest.Inngest(app_id="app", is_production=False)
    written: list[inngest.TriggerCron | inngest.TriggerEvent] = [
        inngest.TriggerCron(cron="0 9 * * MON"),
        inngest.TriggerCron(cron="TZ=Europe/Paris 0 12 * * 5", jitter="1m30s"),
        inngest.TriggerEvent(event="app/report.requested"),
    ]

    @client.create_function(fn_id="fn", trigger=written)
    async def report(ctx: inngest.Context) -> None: ...

    sent = report.get_config("http://a/api").main.to_dict()
    assert not isinstance(sent, Exception)
    triggers: Any = sent["triggers"]
    assert triggers[0] == {"cron": "0 9 * * MON", "jitter": None}
    assert triggers[1]["jitter"] == "1m30s"
    assert read_triggers(triggers, "app-fn") == (
        Trigger(cron="0 9 * * MON"),
        Trigger(cron="TZ=Europe/Paris 0 12 * * 5", jitter_ms=90_000),
        Trigger(event="app/report.requested"),
    )


def test_a_trigger_that_was_stored_before_there_was_jitter_has_none() -> None:
    stored: dict[str, Any] = {"event": None, "expression": None, "cron": "0 9 * * *"}
    assert Trigger(**stored) == Trigger(cron="0 9 * * *", jitter_ms=0)
    trigger = Trigger(cron="0 9 * * *", jitter_ms=30_000)
    assert Trigger(**asdict(trigger)) == trigger


@pytest.mark.parametrize(
    ("jitter", "ms"),
    [(None, 0), ("", 0), ("1s", 1_000), ("1000ms", 1_000), ("30s", 30_000), ("5m", 300_000)],
)
def test_jitter_is_a_duration_from_one_second_to_five_minutes(jitter: Any, ms: int) -> None:
    assert read_triggers([{"cron": "* * * * *", "jitter": jitter}], "app-fn")[0].jitter_ms == ms


@pytest.mark.parametrize("jitter", ["0", "0s", "999ms", "5m1s", "1h", 30, 30_000, True, ["30s"], {}])
def test_jitter_out_of_its_bounds_is_refused(jitter: Any) -> None:
    refusal = _refusal({"cron": "* * * * *", "jitter": jitter})
    assert f"has a jitter of {jitter!r}; text from '1s' to '5m' is allowed." in refusal
    assert "cron schedule '* * * * *'" in refusal


@pytest.mark.parametrize("jitter", ["30", "soon", "-30s", "30 s", " "])
def test_jitter_that_is_no_duration_is_refused(jitter: str) -> None:
    assert "has a jitter that cannot be used: " in _refusal({"cron": "* * * * *", "jitter": jitter})


def test_a_schedule_that_cannot_be_used_is_refused_with_its_fault_and_what_to_write() -> None:
    assert _refusal({"cron": "0 0 32 * *"}) == (
        "The cron schedule '0 0 32 * *' of function 'app-fn' cannot be used: "
        "day of month '32' is not in 1-31."
    )
    assert "write '0 0 * * *'" in _refusal({"cron": "@daily"})
    assert "Europe/Berlin" in _refusal({"cron": "TZ=Europe/Berln 0 0 * * *"})
    assert "it never fires" in _refusal({"event": "a"}, {"cron": "0 0 30 2 *"})
    assert "it has no fields" in _refusal({"cron": " "})


def test_a_schedule_that_is_too_long_is_not_repeated_as_a_whole() -> None:
    refusal = _refusal({"cron": "0," * 5_000 + "0 * * * *"})
    assert "it has 10009 characters; at most 255 are allowed" in refusal
    assert len(refusal) < 400


@pytest.mark.parametrize("cron", ["", None, 5, [], {}])
def test_a_trigger_with_neither_an_event_nor_a_schedule_is_refused(cron: Any) -> None:
    assert "needs an `event` name" in _refusal({"cron": cron})


@pytest.mark.parametrize("event", ["*", "app/*", "app/user.*", "app.*", "inngest/*", "a", "app/user.update"])
def test_a_wildcard_may_stand_alone_or_after_a_slash_or_a_dot(event: str) -> None:
    assert read_triggers([{"event": event}], "app-fn") == (Trigger(event=event),)


@pytest.mark.parametrize(
    ("event", "instead"),
    [
        ("app/user.update*", "; write 'app/user.*'."),
        ("app/us*", "; write 'app/*'."),
        ("app/*.created", "; write 'app/*'."),
        ("app/**", "; write 'app/*'."),
        ("app/user-*", "; write 'app/*'."),
        ("app*", "after `/` or `.`."),
        ("*/created", "after `/` or `.`."),
        ("**", "after `/` or `.`."),
        ("a*b", "after `/` or `.`."),
    ],
)
def test_a_wildcard_anywhere_else_is_refused_with_what_to_write(event: str, instead: str) -> None:
    refusal = _refusal({"event": event})
    assert f"The trigger {event!r} of function 'app-fn' may have `*` only as its last character" in refusal
    assert refusal.endswith(instead)


@pytest.mark.parametrize(
    ("trigger", "other", "named"),
    [
        ({"event": "a"}, {"event": "a", "expression": ""}, "the event 'a'"),
        (
            {"event": "a", "expression": "event.data.n > 1"},
            {"event": "a", "expression": "event.data.n > 1"},
            "the event 'a'",
        ),
        ({"cron": "0 0 * * *"}, {"cron": "0 0 * * *"}, "the cron schedule '0 0 * * *'"),
        ({"cron": "0 0 * * *", "jitter": "5s"}, {"cron": " 0  0 * * *"}, "the cron schedule"),
    ],
)
def test_a_trigger_may_not_stand_twice(trigger: Any, other: Any, named: str) -> None:
    refusal = _refusal(trigger, {"event": "b"}, other)
    assert "'app-fn' has the same trigger twice" in refusal
    assert named in refusal


def test_triggers_that_differ_in_anything_may_stand_side_by_side() -> None:
    triggers: list[Any] = [
        {"event": "a"},
        {"event": "a", "expression": "event.data.n > 1"},
        {"event": "a", "expression": "event.data.n > 2"},
        {"event": "*"},
        {"cron": "0 0 * * *"},
        {"cron": "TZ=Europe/Paris 0 0 * * *"},
    ]
    assert len(read_triggers(triggers, "app-fn")) == len(triggers)
    many: list[Any] = [{"cron": f"{minute} * * * *"} for minute in range(MAX_TRIGGERS)]
    assert len(read_triggers(many, "app-fn")) == MAX_TRIGGERS
    assert "at most 10" in _refusal(*many, {"event": "a"})
