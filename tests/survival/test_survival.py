"""A Stepcue that is killed while it works loses and repeats nothing: the short version of `make kill`."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from survival.campaign import Campaign, Plan
from survival.data_file import DataFile, copy_of
from survival.journal import Journal
from survival.known import Known
from survival.power_loss import cut
from survival.processes import Host

pytestmark = pytest.mark.anyio

_SHORT = Plan(
    seed=44, share=0.3, kills=3, copies=0, with_moments=False, with_app=False, with_typescript=False
)


@pytest.mark.timeout(300)  # seven engines start; a second each, if the machine has nothing else to do
async def test_an_engine_that_keeps_dying_loses_nothing_and_repeats_no_step(tmp_path: Path) -> None:
    said: list[str] = []
    host = await Host.start()
    try:
        campaign = Campaign(_SHORT, tmp_path / "project", host, said.append)
        await campaign.run(1)
    finally:
        await host.close()
    assert campaign.kills >= 4
    assert sum("at rest" in line for line in said) == 2


def test_a_log_that_is_cut_off_leaves_an_earlier_state(tmp_path: Path) -> None:
    path = tmp_path / "live" / "engine.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        live.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
        live.execute("PRAGMA wal_checkpoint")  # these frames are on the disk, and never cut
        for _ in range(20):
            live.execute("INSERT INTO t DEFAULT VALUES")
        copies = [copy_of(path, tmp_path / str(number)) for number in range(10)]
    counts = set()
    for number, copy in enumerate(copies):
        assert cut(copy, random.Random(number)) is not None  # noqa: S311 - to be repeated
        with closing(sqlite3.connect(copy)) as left:
            assert left.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = [row[0] for row in left.execute("SELECT n FROM t ORDER BY n")]
        assert rows == list(range(1, len(rows) + 1))
        counts.add(len(rows))
    assert max(counts) < 20
    assert len(counts) > 3


def _line(kind: str, ref: str, nonce: str = "") -> dict[str, str]:
    return {"kind": kind, "ref": ref, "run": "run", "step": "a", "nonce": nonce, "key": "k", "life": "1"}


def test_a_body_that_runs_in_a_call_made_after_its_result_was_kept_is_found() -> None:
    journal = Journal([_line("call", "1.1"), _line("begin", "1.1", "x"), _line("call", "2.1")])
    journal.entries.append(_line("begin", "2.1", "y"))
    assert journal.run_again({("run", "a"): 2}) == ["a of run ran again in call 2.1, line 3"]
    # The call was open already, or nothing says that the result was there by then.
    assert journal.run_again({("run", "a"): 3}) == journal.run_again({("run", "b"): 0}) == []


def test_a_body_that_runs_twice_in_one_call_is_found() -> None:
    journal = Journal([_line("begin", "1.1", "x"), _line("begin", "1.2", "y"), _line("begin", "1.2", "z")])
    assert journal.repeated_in_a_call() == ["a of run ran 2 times in call 1.2"]


def test_bodies_that_are_open_at_once_are_counted_by_key() -> None:
    journal = Journal([_line("begin", "1.1", "x"), _line("end", "1.1", "x"), _line("begin", "1.2", "y")])
    assert journal.most_at_once("a") == {"k": 1}
    journal.entries.append(_line("begin", "1.3", "z"))
    assert journal.most_at_once("a") == {"k": 2}


def test_a_result_that_is_lost_or_changed_after_a_death_is_found() -> None:
    known = Known()
    first = {"run_id": "run", "name": "a", "memo": "1"}
    assert known.hold(DataFile(steps=[first]), lines=5) == []
    assert known.since == {("run", "a"): 5}
    (changed,) = known.hold(DataFile(steps=[{**first, "memo": "2"}]), lines=7)
    assert "is 2, it was 1" in changed
    (lost,) = known.hold(DataFile(), lines=9)
    assert "is None, it was 2" in lost
