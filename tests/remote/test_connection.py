"""Requests to a server elsewhere: keys, retries, bounds, and faults as sentences without secrets."""

from __future__ import annotations

import asyncio
import hashlib

import httpx
import pytest
from support.remote_server import FAR, ORIGIN, PassingClock, ScriptedServer, Turns, refusal, target, v2

from durable_engine.errors import ConfigError
from mcp_server.remote.api import in_path
from mcp_server.remote.connection import MAX_BODY_BYTES, Connection
from mcp_server.remote.errors import (
    AbsentError,
    FaultyAnswerError,
    KeyRefusedError,
    NotAllowedError,
    NotOfferedError,
    RateLimitedError,
    RejectedError,
    RemoteError,
    UnreachableError,
)

pytestmark = pytest.mark.anyio

KEY = "signkey-prod-" + "c0ffee11" * 8
OTHER = "signkey-prod-" + "facade22" * 8
BEARER = "signkey-prod-" + hashlib.sha256(bytes.fromhex("c0ffee11" * 8)).hexdigest()
OTHER_BEARER = "signkey-prod-" + hashlib.sha256(bytes.fromhex("facade22" * 8)).hexdigest()


def connect(server, engine=FAR, **options):
    return Connection(target(engine, **options), PassingClock(), transport=server)


async def test_the_bearer_is_the_hash_of_the_key_and_the_environment_has_a_header():
    server = ScriptedServer({"GET /v2/runs": v2([])})
    connection = connect(server, signing_key=KEY, env="feature/x")

    await connection.get("/v2/runs")

    (request,) = server.asked
    assert request.headers["authorization"] == f"Bearer {BEARER}"
    assert request.headers["x-inngest-env"] == "feature/x"


async def test_a_refused_key_gives_way_to_the_fallback_which_then_stays():
    def runs(request):
        taken = request.headers["authorization"] == f"Bearer {OTHER_BEARER}"
        return v2([]) if taken else refusal(401, "unauthorized", "no")

    server = ScriptedServer({"GET /v2/runs": runs})
    connection = connect(server, signing_key=KEY, fallback_key=OTHER)

    await connection.get("/v2/runs")
    await connection.get("/v2/runs")

    used = [request.headers["authorization"].removeprefix("Bearer ") for request in server.asked]
    assert used == [BEARER, OTHER_BEARER, OTHER_BEARER]


async def test_both_keys_refused_is_said_without_either():
    said = f"bad key {BEARER}, really {BEARER.rpartition('-')[2]}"
    connection = connect(
        ScriptedServer({"GET /v2/runs": refusal(401, "unauthorized", said)}),
        signing_key=KEY,
        fallback_key=OTHER,
    )

    with pytest.raises(KeyRefusedError) as refused:
        await connection.get("/v2/runs")

    text = f"{refused.value} {refused.value.hint}"
    assert f"{FAR} does not take the signing key: bad key [redacted]" in text
    assert "INNGEST_SIGNING_KEY_FALLBACK" in text
    assert not any(secret in text for secret in ("c0ffee11", "facade22", BEARER.rpartition("-")[2]))


async def test_a_server_that_asks_to_wait_is_asked_again_after_that():
    server = ScriptedServer(
        {"GET /v2/runs": Turns(refusal(429, "rate_limited", "slow down", **{"retry-after": "2"}), v2([]))}
    )
    connection = connect(server)

    await connection.get("/v2/runs")

    assert connection.clock.waited == [2.0]


async def test_a_server_that_asks_for_too_long_a_wait_is_left_alone():
    server = ScriptedServer({"GET /v2/runs": refusal(429, "x", "slow", **{"retry-after": "600"})})

    with pytest.raises(RateLimitedError, match=r"asks to wait \(600 s\)"):
        await connect(server).get("/v2/runs")

    assert len(server.asked) == 1


