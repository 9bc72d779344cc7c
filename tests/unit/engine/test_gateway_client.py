"""Requests over real connections: what arrives there, what comes back, and every way to fail."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from raw_server import Heard, http, serve

from durable_engine.gateway.answer import GatewayAnswer
from durable_engine.gateway.client import GatewayClient
from durable_engine.gateway.faults import MAX_BODY_BYTES, GatewayFailure
from durable_engine.gateway.request import GatewayRequest, read_request
from durable_engine.model.status import StepKind

pytestmark = pytest.mark.anyio


def _request(url: str, **more: Any) -> GatewayRequest:
    return read_request(StepKind.FETCH, {"url": url, "method": "GET", "headers": {}} | more)


async def _answer(url: str, **more: Any) -> GatewayAnswer:
    answer = await GatewayClient().send(_request(url, **more))
    assert isinstance(answer, GatewayAnswer), answer
    return answer


async def _failure(url: str, client: GatewayClient | None = None) -> GatewayFailure:
    failure = await (client or GatewayClient()).send(_request(url))
    assert isinstance(failure, GatewayFailure), failure
    return failure


async def test_a_text_body_arrives_as_it_is_and_not_as_json() -> None:
    async with serve(lambda _: http()) as server:
        await _answer(server.url + "/x?q=1", method="POST", body="hi", headers={"x-l": "café"})
    (heard,) = server.heard
    assert heard.line == "POST /x?q=1 HTTP/1.1"
    assert heard.body == b"hi"
    assert heard.headers["content-length"] == "2"
    assert heard.headers["host"] == f"127.0.0.1:{server.port}"
    assert heard.headers["x-l"] == "café"
    assert "cookie" not in heard.headers


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "503 Busy", "300 Many", "302 Found"])
async def test_any_status_is_an_answer(status: str) -> None:
    async with serve(lambda _: http(status, b"body", "X-A: 1", "x-a: 2")) as server:
        answer = await _answer(server.url)
    assert (answer.status, answer.body) == (int(status[:3]), b"body")
    assert answer.headers == {"x-a": "1, 2", "content-length": "4"}


async def test_answers_are_decompressed_and_keep_their_headers() -> None:
    packed = gzip.compress(b"text" * 100)
    async with serve(lambda _: http("200 OK", packed, "Content-Encoding: gzip")) as server:
        answer = await _answer(server.url)
    assert answer.body == b"text" * 100
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
async def test_an_empty_answer_may_claim_to_be_compressed(status: str) -> None:
    async with serve(lambda _: http(status, b"", "Content-Encoding: gzip")) as server:
        assert (await _answer(server.url)).body == b""


async def test_redirects_are_followed_without_cookies_and_the_last_url_is_told() -> None:
    def answer(heard: Heard) -> bytes:
        if heard.line.startswith("POST /a "):
            location = "Location: /ü?x=1#part".encode().decode("latin-1")
            return http("303 See Other", b"ignored", location, "Set-Cookie: c=1")
        return http("200 OK", b"there")

    async with serve(answer) as server:
        got = await _answer(server.url + "/a", method="POST", body="hi")
    assert str(got.url) == server.url + "/%C3%BC?x=1"
    assert got.body == b"there"
    first, second = server.heard
    assert second.line == "GET /%C3%BC?x=1 HTTP/1.1"
    assert second.body == b""
    assert "cookie" not in second.headers
    assert "content-type" not in second.headers
    assert first.headers["content-type"] == "text/plain;charset=UTF-8"


async def test_a_redirect_loop_ends() -> None:
    async with serve(lambda _: http("302 Found", b"", "Location: /again")) as server:
        failure = await _failure(server.url)
    assert failure.message == f"{server.url} redirected more than 20 times."
    assert len(server.heard) == 21


async def test_a_redirect_to_nowhere_fails() -> None:
    async with serve(lambda _: http("302 Found", b"", "Location: ftp://h/x?token=abcd")) as server:
        failure = await _failure(server.url)
    assert failure.message.startswith(f"{server.url} answered with a redirect; its URL 'ftp://h/x' cannot")


async def test_a_closed_port_is_told_as_such() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        failure = await _failure(f"{url}/secret-path?key=abcd")
    assert failure.message == (
        f"Unable to reach {url}: nothing listens there. Is it running, and on this port?"
    )
    assert not failure.is_final


async def test_https_to_a_port_that_speaks_http_is_told_as_such() -> None:
    async with serve(lambda _: http("400 Bad Request")) as server:
        failure = await _failure(server.url.replace("http:", "https:"))
    assert failure.message.startswith(f"No TLS connection to https://127.0.0.1:{server.port}: ")
    assert failure.message.endswith("Does this port speak https?")


async def test_certificates_that_cannot_be_read_are_told_as_such(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for content in (None, "not a certificate"):
        path = tmp_path / "authority.pem"
        if content is not None:
            path.write_text(content)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        failure = await _failure("https://127.0.0.1:9/x")
        assert failure.message == (
            "https://127.0.0.1:9 cannot be called: "
            "the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read."
        )


def _raising(fault: Exception, cause: BaseException | None = None) -> GatewayClient:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise fault from cause

    return GatewayClient(httpx.MockTransport(refuse))


def _untrusted() -> ssl.SSLCertVerificationError:
    fault = ssl.SSLCertVerificationError(1, "certificate verify failed")
    fault.verify_message = "self-signed certificate"
    return fault


@pytest.mark.parametrize(
    ("fault", "cause", "message"),
    [
        (httpx.ConnectTimeout(""), None, "http://h did not accept a connection within 10 seconds."),
        (httpx.ReadTimeout(""), None, "http://h did not answer in time."),
        (httpx.ReadError(""), None, "The connection to http://h broke: ReadError."),
        (httpx.ConnectError(""), None, "Unable to reach http://h: the connection failed."),
        (httpx.ConnectError("no route"), OSError(), "Unable to reach http://h: no route."),
        (
            httpx.ConnectError(""),
            ExceptionGroup("all attempts", [OSError(), ConnectionRefusedError()]),
            "Unable to reach http://h: nothing listens there. Is it running, and on this port?",
        ),
        (
            httpx.ConnectError(""),
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            (
                "Unable to reach http://h: the name 'h' has no address. "
                "Is it spelled right, and is this machine online?"
            ),
        ),
        (
            httpx.ConnectError(""),
            _untrusted(),
            (
                "The certificate of http://h is not trusted: self-signed certificate. If an authority of "
                "your own signed it, name that authority's file in SSL_CERT_FILE."
            ),
        ),
        (httpx.InvalidURL("odd"), None, "http://h cannot be called: odd."),
        (httpx.ProxyError("407"), None, "http://h cannot be reached: the proxy answered '407'."),
        (OSError("no such file"), None, "The connection to http://h broke: no such file."),
    ],
)
async def test_each_fault_of_the_network_is_a_sentence(
    fault: Exception, cause: BaseException | None, message: str
) -> None:
    failure = await _failure("http://h/path?key=abcd", _raising(fault, cause))
    assert failure == GatewayFailure(message=message)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "broke: Server disconnected without sending a response."),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "broke: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "broke: peer closed connection"),
        (http("200 OK", b"not gzip", "Content-Encoding: gzip"), "cannot be decompressed: "),
    ],
)
async def test_a_broken_answer_is_a_failure(answer: bytes, message: str) -> None:
    async with serve(lambda _: answer) as server:
        failure = await _failure(server.url)
    assert message in failure.message
    assert not failure.is_final


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"x" * (MAX_BODY_BYTES + 1)),
        http("200 OK", b"x" * (MAX_BODY_BYTES + 1), sized=False),
        http("200 OK", gzip.compress(b"x" * (MAX_BODY_BYTES + 1)), "Content-Encoding: gzip"),
    ],
    ids=["sized", "unsized", "compressed"],
)
async def test_an_answer_over_the_limit_of_a_step_is_refused_for_good(answer: bytes) -> None:
    async with serve(lambda _: answer) as server:
        failure = await _failure(server.url)
    assert "is over the limit of 4 MiB for the output of a step" in failure.message
    assert failure.is_final


async def test_an_answer_at_the_limit_is_taken() -> None:
    async with serve(lambda _: http("200 OK", b"x" * MAX_BODY_BYTES)) as server:
        assert len((await _answer(server.url)).body) == MAX_BODY_BYTES


async def test_a_server_that_stays_silent_is_given_up_and_its_connection_closed() -> None:
    async with serve(None) as server:
        failure = await _failure(server.url, GatewayClient(timeout_s=0.05))
        await server.hung_up.wait()
    assert failure.message.startswith(f"{server.url} did not answer ")


async def test_a_cancelled_request_closes_its_connection() -> None:
    async with serve(None) as server:
        task = asyncio.create_task(GatewayClient().send(_request(server.url)))
        await server.is_asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.hung_up.wait()


async def test_hundreds_of_requests_are_open_at_once_and_no_connection_stays() -> None:
    count = 300
    everybody = asyncio.Barrier(count)

    async def answer(_: Heard) -> bytes:
        await everybody.wait()
        return http("200 OK", b"ok")

    client = GatewayClient()
    async with serve(answer) as server:
        answers = await asyncio.gather(*(client.send(_request(server.url)) for _ in range(count)))
    assert {answer.status for answer in answers if isinstance(answer, GatewayAnswer)} == {200}
    assert len(server.heard) == count
    await client.close()


async def test_closing_closes_the_transport_that_was_given() -> None:
    class Closing(httpx.MockTransport):
        is_closed = False

        async def aclose(self) -> None:
            self.is_closed = True

    transport = Closing(lambda _: httpx.Response(200))
    client = GatewayClient(transport)
    await client.send(_request("http://h"))
    assert not transport.is_closed
    await client.close()
    assert transport.is_closed
