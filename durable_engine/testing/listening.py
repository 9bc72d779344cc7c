"""Applications on loopback ports, inside of whatever event loop starts them."""

from __future__ import annotations

import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from durable_engine.errors import ConfigError

HOST: Final = "127.0.0.1"
_BACKLOG: Final = 512
_GRACE_S: Final = 1


class Door:
    """An application that answers for whichever is behind it at the moment.

    Each answer ends its connection: SDK clients never close theirs, and a test suite that takes warnings for
    errors would fail on what they leave behind.
    """

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        if self.app is not None:
            await self.app(scope, receive, closing)
            return
        await closing({"type": "http.response.start", "status": 503})
        await closing({"type": "http.response.body"})


def bind(port: int = 0) -> socket.socket:
    """Listen on a loopback port, 0 for a free one; connections queue until somebody serves them.

    Raises:
        ConfigError: the port is taken or not allowed.
    """
    # asyncio switches Nagle's delay (40 ms an answer) off only for sockets that name their protocol.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"Cannot listen on {HOST} port {port}: {error.strerror or error}.",
            hint="Port 0 takes a free one.",
        ) from None
    return bound


def origin_of(bound: socket.socket) -> str:
    """Return the address of a socket that listens."""
    return f"http://{HOST}:{bound.getsockname()[1]}"


class Served:
    """An application that is being served."""

    def __init__(self, server: uvicorn.Server, bound: socket.socket) -> None:
        self._server = server
        self._bound = bound
        self.origin = origin_of(bound)

    @classmethod
    async def start(cls, app: ASGIApp, bound: socket.socket, *, has_lifespan: bool = False) -> Served:
        """Serve an application; without a lifespan of its own it is not started and stopped.

        Raises:
            ConfigError: the application failed to start.
        """
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="auto" if has_lifespan else "off",
            ws="none",
            timeout_graceful_shutdown=_GRACE_S,
        )
        config.load()
        # Not `serve()`: it takes over the signals of the process, and looks ten times a second for its end.
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        try:
            await server.startup(sockets=[bound])
        except SystemExit:
            raise ConfigError("The app could not be started: its lifespan failed; see the log.") from None
        return cls(server, bound)

    async def close(self) -> None:
        """Stop serving, and stop the application."""
        await self._server.shutdown(sockets=[self._bound])
