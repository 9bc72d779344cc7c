"""Every tool, on real runs: both channels tell the same, and hostile text of an app stays data in both."""

import datetime
import logging
from dataclasses import dataclass
from typing import Any

import inngest
import pytest
from mcp.types import CallToolResult
from mcp_hostile import HOSTILE, check_stays_data, is_told, leaves
from mcp_scripted import connected, text_of
from support.assistant import Assistant
from support.deploys import deploy
from support.sdk_app import ENGINE_ORIGIN, Lab, lab, new_client

from durable_engine import RealClock
from mcp_server.config import ServerConfig
from mcp_server.render.budget import MAX_CHARS
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@dataclass
class Answer:
    """What a tool answered to a call."""

    tool: str
    arguments: dict[str, Any]
    result: CallToolResult

    @property
    def text(self) -> str:
        return text_of(self.result)

    @property
    def facts(self) -> dict[str, Any]:
        return dict(self.result.structured_content or {})


def build_app(words: str, *, changed: bool = False):
    """An app whose names, data, outputs and errors all contain `words`."""
    client = new_client("lab")

    @client.create_function(
        fn_id="work", name=f"Work {words}", trigger=inngest.TriggerEvent(event=f"t/work {words}"), retries=1
    )
    async def work(ctx):
        async def answer():
            return {"said": words, words: [words]}

        async def fail():
            error = type(f"Bad{words}" if words.isalpha() else "Bad", (Exception,), {})
            raise error(words)

        await ctx.step.run(f"first{'-new' if changed else ''} {words}", answer)
        await ctx.step.sleep(f"nap {words}", datetime.timedelta(days=2))
        if ctx.event.data.get("fails"):
            await ctx.step.run(f"fail {words}", fail)
        await ctx.step.wait_for_event(
            f"wait {words}",
            event=f"t/go {words}",
            if_exp="async.data.number == 7",
            timeout=datetime.timedelta(days=9),
        )
        return words

    return client, [work]


class Caller:
    """Calls tools and keeps the answers."""

    def __init__(self, client) -> None:
        self._client = client
        self.answers: list[Answer] = []

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self._client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        self.answers.append(Answer(tool, arguments, result))
        return self.answers[-1].facts


@pytest.fixture(params=["plain", HOSTILE.replace("\ud800", "")], ids=["plain", "hostile"])
async def words(request) -> str:
    return request.param


@pytest.fixture
async def answers(words, docs, tmp_path, monkeypatch, era):
    monkeypatch.chdir(tmp_path)
    logging.getLogger("inngest").setLevel(logging.CRITICAL)
    async with lab(*build_app(words), clock=RealClock(), data_file=tmp_path / "data.db") as it:
        server = build_server(it.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        async with connected(server, era) as client:
            call = Caller(client)
            await _runs(call, it, words)
            await _tests(call, it, words)
            await _state(call, words)
            await _documentation(call)
            yield call.answers, await Assistant.meet(client)


async def _runs(call: Caller, it: Lab, words: str) -> None:
    await call("list_functions")
    await call("list_functions", query="nothing like it")
    sent = await call("send_event", name=f"t/work {words}", data={"said": words, words: words})
    (run_id,) = sent["runIds"]
    await it.settle(run_id)
    await call("poll_run_status", runIds=[run_id, "unknown"], timeout=0)
    await call("get_run_status", runId=run_id)
    await call("explain", runId=run_id)
    await call("advance_time", runId=run_id)
    await call("get_run_status", runId=run_id, detail="full")
    await call("send_event", name=f"t/go {words}", data={"number": words})
    await call("explain", runId=run_id)
    unheard = await call("send_event", name=f"t/wrok {words}", data={words: words})
    await call("explain", eventId=unheard["eventId"])
    await call("send_event", name=f"t/go {words}", data={"number": 7, "said": words}, wait=20)
    await call("explain", eventId=sent["eventId"])
    await call("invoke_function", functionId="lab-work", data={"said": words}, timeout=0)
    await call("pause_function", functionId="lab-work")
    dropped = await call("send_event", name=f"t/work {words}")
    await call("explain", eventId=dropped["eventId"])
    await call("pause_function", functionId="lab-work", resume=True)
    await call("list_runs")
    await call("list_runs", eventName=f"t/work {words}", status="FAILED")
    await call("list_events")
    await call("list_events", name=f"t/wrok {words}")
    await call("doctor")
    waiting = await call("invoke_function", functionId="lab-work", data={"said": words}, timeout=0)
    await call("cancel_run", runId=waiting["runId"])
    await call("cancel_run", runId=waiting["runId"])


async def _tests(call: Caller, it: Lab, words: str) -> None:
    go = [{"name": f"t/go {words}", "data": {"number": 7}}]
    passed = await call("test_function", functionId="lab-work", data={"said": words}, events=go)
    expect = {"output": {words: words}, "ran": [f"nope {words}"]}
    await call("test_function", functionId="lab-work", events=go, expect=expect)
    failed = await call("test_function", functionId="lab-work", data={"fails": True})
    await call("explain", runId=failed["runId"])
    await call("poll_run_status", runIds=[failed["runId"]], timeout=0)
    await call("get_run_status", runId=failed["runId"])
    await call("run_fault_matrix", functionId="lab-work", events=go, kinds=["step_fails", "reply_lost"])
    await call("check_replay", runId=passed["runId"])
    again = await call("rerun", runId=failed["runId"], fromStep=f"fail {words}", wait=0)
    await call("compare_runs", runIdA=passed["runId"], runIdB=again["runId"])
    await call("get_coverage", functionId="lab-work")
    for form in ("pytest", "vitest", "scenario"):
        await call("export_test", runId=passed["runId"], format=form)
    await call("export_test", runId=passed["runId"], path="tests/test_it.py")
    await deploy(it, *build_app(words, changed=True))
    await call("check_replay", runId=passed["runId"])


async def _state(call: Caller, words: str) -> None:
    outcomes = [{"result": words}, {"error": {"name": "Bad", "message": words}}]
    await call("mock_step", functionId="lab-work", stepId=f"fail {words}", outcomes=outcomes)
    await call("mock_step", functionId="lab-work", stepId=f"fial {words}", outcomes=outcomes)
    await call("list_functions")
    await call("clear_mocks", functionId="lab-work", stepId=f"fail {words}")
    await call("advance_time", by="1h")
    await call("snapshot_engine", name="one")
    await call("restore_engine", name="one")
    await call("reset_engine", keepSnapshots=False)


async def _documentation(call: Caller) -> None:
    await call("search_docs", query="retries")
    await call("search_docs", query="xyzzyq")
    await call("grep_docs", pattern="step", context=1)
    await call("grep_docs", pattern="xyzzyq")
    await call("list_docs")
    await call("read_doc", path="steps/run")


async def test_both_channels_of_every_tool_tell_the_same_and_user_text_stays_data(answers, words):
    answered, assistant = answers
    assert {answer.tool for answer in answered} == set(assistant.schemas)

    for answer in answered:
        assistant.check_advice(answer.tool, answer.facts)
        text, facts = answer.text, answer.facts
        where = f"{answer.tool} {answer.arguments}\n{text}"
        assert [leaf for leaf in leaves(facts) if not is_told(leaf, text)] == [], where
        assert text.splitlines()[0] == facts["message"], where
        if "next" in facts:
            assert f"\nnext: {facts['next']}" in text, where
        assert len(text) <= MAX_CHARS
        if words != "plain":
            check_stays_data(text if answer.tool == "export_test" else text.partition("\n\n")[0])
