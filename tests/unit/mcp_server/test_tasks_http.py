"""Tasks as they go over HTTP: headers, codes, and shapes."""

import datetime
import re

import httpx
import inngest
import pytest
from mcp_listening import listening
from support.sdk_app import ENGINE_ORIGIN, lab, new_client
from support.task_client import TASKS, begin, get, task_client

from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio
REVISION = "2026-07-28"
KNOWS = {"extensions": {TASKS: {}}}
MISMATCH, INCAPABLE, INVALID = -32020, -32021, -32602


class Wire:
    """Posts single requests and shows what comes back."""

    def __init__(self, url, http):
        self._url = url
        self._http = http

    async def post(self, method, params, *, knows=KNOWS, headers=None):
        """Return the HTTP status and the JSON-RPC answer."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientCapabilities": knows,
        }
        name = params.get("name", params.get("taskId"))
        sent = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": REVISION,
            "Mcp-Method": method,
            **({} if name is None else {"Mcp-Name": name}),
            **(headers or {}),
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        answer = await self._http.post(
            self._url, json=body, headers={key: value for key, value in sent.items() if value is not None}
        )
        return answer.status_code, answer.json()

    async def begin(self):
        """Begin a task that lasts."""
        _, answer = await self.post(
            "tools/call", {"name": "invoke_function", "arguments": {"functionId": "nap"}}
        )
        return answer["result"]


@pytest.fixture
async def wire(docs):
    client = new_client()

    @client.create_function(fn_id="nap", trigger=inngest.TriggerEvent(event="t/nap"))
    async def nap(ctx):
        await ctx.step.sleep("rest", datetime.timedelta(seconds=40))

    async with lab(client, [nap]) as it:
        server = build_server(it.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN, task_grace_s=0))
        async with listening(server) as url, httpx.AsyncClient(trust_env=False) as http:
            yield Wire(url, http)


async def test_a_task_is_flat_with_the_names_of_the_revision(wire):
    task = await wire.begin()
    status, looked = await wire.post("tasks/get", {"taskId": task["taskId"]})

    assert set(task) - {"_meta"} == {
        "resultType",
        "taskId",
        "status",
        "statusMessage",
        "createdAt",
        "lastUpdatedAt",
        "ttlMs",
        "pollIntervalMs",
    }
    assert task["ttlMs"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*Z", task["createdAt"])
    assert status == 200
    assert looked["result"]["resultType"] == "complete"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
@pytest.mark.parametrize("name", [None, "another", ""])
async def test_the_routing_header_must_name_the_task(wire, method, name):
    task = await wire.begin()
    status, answer = await wire.post(method, {"taskId": task["taskId"]}, headers={"Mcp-Name": name})
    _, looked = await wire.post("tasks/get", {"taskId": task["taskId"]})

    assert (status, answer["error"]["code"]) == (400, MISMATCH)
    assert looked["result"]["status"] == "working"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_each_request_must_declare_the_extension_for_itself(wire, method):
    task = await wire.begin()
    status, answer = await wire.post(method, {"taskId": task["taskId"]}, knows={})

    assert (status, answer["error"]["code"]) == (400, INCAPABLE)
    assert answer["error"]["data"] == {"requiredCapabilities": KNOWS}


async def test_unknown_and_missing_ids_are_invalid_params(wire):
    for params, headers in (
        ({"taskId": "nope"}, None),
        ({}, {"Mcp-Name": "x"}),
        ({"taskId": 7}, {"Mcp-Name": "7"}),
    ):
        _, answer = await wire.post("tasks/get", params, headers=headers or {})
        assert answer["error"]["code"] == INVALID


async def test_a_python_client_names_the_task_in_the_header_by_itself(wire):
    async with task_client(wire._url) as client:
        task = await begin(client, "invoke_function", functionId="nap")

        assert (await get(client, task["taskId"]))["taskId"] == task["taskId"]
