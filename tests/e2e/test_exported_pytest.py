"""Runs become pytest files that pass, and that fail naming the step when the workflow breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.processes import REPOSITORY, Stepcue, sdk_app, stepcue
from support.user_project import CONFTEST, Outcome, Project

pytestmark = pytest.mark.anyio
SHOP = (REPOSITORY / "tests" / "support" / "export_shop.py").read_text(encoding="utf-8")
ORDER = {"id": 'o-1 "quoted" \\ \n\u2028 {x} */ `${y}` č 🐎', "items": [5, 7]}
SHIPPED = {"name": "shop/shipped", "data": {"id": ORDER["id"], "by": "post"}}
MAILED = {"stepId": "mail", "result": "mailed"}


@asynccontextmanager
async def _shop(tmp_path: Path) -> AsyncIterator[tuple[Stepcue, Project]]:
    project = Project.make(tmp_path / "shop", conftest=CONFTEST, app=SHOP)
    path = str(project.folder)
    async with (
        stepcue(project.folder) as server,
        sdk_app("shop_app", server.origin, project.folder, PYTHONPATH=path),
    ):
        yield server, project


async def _exported(server: Stepcue, run_id: str, name: str, **arguments: Any) -> dict[str, Any]:
    return await server.call("export_test", runId=run_id, path=name, **arguments)


async def _pytest(project: Project, *arguments: str) -> Outcome:
    return await asyncio.to_thread(project.pytest, *arguments)


async def test_an_exported_test_passes_and_finds_planted_bugs(tmp_path: Path) -> None:
    async with _shop(tmp_path) as (server, project):
        tested = await server.call(
            "test_function", event="shop/order", data=ORDER, mocks=[MAILED], events=[SHIPPED]
        )
        assert tested["status"] == "COMPLETED", tested
        answer = await _exported(server, tested["runId"], "tests/test_order.py")
        assert answer["path"] == str(project.folder / "tests" / "test_order.py")
        assert "Runs for real: 'reserve', 'charge', 'tell'" in " ".join(answer["notes"])
        assert "Mocked: 'mail'." in answer["notes"]
        again = await _exported(server, tested["runId"], "tests/test_order.py")
        assert again["path"] == answer["path"]

    text = (project.folder / "tests" / "test_order.py").read_text(encoding="utf-8")
    assert text.startswith(f"# Exported by Stepcue from run {tested['runId']} of shop-fulfil.\n")
    for stable in ('"count": 2', '"amount": 12', '"currency": "EUR"', 'mocks={"mail": "mailed"}'):
        assert stable in text, text
    for left_out in ("id", "label", "at", "ms", "score"):
        assert f'"{left_out}": {{"$any": ' in text, text
    for _ in range(2):
        outcome = await _pytest(project)
        assert outcome.code == 0, f"{text}\n{outcome.text}"

    for old, new, words in (
        ('"currency": "EUR"', '"currency": "USD"', "step 'charge' output is not as expected: $.currency"),
        ('charged = await ctx.step.run("charge"', 'charged = await ctx.step.run("pay"', "ran 'charge'"),
        ('return {"amount": sum(', 'return 1 / 0 or {"amount": sum(', "charge: FAILED after 3 attempts"),
        ("is None:\n        await", "is not None:\n        await", "ran 'mail': never happened"),
        ("days=3)", "days=3.5)", None),
        ('name="shop/fulfilled"', 'name="shop/filled"', "sent 'shop/fulfilled': never happened"),
        ('"by": shipped', '"via": shipped', "output is not as expected: $.by is missing"),
    ):
        project.edit(old, new)
        outcome = await _pytest(project)
        assert (outcome.code == 0) is (words is None), outcome.text
        assert words is None or words in outcome.text, outcome.text
        project.edit(new, old)


async def test_events_that_people_sent_and_time_outs_are_repeated(tmp_path: Path) -> None:
    async with _shop(tmp_path) as (server, project):
        await server.call("advance_time", by="1s")
        sent = await server.call("send_event", name="shop/order", data=ORDER)
        run_id = sent["runs"][0]["runId"]
        await server.call("advance_time", by="4d")
        timed_out = await server.call("advance_time", runId=run_id, to="end")
        assert timed_out["status"] == "COMPLETED"
        await _exported(server, run_id, "test_reminded.py")

        sent = await server.call("send_event", name="shop/watch", data={"id": 1})
        await server.call("poll_run_status", runIds=[sent["runs"][0]["runId"]], timeout=1)
        await server.call("send_event", name="shop/stop", data={"id": 1})
        await _exported(server, sent["runs"][0]["runId"], "test_stopped.py")

        refused = await server.call("test_function", functionId="refuse", expect={"status": "FAILED"})
        await _exported(server, refused["runId"], "test_refused.py")

        everything = await server.call(
            "test_function", event="shop/order", data=ORDER, mocks=[MAILED], events=[SHIPPED]
        )
        await _exported(server, everything["runId"], "test_mocked.py", mock="all")
        await _exported(server, everything["runId"], "shop.json", format="scenario")
        await _exported(server, refused["runId"], "refused.json", format="scenario")

    reminded = (project.folder / "test_reminded.py").read_text(encoding="utf-8")
    assert 'run.step("shipped").assert_timed_out()' in reminded
    stopped = (project.folder / "test_stopped.py").read_text(encoding="utf-8")
    assert '"name": "shop/stop"' in stopped
    assert 'assert_status("CANCELLED")' in stopped
    refused_text = (project.folder / "test_refused.py").read_text(encoding="utf-8")
    assert '.assert_error("ValueError: no such order")' in refused_text
    outcome = await _pytest(project)
    assert outcome.code == 0, f"{reminded}\n{stopped}\n{refused_text}\n{outcome.text}"
    assert "4 passed" in outcome.text

    # The file of scenarios is for `stepcue test`, here in short: the fixture carries out the same documents.
    project.write(
        "test_scenarios.py",
        """
        import json, pathlib, pytest

        FILES = ("shop.json", "refused.json")
        READ = [json.loads(pathlib.Path(name).read_text()) for name in FILES]
        SCENARIOS = [scenario for file in READ for scenario in file["scenarios"]]

        @pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
        def test_scenario(stepcue, scenario):
            stepcue.scenario({key: value for key, value in scenario.items() if key != "name"})
        """,
    )
    outcome = await _pytest(project, "test_scenarios.py")
    assert outcome.code == 0, outcome.text
    assert json.loads((project.folder / "shop.json").read_text())["note"][0].startswith("Exported by Stepcue")

    project.edit(
        "async def charge() -> dict[str, Any]:", "async def charge() -> dict[str, Any]:\n        1 / 0"
    )
    project.edit('"undone"', '"done"')
    outcome = await _pytest(project)
    assert outcome.code == 1
    for failing in ("test_reminded.py", "test_refused.py", "test_scenarios.py::test_scenario[shop"):
        assert f"FAILED {failing}" in outcome.text, outcome.text
    assert "FAILED test_mocked.py" not in outcome.text  # no code of a step runs in it
