"""What SIGINT and SIGTERM ask for while a server runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

_KILLED_CODE: Final = 130


class Stop:
    """The first signal asks to stop, the next not to wait for anything, one more ends the process."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()

    def ask(self) -> None:
        """Take one more signal."""
        if self.hurried.is_set():
            os._exit(_KILLED_CODE)  # what was committed is safe at any moment
        (self.hurried if self.asked.is_set() else self.asked).set()


def leave_stdin() -> NoReturn:
    """End the process: a thread of the SDK reads stdin, and only a line or its close would end that."""
    logging.shutdown()
    os._exit(0)


@contextmanager
def taking_signals() -> Iterator[Stop]:
    """Take the signals while entered."""
    loop, stop = asyncio.get_running_loop(), Stop()
    names = (signal.SIGINT, signal.SIGTERM)
    for name in names:
        try:
            loop.add_signal_handler(name, stop.ask)
        except NotImplementedError:  # Windows
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop.ask))
    try:
        yield stop
    finally:
        for name in names:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(name)
