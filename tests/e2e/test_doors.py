"""Who is served by a real process: Host, Origin and token, and requests that no client should send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from support.handshake import INITIALIZE
from support.processes import REPOSITORY, Process, Stepcue, call, sdk_app, stepcue

pytestmark = pytest.mark.anyio

SAMPLE = REPOSITORY / "examples" / "python_app"
TOKEN = "dGhlIHRva2Vu-of.this~test_9"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATHS = ("/mcp", "/mcp/", "/health", "/v2/runs", "/stepcue/v1/test", "/e/key", "/fn/register", "/")
MCP_HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stepcue]:
    """Stepcue as it starts without any of these options."""
    async with stepcue(tmp_path_factory.mktemp("door"), "--in-memory") as running:
        yield running


@pytest.fixture(scope="module")
async def container(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stepcue]:
    """Stepcue on all addresses, with names from the environment, as in a container."""
    names = {
        "STEPCUE_ALLOW_HOSTS": "host.docker.internal, stepcue:1234",
        "STEPCUE_ALLOW_ORIGINS": "https://tools.example",
    }
    folder = tmp_path_factory.mktemp("container")
    async with stepcue(folder, "--in-memory", "--host", "0.0.0.0", env=names) as running:  # noqa: S104
        yield running


@pytest.fixture(scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stepcue]:
    """Stepcue with a token."""
    folder = tmp_path_factory.mktemp("guarded")
    async with stepcue(folder, "--in-memory", "--no-poll", env={"STEPCUE_TOKEN": TOKEN}) as running:
        yield running


async def _ask(
    server: Stepcue, path: str, headers: Mapping[str, str], *, method: str = "GET", body: object = None
) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, base_url=server.origin) as http:
        if path.startswith("/mcp") and body is None:
            method, body, headers = "POST", INITIALIZE, {**MCP_HEADERS, **headers}
        return await http.request(method, path, headers=headers, json=body)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "localhost.evil.example",
        "localhost@evil.example",
        "127.0.0.1:{port}@evil.example",
        "192.168.1.7:{port}",
        "0.0.0.0:{port}",
        "[::2]:{port}",
        "[::1",
        "host.docker.internal:{port}",
        "localhost:x",
        "localhost/",
        "",
    ],
)
async def test_a_foreign_host_is_refused_and_told_which_option_allows_it(
    server: Stepcue, host: str, path: str
) -> None:
    answer = await _ask(server, path, {"Host": host.format(port=server.port)})

    assert answer.status_code == 421
    assert "--allow-host" in answer.text
    assert "STEPCUE_ALLOW_HOSTS" in answer.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "null",
        "vscode-webview://1a2b3c",
        "file://",
        "chrome-extension://abcdef",
        "http://127.0.0.1@evil.example",
        "x://localhost",
        "",
    ],
)
async def test_a_foreign_page_is_refused_and_told_which_option_allows_it(
    server: Stepcue, origin: str, path: str
) -> None:
    answer = await _ask(server, path, {"Origin": origin})

    assert answer.status_code == 403
    assert "--allow-origin" in answer.text


NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "anything-new"},
    ],
)
async def test_what_a_page_of_another_site_embeds_is_refused_though_it_has_no_origin(
    server: Stepcue, headers: dict[str, str], path: str
) -> None:
    assert (await _ask(server, path, headers)).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", **NAVIGATION}, 200),
        ({"Sec-Fetch-Site": "none", **NAVIGATION}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}, 200),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:3000"}, 200),
        ({"Sec-Fetch-Site": "same-site", "Host": "host.docker.internal"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Host": "host.docker.internal"}, 200),
        ({"Sec-Fetch-Mode": "cors"}, 200),
    ],
)
async def test_a_link_a_page_of_this_machine_and_programs_are_served(
    container: Stepcue, headers: dict[str, str], status: int
) -> None:
    answer = await _ask(container, "/health", headers)

    assert answer.status_code == status
    if status == 200:
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/health", "/v2/runs"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost"},
        {"Host": "LOCALHOST:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": "[::1]"},
        {"Host": "[::1]:{port}"},
        {"Host": "localhost:1"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://localhost"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Origin": "http://[::1]:{port}"},
    ],
)
async def test_this_machine_is_served(server: Stepcue, headers: dict[str, str], path: str) -> None:
    answer = await _ask(server, path, {name: text.format(port=server.port) for name, text in headers.items()})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/mcp", "/health"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "host.docker.internal"}, 200),
        ({"Host": "host.docker.internal:{port}"}, 200),
        ({"Host": "stepcue:1234"}, 200),
        ({"Host": "stepcue:{port}"}, 421),
        ({"Host": "127.0.0.1:{port}"}, 200),
        ({"Host": "0.0.0.0:{port}"}, 421),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://host.docker.internal:5173"}, 200),
        ({"Origin": "https://tools.example"}, 200),
        ({"Origin": "https://tools.example:444"}, 403),
        ({"Origin": "http://tools.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_elsewhere_the_checks_stay_on_and_names_are_allowed_by_the_environment(
    container: Stepcue, headers: dict[str, str], status: int, path: str
) -> None:
    given = {name: text.format(port=container.port) for name, text in headers.items()}

    assert (await _ask(container, path, given)).status_code == status


async def test_whoever_opens_it_to_the_network_without_a_token_is_warned(
    container: Stepcue, server: Stepcue
) -> None:
    assert any("STEPCUE_TOKEN" in line for line in container.process.lines)
    assert not any("STEPCUE_TOKEN" in line for line in server.process.lines)


async def test_with_a_token_nobody_is_warned(tmp_path: Path) -> None:
    options = ("--in-memory", "--host", "0.0.0.0")  # noqa: S104
    async with stepcue(tmp_path, *options, env={"STEPCUE_TOKEN": TOKEN}) as open_one:
        assert not any("Whoever reaches" in line for line in open_one.process.lines)
        assert any(
            '--header "Authorization: Bearer $STEPCUE_TOKEN"' in line for line in open_one.process.lines
        )
        assert not any(TOKEN in line for line in open_one.process.lines)


async def test_a_page_that_was_named_may_read_the_answers_and_others_may_not(container: Stepcue) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with httpx.AsyncClient(trust_env=False, base_url=container.origin) as http:
        named = await http.options("/mcp", headers={"Origin": "https://tools.example", **asked})
        other = await http.options("/mcp", headers={"Origin": "https://evil.example", **asked})
        answer = await http.get("/health", headers={"Origin": "https://tools.example"})
        local = await http.get("/health", headers={"Origin": "http://localhost:3000"})

    assert named.status_code == 200
    assert named.headers["access-control-allow-origin"] == "https://tools.example"
    assert named.headers["access-control-allow-headers"] == "authorization"
    assert other.status_code >= 400
    assert "access-control-allow-origin" not in other.headers
    assert answer.headers["access-control-allow-origin"] == "https://tools.example"
    assert answer.headers["access-control-expose-headers"] == "Mcp-Session-Id, WWW-Authenticate"
    assert "access-control-allow-origin" not in local.headers


async def test_the_address_that_it_listens_on_is_a_name_of_it(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--in-memory", "--host", "::1") as running:
        assert running.origin.startswith("http://[::1]:")
        async with Client(running.mcp_url) as client:
            assert (await client.list_tools()).tools
        assert not any("Whoever reaches" in line for line in running.process.lines)
    async with stepcue(tmp_path, "--in-memory", "--host", "::") as running:
        assert running.origin.startswith("http://[::1]:")
        async with Client(running.mcp_url) as client:
            assert (await client.list_tools()).tools
    async with stepcue(tmp_path, "--in-memory", "--host", "127.0.0.2") as running:
        assert (await _ask(running, "/health", {})).status_code == 200
        assert (await _ask(running, "/health", {"Host": "127.0.0.3"})).status_code == 421


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/mcp"),
        ("POST", "/mcp/"),
        ("POST", "/stepcue/v1/test"),
        ("POST", "/stepcue/v1/time/advance"),
        ("GET", "/v1/events"),
        ("GET", "/v1/runs/01M7YWPH29KN5921NDS4AZWVCN"),
        ("DELETE", "/v0/runs/01M7YWPH29KN5921NDS4AZWVCN"),
        ("GET", "/v2/runs"),
        ("GET", "/api/v2/apps"),
        ("POST", "/invoke/shop-process-order"),
        ("DELETE", "/fn/remove?url=http://127.0.0.1:1"),
    ],
)
async def test_what_reads_or_acts_needs_the_token(guarded: Stepcue, method: str, path: str) -> None:
    body = {} if method == "POST" and "mcp" not in path else None
    refused = [
        await _ask(guarded, path, headers, method=method, body=body)
        for headers in (
            {},
            {"Authorization": TOKEN},
            {"Authorization": f"Basic {TOKEN}"},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": f"Bearer {TOKEN[:-1]}"},
        )
    ]
    served = await _ask(guarded, path, {"authorization": f"bearer {TOKEN}"}, method=method, body=body)

    for answer in refused:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('Bearer realm="stepcue"')
        assert "STEPCUE_TOKEN" in answer.text
        assert TOKEN not in answer.text
    assert 'error="invalid_token"' in refused[-1].headers["www-authenticate"]
    assert served.status_code not in {401, 403}


@pytest.mark.parametrize("path", ["/health", "/dev", "/", "/.well-known/oauth-protected-resource"])
async def test_what_tells_nothing_needs_no_token(guarded: Stepcue, path: str) -> None:
    assert (await _ask(guarded, path, {})).status_code in {200, 307, 404}


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_an_app_needs_no_token_and_an_assistant_works_with_it(guarded: Stepcue, era: str) -> None:
    async with (
        sdk_app("app", guarded.origin, SAMPLE),
        httpx2.AsyncClient(trust_env=False, headers=BEARER, timeout=60) as http,
        Client(streamable_http_client(guarded.mcp_url, http_client=http), mode=era) as client,
    ):
        done = await call(client, "invoke_function", functionId="process-order", data={"orderId": "1"})
        answer = await http.get(f"{guarded.origin}/v2/runs/{done['runId']}")

    assert done["status"] == "COMPLETED"
    assert answer.status_code == 200


async def test_a_client_without_the_token_is_told_what_to_do(guarded: Stepcue) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        async with Client(guarded.mcp_url):
            pass
    assert "STEPCUE_TOKEN" in "".join(map(str, _leaves(caught.value)))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


@pytest.mark.parametrize("token", [None, "another-token-0123456789"])
async def test_stdio_without_the_token_of_the_running_one_ends_with_a_sentence(
    guarded: Stepcue, tmp_path: Path, token: str | None
) -> None:
    env = {} if token is None else {"STEPCUE_TOKEN": token}
    process = await Process.start(
        "-m", "mcp_server", "mcp", "--port", str(guarded.port), cwd=tmp_path, env=env
    )

    assert await process.ended() == 1
    said = "\n".join(process.lines)
    assert "STEPCUE_TOKEN" in said
    assert "Traceback" not in said
    assert TOKEN not in said


@pytest.mark.parametrize("size", ["declared", "found out"])
async def test_a_body_that_is_too_large_is_refused_and_the_server_lives(server: Stepcue, size: str) -> None:
    body = json.dumps({**INITIALIZE, "padding": "x" * 9_000_000}).encode()

    async def in_parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    headers = {**MCP_HEADERS, "Content-Type": "application/json"}
    async with httpx.AsyncClient(trust_env=False, base_url=server.origin, timeout=60) as http:
        refused = await http.post("/mcp", headers=headers, content=body if size == "declared" else in_parts())
        assert refused.status_code == 413
        assert (await http.get("/health")).status_code == 200
    assert (await server.call("list_functions"))["functions"] == []


@pytest.mark.parametrize(
    ("method", "headers", "status", "words"),
    [
        ("GET", {"Accept": "*/*"}, 200, "claude mcp add"),
        ("GET", {"Accept": "text/html"}, 200, "claude mcp add"),
        ("GET", {"Accept": "application/json"}, 406, "Not Acceptable"),
        ("HEAD", {"Accept": "*/*"}, 200, ""),
        ("HEAD", {"Accept": "text/event-stream"}, 405, ""),
        ("OPTIONS", {}, 405, "Method Not Allowed"),
        ("DELETE", {}, 405, "Method Not Allowed"),
        ("PUT", {}, 405, "Method Not Allowed"),
        ("POST", {}, 400, "Content-Type"),
        ("POST", {"Content-Type": "text/plain"}, 400, "Content-Type"),
        ("POST", {"Content-Type": "application/json", "Accept": "application/json"}, 406, "Accept"),
        ("POST", {"Content-Type": "application/json", **MCP_HEADERS}, 400, "Parse error"),
    ],
)
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_requests_of_no_client_are_answered_at_once(
    server: Stepcue, method: str, path: str, headers: dict[str, str], status: int, words: str
) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=server.origin) as http:
        answer = await http.request(method, path, headers=headers)

    assert answer.status_code == status
    assert words in answer.text
    assert "Traceback" not in answer.text


async def test_a_request_that_is_no_http_harms_nobody(server: Stepcue) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"\x16\x03\x01\x02\x00nonsense\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()

    assert b"400" in answer.splitlines()[0]
    assert (await _ask(server, "/health", {})).status_code == 200
