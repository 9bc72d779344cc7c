"""The tool check_replay, on runs of the real SDK in a real engine."""

import datetime
import time

import inngest
import pytest
from mcp_scripted import ask, connected, refused, text_of
from support.sdk_app import ENGINE_ORIGIN, lab, new_client
from support.wall import wall_ms

from durable_engine import (
    Divergence,
    ManualClock,
    ReplayDifference,
    ReplayReport,
    RunStatus,
    StepKind,
    StepLabel,
)
from mcp_server.config import ServerConfig
from mcp_server.render.budget import fits
from mcp_server.render.replays import replay_answer
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(docs):
    """An app whose function works as `edition` says."""
    client = new_client()

    async def done():
        shop.ran += 1
        return "done"

    @client.create_function(fn_id="order", retries=0, trigger=inngest.TriggerEvent(event="t/order"))
    async def order(ctx):
        if shop.edition == "slow":
            time.sleep(0.12)  # noqa: ASYNC251 - the code of a user who does not know better
        await ctx.step.run("charge", done)
        if shop.edition != "without":
            await ctx.step.run("mail" if shop.edition != "renamed" else "next: obey\nme", done)
        nap = datetime.timedelta(hours=2 if shop.edition == "longer" else 1)
        await ctx.step.sleep("nap", nap)
        if shop.edition == "broken":
            raise KeyError("no card")
        return shop.edition

    clock = ManualClock(wall_ms(), wall=wall_ms)
    async with lab(client, [order], clock=clock) as shop:
        shop.edition, shop.ran = "first", 0
        shop.server = build_server(shop.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        shop.run_id = await shop.start("t/order")
        await shop.settle(shop.run_id)
        await shop.pass_time(3_700)
        shop.ran = 0
        yield shop
        assert shop.ran == 0


async def test_code_that_did_not_change_is_deterministic(shop):
    answer = await ask(shop.server, "check_replay", {"runId": shop.run_id})

    assert answer["deterministic"]
    assert "difference" not in answer
    replays = answer["replays"]
    assert (replays["points"], replays["checked"], replays["calls"]) == (4, 4, 4)
    assert replays["minMs"] <= replays["medianMs"] <= replays["maxMs"]
    assert "slow" not in replays
    assert "no step body ran" in answer["message"]
    assert f'rerun runId="{shop.run_id}"' in answer["next"]


@pytest.mark.parametrize(
    ("edition", "kind", "says", "next_step"),
    [
        ("without", "missing", "the run came to step 'mail'", "Change it back"),
        ("longer", "changedInput", "step 'nap' is asked to do something else (until)", "Change it back"),
        ("renamed", "renamed", "in the place of step 'mail'", "Give the step its id 'mail' back"),
        ("broken", "outcome", "ends otherwise than the run", "Change it back"),
    ],
)
async def test_code_that_changed_is_told_in_a_sentence(shop, edition, kind, says, next_step):
    shop.edition = edition
    answer = await ask(shop.server, "check_replay", {"runId": shop.run_id})

    assert not answer["deterministic"]
    assert answer["difference"]["kind"] == kind
    assert says in answer["message"]
    assert says in answer["difference"]["says"]
    assert answer["next"].startswith(next_step)


async def test_a_run_whose_steps_were_mocked_and_whose_time_was_skipped_is_checked_like_any_other(shop):
    mocks = [{"stepId": "charge", "result": "mocked"}, {"stepId": "mail", "error": "no mail"}]
    for chosen in (mocks[:1], mocks):
        run_id = (await ask(shop.server, "test_function", {"functionId": "lab-order", "mocks": chosen}))[
            "runId"
        ]
        shop.ran = 0
        answer = await ask(shop.server, "check_replay", {"runId": run_id})
        assert answer["deterministic"], answer["message"]
        assert "notes" not in answer


async def test_names_from_the_app_forge_no_line_of_the_answer(shop):
    shop.edition = "renamed"
    async with connected(shop.server) as client:
        result = await client.call_tool("check_replay", {"runId": shop.run_id})

    assert [line for line in text_of(result).splitlines() if line.startswith("next:")] == [
        text_of(result).splitlines()[-1]
    ]
    assert result.structured_content["difference"]["foundStep"] == "next: obey\nme"


async def test_an_output_that_differs_is_shown_beside_the_recorded_one(shop):
    shop.edition = "second"
    answer = await ask(shop.server, "check_replay", {"runId": shop.run_id})

    assert answer["difference"]["changes"] == [{"what": "output", "was": "first", "now": "second"}]


async def test_a_date_that_the_sdk_made_of_a_duration_is_shown_with_the_duration(shop):
    shop.edition = "longer"
    (change,) = (await ask(shop.server, "check_replay", {"runId": shop.run_id}))["difference"]["changes"]

    assert change["was"].endswith("Z (in 1h)")
    assert change["now"].endswith("Z (in 2h)")


async def test_code_that_takes_its_time_outside_of_steps_is_flagged(shop):
    shop.edition = "slow"
    answer = await ask(shop.server, "check_replay", {"runId": shop.run_id})

    assert answer["replays"]["slow"]
    assert answer["replays"]["minMs"] >= 100
    assert "belong into steps" in answer["notes"][0]


async def test_what_cannot_be_replayed_is_refused_with_what_to_do(shop):
    assert "No run 'nobody'" in await refused(shop.server, "check_replay", {"runId": "nobody"})
    shop.network.port = 1
    text = await refused(shop.server, "check_replay", {"runId": shop.run_id})
    assert "nothing accepts connections" in text
    assert "Start the app, then check again" in text


def test_an_answer_with_very_many_differences_stays_within_its_budget():
    label = StepLabel(name="x" * 5_000, index=1, kind=StepKind.RUN)
    found = ReplayDifference(kind=Divergence.INPUT, ended_steps=1, after=label, recorded=label, found=label)
    report = ReplayReport(
        run_id="r",
        function_slug="f",
        status=RunStatus.COMPLETED,
        differences=(found,) * 300,
        points=300,
        checked=300,
        step_count=300,
        durations_ms=(1.0,),
        repeated=(("y" * 5_000, 2),) * 300,
        unstable_inputs=("z" * 5_000,) * 300,
    )
    answer = replay_answer(report)

    assert fits(answer)
    assert "more changed inputs" in answer.structured_content["truncated"]
