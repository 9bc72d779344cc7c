"""mirror_run: a run of one engine, read over its HTTP API, is repeated on another one with the same app."""

from __future__ import annotations

import datetime
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import inngest
import pytest
from mcp import Client
from support.remote_server import dev_server, refusal, target, v1, v2
from support.sdk_app import Lab, lab, new_client
from support.shipped_docs import shipped_docs
from support.two_backends import ask, on_a_socket, refused

from durable_engine import Engine, EngineConfig, EventFilter, NewEvent, RealClock
from mcp_server.config import ServerConfig
from mcp_server.offer import check_offer
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.errors import WritesRefusedError
from mcp_server.remote.target import read_target
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio

ORDER = {"orderId": "o-7", "n": 3}


@dataclass
class Shop:
    """An app that runs in production, or here; `bodies` counts the steps that really ran."""

    card: str = "ok"
    has_gift: bool = False
    is_broken: bool = False
    bodies: Counter[str] = field(default_factory=Counter)

    def did(self, step: str, result: Any) -> Any:
        self.bodies[step] += 1
        return result

    def charge(self) -> Any:
        self.bodies["charge"] += 1
        if self.card == "flaky" and self.bodies["charge"] > 1:
            return {"paid": 3}
        if self.card != "ok":
            raise ValueError("card declined")
        return {"paid": 3}

    def functions(self) -> tuple[inngest.Inngest, list[inngest.Function[Any]]]:
        client = new_client()
        hour = datetime.timedelta(hours=1)

        @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="t/order"), retries=1)
        async def order(ctx: inngest.Context) -> Any:
            found = await ctx.step.run("load", lambda: self.did("load", {"id": ctx.event.data["orderId"]}))
            await ctx.step.sleep("rest", datetime.timedelta(days=2))
            if self.has_gift:
                await ctx.step.run("gift", lambda: self.did("gift", None))
            paid = await ctx.step.run("charge", self.charge)
            sent = await ctx.step.send_event("tell", inngest.Event(name="t/told"))
            if self.is_broken:
                raise RuntimeError(f"no stock for {found['id']}")
            return {**found, **paid, "told": len(sent), "by": ctx.event.name}

        @client.create_function(fn_id="approve", trigger=inngest.TriggerEvent(event="t/asked"))
        async def approve(ctx: inngest.Context) -> Any:
            answer = await ctx.step.wait_for_event("answer", event="t/answer", timeout=hour)
            late = await ctx.step.wait_for_event("second", event="t/second", timeout=hour)
            return {"answer": answer and answer.data, "late": late is None}

        @client.create_function(fn_id="both", trigger=inngest.TriggerEvent(event="t/both"))
        async def both(ctx: inngest.Context) -> Any:
            made = await ctx.group.parallel(
                tuple(
                    lambda name=name: ctx.step.run(name, lambda: self.did(name, name)) for name in ("a", "b")
                )
            )
            for number in range(2):
                await ctx.step.run("again", lambda n=number: self.did("again", n))
            child = await ctx.step.invoke("ask", function=approve_fast)
            return [*made, child]

        @client.create_function(fn_id="fast", trigger=inngest.TriggerEvent(event="t/fast"))
        async def approve_fast(ctx: inngest.Context) -> str:
            return await ctx.step.run("child", lambda: self.did("child", "yes"))

        return client, [order, approve, both, approve_fast]


@dataclass
class Two:
    """Production, and what is here; `tools` are those of the engine here."""

    there: Lab
    here: Lab
    tools: Client
    shop: Shop

    async def run_there(self, name: str, **data: Any) -> str:
        run_id = await self.there.start(name, data)
        await self.there.settle(run_id)
        return run_id

    async def mirror(self, run_id: str, **arguments: Any) -> dict[str, Any]:
        return await ask(self.tools, "mirror_run", runId=run_id, **arguments)


