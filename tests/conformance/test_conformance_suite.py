"""The official conformance suite against `stepcue dev`, with the fixtures that it calls and without."""

from __future__ import annotations

import pytest
from support.official_tools import FOLDER, conformance, required
from support.processes import Process, stepcue

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(400)]  # the first run installs packages
REVISIONS = {"2025-11-25": 30, "2026-07-28": 37}
"""Revisions with a set of requirements, and how many scenarios a server has to pass."""

BEYOND = {
    "2025-11-25": ["server-session-lifecycle", "json-schema-2020-12"],
    "2026-07-28": [
        "json-schema-2020-12",
        "http-header-validation",
        "http-custom-header-server-validation",
        "tasks-lifecycle",
        "tasks-capability-negotiation",
        "tasks-wire-fields",
        "tasks-request-state-removal",
        "tasks-request-headers",
        "tasks-dispatch-and-envelope",
        "tasks-required-task-error",
        "tasks-mrtr-input",
        "tasks-mrtr-composition",
    ],
}
"""Scenarios that run with a set, are not required by it, and pass here: extensions belong here, too."""


@pytest.fixture(scope="module")
async def url_with_fixtures(tmp_path_factory):
    """The whole product, started as its command line starts it, with fixtures beside its own tools."""
    process = await Process.start(
        "-m",
        "conformance.fixture_server",
        "dev",
        "--port",
        "0",
        "--in-memory",
        "--no-discovery",
        cwd=tmp_path_factory.mktemp("fixtures"),
    )
    try:
        match = await process.wait_for_line(r"listens on (http://\S+)")
        yield f"{match[1]}/mcp"
    finally:
        await process.kill()


@pytest.fixture(scope="module")
async def url_without_fixtures(tmp_path_factory):
    """The product as it is."""
    async with stepcue(tmp_path_factory.mktemp("shipped"), "--in-memory") as server:
        yield server.mcp_url


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_scenario_that_a_revision_requires_passes(url_with_fixtures, revision, tmp_path):
    scenarios = required(revision)

    report = await conformance(url_with_fixtures, "--requirements", revision, results=tmp_path)

    assert len(scenarios) == REVISIONS[revision]
    assert report.complaints(scenarios + BEYOND[revision]) == []
    assert report.finished.code == 0, report.finished.out


@pytest.mark.parametrize("revision", REVISIONS)
async def test_without_fixtures_only_scenarios_fail_that_need_one(url_without_fixtures, revision, tmp_path):
    baseline = FOLDER / f"without_fixtures_{revision}.yml"

    report = await conformance(
        url_without_fixtures,
        "--requirements",
        revision,
        "--expected-failures",
        str(baseline),
        results=tmp_path,
    )

    assert set(required(revision)) <= set(report.checks)
    assert report.finished.code == 0, report.finished.out[-2_000:]
