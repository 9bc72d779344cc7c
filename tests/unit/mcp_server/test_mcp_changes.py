"""Change notifications: who listens is told by the engine's own wake-ups, and leaves nothing behind."""

import pytest
from mcp import Client
from mcp.client.subscriptions import ListenNotSupportedError
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp.types import INVALID_PARAMS
from mcp_listening import listening
from mcp_observed import served

from mcp_server.changes import Changes

pytestmark = pytest.mark.anyio


async def test_who_listens_to_a_run_is_told_that_it_goes_on_and_ends_and_of_no_other_run(docs):
    async with served(docs) as (it, _, server):
        first = await it.start("t/wait", {"n": 1})
        other = await it.start("t/wait", {"n": 2})
        await it.engine.settle()
        async with Client(server) as client, client.listen(resource_subscriptions=[f"run://{first}"]) as told:
            await it.send("t/ok", {"n": 2})
            await it.settle(other)
            await it.send("t/ok", {"n": 1})
            woken = await anext(told)
            run = await it.settle(first)
            ended = await anext(told)

        assert woken == ended == ResourceUpdated(f"run://{first}")
        assert run.status == "COMPLETED"


async def test_the_list_of_the_newest_runs_and_changed_functions_are_told_of(docs):
    async with served(docs) as (it, _, server), Client(server) as client:
        uris = ["run://recent", "function://lab-wait"]
        async with client.listen(resource_subscriptions=uris, resources_list_changed=True) as told:
            run_id = await it.start("t/wait", {"n": 1})
            started = await anext(told)
            await it.engine.settle()
            await it.engine.pause_function("lab-wait", cancels_runs=True)
            changed = {await anext(told) for _ in range(3)}

        assert (await it.settle(run_id)).status == "CANCELLED"
        assert started == ResourceUpdated("run://recent")
        assert changed == {
            ResourcesListChanged(),
            ResourceUpdated("function://lab-wait"),
            ResourceUpdated("run://recent"),
        }


async def test_a_sync_that_brings_nothing_new_is_not_told(docs):
    async with served(docs) as (it, _, server), Client(server) as client:
        async with client.listen(resources_list_changed=True) as told:
            await it.engine.sync_app("http://127.0.0.1:8000/api/inngest")
            await it.engine.remove_app("http://127.0.0.1:8000/api/inngest")
            events = [await anext(told)]
            it.engine.release_waiters()
            events += [event async for event in told]

        assert events == [ResourcesListChanged()]


async def test_a_state_that_is_replaced_is_told_of(docs):
    async with served(docs) as (it, _, server), Client(server) as client:
        run_id = await it.start("t/wait", {"n": 1})
        await it.engine.settle()
        async with client.listen(resource_subscriptions=[f"run://{run_id}"]) as told:
            await it.engine.snapshots.reset()
            assert await anext(told) == ResourceUpdated(f"run://{run_id}")


async def test_a_stream_listens_to_as_many_resources_as_it_can_be_told_of_and_no_more(docs):
    async with served(docs) as (it, _, server), Client(server) as client:
        uris = [f"run://{number}" for number in range(501)]
        with pytest.raises(MCPError, match="at most 500 resources, and this one names 501") as refused:
            async with client.listen(resource_subscriptions=uris):
                pass
        async with client.listen(resource_subscriptions=uris[:500]) as told:
            await it.engine.snapshots.reset()
            events = {await anext(told) for _ in range(500)}

        assert refused.value.error.code == INVALID_PARAMS
        assert events == {ResourceUpdated(uri) for uri in uris[:500]}


class Compared(str):
    """An address that counts how often it is looked at."""

    __slots__ = ()
    times = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Compared.times += 1
        return str.__eq__(self, other)


async def test_a_change_is_told_without_going_through_all_that_is_listened_to(docs):
    async with served(docs) as (_, backend, _):
        changes, told = Changes(backend), []
        changes.subscribe(told.append)
        with changes.listening([Compared(f"run://{number}") for number in range(400)]):
            with changes.listening(["run://7", "run://recent"]):
                Compared.times = 0
                changes.runs_changed(["7", "x"])
                looked_at = Compared.times
            changes.runs_changed(["7", "x"])
        changes.runs_changed(["7"])

    assert told == [ResourceUpdated(uri) for uri in ("run://recent", "run://7", "run://7")]
    assert looked_at < 10


async def test_the_engine_is_observed_only_while_somebody_listens(docs):
    async with served(docs) as (it, backend, server), Client(server) as client:
        before = backend.count
        async with (
            client.listen(resource_subscriptions=["run://recent"]),
            client.listen(resources_list_changed=True),
        ):
            during = len(it.engine._signals._observers)
        await backend.left.wait()

        assert (before, during, backend.count) == (0, 1, 1)
        assert it.engine._signals._observers == {}


async def test_a_client_that_goes_away_over_http_leaves_nothing(docs):
    async with served(docs) as (it, backend, server):
        run_id = await it.start("t/wait", {"n": 1})
        await it.engine.settle()
        async with listening(server) as url:
            async with (
                Client(url) as client,
                client.listen(resource_subscriptions=[f"run://{run_id}"]) as told,
            ):
                await it.send("t/ok", {"n": 1})
                event = await anext(told)
            await backend.left.wait()

        assert event == ResourceUpdated(f"run://{run_id}")
        assert it.engine._signals._observers == {}
        await it.settle(run_id)


async def test_streams_end_properly_when_the_process_is_about_to_stop(docs):
    async with served(docs) as (it, _, server), Client(server) as client:
        async with client.listen(resource_subscriptions=["run://recent"]) as told:
            it.engine.release_waiters()
            events = [event async for event in told]  # one that broke off would raise SubscriptionLost
        with pytest.raises(MCPError, match="Stepcue is stopping"):
            async with client.listen(resource_subscriptions=["run://recent"]):
                pass

        assert events == []


async def test_only_the_era_that_can_be_told_is_promised_it(docs):
    async with served(docs) as (_, _, server):
        async with Client(server) as modern, Client(server, mode="legacy") as legacy:
            offers = [client.server_capabilities.resources for client in (modern, legacy)]
            with pytest.raises(ListenNotSupportedError):
                async with legacy.listen(resource_subscriptions=["run://recent"]):
                    pass
            with (
                pytest.raises(MCPError, match="Method not found"),
                pytest.warns(MCPDeprecationWarning),
            ):
                await legacy.subscribe_resource("run://recent")

        assert [(offer.subscribe, offer.list_changed) for offer in offers] == [(True, True), (False, False)]


async def test_a_server_without_runs_has_nothing_to_tell(docs):
    async with served(docs, toolsets=frozenset({"docs"})) as (_, _, server), Client(server) as client:
        offer = client.server_capabilities.resources
        with pytest.raises(MCPError):
            async with client.listen(resource_subscriptions=["run://recent"]):
                pass

        assert not offer.subscribe
        assert not offer.list_changed
