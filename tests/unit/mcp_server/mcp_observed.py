"""A server over a real engine with one function that waits, and who observes that engine."""

import asyncio
import datetime
from contextlib import asynccontextmanager

import anyio
import inngest
from support.sdk_app import lab, new_client

from mcp_server.config import ServerConfig
from mcp_server.server import build_server

PATIENCE_S = 30


class Observed:
    """An engine that says when nobody observes it any more."""

    def __init__(self, engine):
        self._engine = engine
        self.count = 0
        self.left = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def observe(self, observer):
        stop = self._engine.observe(observer)
        self.count += 1

        def leave():
            stop()
            self.left.set()

        return leave


def waiting_function(client):
    @client.create_function(fn_id="wait", trigger=inngest.TriggerEvent(event="t/wait"))
    async def wait(ctx):
        await ctx.step.wait_for_event(
            "approval",
            event="t/ok",
            if_exp="event.data.n == async.data.n",
            timeout=datetime.timedelta(hours=1),
        )

    return wait


@asynccontextmanager
async def served(docs, **settings):
    client = new_client()
    async with lab(client, [waiting_function(client)]) as it:
        backend = Observed(it.engine)
        with anyio.fail_after(PATIENCE_S):
            yield it, backend, build_server(backend, docs, config=ServerConfig(**settings))
