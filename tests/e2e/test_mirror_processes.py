"""`stepcue dev --mirror` as a process: a failure on one server is reproduced on another one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mcp import Client
from support.processes import REPOSITORY, call, sdk_app, stepcue

pytestmark = pytest.mark.anyio

SAMPLE = REPOSITORY / "examples" / "python_app"
KEY = "signkey-prod-" + "c0ffee11" * 8
FILE = {"source": "invoices.pdf"}


async def test_a_failure_in_production_is_reproduced_and_its_mend_tried_here(tmp_path: Path) -> None:
    """Production asks for its key; the app here needs none."""
    mended = tmp_path / "here"
    shutil.copytree(SAMPLE, mended)
    code = (mended / "app.py").read_text(encoding="utf-8")
    (mended / "app.py").write_text(code.replace('endswith(".csv")', 'endswith(".pdf")'), encoding="utf-8")
    folders = [tmp_path / name for name in ("production", "stepcue")]
    for folder in folders:
        folder.mkdir()

    async with stepcue(folders[0], "--in-memory", env={"INNGEST_SIGNING_KEY": KEY}) as production:
        keys = {"INNGEST_SIGNING_KEY": KEY, "INNGEST_BASE_URL": production.origin}
        async with sdk_app("app", "0", SAMPLE, INNGEST_EVENT_KEY="any", **keys):
            sent = await production.call("send_event", name="billing/import.requested", data=FILE, wait=30)
        failed = sent["runIds"][0]
        options = ("--in-memory", "--mirror", production.origin)
        async with stepcue(folders[1], *options, env={"STEPCUE_MIRROR_SIGNING_KEY": KEY}) as here:
            async with sdk_app("app", here.origin, mended), Client(here.mcp_url) as client:
                same = await call(client, "mirror_run", runId=failed)
                tried = await call(client, "mirror_run", runId=failed, real=["parse"])
                listed = await call(client, "list_runs")
            said = "\n".join(here.process.lines)
        left = await production.call("list_runs")

    assert sent["runs"][0]["status"] == "FAILED"
    assert (same["same"], same["mocked"]) == (True, ["download", "parse"])
    assert same["error"]["message"] == "cannot read invoices from 'invoices.pdf': not a .csv file"
    assert same["mirrored"] == f"Stepcue at {production.origin}"
    assert (tried["local"]["status"], tried["ran"], tried["output"]) == (
        "COMPLETED",
        ["parse"],
        {"imported": 3},
    )
    assert tried["firstDifference"]["stepB"] == "parse"
    assert listed["count"] == 2
    assert [run["runId"] for run in left["runs"]] == [failed]
    assert f"mirrors     runs of {production.origin}" in said
    assert "c0ffee11" not in f"{said}{same}{tried}"
