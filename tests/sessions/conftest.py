"""Sessions: an assistant that follows answers, the real server over HTTP, the real SDK behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from session_apps import Functions
from support.assistant import Assistant
from support.full_server import full_server
from support.sdk_app import Lab, lab

from docs_index import DocsIndex
from durable_engine import RealClock

Meeting = Callable[[Functions], AbstractAsyncContextManager[tuple[Assistant, Lab]]]


@pytest.fixture(scope="module")
def docs(index_cache: Path) -> DocsIndex:
    """The pages that are shipped."""
    return DocsIndex.open(cache_dir=index_cache)


@pytest.fixture
def meeting(docs: DocsIndex) -> Meeting:
    """An assistant at a server with an app."""

    @asynccontextmanager
    async def meet(app: Functions) -> AsyncIterator[tuple[Assistant, Lab]]:
        async with (
            lab(*app, clock=RealClock()) as it,
            full_server(it.engine, docs) as url,
            Client(url) as client,
        ):
            yield await Assistant.meet(client), it

    return meet
