"""Tasks that run as long as the engine does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)


class Duties:
    """Starts tasks, says when one of them fails, and cancels them all."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self, duty: Coroutine[Any, Any, object]) -> None:
        """Run this until it ends or the engine does."""
        task = asyncio.create_task(duty)
        task.add_done_callback(_log_failure)
        self._tasks.append(task)

    async def end(self) -> None:
        """Cancel what runs, and return when it has ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _log_failure(duty: asyncio.Task[Any]) -> None:
    if not duty.cancelled() and duty.exception() is not None:
        logger.critical("a duty of the engine ended; restart it", exc_info=duty.exception())