@asynccontextmanager
async def two(there: Shop, here: Shop | None = None) -> Any:
    """Run production with one app, and an engine here with another one, which may have other code."""
    here = here or Shop(card=there.card)
    client, functions = there.functions()
    own, own_functions = here.functions()
    async with (
        lab(client, functions) as production,
        on_a_socket(production.engine) as origin,
        RemoteBackend.open(read_target(origin, only_reads=True)) as source,
        lab(own, own_functions, clock=RealClock()) as local,
    ):
        server = build_server(local.engine, shipped_docs(), config=ServerConfig(), mirror=source)
        async with Client(server, raise_exceptions=True) as tools:
            yield Two(production, local, tools, here)


async def _fail_there(it: Two) -> str:
    run_id = await it.run_there("t/order", **ORDER)
    await it.there.advance(2 * 86_400 + 1, run_id)
    for _ in range(3):
        run = await it.there.advance(3_600, run_id)
    assert run.status.is_terminal
    return run_id


async def test_a_failure_is_reproduced_without_any_of_its_effects() -> None:
    async with two(Shop(card="bad")) as it:
        run_id = await _fail_there(it)
        before = await it.there.engine.records.events(EventFilter())

        answer = await it.mirror(run_id)
        seen = await ask(it.tools, "get_run_status", runId=answer["local"]["runId"])
        told = await ask(it.tools, "explain", runId=answer["local"]["runId"])
        events = await it.here.engine.records.events(EventFilter())
        after = await it.there.engine.records.events(EventFilter())

    assert answer["same"] is True
    assert f"Reproduced: the present code took the way of run {run_id} of Stepcue at" in answer["message"]
    assert (answer["remote"]["status"], answer["local"]["status"]) == ("FAILED", "FAILED")
    assert answer["mocked"] == ["load", "charge"]
    assert answer["error"]["message"] == "card declined"
    assert answer["timeSkipped"].startswith("2d")
    assert not {"ran", "heldBack", "firstDifference", "notes", "differences"} & answer.keys()
    assert answer["steps"][2] == {"stepName": "charge", "statusA": "FAILED", "attemptsA": 2} | {
        key: answer["steps"][2][key] for key in ("durationMsA", "durationMsB") if key in answer["steps"][2]
    }
    assert answer["next"].startswith(f'mirror_run runId="{run_id}" real=["charge"]')
    assert (seen["eventName"], seen["eventData"]) == ("t/order", ORDER)
    assert "test_mirror.py" in str(told["evidence"])  # the line that raised there
    assert f"It repeats run {run_id} of Stepcue at" in str(seen["notes"])
    assert it.shop.bodies == {}
    assert [event.name for event in events.events if not event.name.startswith("inngest/")] == ["t/order"]
    assert [event.id for event in before.events] == [event.id for event in after.events]


async def test_the_failing_step_runs_here_and_what_is_not_on_record_is_held_back_until_asked_for() -> None:
    async with two(Shop(card="bad"), Shop()) as it:
        run_id = await _fail_there(it)

        tried = await it.mirror(run_id, real=["charge"])
        whole = await it.mirror(run_id, real=["charge", "*"])
        it.shop.has_gift = True
        changed = await it.mirror(run_id)

    assert (tried["same"], tried["ran"], tried["heldBack"]) == (False, ["charge"], ["tell"])
    assert (tried["firstDifference"]["kind"], tried["firstDifference"]["stepB"]) == ("outcome", "charge")
    assert tried["error"]["name"] == "NotOnRecordError"
    assert f"Step 'tell' is not on record in run {run_id}" in tried["error"]["message"]
    assert 'real=["charge","tell"]' in tried["next"].replace(", ", ",")
    assert (whole["local"]["status"], whole["ran"]) == ("COMPLETED", ["charge", "tell"])
    assert whole["output"] == {"id": "o-7", "paid": 3, "told": 1, "by": "t/order"}
    assert changed["firstDifference"] == {"kind": "step", "stepNumber": 3, "stepA": "charge", "stepB": "gift"}
    assert changed["heldBack"] == ["gift"]
    assert changed["differences"]["onlyInA"] == ["charge"]
    assert "Step 'gift' is not on record and was held back" in changed["message"]
    assert it.shop.bodies == {"charge": 2}


