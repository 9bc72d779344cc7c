"""The benchmarks run, at sizes that say nothing about speed: every part, on real processes, with a report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS, conclude, measured, parser
from benchmarks.arena import Arena, arena
from benchmarks.report import Part, Row, row, rows_of
from benchmarks.sizes import FULL, TINY
from benchmarks.targets import TARGETS, judge
from benchmarks.wire import BenchError

pytestmark = pytest.mark.anyio

OF_BOTH = {"latency", "bursts", "sleepers", "waits"}
"""What is measured of another server, too, without knowing its process."""
REACHED = {
    "latency": {"100 steps", "0 steps, to its recorded end"},
    "memory": {"growth in the second half", "cost of a call per MB of state"},
    "startup": {"stepcue dev, start to first answer"},
}
"""The targets that sizes as small as these say something about."""


@pytest.fixture(scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Arena]:
    """Our server, and as another one the same again, known by its address alone: no process more."""
    async with arena(tmp_path_factory.mktemp("bench"), None, None, TINY.timeout_s) as found:
        found.other = replace(found.own, label=found.own.origin, server_pid=None)
        yield found


@pytest.mark.parametrize("name", PARTS)
async def test_a_part_reports(name: str, small: Arena, capsys: pytest.CaptureFixture[str]) -> None:
    (part,) = await measured(small, [name], TINY)
    printed = capsys.readouterr().out

    assert {found.server for found in part.rows} == {"stepcue"} | (
        {small.own.origin} if name in OF_BOTH else set()
    )
    for found in part.rows:
        assert found.value > 0 or found.unit == "%", found
        assert found.ratio is None or found.ratio > 0, found
        assert found.what in printed
    assert {v.what for v in judge(part.rows) if v.found is not None} == REACHED.get(name, set())
    if name == "latency":
        notes = {found.what: found.note for found in part.rows}
        assert notes.keys() > {"0 steps", "1 step", "3 steps", "10 parallel steps"}
        assert notes["100 steps"] == "101 calls"


async def test_runs_that_do_not_end_are_no_measurement(small: Arena) -> None:
    await small.own.app.reset()
    with pytest.raises(BenchError, match="had 0 of 1 ends"):
        await small.own.app.until("ends", 1, timeout_s=0.001)


def test_every_other_target_is_about_a_number_of_runs() -> None:
    more_runs = [f"{runs:,} runs" for runs in (*dict(FULL.bursts), FULL.runs)]
    others = {target.what for target in TARGETS}.difference(*REACHED.values())

    assert all(any(runs in what for runs in more_runs) for what in others)


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
