"""Starts `stepcue` over and over, each in a process of its own that may end itself at a chosen point.

Imports once and forks, so that a start costs what the start of the engine costs. Reads one command per line
from stdin: `{"argv": [...], "cwd": ..., "point": ..., "nth": ..., "late": ...}`, a process at a time. With
`late`, points count from SIGUSR1 on. Says on stderr, between the lines of the engine, which process started
and when it is gone. Ends with stdin, and takes the process along.
"""

from __future__ import annotations

import asyncio.selector_events
import json
import os
import select
import signal
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

import durable_engine.expressions.grammar  # noqa: F401 - all of these now, so that no start has to
import mcp_server.http
import mcp_server.launch
import mcp_server.options
import mcp_server.server
import mcp_server.serving
from mcp_server.cli import main

STARTED = "host: started"
ENDED = "host: ended"


class Fuse:
    """Ends this process with SIGKILL when its point is reached for the nth time."""

    def __init__(self, point: str, nth: int, *, counts: bool) -> None:
        """`counts`: from now on; otherwise from SIGUSR1 on."""
        self._point = point
        self._left = nth
        self._counts = counts
        signal.signal(signal.SIGUSR1, self._begin)

    def _begin(self, *_: object) -> None:
        self._counts = True

    def at(self, point: str) -> None:
        if self._counts and point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def arm(fuse: Fuse) -> None:
    """Let SQLite and the sockets of asyncio tell the fuse what they are about to do, and what they did."""
    _arm_database(fuse)
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    _around(transport, "write", fuse, before="send", after="sent")
    _around(transport, "writelines", fuse, before="send", after="sent")
    _around(transport, "_read_ready", fuse, before="receive", after="received")


def _arm_database(fuse: Fuse) -> None:
    class Connection(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            was_inside = self.in_transaction
            cursor = super().execute(*arguments)
            if was_inside and not self.in_transaction:
                fuse.at("committed")
            return cursor

    connect = sqlite3.connect

    def traced(statement: str) -> None:
        fuse.at("statement")
        if statement.startswith("COMMIT"):
            fuse.at("commit")

    def armed(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, factory=Connection, **options)
        connection.set_trace_callback(traced)
        # The log is written into the file more often, so that more deaths fall into that.
        connection.execute("PRAGMA wal_autocheckpoint = 50")
        return connection

    sqlite3.connect = armed  # type: ignore[assignment]


def _around(owner: Any, name: str, fuse: Fuse, *, before: str, after: str) -> None:
    plain: Callable[..., Any] = getattr(owner, name)

    def around(*arguments: Any) -> Any:
        fuse.at(before)
        result = plain(*arguments)
        fuse.at(after)
        return result

    setattr(owner, name, around)


def _run(command: dict[str, Any]) -> None:
    os.chdir(command["cwd"])
    if command["point"]:
        arm(Fuse(command["point"], command["nth"], counts=not command["late"]))
    main(args=command["argv"], prog_name="stepcue")


def _fork(command: dict[str, Any]) -> tuple[int, int]:
    """Return the id of a new process, and a pipe that is closed when it is gone."""
    alive, held = os.pipe()
    child = os.fork()
    if child:
        os.close(held)
        return child, alive
    os.close(alive)
    with open(os.devnull) as nothing:  # noqa: PTH123 - its descriptor is what counts
        os.dup2(nothing.fileno(), 0)
    try:
        _run(command)
    finally:
        sys.stderr.flush()
        os._exit(1)


def _say(line: str) -> None:
    os.write(2, f"{line}\n".encode())


def serve() -> None:
    """Carry out commands until there are no more."""
    mcp_server.options._LEAST_KEPT_MS = 1_000  # type: ignore[misc] # a campaign does not last for minutes
    for line in iter(sys.stdin.readline, ""):
        child, alive = _fork(json.loads(line))
        _say(f"{STARTED} {child}")
        ready, _, _ = select.select([alive, sys.stdin], [], [])
        if alive not in ready:  # nobody reads what it would say
            os.kill(child, signal.SIGKILL)
        os.close(alive)
        _, status = os.waitpid(child, 0)
        _say(f"{ENDED} {status}")


if __name__ == "__main__":
    serve()
