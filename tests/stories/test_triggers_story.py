"""Triggers: which events start a function, and when.

A function has up to ten triggers: names of events, exact or with `*` after `/` or `.`, each with a condition
of its own if it needs one, and schedules. One event starts a function once, whatever number of its triggers
fit. A function without triggers is started directly.
"""

from __future__ import annotations

from typing import Any

import httpx
import inngest
import pytest
from support.sdk_app import APP_URL, Lab, lab, new_client

from durable_engine import NewEvent, RunStatus

pytestmark = pytest.mark.anyio


def _listener(client: inngest.Inngest, *triggers: str | Any, fn_id: str = "listen") -> inngest.Function[Any]:
    written = [inngest.TriggerEvent(event=entry) if isinstance(entry, str) else entry for entry in triggers]

    @client.create_function(fn_id=fn_id, trigger=written)
    async def listen(ctx: inngest.Context) -> Any:
        return ctx.event.name

    return listen


async def _heard(it: Lab, *names: str) -> list[str]:
    """Return which of the events start a run."""
    return [name for name in names if await it.send(name)]


async def test_any_of_several_triggers_starts_the_function() -> None:
    client = new_client()
    async with lab(client, [_listener(client, "user/created", "user/deleted")]) as it:
        names = ("user/created", "user/deleted", "user/updated")
        assert await _heard(it, *names) == ["user/created", "user/deleted"]


async def test_an_event_that_fits_two_triggers_starts_the_function_once() -> None:
    client = new_client()
    triggers = [
        "user/*",
        "user/created",
        inngest.TriggerEvent(event="user/created", expression="event.data.n > 0"),
    ]
    async with lab(client, [_listener(client, *triggers)]) as it:
        (run_id,) = await it.send("user/created", {"n": 1})
        assert (await it.settle(run_id)).output == "user/created"
        assert it.network.calls == 1


async def test_each_trigger_has_a_condition_of_its_own_and_the_receipt_says_which_failed() -> None:
    client = new_client()
    triggers = [
        inngest.TriggerEvent(event="order/paid", expression="event.data.total > 100"),
        inngest.TriggerEvent(event="order/paid", expression="event.data.country == 'NL'"),
        inngest.TriggerEvent(event="order/lost"),
    ]
    async with lab(client, [_listener(client, *triggers)]) as it:
        await it.start("order/paid", {"total": 101, "country": "DE"})
        await it.start("order/paid", {"total": 1, "country": "NL"})
        await it.start("order/lost", {"total": 1})
        data = {"total": 1, "country": "DE"}
        (refused,) = (await it.engine.send_event(NewEvent(name="order/paid", data=data))).not_started
        assert (refused.decision, refused.control) == ("drop", "trigger")
        assert "event.data.total is 1" in refused.reason
        assert 'event.data.country is "DE"' in refused.reason


async def test_a_condition_sees_the_whole_event() -> None:
    client = new_client()
    condition = "event.name == 'a/b' && event.user.id == 'u1' && event.v == '2' && event.ts > 0"
    trigger = inngest.TriggerEvent(event="a/*", expression=condition)
    async with lab(client, [_listener(client, trigger)]) as it:
        await it.start("a/b", user={"id": "u1"}, v="2")
        assert await it.send("a/c", user={"id": "u1"}, v="2") == ()
        assert await it.send("a/b", user={"id": "u2"}, v="2") == ()


async def test_a_wildcard_after_a_slash_or_a_dot_stands_for_the_rest_of_the_name() -> None:
    client = new_client()
    names = (
        "app/user",
        "app/user.created",
        "app/user.created.v2",
        "app/",
        "app",
        "apple/user",
        "shop/app/user",
    )
    async with lab(client, [_listener(client, "app/*")]) as it:
        assert await _heard(it, *names) == ["app/user", "app/user.created", "app/user.created.v2", "app/"]
    async with lab(client, [_listener(client, "app/user.*")]) as it:
        assert await _heard(it, *names) == ["app/user.created", "app/user.created.v2"]


async def test_a_star_alone_hears_every_event_of_the_app_but_not_the_engines_own() -> None:
    client = new_client()
    async with lab(client, [_listener(client, "*"), _listener(client, "a/b", fn_id="other")]) as it:
        assert await _heard(it, "a/b", "x", "shop/order.created") == ["a/b", "x", "shop/order.created"]
        await it.engine.settle()
        # 3 runs of the one, 1 of the other: the events about their ends have started nothing.
        assert it.network.calls == 4


async def test_names_are_compared_as_they_are() -> None:
    client = new_client()
    names = ("User/Created", "user/created ", "user/created", "user/created\u0301")
    async with lab(client, [_listener(client, "user/created")]) as it:
        assert await _heard(it, *names) == ["user/created"]


async def _register(it: Lab, triggers: Any) -> httpx.Response:
    url = f"{APP_URL}?fnId=lab-listen&step=step"
    step = {"id": "step", "name": "step", "runtime": {"type": "http", "url": url}}
    function = {"id": "lab-listen", "name": "listen", "triggers": triggers, "steps": {"step": step}}
    body = {"url": APP_URL, "appName": "lab", "functions": [function], "sdk": "js:v4.24.0", "v": "0.1"}
    return await it.api.post("/fn/register", json=body)


@pytest.mark.parametrize("triggers", [[], None])
async def test_a_function_without_triggers_is_started_directly(triggers: Any) -> None:
    client = new_client()
    async with lab(client, [_listener(client, "a/b")]) as it:
        assert (await _register(it, triggers)).status_code == 200
        assert await it.send("a/b") == ()
        receipt = await it.engine.invoke_function("listen")
        run = await it.settle(receipt.started[0].run_id)
        assert (run.status, run.output) == (RunStatus.COMPLETED, "inngest/function.invoked")


async def test_a_direct_start_asks_no_trigger() -> None:
    client = new_client()
    never = inngest.TriggerEvent(event="a/b", expression="false")
    async with lab(client, [_listener(client, never)]) as it:
        assert await it.send("a/b") == ()
        receipt = await it.engine.invoke_function("listen")
        assert len(receipt.started) == 1


async def test_an_event_from_the_future_starts_its_run_then_and_one_from_the_past_now() -> None:
    client = new_client()
    async with lab(client, [_listener(client, "a/b")]) as it:
        now_ms = it.clock.now_ms()
        late = await it.start("a/b", ts_ms=now_ms + 3_600_000)
        soon = await it.start("a/b", ts_ms=now_ms + 60_000)
        past = await it.start("a/b", ts_ms=now_ms - 60_000)
        seen = []
        for seconds in (0, 59.999, 0.001, 3_539.999, 0.001):
            await it.pass_time(seconds)
            runs = [await it.engine.get_run(run_id) for run_id in (past, soon, late)]
            seen.append("".join("x" if run.status is RunStatus.COMPLETED else "." for run in runs))
        assert seen == ["x..", "x..", "xx.", "xx.", "xxx"]


async def test_the_condition_of_a_delayed_event_is_decided_when_it_comes_in() -> None:
    client = new_client()
    trigger = inngest.TriggerEvent(event="a/b", expression="event.data.n > 1")
    async with lab(client, [_listener(client, trigger)]) as it:
        due_ms = it.clock.now_ms() + 60_000
        receipt = await it.engine.send_event(NewEvent(name="a/b", data={"n": 1}, ts_ms=due_ms))
        assert receipt.not_started[0].control == "trigger"
        receipt = await it.engine.send_event(NewEvent(name="a/b", data={"n": 2}, ts_ms=due_ms))
        assert receipt.started[0].due_ms == due_ms
