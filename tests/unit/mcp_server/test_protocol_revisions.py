"""All protocol revisions on one endpoint, each by its own first request, over real HTTP."""

import json

import httpx
import pytest
from mcp_listening import listening

pytestmark = pytest.mark.anyio
MODERN = "2026-07-28"
HANDSHAKES = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
ABOUT = {"name": "test", "version": "1"}


@pytest.fixture
async def post(new_server):
    async with listening(new_server()) as url, httpx.AsyncClient(trust_env=False) as http:

        async def send(method, params, **headers):
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            accept = {"Accept": "application/json, text/event-stream"}
            return await http.post(url, json=body, headers={**accept, **headers})

        yield send


def initialize(revision):
    return {"protocolVersion": revision, "capabilities": {}, "clientInfo": ABOUT}


def modern(revision=MODERN):
    return {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": revision,
            "io.modelcontextprotocol/clientInfo": ABOUT,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    }


def modern_headers(method, revision=MODERN):
    return {"MCP-Protocol-Version": revision, "Mcp-Method": method}


def answer(response):
    """Return the JSON-RPC answer, whether it came alone or as an event."""
    assert response.status_code == 200, response.text
    if response.headers["content-type"].startswith("application/json"):
        return response.json()
    (data,) = [line.removeprefix("data: ") for line in response.text.splitlines() if "jsonrpc" in line]
    return json.loads(data)


@pytest.mark.parametrize("revision", HANDSHAKES)
async def test_a_handshake_agrees_on_the_revision_that_the_client_asks_for(post, revision):
    result = answer(await post("initialize", initialize(revision)))["result"]

    assert result["protocolVersion"] == revision
    assert result["serverInfo"]["name"] == "stepcue"
    assert "Inngest" in result["instructions"]


async def test_a_handshake_with_an_unknown_revision_offers_the_newest_with_a_handshake(post):
    result = answer(await post("initialize", initialize("1999-01-01")))["result"]

    assert result["protocolVersion"] == HANDSHAKES[-1]


async def test_discovery_needs_no_handshake_and_lists_the_modern_revision(post):
    response = await post("server/discover", modern(), **modern_headers("server/discover"))

    result = answer(response)["result"]
    assert MODERN in result["supportedVersions"]
    assert "Inngest" in result["instructions"]
    assert "mcp-session-id" not in response.headers


async def test_a_modern_revision_that_nobody_knows_is_refused_with_those_that_are_known(post):
    response = await post(
        "server/discover", modern("2099-01-01"), **modern_headers("server/discover", "2099-01-01")
    )

    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["data"]["requested"]) == (-32022, "2099-01-01")
    assert MODERN in error["data"]["supported"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_host_and_origin_are_looked_at_in_both_eras(post, era, headers, status):
    method = "initialize" if era == "legacy" else "server/discover"
    params = initialize("2025-11-25") if era == "legacy" else modern()
    of_era = {} if era == "legacy" else modern_headers(method)

    response = await post(method, params, **of_era, **headers)

    assert response.status_code == status
