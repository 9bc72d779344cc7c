"""Waiting for runs on a server that tells nothing by itself, and lists whose server filters nothing."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from support.remote_server import PassingClock, ScriptedServer, Turns, dev_server, refusal, target, v1, v2

from durable_engine import RunFilter, RunStatus
from durable_engine.errors import InvalidInputError, RunNotFoundError
from mcp_server.remote.backend import RemoteBackend
from mcp_server.remote.errors import KeyRefusedError, UnreachableError
from mcp_server.remote.probing import ServerKind
from mcp_server.remote.watching import LONGEST_S, UNKNOWN_S

pytestmark = pytest.mark.anyio

RUN = "01KF0000000000000000000001"
NO_RUN = "01KF0000000000000000000009"
PATH = f"GET /v2/runs/{RUN}"
NOT_FOUND = {f"GET /v2/runs/{NO_RUN}": refusal(404, "not_found", "no such run")}


def run(status="RUNNING", run_id=RUN, **more):
    return {"id": run_id, "app": {"id": "shop"}, "function": {"id": "pay"}, "status": status, **more}


def opened(scripted, engine="http://127.0.0.1:8288", **options):
    return RemoteBackend.open(target(engine, **options), clock=PassingClock(), transport=scripted)


async def test_looks_come_further_apart_until_the_run_has_ended():
    looks = Turns(*[v2(run())] * 12, v2(run("COMPLETED", output={"ok": True})))

    async with opened(dev_server(**{PATH: looks})) as backend:
        ended = await backend.wait_for_runs([RUN], timeout_s=55)
        waited = backend.api.connection.clock.waited

    assert ended[RUN].status is RunStatus.COMPLETED
    assert ended[RUN].output == {"ok": True}
    assert waited == sorted(waited)
    assert waited[-1] == LONGEST_S
    assert len(waited) == 12


async def test_a_wait_ends_with_the_patience_and_shows_how_far_the_run_is():
    async with opened(dev_server(**{PATH: v2(run())})) as backend:
        shown = await backend.wait_for_runs([RUN], timeout_s=10)

        assert backend.api.connection.clock.waited[-1] == 10
    assert shown[RUN].status is RunStatus.RUNNING


async def test_a_server_that_hangs_at_the_end_keeps_nobody_beyond_a_minute():
    class Hanging(ScriptedServer):
        async def handle_async_request(self, request):
            if request.url.path.endswith("/trace"):
                await asyncio.Event().wait()
            return await super().handle_async_request(request)

    scripted = Hanging(dev_server(**{PATH: v2(run())}).routes)
    async with opened(scripted) as backend:
        with pytest.raises(UnreachableError, match="did not show within 4 s"):
            await backend.wait_for_runs([RUN], timeout_s=55)

        assert backend.api.connection.clock.waited[-2:] == [55, 4]


async def test_a_look_that_fails_is_made_again():
    looks = Turns(httpx.ReadError("x"), *[refusal(503)] * 4, v2(run("COMPLETED")))

    async with opened(dev_server(**{PATH: looks})) as backend:
        ended = await backend.wait_for_runs([RUN], timeout_s=55)

    assert ended[RUN].status is RunStatus.COMPLETED


async def test_a_run_that_is_not_known_yet_may_appear_and_one_that_never_does_is_not_waited_for_long():
    scripted = dev_server(**{PATH: Turns(refusal(404, "not_found", "x"), v2(run("COMPLETED")))}, **NOT_FOUND)

    async with opened(scripted) as backend:
        assert RUN in await backend.wait_for_runs([RUN], timeout_s=55)
        assert await backend.wait_for_runs([NO_RUN], timeout_s=55) == {}

        assert sum(backend.api.connection.clock.waited) < UNKNOWN_S + 2 * LONGEST_S


async def test_a_server_that_filters_nothing_is_filtered_here_and_the_cursor_goes_on_inside_a_page():
    long_cursor = "c" * 500
    pages = {
        "": [run("COMPLETED", "1"), run("FAILED", "2"), run("FAILED", "3")],
        long_cursor: [run("FAILED", "4"), run("COMPLETED", "5")],
    }

    def runs(request):
        asked = request.url.params.get("cursor", "")
        return v2(pages[asked], **({} if asked else {"cursor": long_cursor, "hasMore": True}))

    async with opened(dev_server(**{"GET /v2/runs": runs})) as backend:
        wanted = RunFilter(statuses=frozenset({RunStatus.FAILED}))
        seen, cursor = [], None
        for _ in range(3):
            page = await backend.records.runs(wanted, cursor=cursor, limit=1)
            seen += [record.id for record in page.runs]
            cursor = page.next_cursor
            assert cursor is None or len(cursor) <= 64

        assert seen == ["2", "3", "4"]
        with pytest.raises(InvalidInputError, match="does not belong"):
            await backend.records.runs(wanted, cursor="made-up")


async def test_a_run_that_the_server_does_not_know_and_one_without_a_trace():
    async with opened(dev_server(**{PATH: v2(run("COMPLETED"))}, **NOT_FOUND)) as backend:
        shown = await backend.get_run(RUN)
        with pytest.raises(RunNotFoundError):
            await backend.get_run(NO_RUN)

    assert shown.steps == ()
    assert "no trace" in shown.notes[0]


async def test_who_answers_is_found_out_once_and_again_only_after_a_failure():
    scripted = dev_server(**{"GET /v2/health": Turns(httpx.ConnectError("down"), v2({"status": "ok"}))})

    async with opened(scripted) as backend:
        with pytest.raises(UnreachableError):
            await backend.inventory()
        await backend.inventory()
        known = await backend.api.known()

        assert (known.kind, known.version, known.v2, known.has_v1) == (ServerKind.DEV, "1.12.0", "/v2", True)
        assert backend.environment == "Inngest Dev Server at http://127.0.0.1:8288"
    assert scripted.count("GET /v2/health") == 2


@pytest.mark.parametrize("prefix", ["/v2", "/api/v2"])
async def test_api_v2_is_found_below_either_prefix(prefix):
    scripted = dev_server(
        **{
            "GET /v2/health": None,
            "GET /v2/runs": None,
            "GET /v2/apps": None,
            f"GET {prefix}/health": v2({"status": "ok"}),
            f"GET {prefix}/runs": v2([]),
            f"GET {prefix}/apps": v2([]),
        }
    )

    async with opened(scripted) as backend:
        assert (await backend.api.known()).v2 == prefix


async def test_the_cloud_is_known_by_its_address_and_its_environment_by_key_or_name():
    key = "signkey-prod-" + "ab" * 32
    routes = {"GET /dev": None, "GET /v1/events": v1([])}

    async with opened(dev_server(**routes), "cloud", signing_key=key) as backend:
        assert (await backend.api.known()).kind is ServerKind.CLOUD
        assert backend.environment == "Inngest Cloud, environment: production"
        assert not backend.may_write
    async with opened(dev_server(**routes), "cloud", signing_key=key, env="fix/cart") as backend:
        assert backend.environment == "Inngest Cloud, environment: 'fix/cart'"


async def test_a_page_that_is_refused_says_nothing_of_the_key():
    async with opened(dev_server(**{"GET /dev": refusal(403, "forbidden", "no such page")})) as backend:
        assert (await backend.api.known()).kind is ServerKind.SELF_HOSTED
        assert not backend.may_write


async def test_a_server_that_refuses_the_key_is_not_taken_for_one_without_apis():
    scripted = dev_server(**{"GET /v2/runs": refusal(401, "unauthorized", "no")})

    async with opened(scripted) as backend:
        with pytest.raises(KeyRefusedError):
            await backend.api.known()