async def test_reading_is_tried_again_and_writing_never_once_it_may_have_been_accepted():
    broken = httpx.ReadError("gone")
    server = ScriptedServer(
        {"GET /v2/runs": Turns(broken, refusal(503), v2([])), "POST /v2/runs/x/cancel": broken}
    )
    connection = connect(server)

    await connection.get("/v2/runs")
    assert server.count("GET /v2/runs") == 3

    with pytest.raises(UnreachableError) as unknown:
        await connection.ask("POST", "/v2/runs/x/cancel")
    assert server.count("POST /v2/runs/x/cancel") == 1
    assert "look with list_runs before you call again" in unknown.value.hint


async def test_a_writing_request_that_the_server_did_not_look_at_is_made_again():
    server = ScriptedServer(
        {"POST /v2/runs/x/cancel": Turns(refusal(429, "x", "y", **{"retry-after": "1"}), v2({"id": "x"}))}
    )

    await connect(server).ask("POST", "/v2/runs/x/cancel")

    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (
            refusal(403, "forbidden", "not yours"),
            NotAllowedError,
            "does not allow GET /x with this key: not yours",
        ),
        (refusal(404, "not_found", "no run"), AbsentError, "knows nothing by that id: no run"),
        (httpx.Response(404, text="404 page not found"), NotOfferedError, "does not offer GET /x"),
        (refusal(501, "not_implemented", "later"), NotOfferedError, "does not offer GET /x"),
        (refusal(400, "invalid", "bad limit"), RejectedError, "refuses GET /x: bad limit"),
        (
            httpx.Response(500, text="<html>oops</html>"),
            FaultyAnswerError,
            "failed at GET /x with status 500.",
        ),
        (httpx.Response(200, text="<html>a page</html>"), NotOfferedError, "does not offer GET /x"),
        ({"error": "no such run", "data": None, "status": 500}, FaultyAnswerError, "status 500: no such run"),
        ({"error": "bad id", "data": None, "status": 400}, RejectedError, "refuses GET /x: bad id"),
        (
            httpx.Response(301, headers={"location": "https://u:planted@x/y?key=planted"}),
            FaultyAnswerError,
            "leading to https://[redacted]@x/y?key=[redacted], which is not followed",
        ),
        (httpx.ReadTimeout("slow"), UnreachableError, "did not answer within 15 s"),
        (httpx.ConnectError("refused"), UnreachableError, f"Nobody answers at {ORIGIN}."),
        (httpx.RemoteProtocolError("cut"), UnreachableError, "broke off before its answer was complete"),
    ],
)
async def test_a_fault_is_a_sentence_with_what_to_do(reply, kind, words):
    with pytest.raises(RemoteError) as fault:
        await connect(ScriptedServer({"GET /x": reply}), ORIGIN).get("/x")

    assert type(fault.value) is kind
    assert words in str(fault.value)
    assert fault.value.hint.endswith(".")


async def test_a_time_out_is_tried_once_more_only():
    server = ScriptedServer({"GET /x": httpx.ReadTimeout("slow")})

    with pytest.raises(UnreachableError):
        await connect(server).get("/x")

    assert len(server.asked) == 2


