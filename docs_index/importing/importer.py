"""Import documentation into a library: read the source, name the corpus, write it, and say what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files as package_files
from typing import Final

from docs_index import front_matter
from docs_index.errors import quote
from docs_index.importing import sources
from docs_index.importing.addresses import corpus_name
from docs_index.importing.errors import LibraryError
from docs_index.importing.fetching import Fetcher, is_url, location, origin
from docs_index.importing.reading import LeftOut, Reading
from docs_index.importing.store import CorpusRecord, Store
from docs_index.library_layout import SHIPPED, is_name

_NAME_HINT: Final = "Give a --name of 1 to 40 lower-case letters, digits and dashes."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did. `added`, `changed` and `removed` are paths of pages, against the import before."""

    corpus: CorpusRecord
    is_new: bool
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def import_docs(
    source: str,
    *,
    store: Store,
    fetcher: Fetcher,
    now: datetime,
    name: str = "",
    title: str = "",
    allowed_hosts: Sequence[str] = (),
) -> ImportReport:
    """Import what is at a source; an earlier import of the same name is replaced as a whole.

    Args:
        source: an http(s) address or a path.
        store: the library to write into.
        fetcher: what asks for addresses.
        now: the date of the import.
        name: what the corpus is called; from the source when left out.
        title: what is shown for it; from the source when left out.
        allowed_hosts: hosts that may be asked besides that of the source.

    Raises:
        SourceError: the source cannot be read.
        LibraryError: the name cannot be used, or the library not be written.
    """
    shown = _shown(source)
    reserved = reserved_names()
    if name:
        _check_name(name, reserved)
    reading = sources.read(source, fetcher=fetcher, allowed_hosts=allowed_hosts)
    given, name = bool(name), name or _name_of(source, reading, reserved)
    before = next((record for record in store.corpora() if record.name == name), None)
    if before is not None and before.source != shown and not given:
        raise LibraryError(
            f"{quote(name)} was imported from {quote(before.source)} already.",
            hint=f"Add --name {name} to replace it, or another name to keep both.",
        )
    files = {f"{page.path}.md": page.file_text() for page in reading.pages}
    earlier = store.files(name) if before is not None else {}
    record = CorpusRecord(
        name=name,
        title=_encodable(title) or reading.title or _title_of(reading, name),
        source=shown,
        kind=reading.kind,
        imported_at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        pages=len(files),
    )
    store.replace(record, files)
    return _report(record, reading, files, earlier, is_new=before is None)


def _shown(source: str) -> str:
    """Return a source as it is kept and shown: a path in full, an address without a password."""
    if is_url(source):
        parts = location(source)
        return _encodable(parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]).geturl())
    return _encodable(str(sources.full_path(source)))


def _encodable(text: str) -> str:
    """Return the text as UTF-8 can hold it: bytes of a command line that are no characters are replaced."""
    return text.encode("utf-8", "replace").decode()


def reserved_names() -> frozenset[str]:
    """Return the names that no corpus may have: paths of the shipped pages begin with them."""
    folders = (entry.name for entry in (package_files("docs_index") / "corpus").iterdir() if entry.is_dir())
    return frozenset({SHIPPED, *folders})


def _name_of(source: str, reading: Reading, reserved: frozenset[str]) -> str:
    """Return the name that a source suggests: for a file, the site that its pages are from."""
    sites = Counter(host for page in reading.pages if (host := origin(page.url)[0]))
    told = source if is_url(source) or reading.kind == "folder" or not sites else ""
    name = corpus_name(told or f"https://{sites.most_common(1)[0][0]}/", reserved)
    if not is_name(name):
        raise LibraryError("The source suggests no name.", hint=_NAME_HINT)
    return name


def _check_name(name: str, reserved: frozenset[str]) -> None:
    if name in reserved:
        raise LibraryError(
            f"Documentation cannot be called {quote(name)}: pages of Stepcue are.",
            hint="Give another --name.",
        )
    if not is_name(name):
        raise LibraryError(f"{quote(name)} is no name for documentation.", hint=_NAME_HINT)


def _title_of(reading: Reading, name: str) -> str:
    """Return the title of the page at the root, or else the name."""
    return next((page.title for page in reading.pages if page.path in {"index", "readme"}), name)


def _report(
    record: CorpusRecord,
    reading: Reading,
    files: Mapping[str, str],
    earlier: Mapping[str, bytes],
    *,
    is_new: bool,
) -> ImportReport:
    fresh = {name: _content(text) for name, text in files.items()}
    old = {name: _content(raw.decode("utf-8", "replace")) for name, raw in earlier.items()}
    return ImportReport(
        corpus=record,
        is_new=is_new,
        added=tuple(_path(name) for name in fresh if name not in old),
        changed=tuple(_path(name) for name in fresh if name in old and fresh[name] != old[name]),
        removed=tuple(_path(name) for name in old if name not in fresh),
        left_out=reading.left_out,
    )


def _content(text: str) -> tuple[str, str, str]:
    """Return what a page says, without its place in the order."""
    matter, body = front_matter.split(text)
    return matter.text("title"), matter.text("description"), body


def _path(name: str) -> str:
    return name.removesuffix(".md")
