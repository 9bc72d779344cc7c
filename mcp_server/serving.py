"""Run everything in this process: the engine, its HTTP API, and MCP over HTTP or stdio."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from durable_engine import Engine, EngineConfig, build_app
from durable_engine.errors import ConfigError
from durable_engine.http_api.token import AccessToken
from durable_engine.patience import first_of
from mcp_server.config import ServerConfig
from mcp_server.connections import BoundedProtocol, allow_many_files
from mcp_server.mcp_later import MCPLater, over_engine, runs_elsewhere
from mcp_server.options import STOP_GRACE_S
from mcp_server.paths import MCP_PATH, MCP_PATHS
from mcp_server.stopping import Stop, leave_stdin, taking_signals

if TYPE_CHECKING:
    from mcp_server.remote.target import Target

_GRACE_S: Final = 1
"""For requests that are open when the server stops."""
_STDIN_GRACE_S: Final = 1.0
"""For those that are open when stdin closes: assistants send SIGTERM, some SIGKILL, after two seconds."""
_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost"})
_OPEN_TO_OTHERS: Final = (
    "Whoever reaches this address can start functions and read every run: ask for a token with "
    "STEPCUE_TOKEN, or listen on 127.0.0.1 (a container: publish the port as 127.0.0.1:8288:8288)."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorOptions:
    """Where to listen, who may come, and what to offer."""

    server: ServerConfig
    host: str
    port: int
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    token: SecretStr | None = None
    docs_folders: tuple[Path, ...] = ()

    def doors(self) -> Mapping[str, Any]:
        """Return who may come, as every door asks for it.

        Raises:
            ConfigError: the token cannot be used.
        """
        return {
            "allowed_hosts": [*self.allowed_hosts, reachable_host(self.host)],
            "allowed_origins": self.allowed_origins,
            "token": None if self.token is None else AccessToken(self.token),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions(DoorOptions):
    """What else the embedded engine needs; its own settings are in `engine`."""

    engine: EngineConfig
    stop_grace_s: float = STOP_GRACE_S
    mirror: Target | None = None
    """A server elsewhere of which runs can be repeated here."""


async def serve(options: ServeOptions, *, on_ready: Callable[[str], None]) -> None:
    """Serve over HTTP until SIGINT or SIGTERM.

    `on_ready` is called with the origin, such as `http://127.0.0.1:8288`, once requests are answered.

    Raises:
        ConfigError: the port, the address or the token cannot be used.
        StorageError: the data file cannot be used.
    """
    with taking_signals() as stop:
        async with _running(options) as (engine, http, mcp, origin):
            on_ready(origin)
            await first_of([mcp.failed(), http.ended.wait(), stop.asked.wait()])
            await _wind_down(engine, stop, options.stop_grace_s)


async def serve_with_stdio(options: ServeOptions) -> None:
    """Serve over HTTP, and MCP over stdio, until stdin closes or a signal comes; raises as `serve`."""
    stdio: asyncio.Task[None] | None = None
    with taking_signals() as stop:
        async with _running(options) as (engine, http, mcp, _):
            await first_of([mcp.loaded(), stop.asked.wait()])
            if not stop.asked.is_set():
                stdio = asyncio.create_task(mcp.build().run_stdio_async())
                await first_of([asyncio.wait({stdio}), http.ended.wait(), stop.asked.wait()])
            most_s = options.stop_grace_s if stop.asked.is_set() else _STDIN_GRACE_S
            await _wind_down(engine, stop, min(options.stop_grace_s, most_s))
    if stdio is not None and not stdio.done():
        leave_stdin()


@asynccontextmanager
async def _running(options: ServeOptions) -> AsyncIterator[tuple[Engine, HTTPServer, MCPLater, str]]:
    doors = options.doors()
    allow_many_files()
    sockets = listen(options.host, options.port)
    try:
        port = int(sockets[0].getsockname()[1])
        origin = f"http://{reachable_host(options.host)}:{port}"
        _prepare_folder(options.engine.data_file)
        async with await Engine.open(options.engine) as engine, runs_elsewhere(options.mirror) as mirror:
            config = options.server.model_copy(update={"engine_url": origin, "host": options.host})
            mcp = MCPLater(over_engine(engine, config, mirror), options.docs_folders, doors)
            app = build_app(
                engine,
                more_routes=[*mcp.routes, Route("/", to_setup_page)],
                with_own_door=MCP_PATHS,
                lifespan=mcp.lifespan,
                **doors,
            )
            server = HTTPServer(app, on_stop=mcp.end_streams)
            warn_if_open(options.host, doors["token"])
            async with server.serving(sockets):
                engine.keep_apps_in_sync(own_port=port)
                yield engine, server, mcp, origin
    finally:
        for listener in sockets:
            listener.close()


async def to_setup_page(_: Request) -> Response:
    """Lead a browser to the page that says how to connect."""
    return RedirectResponse(MCP_PATH)


def listen(host: str, port: int) -> list[socket.socket]:
    """Bind the listening sockets: for IPv4 loopback its IPv6 twin too, as `localhost` may mean either.

    Raises:
        ConfigError: the port is taken or not allowed, or the address is not one of this machine.
    """
    host = "127.0.0.1" if host in _LOOPBACK_NAMES else host
    first = _bind(host, port)
    sockets = [first]
    if host == "127.0.0.1":
        with contextlib.suppress(ConfigError):  # no IPv6 here, or somebody else holds that side
            sockets.append(_bind("::1", first.getsockname()[1]))
    return sockets


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay (40 ms an answer) off only for sockets that name their protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"Port {port} on {host} is in use.",
                hint="Stop what listens there (an Inngest Dev Server?), or choose another with --port. "
                "`stepcue doctor` looks at who it is.",
            ) from None
        raise ConfigError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}.",
            hint="Choose another address with --host or --port.",
        ) from None
    return listener


def reachable_host(host: str) -> str:
    """Return the host by which this machine reaches what listens on `host`, as it stands in a URL."""
    if host in _LOOPBACK_NAMES or host == "0.0.0.0":  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def warn_if_open(host: str, token: AccessToken | None) -> None:
    """Say so when others can reach what listens on `host` and need no token."""
    if token is None and not _is_loopback(host):
        logger.warning("%s", _OPEN_TO_OTHERS)


def _is_loopback(host: str) -> bool:
    try:
        return host in _LOOPBACK_NAMES or ip_address(host).is_loopback
    except ValueError:  # a name; it may mean anything
        return False


def _prepare_folder(data_file: Path | None) -> None:
    """Make our own data folder keep itself out of git."""
    if data_file is None or data_file.parent.name != ".stepcue":
        return
    ignore = data_file.parent / ".gitignore"
    with contextlib.suppress(OSError):  # the engine says what is wrong with the folder
        data_file.parent.parent.mkdir(parents=True, exist_ok=True)
        data_file.parent.mkdir(mode=0o700, exist_ok=True)
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")


class HTTPServer(uvicorn.Server):
    """uvicorn inside our own event loop: we decide when it stops."""

    def __init__(self, app: object, *, on_stop: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,  # type: ignore[arg-type]
                http=BoundedProtocol,
                log_config=None,
                access_log=False,
                lifespan="on",
                ws="none",  # nothing here speaks WebSocket, and the guards look at HTTP requests
                timeout_graceful_shutdown=_GRACE_S,
                server_header=False,
            )
        )
        logging.getLogger("uvicorn.error").addFilter(_is_no_cancelled_stream)
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._on_stop = on_stop

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `taking_signals`: uvicorn would raise them again in our loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets=sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: whoever only listens is let go, open calls have a moment to end."""
        self._on_stop()
        await super().shutdown(sockets=sockets)

    @asynccontextmanager
    async def serving(self, sockets: list[socket.socket]) -> AsyncIterator[None]:
        """Serve while entered."""
        task = asyncio.create_task(self._serve_until_stopped(sockets))
        ready = asyncio.create_task(self.ready.wait())
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        try:
            yield
        finally:
            self.should_exit = True
            await task

    async def _serve_until_stopped(self, sockets: list[socket.socket]) -> None:
        try:
            await self.serve(sockets=sockets)
        finally:
            self.ended.set()


def _is_no_cancelled_stream(record: logging.LogRecord) -> bool:
    """Whether a record is more than a request or stream open when the server stopped, which is no fault."""
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False
    message = record.getMessage()
    return (
        "asyncio.exceptions.CancelledError" not in message
        and "timeout graceful shutdown exceeded" not in message
    )


async def _wind_down(engine: Engine, stop: Stop, grace_s: float) -> None:
    """Let calls end that are open, while everything is still served; who waits is answered at once."""
    count = engine.open_calls
    if count:
        calls = "1 open call to an app has" if count == 1 else f"{count} open calls to apps have"
        logger.info("stopping: %s %g s to end; Ctrl-C again stops at once", calls, grace_s)
    stop.asked.set()  # whatever ended it, a signal from now on is one more
    await first_of([engine.wind_down(grace_s), stop.hurried.wait()])