async def test_a_step_takes_as_many_attempts_as_there_and_an_error_between_steps_is_the_codes_own() -> None:
    async with two(Shop(card="flaky", is_broken=True), Shop(is_broken=True)) as it:
        run_id = await _fail_there(it)
        same = await it.mirror(run_id)
        it.shop.is_broken = False
        mended = await it.mirror(run_id)
        test = await ask(it.tools, "export_test", runId=mended["local"]["runId"], format="scenario")

    assert same["same"] is True
    assert same["error"]["message"] == "no stock for o-7"
    assert [step["attemptsA"] for step in same["steps"]] == [1, 1, 2, 1]
    assert same["mocked"] == ["load", "charge", "tell"]
    assert same["next"].startswith("explain runId=")
    assert mended["same"] is False
    assert mended["message"].startswith("The steps are those of")
    assert mended["output"]["told"] == 1
    assert '"stepId": "charge"' in test["code"]
    assert it.shop.bodies == {}


async def test_waits_end_as_they_did_with_the_event_or_at_their_time() -> None:
    async with two(Shop()) as it:
        run_id = await it.run_there("t/asked")
        await it.there.send("t/answer", {"is": "yes"})
        await it.there.settle(run_id)
        open_yet = await it.mirror(run_id)
        await it.there.advance(3_601, run_id)
        ended = await it.mirror(run_id)

    assert (ended["same"], ended["mocked"]) == (True, ["answer", "second"])
    assert ended["output"] == {"answer": {"is": "yes"}, "late": True}
    assert (open_yet["same"], open_yet["local"]["status"]) == (True, "RUNNING")
    assert "has not ended" in open_yet["notes"][0]
    assert open_yet["next"].startswith("advance_time runId=")


async def test_parallel_repeated_and_invoked_steps_are_all_taken_from_the_record() -> None:
    async with two(Shop()) as it:
        run_id = await it.run_there("t/both")
        answer = await it.mirror(run_id)

    assert answer["same"] is True
    assert sorted(answer["mocked"]) == ["a", "again", "again[1]", "ask", "b"]
    assert answer["output"] == ["a", "b", "yes"]
    assert it.shop.bodies == {}


async def test_what_cannot_be_mirrored_is_said_with_what_to_do() -> None:
    async with two(Shop()) as it:
        run_id = await it.run_there("t/fast")
        unknown = await refused(it.tools, "mirror_run", runId="01KAM000000000000000000000")
        absent = await refused(it.tools, "mirror_run", runId=run_id, functionId="nope")
        edited = await it.mirror(run_id, data={"x": 1}, real=["child", "typo"])

    assert "No run '01KAM000000000000000000000' in Stepcue at" in unknown
    assert "Take the id from that server" in unknown
    assert "No function 'nope'" in absent
    assert "with functionId" in absent
    assert edited["differences"]["event"] == [{"what": "$.data.x", "now": 1}]
    assert edited["ran"] == ["child"]
    assert "'typo'" in edited["notes"][0]


