"""Waiting: progress while it lasts, and an end when the caller gives up."""

import anyio
import pytest
from mcp_scripted import RUN_ID, a_run, connected

from durable_engine.errors import EngineClosedError

pytestmark = pytest.mark.anyio
WAITING_CALLS = [
    ("poll_run_status", {"runIds": [RUN_ID]}),
    ("invoke_function", {"functionId": "shop-pay"}),
    ("send_event", {"name": "shop/order.placed", "wait": 30}),
]


@pytest.mark.parametrize(("tool", "arguments"), WAITING_CALLS)
async def test_progress_is_reported_while_runs_go_on(server, backend, era, tool, arguments):
    backend.holds_waits = True
    backend.runs[RUN_ID] = a_run()
    seen: list[tuple[float, float | None, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))
        if len(seen) == 3:
            backend.release.set()

    with anyio.fail_after(60):
        async with connected(server, era) as client:
            result = await client.call_tool(tool, arguments, progress_callback=on_progress)

    assert not result.is_error
    values = [progress for progress, _, _ in seen]
    assert values == sorted(set(values))
    assert seen[0][1] == 30
    assert seen[0][2].startswith("Waiting for 1 run to end")


@pytest.mark.parametrize(("tool", "arguments"), WAITING_CALLS)
async def test_a_caller_that_gives_up_ends_the_wait(server, backend, era, tool, arguments):
    backend.holds_waits = True

    with anyio.fail_after(60):
        async with connected(server, era) as client, anyio.create_task_group() as calls:
            calls.start_soon(client.call_tool, tool, arguments)
            await backend.waiting.wait()
            calls.cancel_scope.cancel()
        await backend.wait_was_cancelled.wait()

    assert backend.wait_was_cancelled.is_set()


async def test_an_error_of_the_wait_is_the_callers_error(server, backend):
    backend.error = EngineClosedError("The engine is shutting down.")

    async with connected(server) as client:
        result = await client.call_tool("poll_run_status", {"runIds": [RUN_ID]})

    assert result.is_error
    assert "stepcue dev" in result.content[0].text
