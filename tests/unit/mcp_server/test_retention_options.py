"""How long the past is kept, as it is said on the command line; and what the doctor says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from durable_engine import Inventory
from durable_engine.model.retention import Kept, Limits
from mcp_server import cli, launch
from mcp_server.doctor import EngineFacts, Facts, Status, examine

MB, DAY_MS = 1_024**2, 86_400_000
ENGINE = EngineFacts(
    origin="http://127.0.0.1:8288",
    host="127.0.0.1",
    version="1",
    data_file=None,
    has_signing_key=False,
    polls=True,
    docs_pages=70,
)
KEPT = Kept(
    limits=Limits(keep_ms=7 * DAY_MS, max_bytes=64 * MB),
    used_bytes=3 * MB // 2,
    file_bytes=2 * MB,
    oldest_ms=1_800_000_000_000,
    pruned=12,
    pruned_ms=1_800_000_600_000,
)


def config(monkeypatch, *arguments, **variables):
    """Return the settings with which `stepcue dev` would start an engine, or what it says against them."""
    started = []

    async def serve(options, **_):
        started.append(options.engine)

    monkeypatch.setattr(launch, "serve", serve)
    result = CliRunner().invoke(cli.main, ["dev", *arguments], env=variables)
    return started[0] if result.exit_code == 0 else result.output


def test_by_default_a_week_and_a_gigabyte_are_kept_and_less_in_memory(monkeypatch):
    on_disk, in_memory = config(monkeypatch), config(monkeypatch, "--in-memory")

    assert (on_disk.keep_runs_s, on_disk.max_data_bytes) == (7 * 86_400, 1_024 * MB)
    assert (in_memory.keep_runs_s, in_memory.max_data_bytes) == (7 * 86_400, 64 * MB)


def test_options_and_variables_set_both_or_switch_them_off(monkeypatch):
    said = config(monkeypatch, "--keep-runs", "12h", "--max-data-size", "1.5GB")
    named = config(monkeypatch, STEPCUE_KEEP_RUNS="none", STEPCUE_MAX_DATA_SIZE="None")

    assert (said.keep_runs_s, said.max_data_bytes) == (43_200, 1_536 * MB)
    assert (named.keep_runs_s, named.max_data_bytes) == (None, None)


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("--keep-runs", "soon", "'soon'"),
        ("--keep-runs", "30s", "1m to 3650d are allowed, or none"),
        ("--keep-runs", "4000d", "1m to 3650d are allowed, or none"),
        ("--max-data-size", "much", "1MB to 1024GB are allowed, such as 1MB"),
        ("--max-data-size", "1KB", "'1KB' is out of range"),
    ],
)
def test_anything_else_is_refused_before_anything_starts(monkeypatch, option, text, words):
    assert words in " ".join(config(monkeypatch, option, text).split())


def judged(kept):
    facts = Facts(engine=replace(ENGINE, kept=kept), inventory=Inventory(functions=(), apps=()))
    return next(check for check in examine(facts) if check.id == "data")


def test_the_doctor_says_how_much_there_is_and_what_is_pruned():
    assert judged(KEPT).found == (
        "All data takes 1.5 MB, the oldest run is of 2027-01-15 08:00 UTC. Ended runs are pruned 7d after "
        "their end, or oldest first when all data takes more than 64 MB, 12 so far, the last ones at "
        "2027-01-15 08:10 UTC."
    )
    nothing = replace(KEPT, limits=Limits(), oldest_ms=None, pruned=0, pruned_ms=None)
    assert judged(nothing).found == "All data takes 1.5 MB. No run is ever pruned."


def test_the_doctor_warns_when_there_is_too_much_that_may_not_be_pruned():
    check = judged(replace(KEPT, used_bytes=90 * MB))

    assert check.status is Status.WARNING
    assert "--max-data-size" in check.fix
