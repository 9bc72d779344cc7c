from __future__ import annotations

import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import docs_index
from docs_index import CorpusError, DocsIndex, DocsIndexError, whoosh_index
from docs_index import errors as errors_module


def test_a_missing_folder_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        DocsIndex.open(corpus=tmp_path / "missing")

    assert caught.value.hint


def test_a_folder_that_vanishes_is_an_error_of_ours(tmp_path: Path) -> None:
    root = tmp_path / "pages"
    root.mkdir()
    index = DocsIndex.open(corpus=root, cache_dir=tmp_path)
    root.rmdir()

    with pytest.raises(CorpusError):
        index.list()


def test_opening_is_lazy_and_does_not_import_whoosh() -> None:
    code = (
        "import sys, docs_index; index = docs_index.DocsIndex.open(); index.read('steps/run'); index.list(); "
        "assert not [name for name in sys.modules if name.startswith('whoosh')]"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_whoosh_brings_no_warnings_of_its_own(tmp_path: Path) -> None:
    code = "import docs_index.whoosh_index"
    environment = {
        "PYTHONPYCACHEPREFIX": str(tmp_path),
        "PYTHONPATH": str(Path(docs_index.__file__).parents[1]),
    }
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60, env=environment)


def test_the_pages_can_be_read_from_a_zip_file(tmp_path: Path) -> None:
    package = Path(docs_index.__file__).parent
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for file in [*package.glob("*.py"), *package.rglob("*.md")]:
            target.write(file, file.relative_to(package.parent))
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import docs_index; "
        "assert '.zip' in docs_index.__file__; "
        "index = docs_index.DocsIndex.open(cache_dir=pathlib.Path(sys.argv[2])); "
        "print(index.search('waitForEvent').results[0].path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(archive), str(tmp_path / "cache")],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert done.stdout == "steps/wait-for-event\n"


def test_links_that_lead_out_of_the_folder_are_left_out(tmp_path: Path, cache_dir: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("# Secret\n\npassword\n")
    root = tmp_path / "pages"
    root.mkdir()
    (root / "page.md").write_text("# Page\n\ntext\n")
    (root / "link.md").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path)
    (root / "again").symlink_to(root)

    index = DocsIndex.open(corpus=root, cache_dir=cache_dir)

    assert [page.path for page in index.list().pages] == ["page"]


def test_odd_files_do_no_harm(index_of: Callable[..., DocsIndex], tmp_path: Path) -> None:
    index = index_of(
        {
            "empty.md": "",
            "blank.md": "---\ntitle: Blank\n---\n\n",
            "bom.md": "\ufeff---\ntitle: Marked\norder: x\n---\ntext\n",
            "crlf.md": "---\r\ntitle: Windows\r\n---\r\n# Windows\r\n\r\nline\r\n",
            "image.png": "no page",
        }
    )
    (tmp_path / "own" / "bytes.md").write_bytes(b"# Bytes\n\n\xff\xfe\x00 broken\n")
    (tmp_path / "own" / "huge.md").write_bytes(b"# Huge\n" + b"x" * (5 * 1024 * 1024))

    assert sorted(page.title for page in index.list().pages) == ["Bytes", "Marked", "Windows"]
    assert index.read("crlf").text == "# Windows\n\nline\n"
    assert index.search("broken").results[0].path == "bytes"
    assert index.grep("broken").count == 1


def test_a_page_without_any_title_is_named_after_its_file(index_of: Callable[..., DocsIndex]) -> None:
    index = index_of({"a/some-page.md": "just text\n"})

    assert index.read("a/some-page").title == "Some page"
    assert index.list().pages[0].category == "a"


def test_every_error_is_public_and_has_the_same_base() -> None:
    errors = [
        value
        for name in docs_index.__all__
        if isinstance(value := getattr(docs_index, name), type) and issubclass(value, Exception)
    ]

    assert all(issubclass(error, DocsIndexError) for error in errors)
    defined = {value for value in vars(errors_module).values() if isinstance(value, type)}
    assert set(errors) == {value for value in defined if issubclass(value, Exception)}


def test_the_public_face_is_what_all_says() -> None:
    assert sorted(docs_index.__all__) == sorted(set(docs_index.__all__))
    assert all(hasattr(docs_index, name) for name in docs_index.__all__)


def test_pages_can_be_read_while_the_search_index_is_being_built(
    docs: DocsIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    building, may_end = threading.Event(), threading.Event()
    original = whoosh_index.build

    def build(*arguments: Any) -> dict[str, bytes]:
        building.set()
        assert may_end.wait(5)
        return original(*arguments)

    monkeypatch.setattr(whoosh_index, "build", build)
    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(docs.search, "retries")
        assert building.wait(5)
        try:
            assert docs.read("steps/run").title == "Run code"
            assert docs.grep("idempotency").count == 1
        finally:
            may_end.set()

        assert search.result(5).results
