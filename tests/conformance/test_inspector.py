"""MCP Inspector's command line against the product: over HTTP in both eras, and over stdio."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support.official_tools import inspector
from support.processes import Stepcue

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(400)]  # the first run installs packages
STEPCUE = str(Path(sys.executable).with_name("stepcue"))
EVENT = {"name": "shop/order.placed", "data": {"orderId": "o-1", "items": [{"sku": "a", "count": 2}]}}


@pytest.fixture(scope="module")
async def server(tmp_path_factory):
    started = await Stepcue.start(tmp_path_factory.mktemp("inspected"), "--in-memory")
    yield started
    await started.process.kill()


@pytest.fixture(params=["http legacy", "http modern", "stdio legacy", "stdio modern"])
def inspect(request, server, tmp_path):
    """Call the Inspector for one way to reach the server; over stdio it starts one of its own each time."""
    transport, era = request.param.split()
    over = {
        "http": [server.mcp_url, "--transport", "http"],
        "stdio": [STEPCUE, "mcp", "--in-memory", "--port", "0", "--no-discovery"],
    }[transport]

    async def call(method, *options):
        arguments = [*over, "--protocol-era", era, "--method", method, *options, "--format", "json"]
        return await inspector(*arguments, folder=tmp_path)

    return call


async def test_the_schemas_of_all_tools_are_portable(inspect):
    listed = await inspect("tools/list", "--strict")

    tools = [tool["name"] for tool in listed.json()["result"]["tools"]]
    assert {"send_event", "test_function", "read_doc"} <= set(tools)
    assert "0 errors" in listed.err, listed.err


async def test_a_tool_is_called_with_json_arguments(inspect):
    called = await inspect("tools/call", "--tool-name", "send_event", "--tool-args-json", json.dumps(EVENT))

    result = called.json()["result"]
    assert result["isError"] is False
    assert result["structuredContent"]["eventName"] == "shop/order.placed"


async def test_a_refused_call_is_the_tools_own_answer(server, tmp_path):
    called = await inspector(
        server.mcp_url,
        "--method",
        "tools/call",
        "--tool-name",
        "send_event",
        "--tool-args-json",
        '{"nme": "x"}',
        folder=tmp_path,
    )

    assert called.code == 5  # the tool ran, and said no
    assert "Did you mean 'name'?" in called.out + called.err


@pytest.mark.parametrize(
    ("method", "holds"),
    [
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ],
)
async def test_what_else_there_is_can_be_listed(server, tmp_path, method, holds):
    listed = await inspector(
        server.mcp_url, "--transport", "http", "--method", method, "--format", "json", folder=tmp_path
    )

    assert isinstance(listed.json()["result"][holds], list)
