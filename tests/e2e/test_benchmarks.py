"""The benchmarks run, at sizes that say nothing about speed: every part, on real processes, with a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS, conclude, measured, parser
from benchmarks.arena import arena
from benchmarks.report import Part, Row, row, rows_of
from benchmarks.sizes import FULL, TINY
from benchmarks.targets import TARGETS, judge
from benchmarks.wire import BenchError

pytestmark = pytest.mark.anyio

OF_BOTH = ("latency", "bursts", "sleepers", "waits")
"""What is measured of another server, too, without knowing its process."""


async def test_every_part_reports_of_our_server_and_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with arena(tmp_path, None, None, TINY.timeout_s) as found:
        # The same server, known by its address alone: another process would cost as much again.
        other = found.own.origin
        found.other = replace(found.own, label=other, server_pid=None)
        parts = await measured(found, PARTS, TINY)
        await found.own.app.reset()
        with pytest.raises(BenchError, match="had 0 of 1 ends"):
            await found.own.app.until("ends", 1, timeout_s=0.001)
    printed = capsys.readouterr().out
    by_part = {part.name: part.rows for part in parts}
    rows = [found for part in parts for found in part.rows]

    assert list(by_part) == list(PARTS)
    for name in OF_BOTH:
        assert {found.server for found in by_part[name]} == {"stepcue", other}, name
    for found in rows:
        assert found.value > 0 or found.unit == "%", found
        assert found.ratio is None or found.ratio > 0, found
        assert found.what in printed
    reached = {verdict.what for verdict in judge(rows) if verdict.found is not None}
    assert reached == {target.what for target in TARGETS if not is_of_more_runs(target.what)}
    latencies = {found.what: found.note for found in by_part["latency"]}
    assert latencies.keys() > {"0 steps", "1 step", "3 steps", "10 parallel steps"}
    assert latencies["100 steps"] == "101 calls"


def is_of_more_runs(name: str) -> bool:
    """Whether a target is about a number of runs that this test does not reach."""
    return any(f"{runs:,} runs" in name for runs in (*dict(FULL.bursts), FULL.runs))


def test_a_report_is_compared_with_an_earlier_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    busy = {"server": (2.0, 0.5), "app": (1.0, 0.25)}
    then = row("0 steps", "stepcue", [(4.0, 2.0)], busy=busy, base_busy={"app": (1.0, 1.0)})
    other = Row("0 steps", "http://127.0.0.1:8288", "ms", 9.0)
    gone, new = (Row(name, "stepcue", "ms", 1.0) for name in ("gone", "new"))
    file = tmp_path / "report.json"
    conclude(parser().parse_args(["--json", str(file)]), [Part("latency", "", [then, other, gone])])
    asked = parser().parse_args(["--compare", str(file)])
    capsys.readouterr()
    conclude(asked, [Part("latency", "", [replace(then, ratio=3.0), new])])
    lines = capsys.readouterr().out.splitlines()

    assert rows_of(asked.compare)["0 steps", "stepcue"].cpu == then.cpu == 3.0
    assert any(line.startswith("0 steps") and "+50%" in line for line in lines)
    assert any(line.startswith("new") and "not in the earlier" in line for line in lines)
    assert any(line.startswith("gone") and "only in the earlier" in line for line in lines)


@pytest.mark.parametrize("option", ["--json", "--compare"])
def test_a_report_that_cannot_be_used_is_named_before_anything_is_measured(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "missing" / "report.json"
    with pytest.raises(SystemExit):
        parser().parse_args([option, str(file)])

    assert f"{file} cannot be" in capsys.readouterr().err


def test_targets_say_met_missed_and_not_measured() -> None:
    rows = [
        row("100 steps", "stepcue", [(2.5, 1.0)]),
        row("100 steps", "http://other", [(1.0, 1.0)]),
        row("burst of 300 runs", "stepcue", [(1.0, 1.0)]),
    ]
    verdicts = {verdict.what: verdict.is_met for verdict in judge(rows)}

    assert verdicts["100 steps"] is False
    assert verdicts["burst of 300 runs"] is True
    assert verdicts["burst of 3,000 runs"] is None