@pytest.mark.parametrize(
    "trace", [v2({"rootSpan": {"name": "order"}}), refusal(500, "x", "oops")], ids=["known", "none"]
)
async def test_an_error_that_no_step_accounts_for_is_taken_for_the_step_the_code_comes_to(trace: Any) -> None:
    """The Python SDK reports no step for a NonRetriableError; without a trace nothing is known of steps."""
    failed = {
        "error": {"name": "NonRetriableError", "message": "no {step}", "stack": 'File "/srv/shop.py", line 7'}
    }
    run = {
        "id": "01KAM000000000000000000000",
        "status": "FAILED",
        "app": {"id": "else"},
        "function": {"id": "order", "name": "order"},
        "trigger": {"eventIds": ["01KAM000000000000000000001"], "eventName": "t/order"},
        "endedAt": "2027-01-15T08:00:00Z",
        "output": failed,
    }
    scripted = dev_server(
        **{
            f"GET /v2/runs/{run['id']}": v2(run),
            f"GET /v2/runs/{run['id']}/trace": trace,
            "GET /v1/events/01KAM000000000000000000001": v1({"name": "t/order", "data": ORDER, "id": "mine"}),
        }
    )
    shop = Shop()
    client, functions = shop.functions()
    async with (
        lab(client, functions, clock=RealClock()) as it,
        RemoteBackend.open(target(only_reads=True), transport=scripted) as source,
        Client(build_server(it.engine, shipped_docs(), mirror=source)) as tools,
    ):
        answer = await ask(tools, "mirror_run", runId=run["id"])

    is_known = isinstance(trace, dict)
    assert answer["same"] is is_known
    assert answer["local"]["functionId"] == "lab-order"  # the app there has another name
    assert answer.get("mocked" if is_known else "heldBack") == ["load"]
    assert answer["error"]["name"] == ("NonRetriableError" if is_known else "NotOnRecordError")
    assert answer["error"]["message"].startswith("no {step}" if is_known else "Step 'load' is not on record")
    assert ("taken for its own" if is_known else "no trace of this run") in answer["notes"][-1]
    assert shop.bodies == {}


async def test_without_a_server_to_mirror_the_tool_is_not_listed_and_says_what_it_needs() -> None:
    client, functions = Shop().functions()
    async with lab(client, functions, clock=RealClock()) as it:
        server = build_server(it.engine, shipped_docs())
        async with Client(server, raise_exceptions=True) as tools:
            listed = {tool.name for tool in (await tools.list_tools()).tools}
            text = await refused(tools, "mirror_run", runId="x")

    assert "mirror_run" not in listed
    assert "--mirror (STEPCUE_MIRROR)" in text


async def test_with_one_it_is_one_more_tool_and_can_be_chosen() -> None:
    async with await Engine.open(EngineConfig()) as engine, RemoteBackend.open(target()) as source:
        whole = build_server(engine, shipped_docs(), mirror=source)
        chosen = ServerConfig(tools=frozenset({"mirror_run", "explain"}))
        few = build_server(engine, shipped_docs(), config=chosen, mirror=source)
        reading = build_server(engine, shipped_docs(), config=ServerConfig(read_only=True), mirror=source)
        without = build_server(engine, shipped_docs(), config=chosen)
        (tool,) = [tool for tool in await whole.list_tools() if tool.name == "mirror_run"]
        names = [[tool.name for tool in await server.list_tools()] for server in (few, reading, without)]

    check_offer(chosen)
    assert names[0] == ["explain", "mirror_run"]
    assert "mirror_run" not in names[1]
    assert names[2] == ["explain"]
    assert tool.input_schema["additionalProperties"] is False
    assert len(tool.model_dump_json(exclude={"output_schema"})) < 1_700
    assert "mirror_run" in (whole.instructions or "")
    assert len(whole.instructions or "") < 2_000


async def test_nothing_but_a_get_is_ever_sent_to_a_server_that_is_mirrored() -> None:
    server = dev_server()
    async with RemoteBackend.open(target(only_reads=True), transport=server) as backend:
        connection = backend.api.connection
        with pytest.raises(WritesRefusedError, match="only read"):
            await connection.ask("POST", "/v2/runs/x/cancel")
        with pytest.raises(WritesRefusedError):
            await connection.post_event({"name": "a"}, {})
        with pytest.raises(WritesRefusedError):
            await backend.send_event(NewEvent(name="a/b"))

        assert backend.may_write is False
    assert {request.method for request in server.asked} == {"GET"}