async def test_a_body_beyond_the_bound_is_not_read_to_its_end():
    class Endless(httpx.AsyncByteStream):
        given = 0

        async def __aiter__(self):
            while True:
                self.given += 2**20
                yield b" " * 2**20

    body = Endless()

    class Server(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            return httpx.Response(200, stream=body)

    with pytest.raises(FaultyAnswerError, match="over 32 MiB"):
        await connect(Server()).get("/x")

    assert body.given <= MAX_BODY_BYTES + 2**21


@pytest.mark.parametrize(
    ("engine", "options", "words"),
    [
        ("cloud", {}, "asks for a signing key"),
        ("ftp://x", {}, "neither 'cloud' nor the http"),
        ("http://ho\x01st:8288", {}, "neither 'cloud' nor the http"),
        ("http://me:planted@host:1", {}, "an address alone"),
        ("http://host?token=planted", {}, "an address alone"),
        (FAR, {"signing_key": "planted"}, "not of the form signkey-"),
        (FAR, {"signing_key": KEY, "fallback_key": "signkey-planted"}, "INNGEST_SIGNING_KEY_FALLBACK"),
        (FAR, {"env": "a\nb"}, "printable ASCII"),
    ],
)
def test_a_target_that_cannot_be_used_is_refused_without_its_secrets(engine, options, words):
    with pytest.raises(ConfigError, match=words) as refused:
        target(engine, **options)

    assert "planted" not in f"{refused.value} {refused.value.hint}"


def test_the_cloud_has_two_addresses_and_an_environment_by_its_key():
    cloud = target("Cloud", signing_key=KEY)

    assert (cloud.api_url, cloud.event_url) == ("https://api.inngest.com", "https://inn.gs")
    assert cloud.is_cloud
    assert not cloud.is_loopback
    assert "c0ffee11" not in repr(cloud)


def test_the_cloud_by_its_address_is_the_cloud_with_its_address_for_events():
    cloud = target("https://api.inngest.com/", signing_key=KEY)

    assert (cloud.is_cloud, cloud.event_url) == (True, "https://inn.gs")
    assert not target("https://notinngest.com").is_cloud
    with pytest.raises(ConfigError, match="asks for a signing key"):
        target("http://api.inngest.com")


async def test_a_request_that_was_out_while_keys_were_changed_gets_the_other_key():
    second_was_taken = asyncio.Event()

    class Server(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            is_first = request.headers["authorization"] == f"Bearer {BEARER}"
            if is_first and request.url.path == "/slow":
                await second_was_taken.wait()
            if not is_first:
                second_was_taken.set()
            return refusal(401, "unauthorized", "no") if is_first else httpx.Response(200, json=v2([]))

    connection = connect(Server(), signing_key=KEY, fallback_key=OTHER)

    answers = await asyncio.gather(connection.get("/slow"), connection.get("/fast"))

    assert answers == [v2([])] * 2


async def test_half_characters_are_replaced_and_whole_ones_are_not():
    text = '{"a": "x\\ud800", "\\uDC00": ["\\ud83d\\ude00"]}'
    server = ScriptedServer({"GET /x": httpx.Response(200, text=text)})

    assert await connect(server).get("/x") == {"a": "x\ufffd", "\ufffd": ["\U0001f600"]}
    assert in_path("e\ud800") == "e%3F"


async def test_numbers_that_are_no_json_are_nothing():
    server = ScriptedServer({"GET /x": httpx.Response(200, text='{"a": NaN, "b": [1e999, -Infinity, 1.5]}')})

    assert await connect(server).get("/x") == {"a": None, "b": [None, None, 1.5]}


async def test_a_name_of_dots_leads_nowhere_else():
    server = ScriptedServer({"GET /v2/runs/%2E%2E": v2({})})
    connection = connect(server)

    with pytest.raises(NotOfferedError):
        await connection.get(f"/v2/runs/{in_path('..')}")

    assert server.asked[0].url.raw_path == b"/v2/runs/%2E%2E"
    assert in_path("a.b/../c") == "a.b%2F..%2Fc"


async def test_what_a_server_repeats_of_our_keys_is_shown_nowhere():
    echo = {"data": {"headers": f"Bearer {BEARER}", "to": "planted/key"}}
    away = httpx.Response(307, headers={"location": f"https://x/{BEARER}/e/planted%2Fkey"})
    server = ScriptedServer({"GET /v2/runs": echo, "GET /v2/apps": away})
    connection = connect(server, signing_key=KEY, event_key="planted/key")

    shown = await connection.get("/v2/runs")
    with pytest.raises(FaultyAnswerError) as led:
        await connection.get("/v2/apps")

    # An event key may be any word: data keeps it.
    assert shown == {"data": {"headers": "Bearer [redacted]", "to": "planted/key"}}
    assert str(led.value).endswith("leading to https://x/[redacted]/e/[redacted], which is not followed.")
