"""A small web site of documentation on this machine, with the faults of real ones."""

from __future__ import annotations

import contextlib
import gzip
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer: `body` goes out as it is; `length` overrides what is said of its size."""

    body: bytes = b""
    status: int = 200
    kind: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    hangs: bool = False


class Site:
    """Answers by path; `asked` are the paths that were asked for, in order."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.is_asked = threading.Event()
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def put(self, path: str, body: str | bytes = b"", **answer: Any) -> str:
        """Answer this way at a path, and return its address."""
        self.answers[path] = Answer(body.encode() if isinstance(body, str) else body, **answer)
        return self.url + path

    def serve(self) -> None:
        """Serve until `stop`."""
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Let go whoever hangs, and end."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                answer = site.answers.get(self.path, Answer(b"gone", status=404))
                if answer.hangs:
                    site.is_asked.set()
                    site.released.wait()
                    return
                self.send_response(answer.status)
                self.send_header("content-type", answer.kind)
                size = len(answer.body) if answer.length is None else answer.length
                self.send_header("content-length", str(size))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):  # the client has read enough
                    self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """Serve a site with nothing on it yet."""
    served = Site()
    served.serve()
    try:
        yield served
    finally:
        served.stop()


def bomb(size: int) -> bytes:
    """Return a small gzip file that unpacks to `size` bytes."""
    return gzip.compress(b"\0" * size)


def deflated(text: str) -> bytes:
    """Return the text as zlib packs it."""
    return zlib.compress(text.encode())
