"""The user's app under test: on a loopback port of its own, or wherever it runs already."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Sequence
from socketserver import ThreadingMixIn
from typing import Any, Final, Protocol
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from durable_engine.errors import ConfigError
from durable_engine.testing.listening import HOST, Served, bind
from durable_engine.testing.loop_thread import LoopThread

DEFAULT_PATH: Final = "/api/inngest"
_POLL_S: Final = 0.02
_ALLOWED: Final = "an ASGI app (FastAPI, Starlette), a WSGI app (Flask), a URL, or a list of these"


class App(Protocol):
    """An app that can be called."""

    origin: str

    def close(self) -> None:
        """Stop it, if it was started here."""


class RunningApp:
    """An app that somebody else runs."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(f"{url!r} is not the URL of an app.", hint=f"Give {_ALLOWED}.")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path if parts.path not in {"", "/"} else None

    def close(self) -> None:
        """Leave it as it is."""


class ASGIServer:
    """An ASGI app in an event loop of its own, so that code that blocks it does not block the engine."""

    def __init__(self, app: Any) -> None:
        self._loop = LoopThread("stepcue-app")
        try:
            self._served = self._loop.run(Served.start(app, bind(), has_lifespan=True))
        except BaseException:
            self._loop.close()
            raise
        self.origin = self._served.origin

    def close(self) -> None:
        """Stop the app."""
        self._loop.run(self._served.close())
        self._loop.close()


class ThreadedServer:
    """A WSGI app with a thread for each request."""

    def __init__(self, app: Any) -> None:
        self._server = make_server(HOST, 0, app, server_class=_Server, handler_class=_QuietHandler)
        self.origin = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="stepcue-app", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: an engine that has closed a connection is no fault."""


class _QuietHandler(WSGIRequestHandler):
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Leave the test's output alone."""

    def address_string(self) -> str:
        """Return the address without asking a name server for its name."""
        return str(self.client_address[0])


def start(app: object) -> App:
    """Return the app, served if it is an object.

    Raises:
        ConfigError: it is nothing that can be served, or it failed to start.
    """
    if isinstance(app, str):
        return RunningApp(app)
    if not callable(app):
        raise ConfigError(
            f"stepcue_app gave {type(app).__name__}, which is no app.", hint=f"Give {_ALLOWED}."
        )
    return ASGIServer(app) if _is_asgi(app) else ThreadedServer(app)


def as_list(apps: object) -> Sequence[object]:
    """Return one app, or several, as a list."""
    return list(apps) if isinstance(apps, list | tuple) else [apps]


def endpoint(app: App, path: str) -> str:
    """Return where an app serves its functions."""
    own = app.path if isinstance(app, RunningApp) else None
    return f"{app.origin}{own or path}"


def _is_asgi(app: Callable[..., Any]) -> bool:
    call = app if inspect.isroutine(app) else type(app).__call__
    if inspect.iscoroutinefunction(call):
        return True
    try:
        needed = [
            parameter
            for parameter in inspect.signature(app).parameters.values()
            if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
            and parameter.default is parameter.empty
        ]
    except (TypeError, ValueError):  # not written in Python
        return False
    return len(needed) == 3  # scope, receive, send; a WSGI app takes environ and start_response
