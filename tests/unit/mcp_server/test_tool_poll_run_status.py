"""poll_run_status: wait for runs to end."""

import pytest
from mcp_scripted import RUN_ID, a_run, a_waiting_run, ask, connected, refused

from durable_engine import RunStatus, WaitingFor
from mcp_server.render.budget import fits

pytestmark = pytest.mark.anyio


def runs_of(**statuses):
    return {run_id: a_run(id=run_id, status=RunStatus[status]) for run_id, status in statuses.items()}


async def test_counts_and_results_of_all_runs(server, backend, era):
    backend.runs = runs_of(a="COMPLETED", b="FAILED", c="CANCELLED", d="RUNNING", e="QUEUED", f="COMPLETED")

    answer = await ask(server, "poll_run_status", {"runIds": list("abcdef"), "timeout": 5}, era=era)

    counts = {key: answer[key] for key in ("completed", "failed", "cancelled", "running", "queued")}
    assert counts == {"completed": 2, "failed": 1, "cancelled": 1, "running": 1, "queued": 1}
    assert answer["allEnded"] is False
    assert [run["runId"] for run in answer["runs"]] == list("abcdef")
    assert answer["runs"][0]["output"] == {"paid": True}
    assert answer["next"].startswith('explain runId="b"')
    assert backend.waits == [(tuple("abcdef"), 5)]


async def test_all_ended_says_so(server, backend):
    backend.runs = runs_of(a="COMPLETED")

    answer = await ask(server, "poll_run_status", {"runIds": ["a"]})

    assert answer["allEnded"] is True
    assert backend.waits == [(("a",), 30)]


async def test_a_waiting_run_shows_what_it_waits_for(server, backend):
    backend.runs[RUN_ID] = a_waiting_run()

    answer = await ask(server, "poll_run_status", {"runIds": [RUN_ID], "timeout": 0})

    assert answer["runs"][0]["waitingFor"][0]["eventName"] == "shop/approved"
    assert answer["next"].startswith('send_event name="shop/approved"')


async def test_unknown_ids_are_named_beside_the_known(server, backend):
    backend.runs = runs_of(a="COMPLETED")

    answer = await ask(server, "poll_run_status", {"runIds": ["a", "b"]})

    assert answer["notFound"] == [{"runId": "b", "nearest": ["a"]}]
    assert "Unknown ids: 1" in answer["message"]


async def test_only_unknown_ids_are_an_error(server, backend):
    text = await refused(server, "poll_run_status", {"runIds": ["b", "c"]})

    assert text.startswith("No run has any of these ids: b, c.")


async def test_an_id_given_twice_counts_once(server, backend):
    backend.runs = runs_of(a="COMPLETED")

    answer = await ask(server, "poll_run_status", {"runIds": ["a", "a"]})

    assert answer["completed"] == 1


@pytest.mark.parametrize("interval", [1000, 0.5, "250"])
async def test_poll_interval_is_accepted_and_ignored(server, backend, interval):
    backend.runs = runs_of(a="COMPLETED")

    answer = await ask(server, "poll_run_status", {"runIds": ["a"], "pollInterval": interval})

    assert answer["completed"] == 1


async def test_ids_given_as_json_text_are_read(server, backend):
    backend.runs = runs_of(a="COMPLETED")

    answer = await ask(server, "poll_run_status", {"runIds": '["a"]'})

    assert answer["completed"] == 1


async def test_many_runs_with_large_outputs_stay_within_the_budget(server, backend):
    ids = [f"run-{number}" for number in range(40)]
    backend.runs = {run_id: a_run(id=run_id, output="z" * 4_000) for run_id in ids}

    answer = await ask(server, "poll_run_status", {"runIds": ids})

    assert len(answer["runs"]) == 40
    assert "40 values are cut" in answer["truncated"]


async def test_forty_runs_with_long_names_and_many_waits_stay_within_the_budget(server, backend):
    waits = tuple(
        WaitingFor(
            kind="event",
            until_ms=1_800_000_000_000,
            step_id=f"{number}" * 40,
            step_name="s" * 200,
            event_name="e" * 200,
            expression="event.data.x == async.data.x && " * 20,
        )
        for number in range(5)
    )
    ids = [f"01M7YWPH29KN5921NDS4A{number:05d}" for number in range(40)]
    for run_id in ids:
        backend.runs[run_id] = a_waiting_run(id=run_id, function_slug="f" * 250, waiting_for=waits, steps=())

    async with connected(server) as client:
        result = await client.call_tool("poll_run_status", {"runIds": ids, "timeout": 0})

    assert fits(result)
    assert len(result.structured_content["runs"]) == 40
