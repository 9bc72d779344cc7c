"""Golden tasks: each is done by following the answers alone, within a recorded cost.

What a session costs is what the model reads: instructions and tool definitions once, and every answer, in
characters. `costs.json` has the ceilings; `STEPCUE_RECORD_COSTS=1` with this module writes them anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import pytest
from session_apps import counting, shop
from support.assistant import CHARS_PER_TOKEN, Assistant
from support.deploys import deploy
from support.sdk_app import APP_URL

pytestmark = pytest.mark.anyio

COSTS: Final = Path(__file__).with_name("costs.json")
SLACK: Final = 1.15
ORDER: Final = {"items": [{"price": 3}]}
SIGNUP: Final = {"userId": "u-1"}


def within_budget(name: str, session: Assistant) -> None:
    """Compare what a session took with what it took when its ceiling was recorded."""
    compare(name, {"calls": len(session.turns), "answerChars": session.answer_chars}, session)


def compare(name: str, now: dict[str, int], session: Assistant) -> None:
    """Hold numbers against the recorded ones; characters may be a little more."""
    recorded: dict[str, dict[str, int]] = json.loads(COSTS.read_text())
    if os.environ.get("STEPCUE_RECORD_COSTS"):
        COSTS.write_text(json.dumps({**recorded, name: now}, indent=2, sort_keys=True) + "\n")
        return
    most = {what: count if what == "calls" else count * SLACK for what, count in recorded[name].items()}
    dearer = [what for what, count in now.items() if count > most[what]]
    assert dearer == [], f"{name} costs more than recorded ({recorded[name]}):\n{table(session)}"


def table(session: Assistant) -> str:
    """Return what each part of a session cost."""
    rows = [("instructions and tool definitions", session.definition_chars)]
    rows += [(f"{turn.tool} {json.dumps(turn.arguments)[:60]}", turn.chars) for turn in session.turns]
    rows.append(("all answers", session.answer_chars))
    return "\n".join(
        f"{chars:>8,} chars ~{chars // CHARS_PER_TOKEN:>6,} tokens  {what}" for what, chars in rows
    )


async def test_why_did_my_event_do_nothing_a_typing_error(meeting):
    async with meeting(shop(is_fixed=True)) as (session, _):
        answer = await session.begin("send_event", name="shop/order.creatd", data=ORDER)
        assert answer["runIds"] == []

        answer = await session.follow("send_event")
        assert answer["eventName"] == "shop/order.created"
        answer = await session.follow("poll_run_status")
        assert answer["runs"][0]["output"] == {"charged": 3}
    within_budget("event with a typing error", session)


async def test_why_did_my_event_do_nothing_asked_afterwards(meeting):
    async with meeting(shop(is_fixed=True)) as (session, it):
        await session.begin("send_event", name="shop/ordercreated", data=ORDER)
        answer = await session.ask("explain", "eventId")
        assert answer["cause"] == "no-function-listens"
        answer = await session.follow("send_event")
        assert answer["eventName"] == "shop/order.created"
        await it.settle(answer["runIds"][0])
    within_budget("event that did nothing, explained", session)


async def test_why_did_my_event_do_nothing_its_data_do_not_fit(meeting):
    async with meeting(shop()) as (session, _):
        answer = await session.begin("send_event", name="shop/order.placed", data={"amount": 50})
        assert "event.data.amount is 50" in answer["notStarted"][0]["reason"]

        answer = await session.follow("explain")
        assert answer["cause"] == "expression-false"
        answer = await session.follow("send_event", data={"amount": 101}, wait=20)
        assert answer["runs"][0]["output"] == "reviewed"
    within_budget("event whose data do not fit", session)


async def test_why_did_my_event_do_nothing_the_app_is_gone(meeting):
    async with meeting(shop(is_fixed=True)) as (session, it):
        await it.engine.remove_app(APP_URL)
        answer = await session.begin("send_event", name="shop/order.created", data=ORDER)
        assert "no app is synced" in answer["message"]
        answer = await session.ask("explain", "eventId")
        assert answer["cause"] == "function-removed"

        await it.engine.sync_app(APP_URL)
        answer = await session.follow("send_event")
        answer = await session.follow("poll_run_status")
        assert answer["completed"] == 1
    within_budget("event without an app", session)


async def test_why_did_my_event_do_nothing_the_function_is_paused(meeting):
    async with meeting(shop(is_fixed=True)) as (session, it):
        await it.engine.pause_function("shop-process-order")
        await session.begin("send_event", name="shop/order.created", data=ORDER)
        answer = await session.follow("pause_function")
        assert answer["paused"] is False
        answer = await session.follow("invoke_function", data=ORDER)
        assert answer["output"] == {"charged": 3}
    within_budget("event of a paused function", session)


async def test_test_the_signup_workflow(meeting):
    async with meeting(shop()) as (session, _):
        await session.begin("list_functions", query="signup")
        # Nothing is mocked yet: the mail fails, and the answer says which step and why.
        failed = await session.ask("test_function", functionId="shop-signup", data=SIGNUP)
        assert "send-welcome" in failed["message"]
        assert "there is no mail server" in failed["firstFailure"]

        mocks = [{"stepId": "send-welcome", "result": "sent"}]
        created = {"name": "app/project.created", "data": {**SIGNUP, "name": "first"}}
        answer = await session.ask(
            "test_function",
            functionId="shop-signup",
            data=SIGNUP,
            mocks=mocks,
            events=[created],
            expect={"output": {"userId": "u-1", "active": True, "project": "first"}},
        )
        assert answer["passed"]
        assert answer["timeSkipped"] == "3d"
        answer = await session.follow("export_test")
        assert "def test_" in answer["code"]
    within_budget("test of the sign-up", session)


async def test_the_charge_fails_fix_and_check_again(meeting):
    async with meeting(shop()) as (session, it):
        await session.begin("send_event", name="shop/order.created", data=ORDER)
        run_id = session.answer["runIds"][0]
        await it.settle(run_id)
        answer = await session.follow("poll_run_status", timeout=0)
        assert answer["running"] == 1
        answer = await session.follow("explain")
        assert "KeyError: 'quantity'" in [fact["text"] for fact in answer["evidence"]]

        await deploy(it, *shop(is_fixed=True))
        answer = await session.follow("advance_time")
        assert answer["status"] == "COMPLETED"
        answer = await session.follow("get_run_status")
        assert answer["output"] == {"charged": 3}
    within_budget("charge mended between attempts", session)


async def test_the_charge_has_failed_for_good_fix_and_repeat_from_there(meeting):
    async with meeting(shop()) as (session, it):
        answer = await session.ask("test_function", functionId="shop-process-order", data=ORDER)
        assert "is FAILED in step 'charge'" in answer["message"]
        answer = await session.follow("explain")
        assert answer["cause"] == "failed-in-step"

        await deploy(it, *shop(is_fixed=True))
        answer = await session.follow("rerun")
        assert answer["run"]["output"] == {"charged": 3}
        assert answer["repeats"]["takenOver"] == ["reserve"]
        answer = await session.follow("compare_runs")
        assert answer["firstDifference"]["stepA"] == "charge"
    within_budget("charge repeated after a fix", session)


async def test_is_it_safe_if_the_reply_of_a_step_is_lost(meeting):
    async with meeting(counting([])) as (session, _):
        answer = await session.begin(
            "run_fault_matrix", functionId="bank-transfer", kinds=["reply_lost", "restart"]
        )
        assert [suspect["step"] for suspect in answer["suspects"]] == ["book"]
        answer = await session.follow("compare_runs")
        assert not answer["same"]
    within_budget("faults of an unsafe step", session)


async def test_it_is_safe_and_the_answer_says_what_that_means(meeting):
    async with meeting(shop(is_fixed=True)) as (session, _):
        answer = await session.begin("run_fault_matrix", functionId="shop-process-order", data=ORDER)
        assert answer["suspects"] == []
        assert "may still do their effect twice" in answer["next"]
        await session.follow("compare_runs")
    within_budget("all faults of a safe function", session)


async def test_what_do_the_docs_say_about_one_run_for_each_user(meeting):
    async with meeting(shop()) as (session, _):
        await session.begin("search_docs", query="limit one run per user at a time")
        answer = await session.follow("read_doc")
        assert answer["path"] == "guides/singleton"
        assert "event.data.user" in answer["content"]
    within_budget("question to the documentation", session)


async def test_a_run_waits_for_an_event_that_came_with_other_data(meeting):
    async with meeting(shop()) as (session, it):
        await session.begin("send_event", name="shop/approval.asked", data={"orderId": "o-7"})
        (run_id,) = session.answer["runIds"]
        await it.settle(run_id)
        answer = await session.ask("send_event", name="shop/approved", data={"order": "o-7"})
        assert "resumed" not in answer

        answer = await session.follow("explain")
        assert answer["runId"] == run_id
        assert answer["cause"] == "event-not-matched"
        answer = await session.follow("send_event")
        assert answer["resumed"] == [run_id]
        answer = await session.follow("poll_run_status")
        assert answer["runs"][0]["output"] == "approved"
    within_budget("wait for an event that did not match", session)


async def test_a_run_that_sleeps_for_days_is_not_waited_for(meeting):
    async with meeting(shop()) as (session, it):
        await session.begin("send_event", name="shop/reminder.asked")
        (run_id,) = session.answer["runIds"]
        await it.settle(run_id)
        answer = await session.follow("poll_run_status", timeout=0)
        assert answer["running"] == 1
        answer = await session.follow("advance_time")
        assert answer["status"] == "COMPLETED"
    within_budget("run that sleeps for days", session)


async def test_what_every_session_pays_before_its_first_call(meeting):
    async with meeting(shop()) as (session, _):
        compare("instructions and tool definitions", {"definitionChars": session.definition_chars}, session)
