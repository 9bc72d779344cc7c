"""What tells apps where their Inngest server is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Each wins over the ones before it, in the Python SDK and, as far as it knows them, in TypeScript's.
NAMES = ("INNGEST_DEV", "INNGEST_BASE_URL", "INNGEST_API_BASE_URL", "INNGEST_EVENT_API_BASE_URL")


@contextmanager
def pointing_at(origin: str) -> Iterator[None]:
    """Let SDK clients that are made meanwhile talk to `origin`."""
    before = {name: os.environ.get(name) for name in NAMES}
    os.environ.update(dict.fromkeys(NAMES, origin))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
