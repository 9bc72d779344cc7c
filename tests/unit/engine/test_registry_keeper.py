"""What syncs leave behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from engine_tables import NOW_MS, a_function, an_app

from durable_engine import ManualClock
from durable_engine.ids import uuid_for
from durable_engine.registry_keeper import RegistryKeeper
from durable_engine.storage.database import Database

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _keeper(path: Path | None = None) -> AsyncIterator[RegistryKeeper]:
    database = await Database.open(path)
    try:
        keeper = RegistryKeeper(database, ManualClock(), lambda: None, lambda: None)
        await keeper.load()
        yield keeper
    finally:
        await database.close()


async def test_a_registration_replaces_the_snapshot_and_says_whether_it_is_new() -> None:
    async with _keeper() as keeper:
        before = keeper.registry
        assert await keeper.register(an_app(), [a_function("a"), a_function("b")])
        assert [function.name for function in keeper.registry.functions] == ["a", "b"]
        assert before.functions == ()

        later = replace(an_app(), last_sync_ms=NOW_MS + 5)
        assert not await keeper.register(later, [a_function("a"), a_function("b")])
        assert keeper.registry.apps[0].last_sync_ms == NOW_MS + 5


async def test_functions_that_an_app_no_longer_has_are_archived_and_come_back_with_it() -> None:
    async with _keeper() as keeper:
        await keeper.register(an_app(), [a_function("a"), a_function("b")])
        await keeper.register(replace(an_app(), checksum="2"), [a_function("b", retries=9)])
        assert [(function.name, function.retries) for function in keeper.registry.functions] == [("b", 9)]
        assert keeper.registry.by_id(a_function("a").id).is_archived

        await keeper.register(replace(an_app(), checksum="3"), [a_function("a")])
        assert [function.name for function in keeper.registry.functions] == ["a"]


async def test_everything_is_known_again_after_a_restart(tmp_path: Path) -> None:
    function = a_function("a", config={"concurrency": [{"limit": 1.0}], "é": None})
    async with _keeper(tmp_path / "engine.db") as keeper:
        await keeper.register(an_app(), [function])
    async with _keeper(tmp_path / "engine.db") as keeper:
        assert keeper.registry.apps == (an_app(),)
        assert keeper.registry.functions == (function,)
        assert not await keeper.register(an_app(), [function])


async def test_another_app_at_the_same_endpoint_takes_its_place() -> None:
    async with _keeper() as keeper:
        await keeper.register(an_app(), [a_function("a")])
        url = an_app().url.replace("127.0.0.1", "localhost") + "/"
        renamed = replace(an_app(), id=uuid_for("app", "new"), name="new", url=url)
        await keeper.register(renamed, [replace(a_function("n"), app_name="new")])
        assert [app.name for app in keeper.registry.apps] == ["new"]
        assert [function.name for function in keeper.registry.functions] == ["n"]


async def test_a_failed_sync_is_noted_and_the_next_good_one_clears_it() -> None:
    async with _keeper() as keeper:
        await keeper.register(an_app(), [a_function("a")])
        await keeper.note_sync(an_app().url, error="down", now_ms=NOW_MS + 1)
        assert keeper.registry.apps[0].sync_error == "down"
        assert keeper.registry.apps[0].last_sync_ms == NOW_MS
        await keeper.note_sync(an_app().url, error=None, now_ms=NOW_MS + 2)
        assert keeper.registry.apps[0].sync_error is None
        assert keeper.registry.apps[0].last_sync_ms == NOW_MS + 2
        await keeper.note_sync("http://unknown/", error="down", now_ms=NOW_MS)
        assert len(keeper.registry.apps) == 1


async def test_a_removed_app_leaves_its_functions_for_its_runs_only() -> None:
    async with _keeper() as keeper:
        await keeper.register(an_app(), [a_function("a")])
        await keeper.remove(an_app())
        assert keeper.registry.apps == ()
        assert keeper.registry.functions == ()
        assert keeper.registry.by_id(a_function("a").id).is_archived

        assert await keeper.register(an_app(), [a_function("a")])
        assert len(keeper.registry.functions) == 1
