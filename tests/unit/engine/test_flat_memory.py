"""What the process keeps in memory does not grow with the number of runs, events, keys or calls."""

from __future__ import annotations

import functools
import gc
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from types import FrameType, ModuleType
from typing import Any

import httpx
import pytest
from mcp import Client
from scripted_app import App, engine_for, opcodes, result, settle, start, step_run

from docs_index import DocsIndex
from durable_engine import Engine, NewEvent
from durable_engine.storage.recent import Recent
from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio

_CONTAINERS = (dict, list, set, deque)
# Python's own connection to SQLite forgets its old cursors when it has made 200; `Recent` counts bytes.
_NOT_OURS = (ModuleType, FrameType, type, sqlite3.Connection, Recent)
_RUNS = 60


async def _one_step(body: dict[str, Any]) -> httpx.Response:
    return result() if body["steps"] else opcodes(step_run("one", body["event"]["data"]))


def _reachable(roots: Sequence[object]) -> Iterator[tuple[str, Any]]:
    """Yield all containers that can be reached, each with words for who has it."""
    seen = {id(roots)}
    todo: list[tuple[str, object]] = [("", root) for root in roots]
    while todo:
        owner, item = todo.pop()
        if id(item) in seen or isinstance(item, _NOT_OURS):
            continue
        seen.add(id(item))
        if isinstance(item, _CONTAINERS):
            yield owner, item
        else:
            owner = f"{type(item).__module__}.{type(item).__qualname__}"
        todo += [(owner, part) for part in gc.get_referents(item) if gc.is_tracked(part)]


def _sizes(roots: Sequence[object]) -> dict[int, tuple[str, int]]:
    gc.collect()
    return {id(item): (owner, len(item)) for owner, item in _reachable(roots)}


async def _work(engine: Engine, client: Client, number: int) -> None:
    """Let a run come and go, with keys of its own, and let an assistant ask for it."""
    run_id = await start(engine, number=number)
    await engine.send_event(NewEvent(name=f"t/nobody-{number}", data={}), seed=f"seed {number}")
    await settle(engine)
    await engine.wait_for_runs([run_id], timeout_s=1)
    if number % 10 == 0:
        await client.call_tool("get_run_status", {"runId": run_id})
        await client.call_tool("explain", {"runId": run_id})


async def test_no_container_has_an_entry_for_each_run() -> None:
    app = App(_one_step)
    async with engine_for(app) as engine:
        server = build_server(engine, DocsIndex.open(), config=ServerConfig())
        async with Client(server) as client:
            for number in range(_RUNS):
                await _work(engine, client, number)
            app.bodies.clear()
            before = _sizes([engine, server])
            for number in range(_RUNS, 4 * _RUNS):
                await _work(engine, client, number)
            app.bodies.clear()  # its own journal
            after = _sizes([engine, server])

    grown = [
        f"{owner}: {before.get(key, (owner, 0))[1]} -> {size}"
        for key, (owner, size) in after.items()
        if size - before.get(key, (owner, 0))[1] >= _RUNS
    ]
    assert grown == []


def test_every_cache_of_ours_has_a_bound() -> None:
    gc.unfreeze()  # what was there before the first test is out of sight, see tests/conftest.py
    unbounded = [
        f"{item.__module__}.{item.__qualname__}"
        for item in gc.get_objects()
        if type(item) is functools._lru_cache_wrapper  # proxies of others answer `isinstance` with work
        and item.__module__.partition(".")[0] in {"durable_engine", "mcp_server", "docs_index"}
        and item.cache_parameters()["maxsize"] is None
        and item.__wrapped__.__code__.co_argcount
    ]
    gc.freeze()
    assert unbounded == []
