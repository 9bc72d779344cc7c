"""kill -9 at any moment: nothing accepted is lost, nothing finished is done again."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest
from support.processes import sdk_app, stepcue

pytestmark = pytest.mark.anyio

RUNS = 10


def _journal(folder: Path) -> Counter[str]:
    return Counter((folder / "journal").read_text(encoding="utf-8").splitlines())


async def test_a_run_survives_kills_during_a_call_a_sleep_and_a_wait(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll") as first:
        journal = str(tmp_path / "journal")
        async with (
            sdk_app("support.journal_app", first.origin, tmp_path, JOURNAL=journal) as app,
            httpx.AsyncClient(base_url=app, timeout=60, trust_env=False) as http,
        ):
            sent = await first.call("send_event", name="j/journey", data={"name": "ann"})
            (run_id,) = sent["runIds"]
            await http.get("/reached/held")  # the call is open now

            server = await first.restart(tmp_path, "--no-poll")
            try:
                await http.get("/reached/held")  # the leased call was taken back and made again
                await http.post("/open")
                await http.get("/reached/nap")
                server = await server.restart(tmp_path, "--no-poll")
                await http.get("/reached/wait")
                server = await server.restart(tmp_path, "--no-poll")
                await server.until_it_waits(run_id)
                await server.call("send_event", name="j/go", data={"name": "ann"})
                polled = await server.call("poll_run_status", runIds=[run_id], timeout=30)
                status = await server.call("get_run_status", runId=run_id, detail="full")
            finally:
                await server.process.kill()

    assert polled["completed"] == 1
    assert status["output"] == ["first", "last", True]
    ran = _journal(tmp_path)
    assert ran["ann first"] == ran["ann after-nap"] == ran["ann last"] == 1
    assert ran["ann held"] >= 2


async def test_every_accepted_event_is_carried_out_although_the_engine_keeps_dying(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--no-poll") as first:
        journal = str(tmp_path / "journal")
        async with sdk_app("support.journal_app", first.origin, tmp_path, JOURNAL=journal):
            server = first
            run_ids: list[str] = []
            try:
                for batch in range(4):
                    names = [f"run-{batch}-{number}" for number in range(RUNS)]
                    sent = await asyncio.gather(
                        *(server.call("send_event", name="j/burst", data={"name": name}) for name in names)
                    )
                    run_ids += [run_id for answer in sent for run_id in answer["runIds"]]
                    server = await server.restart(tmp_path, "--no-poll")
                polled = {"running": len(run_ids)}
                for _ in range(4):
                    polled = await server.call("poll_run_status", runIds=run_ids, timeout=50)
                    if polled["completed"] == len(run_ids):
                        break
            finally:
                await server.process.kill()

    assert len(run_ids) == 4 * RUNS
    assert polled["completed"] == len(run_ids), polled
    ran = _journal(tmp_path)
    assert {line.split()[0] for line in ran} == {f"run-{b}-{n}" for b in range(4) for n in range(RUNS)}
    # Only a call that was open at one of the four kills may have been made again.
    assert max(ran.values()) <= 5
