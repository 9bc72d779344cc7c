"""Importing again replaces as a whole; whatever breaks off in between leaves what was there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from filelock import FileLock
from support.docs_sources import LLMS_FULL, NOW, Shelf, write

from docs_index import DocsIndex
from docs_index.importing import store as store_module
from docs_index.importing.errors import LibraryError, SourceError
from docs_index.importing.importer import ImportReport, import_docs, reserved_names
from docs_index.importing.store import CorpusRecord, Store

SITE = "https://docs.kettle.example"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "library")


def bring_in(
    store: Store, text: str = LLMS_FULL, url: str = f"{SITE}/llms-full.txt", **options: str
) -> ImportReport:
    return import_docs(url, store=store, fetcher=Shelf({url: text}), now=NOW, **options)


def test_an_import_is_found_by_the_index_with_its_source_and_day(store: Store, cache_dir: Path) -> None:
    report = bring_in(store)

    assert report.is_new
    assert report.corpus == CorpusRecord(
        name="kettle",
        title="Kettle Docs",
        source=f"{SITE}/llms-full.txt",
        kind="llms-full",
        imported_at="2026-11-22T09:30:00Z",
        pages=4,
    )
    docs = DocsIndex.open(library=store.folder, cache_dir=cache_dir)
    hit = docs.search("boil it dry", category="kettle").results[0]
    assert (hit.path, hit.title) == ("kettle/guides/boiling", "Boiling water")
    assert hit.provenance.source == "https://kettle.example/docs/guides/boiling"
    assert hit.provenance.as_of == "2026-11-22"
    assert not docs.list().notices


def test_sections_of_an_import_are_found_for_their_sdk_only(store: Store, cache_dir: Path) -> None:
    bring_in(store)
    docs = DocsIndex.open(library=store.folder, cache_dir=cache_dir)

    for sdk, section in (("python", "set-it"), ("typescript", "set-it-in-code")):
        found = docs.search("heat celsius set", category="kettle", sdk=sdk).results
        assert section in {hit.section for hit in found}
        assert not {"set-it", "set-it-in-code"} - {section} & {hit.section for hit in found}


def test_what_changed_since_the_import_before_is_told(store: Store) -> None:
    bring_in(store)
    changed = LLMS_FULL.replace("Many cups.", "Few cups.").replace("docs/reference/old-pot", "docs/pots/new")

    report = bring_in(store, changed)

    assert not report.is_new
    assert report.added == ("pots/new",)
    assert report.changed == ("reference/cups",)
    assert report.removed == ("reference/old-pot",)
    assert bring_in(store, changed).changed == ()
    assert sorted(entry.name for entry in store.folder.iterdir()) == [".lock", "kettle"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://docs.kettle.example/llms.txt", "kettle"),
        ("https://www.kettle.co.uk/llms.txt", "kettle"),
        ("https://kettle.github.io/x/llms.txt", "kettle"),
        ("https://docs.dev/llms.txt", "docs"),
        ("http://127.0.0.1:80/llms.txt", "127-0-0-1"),
        ("https://steps.example/llms.txt", "steps-docs"),
        ("https://user:secret@kettle.example/llms.txt", "kettle"),
    ],
)
def test_the_name_comes_from_the_host(store: Store, url: str, name: str) -> None:
    report = bring_in(store, url=url)

    assert report.corpus.name == name
    assert "secret" not in report.corpus.source


def test_the_name_of_a_folder_or_of_the_pages_in_a_file(store: Store, tmp_path: Path) -> None:
    write(
        tmp_path / "Tea Pot",
        {"docs/a.md": "# A\n\nText.", "llms-full.txt": LLMS_FULL, "plain.txt": "# P\n\nText."},
    )

    names = [
        import_docs(str(source), store=store, fetcher=Shelf({}), now=NOW).corpus.name
        for source in (
            tmp_path / "Tea Pot",
            tmp_path / "Tea Pot" / "docs",
            tmp_path / "Tea Pot" / "llms-full.txt",
            tmp_path / "Tea Pot" / "plain.txt",
        )
    ]

    assert names == ["tea-pot", "tea-pot-docs", "kettle", "plain"]


@pytest.mark.parametrize(
    "name", ["stepcue", "steps", "guides", "Kettle", "a b", "../up", "x" * 41, ".hidden"]
)
def test_names_of_our_pages_and_names_that_are_none_are_refused(store: Store, name: str) -> None:
    with pytest.raises(LibraryError, match=r"name|called") as refusal:
        bring_in(store, name=name)

    assert "--name" in refusal.value.hint
    assert not store.folder.exists()


def test_every_folder_of_our_pages_is_reserved() -> None:
    folders = {page.path.split("/")[0] for page in DocsIndex.open().list(limit=200).pages}

    assert folders <= reserved_names()


def test_another_source_does_not_replace_by_accident(store: Store) -> None:
    bring_in(store)

    with pytest.raises(LibraryError, match="was imported from") as refusal:
        bring_in(store, url="https://kettle.test/llms-full.txt")

    assert "--name kettle" in refusal.value.hint
    assert bring_in(store, url="https://kettle.test/llms-full.txt", name="kettle").corpus.source.endswith(
        "kettle.test/llms-full.txt"
    )


def test_a_source_that_fails_leaves_the_import_before(store: Store) -> None:
    bring_in(store)
    before = store.files("kettle")

    with pytest.raises(SourceError):
        import_docs(f"{SITE}/llms-full.txt", store=store, fetcher=Shelf({}), now=NOW)

    assert store.files("kettle") == before


def test_a_write_that_fails_leaves_the_import_before(store: Store) -> None:
    bring_in(store)
    before = store.files("kettle")

    with pytest.raises(LibraryError, match="cannot be changed"):
        store.replace(record("kettle"), {"a.md": "x", "a.md/b.md": "a file cannot be a folder"})

    assert store.files("kettle") == before
    assert sorted(entry.name for entry in store.folder.iterdir()) == [".lock", "kettle"]


def test_a_replacement_that_was_killed_between_its_renames_is_mended(store: Store) -> None:
    bring_in(store)
    before = store.files("kettle")
    (store.folder / "kettle").rename(store.folder / ".old-kettle")
    write(store.folder / ".new-kettle-ab", {"pages/half.md": "half"})
    write(store.folder / ".gone-pot-ab", {"pages/half.md": "half"})

    assert [corpus.name for corpus in store.corpora()] == ["kettle"]
    assert store.files("kettle") == before
    assert sorted(entry.name for entry in store.folder.iterdir()) == [".lock", "kettle"]


def test_two_changes_at_once_are_refused_and_reading_goes_on(store: Store) -> None:
    bring_in(store)
    (store.folder / ".old-gone").mkdir()
    with FileLock(store.folder / ".lock"), pytest.raises(LibraryError, match="Another command"):
        other_process(store).remove("kettle")
    with FileLock(store.folder / ".lock"):
        assert [corpus.name for corpus in other_process(store).corpora()] == ["kettle"]


def test_the_order_of_preference_is_kept_and_mended(store: Store) -> None:
    for name in ("b", "a", "c"):
        store.replace(record(name), {"x.md": "# X\n\nText."})

    assert [corpus.name for corpus in store.corpora()] == ["a", "b", "c"]
    assert store.prefer(["c"]) == ["c", "stepcue", "a", "b"]
    assert store.prefer(["b", "stepcue"]) == ["b", "stepcue", "c", "a"]
    assert [corpus.name for corpus in store.corpora()] == ["b", "c", "a"]
    store.remove("c")
    assert json.loads((store.folder / "library.json").read_text(encoding="utf-8")) == {
        "order": ["b", "stepcue", "a"]
    }
    for name in ("c", "nope", "..", ""):
        with pytest.raises(LibraryError, match="is called") as refusal:
            store.prefer([name])
        assert "a, b" in refusal.value.hint or "b, a" in refusal.value.hint
        with pytest.raises(LibraryError, match="is called"):
            store.remove(name)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"order": 3}', '{"order": [1, "a"]}'])
def test_a_damaged_order_counts_as_none(store: Store, content: str) -> None:
    store.replace(record("a"), {"x.md": "# X\n\nText."})
    (store.folder / "library.json").write_text(content, encoding="utf-8")

    assert [corpus.name for corpus in store.corpora()] == ["a"]
    assert store.prefer(["a"]) == ["a", "stepcue"]


def test_a_library_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(LibraryError, match="cannot be changed"):
        bring_in(Store(tmp_path / "file" / "library"))
    assert Store(tmp_path / "file" / "library").corpora() == []


def test_titles_and_descriptions_read_back_as_they_were_written(store: Store, cache_dir: Path) -> None:
    titles = [
        '"Quoted" title',
        "[1] list",
        "a: b # c",
        "- dash",
        "--- x",
        "'q'",
        "> fold",
        "{x}",
        "key: [a, b]",
    ]
    texts: Mapping[str, str] = {
        f"{SITE}/f.txt": "\n".join(
            f"# {title}\nSource: {SITE}/docs/{n}\n\nText {n}.\n" for n, title in enumerate(titles)
        )
    }
    import_docs(f"{SITE}/f.txt", store=store, fetcher=Shelf(texts), now=NOW, name="odd")

    listed = DocsIndex.open(library=store.folder, cache_dir=cache_dir).list(category="odd", limit=50)

    assert [page.title for page in listed.pages] == titles
    assert [page.description for page in listed.pages] == [f"Text {n}." for n in range(len(titles))]


def record(name: str) -> CorpusRecord:
    return CorpusRecord(
        name=name, title=name, source="/x", kind="folder", imported_at="2026-11-22T09:30:00Z", pages=1
    )


def other_process(store: Store) -> Store:
    """Return a store whose lock is its own, as in another process."""

    class Other(Store):
        def _lock(self) -> FileLock:
            return FileLock(self.folder / store_module.LOCK_FILE, timeout=0)

    return Other(store.folder)


def test_a_source_and_a_title_of_bytes_that_are_no_characters_are_kept(store: Store, tmp_path: Path) -> None:
    write(tmp_path / "b\udcffd", {"a.md": "# A\n\nText."})

    report = import_docs(
        str(tmp_path / "b\udcffd"), store=store, fetcher=Shelf({}), now=NOW, name="b", title="x\udcff"
    )

    assert (report.corpus.source, report.corpus.title) == (f"{tmp_path}/b?d", "x?")
    assert store.corpora() == [report.corpus]


def test_a_damaged_corpus_can_be_removed(store: Store) -> None:
    bring_in(store)
    (store.folder / "kettle" / "corpus.json").unlink()

    store.remove("kettle")

    assert not (store.folder / "kettle").exists()


def test_pages_that_vanish_while_they_are_compared_are_no_fault(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_in(store)

    def gone(_: Path) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_bytes", gone)

    assert store.files("kettle") == {}
