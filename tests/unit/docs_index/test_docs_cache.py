from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from docs_index import DocsIndex, cache, whoosh_index
from docs_index.cache import IndexCache

FILES = {"one": b"first", "two": b"\x00\xff" * 100}


class Builds:
    """Counts how often an index is built."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        original = whoosh_index.build

        def build(*arguments: object) -> dict[str, bytes]:
            self.count += 1
            return original(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(whoosh_index, "build", build)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Builds:
    return Builds(monkeypatch)


def found(corpus: Path, cache_dir: Path) -> list[str]:
    index = DocsIndex.open(corpus=corpus, cache_dir=cache_dir)
    return [hit.path for hit in index.search("retries").results]


def test_nothing_is_built_before_the_first_search(corpus: Path, cache_dir: Path, builds: Builds) -> None:
    index = DocsIndex.open(corpus=corpus, cache_dir=cache_dir)
    index.read("steps/run")
    index.list()

    assert builds.count == 0
    assert not cache_dir.exists()


def test_a_second_open_uses_what_the_first_has_built(corpus: Path, cache_dir: Path, builds: Builds) -> None:
    assert found(corpus, cache_dir) == found(corpus, cache_dir)
    assert builds.count == 1


def test_a_changed_page_leads_to_a_new_index(corpus: Path, cache_dir: Path, builds: Builds) -> None:
    found(corpus, cache_dir)
    (corpus / "new.md").write_text("# New\n\nretries retries\n")

    assert "new" in found(corpus, cache_dir)
    assert builds.count == 2


def test_a_new_analysis_leads_to_a_new_index(
    corpus: Path, cache_dir: Path, builds: Builds, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(corpus, cache_dir)
    monkeypatch.setattr("docs_index.indexer.ANALYSER_VERSION", 10_000)

    found(corpus, cache_dir)
    assert builds.count == 2


def test_edits_in_one_folder_leave_the_indexes_of_other_projects(cache_dir: Path) -> None:
    kept = IndexCache(cache_dir)
    for number in range(20):
        kept.store(f"key{number:02}", FILES)
        os.utime(next(cache_dir.glob(f"*key{number:02}*")), (number, number))

    left = [number for number in range(20) if kept.load(f"key{number:02}")]
    assert left == list(range(4, 20))


def test_large_indexes_are_kept_as_far_as_there_is_room(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_KEPT_BYTES", 1_200)
    kept = IndexCache(cache_dir)
    for number in range(3):
        kept.store(f"key{number}", {"all": b"x" * 450})
        os.utime(next(cache_dir.glob(f"*key{number}*")), (number, number))
    assert [bool(kept.load(f"key{number}")) for number in range(3)] == [False, True, True]

    kept.store("large", {"all": b"x" * 2_000})

    assert len(list(cache_dir.iterdir())) == 1
    assert kept.load("large")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: b"", id="empty"),
        pytest.param(lambda raw: raw[:-10], id="cut short"),
        pytest.param(lambda raw: b"rubbish" * 100, id="rubbish"),
        pytest.param(lambda raw: raw[:200] + bytes([raw[200] ^ 1]) + raw[201:], id="one bit"),
    ],
)
def test_a_damaged_cache_is_built_again_and_replaced(
    corpus: Path, cache_dir: Path, builds: Builds, damage: object
) -> None:
    expected = found(corpus, cache_dir)
    (file,) = cache_dir.iterdir()
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]

    assert found(corpus, cache_dir) == expected
    assert found(corpus, cache_dir) == expected
    assert builds.count == 2


def test_a_whole_file_that_is_no_index_is_built_again(corpus: Path, cache_dir: Path, builds: Builds) -> None:
    expected = found(corpus, cache_dir)
    (file,) = cache_dir.iterdir()
    key = file.name.removeprefix("docs-").removesuffix(".index")
    IndexCache(cache_dir).store(key, {"_sections_1.toc": b"no pickle"})

    assert found(corpus, cache_dir) == expected
    assert builds.count == 2


def test_a_folder_that_cannot_be_made_is_done_without(corpus: Path, tmp_path: Path, builds: Builds) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    assert found(corpus, blocked / "cache") == found(corpus, blocked / "cache")
    assert builds.count == 2


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_done_without(corpus: Path, cache_dir: Path) -> None:
    cache_dir.mkdir(mode=0o500)

    assert found(corpus, cache_dir)
    assert list(cache_dir.iterdir()) == []


def test_a_read_only_file_system_is_done_without(
    corpus: Path, cache_dir: Path, builds: Builds, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.open

    def read_only(path: str, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system")
        return original(path, flags, *rest)

    monkeypatch.setattr(cache.os, "open", read_only)

    assert found(corpus, cache_dir) == found(corpus, cache_dir)
    assert builds.count == 2
    assert list(cache_dir.iterdir()) == []


def test_a_write_that_fails_leaves_nothing_behind(
    corpus: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "fsync", fail)

    assert found(corpus, cache_dir)
    assert list(cache_dir.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_the_cache_is_for_its_owner_only(corpus: Path, cache_dir: Path) -> None:
    found(corpus, cache_dir)

    assert stat.S_IMODE(cache_dir.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in cache_dir.iterdir()] == [0o600]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_what_others_may_write_is_neither_read_nor_written(
    corpus: Path, cache_dir: Path, builds: Builds
) -> None:
    found(corpus, cache_dir)
    cache_dir.chmod(0o777)

    found(corpus, cache_dir)
    assert builds.count == 2

    cache_dir.chmod(0o700)
    (file,) = cache_dir.iterdir()
    file.chmod(0o666)
    found(corpus, cache_dir)
    assert builds.count == 3


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="symbolic links")
def test_a_link_in_place_of_the_file_is_not_followed(
    corpus: Path, cache_dir: Path, builds: Builds, tmp_path: Path
) -> None:
    found(corpus, cache_dir)
    (file,) = cache_dir.iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")

    assert found(corpus, cache_dir)
    assert builds.count == 2
    assert not file.is_symlink()


def test_two_indexes_opened_side_by_side_agree(corpus: Path, cache_dir: Path) -> None:
    first = DocsIndex.open(corpus=corpus, cache_dir=cache_dir)
    second = DocsIndex.open(corpus=corpus, cache_dir=cache_dir)

    assert first.search("retries") == second.search("retries")


def test_processes_that_start_together_all_find_and_leave_one_index(corpus: Path, cache_dir: Path) -> None:
    code = (
        "import sys, pathlib; from docs_index import DocsIndex; "
        "index = DocsIndex.open(corpus=pathlib.Path(sys.argv[1]), cache_dir=pathlib.Path(sys.argv[2])); "
        "print(index.search('retries').results[0].path)"
    )
    command = [sys.executable, "-c", code, str(corpus), str(cache_dir)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {process.communicate(timeout=60)[0] for process in processes}

    assert answers == {f"{found(corpus, cache_dir)[0]}\n"}
    assert len(list(cache_dir.iterdir())) == 1


def test_an_index_writes_no_temporary_files_of_its_own(
    corpus: Path, cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))

    found(corpus, cache_dir)
    assert list(elsewhere.iterdir()) == []


def test_the_default_folder_follows_the_xdg_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.default_directory() == tmp_path / "stepcue"

    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.default_directory() == tmp_path / ".cache" / "stepcue"


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", no_home)

    assert cache.default_directory() is None
    assert IndexCache(None).store("k", FILES) is False
    assert IndexCache(None).load("k") is None


def test_what_is_stored_is_loaded_unchanged(cache_dir: Path) -> None:
    store = IndexCache(cache_dir)

    assert store.load("k") is None
    assert store.store("k", FILES) is True
    assert store.load("k") == FILES
    assert store.load("other") is None


def test_leftovers_of_killed_writers_are_removed_after_an_hour(cache_dir: Path) -> None:
    store = IndexCache(cache_dir)
    store.store("k", FILES)
    old, new = cache_dir / "docs-k.1.aa.tmp", cache_dir / "docs-k.2.bb.tmp"
    for leftover in (old, new):
        leftover.write_bytes(b"half")
    os.utime(old, (0, 0))

    store.store("k", FILES)

    assert not old.exists()
    assert new.exists()
