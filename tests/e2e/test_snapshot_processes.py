"""Snapshots of a real Stepcue with a data file and a real app: they survive its death."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest
from support.processes import Stepcue, sdk_app, stepcue

pytestmark = pytest.mark.anyio


async def test_a_snapshot_survives_a_kill_and_a_run_goes_on_from_it_twice(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with (
        stepcue(tmp_path, "--no-poll") as first,
        sdk_app("support.journal_app", first.origin, tmp_path, JOURNAL=str(journal)) as app,
        httpx.AsyncClient(base_url=app, timeout=60, trust_env=False) as http,
    ):
        await http.post("/open")
        sent = await first.call("send_event", name="j/journey", data={"name": "ann"})
        (run_id,) = sent["runIds"]
        await http.get("/reached/wait")
        taken = await first.call("snapshot_engine", name="waiting")
        assert taken["state"]["runs"] == {"RUNNING": 1}
        (file,) = (tmp_path / ".stepcue").glob("*.snapshots/waiting.db")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        await first.call("send_event", name="j/go", data={"name": "ann"})
        done = await first.call("poll_run_status", runIds=[run_id], timeout=30)
        assert done["completed"] == 1
        await first.process.kill()

        server = await Stepcue.start(tmp_path, "--no-poll", port=first.port)
        try:
            for _ in range(2):
                back = await server.call("restore_engine", name="waiting")
                assert (back["done"], back["engineTime"][:16]) == (True, taken["engineTime"][:16])
                assert [app.get("error") for app in back["apps"]] == [None]
                status = await server.call("get_run_status", runId=run_id)
                assert status["status"] == "RUNNING"
                await server.call("send_event", name="j/go", data={"name": "ann"})
                done = await server.call("poll_run_status", runIds=[run_id], timeout=30)
                assert done["completed"] == 1
            empty = await server.call("reset_engine")
            assert empty["lost"]["newest"] == [run_id]
            assert "droppedSnapshots" not in empty
        finally:
            await server.process.kill()
    ran = journal.read_text(encoding="utf-8").splitlines()
    assert ran.count("ann first") == 1
    assert ran.count("ann last") == 3
