"""Fetching for the import of documentation: bounded, and never anything but what may be asked."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator

import httpx
import pytest
from support.docs_site import Site, bomb, deflated, site

from docs_index.importing.fetching import Failure, Fetched, same_site
from mcp_server.docs_fetching import MAX_REDIRECTS, HttpFetcher

MB = 1024 * 1024


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as served:
        yield served


def fetch(url: str, *hosts: str, max_bytes: int = MB, impatient: bool = False) -> Fetched | Failure:
    fetcher = HttpFetcher(timeout=httpx.Timeout(0.05)) if impatient else HttpFetcher()
    return fetcher.fetch([url], max_bytes=max_bytes, may_ask=same_site(url, hosts))[url]


def text(url: str) -> str:
    found = fetch(url)
    assert isinstance(found, Fetched), found
    return found.text


def reason(url: str, *hosts: str, max_bytes: int = MB, impatient: bool = False) -> str:
    found = fetch(url, *hosts, max_bytes=max_bytes, impatient=impatient)
    assert isinstance(found, Failure), found
    return found.reason


def test_text_comes_in_its_character_set_whatever_is_said_of_it(web: Site) -> None:
    assert text(web.put("/a", "é", kind="text/plain; charset=latin-1")) == "é"
    assert text(web.put("/b", "é".encode("cp1252"), kind="text/plain; charset=utf-8")) == "é"
    assert text(web.put("/c", "Да".encode("koi8-r"), kind="text/plain; charset=koi8-r")) == "Да"
    assert text(web.put("/d", "é", kind="text/plain; charset=nonsense")) == "é"


def test_packed_text_is_unpacked(web: Site) -> None:
    assert text(web.put("/gz", gzip.compress(b"hello"), headers={"content-encoding": "gzip"})) == "hello"
    assert text(web.put("/z", deflated("hello"), headers={"content-encoding": "deflate"})) == "hello"


def test_what_is_larger_than_allowed_is_refused_also_when_it_comes_small(web: Site) -> None:
    small = bomb(300 * MB)
    assert len(small) < MB

    assert "over 1 MB" in reason(web.put("/bomb", small, headers={"content-encoding": "gzip"}))
    assert "over 1 MB" in reason(web.put("/large", b"x" * (MB + 1)))
    assert text(web.put("/fits", b"x" * MB)) == "x" * MB


def test_packing_that_cannot_be_read_is_refused(web: Site) -> None:
    packed = gzip.compress(b"hello" * 1000)

    assert "cannot be read" in reason(web.put("/a", b"nonsense", headers={"content-encoding": "gzip"}))
    assert "complete" in reason(web.put("/b", packed[:-20], headers={"content-encoding": "gzip"}))
    assert "'br'" in reason(web.put("/c", b"x", headers={"content-encoding": "br"}))


def test_web_pages_are_told_apart_from_text(web: Site) -> None:
    for path, body, kind, is_html in (
        ("/a", "hi", "text/html; charset=utf-8", True),
        ("/b", "\n<!DOCTYPE html><p>", "text/plain", True),
        ("/c", "# <html> in markdown", "text/markdown", False),
    ):
        found = fetch(web.put(path, body, kind=kind))
        assert isinstance(found, Fetched)
        assert found.is_html is is_html


def test_redirects_are_followed_on_the_same_host_and_not_for_ever(web: Site) -> None:
    web.put("/end", "here")
    found = fetch(web.put("/start", status=302, headers={"location": "end"}))
    assert found == Fetched(url=f"{web.url}/end", text="here", is_html=False)

    assert "redirects more than" in reason(web.put("/loop", status=301, headers={"location": "/loop"}))
    assert web.asked.count("/loop") == MAX_REDIRECTS + 1


def test_a_redirect_to_another_host_asks_nobody(web: Site) -> None:
    with site() as other:
        other.put("/secret", "secret")
        url = web.put("/out", status=302, headers={"location": f"{other.url}/secret"})

        assert "--allow-host 127.0.0.1:" in reason(url)
        assert other.asked == []
        assert fetch(url, other.url.removeprefix("http://")) == Fetched(
            url=f"{other.url}/secret", text="secret", is_html=False
        )


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[broken", "//", "gopher:x"]
)
def test_a_redirect_to_no_http_address_is_refused(web: Site, target: str) -> None:
    assert reason(web.put("/out", status=302, headers={"location": target}))


def test_what_does_not_answer_as_it_should_is_a_failure(web: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        closed = f"http://127.0.0.1:{reserved.getsockname()[1]}/"

    assert reason(web.url + "/none") == "it answers with HTTP status 404"
    assert reason(web.put("/down", status=503)) == "it answers with HTTP status 503"
    assert reason(web.put("/cut", b"x", length=10)).startswith("no connection")
    assert reason(closed).startswith("no connection")
    assert reason(web.put("/slow", hangs=True), impatient=True) == "it does not answer in time"


def test_many_addresses_are_answered_each_for_itself(web: Site) -> None:
    urls = [web.put(f"/{number}", str(number)) for number in range(30)] + [web.url + "/gone"]

    found = HttpFetcher().fetch(urls, max_bytes=MB, may_ask=lambda _: True)

    assert list(found) == urls
    assert [answer.text for answer in found.values() if isinstance(answer, Fetched)] == [
        str(number) for number in range(30)
    ]
    assert isinstance(found[urls[-1]], Failure)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    web: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert text(web.put("/a", "hi")) == "hi"
