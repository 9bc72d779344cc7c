"""`stepcue docs`: bring in documentation of others, and read all of it without an assistant."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec

import click

from docs_index import DocsIndex, DocsIndexError, GrepResult, SearchResult
from docs_index.importing.errors import LibraryError
from docs_index.importing.importer import ImportReport, import_docs
from docs_index.importing.store import Store
from docs_index.library_layout import SHIPPED, default_directory
from mcp_server.clean import one_line
from mcp_server.docs_text import grep_lines, search_lines

P = ParamSpec("P")

_MAX_NAMED: Final = 10
_STEERING: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but for the tab, and those that change the direction of text."""
_AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Write the answer as JSON.")


def _in_sentences(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what the index cannot do into a sentence on stderr and exit code 1."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except DocsIndexError as error:
            click.echo(f"stepcue: {error} {error.hint}".rstrip(), err=True)
            sys.exit(1)

    return wrapped


@click.group()
def docs() -> None:
    """Import documentation for assistants to search, and search it from here."""


@docs.command("import")
@click.argument("source")
@click.option("--name", default="", help="What paths of its pages begin with; from the source otherwise.")
@click.option("--title", default="", help="What hits show for it; from the source otherwise.")
@click.option("--prefer", "is_preferred", is_flag=True, help="Put it before all other documentation.")
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Host to fetch pages from besides that of SOURCE. Repeatable.",
)
@_AS_JSON
@_in_sentences
def import_command(
    source: str, name: str, title: str, *, is_preferred: bool, allowed_hosts: tuple[str, ...], as_json: bool
) -> None:
    """Import an llms-full.txt or llms.txt (file or URL), or a folder of .md and .mdx files.

    An import of the same name is replaced as a whole. Exits with 1 if nothing was imported.
    """
    from mcp_server.docs_fetching import HttpFetcher  # with an HTTP client, which nothing else here needs

    store = _store()
    report = import_docs(
        source,
        store=store,
        fetcher=HttpFetcher(say=lambda line: click.echo(line, err=True)),
        now=datetime.now(UTC),
        name=name,
        title=title,
        allowed_hosts=allowed_hosts,
    )
    if is_preferred:
        store.prefer([report.corpus.name])
    with contextlib.suppress(DocsIndexError):
        _index().search("documentation")  # so that the next start finds the index built
    _say(_import_json(report), _import_lines(report), as_json=as_json)


@docs.command("list")
@_AS_JSON
@_in_sentences
def list_command(*, as_json: bool) -> None:
    """Show the documentation that is there, the most preferred first."""
    store = _store()
    listed = _index().list(limit=1)
    kinds = {record.name: record for record in store.corpora()}
    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "source": entry.source or None,
            "importedAt": kinds[entry.name].imported_at if entry.name in kinds else None,
            "kind": kinds[entry.name].kind if entry.name in kinds else "shipped",
            "pages": entry.pages,
        }
        for entry in listed.corpora
    ]
    lines = [_list_line(number, row) for number, row in enumerate(rows, start=1)]
    _say({"corpora": rows, "notices": list(listed.notices)}, [*lines, *listed.notices], as_json=as_json)


@docs.command("remove")
@click.argument("name")
@_AS_JSON
@_in_sentences
def remove_command(name: str, *, as_json: bool) -> None:
    """Remove imported documentation."""
    if name == SHIPPED:
        raise LibraryError("The pages of Stepcue cannot be removed.", hint="They can come last: docs prefer.")
    _store().remove(name)
    _say({"removed": name}, [f"Removed {name}."], as_json=as_json)


@docs.command("prefer")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_AS_JSON
@_in_sentences
def prefer_command(names: tuple[str, ...], *, as_json: bool) -> None:
    """Put documentation before all other, in the order given; Stepcue's own pages are called stepcue."""
    order = _store().prefer(names)
    _say({"order": order}, [f"Order: {', '.join(order)}."], as_json=as_json)


@docs.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option("--sdk", help="typescript, python or go.")
@click.option("--category", help="Only pages of this category, or of the corpus of this name.")
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True, help="How many sections.")
@_AS_JSON
@_in_sentences
def search_command(
    query: tuple[str, ...], sdk: str | None, category: str | None, limit: int, *, as_json: bool
) -> None:
    """Search all documentation, as the tool search_docs does."""
    found = _index().search(" ".join(query), sdk=sdk, category=category, limit=limit)
    _say_found(found, search_lines(found), as_json=as_json)


@docs.command("grep")
@click.argument("pattern")
@click.option("--path", help="Only this page, or the pages below this folder or of this corpus.")
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True, help="How many lines.")
@click.option("--context", type=click.IntRange(0, 10), default=0, help="Lines to show around each.")
@_AS_JSON
@_in_sentences
def grep_command(pattern: str, path: str | None, limit: int, context: int, *, as_json: bool) -> None:
    """Show the lines that match a regular expression, as the tool grep_docs does."""
    found = _index().grep(pattern, path=path, limit=limit, context=context)
    _say_found(found, grep_lines(found), as_json=as_json)


@docs.command("read")
@click.argument("path", metavar="PATH[#SECTION]")
@_AS_JSON
@_in_sentences
def read_command(path: str, *, as_json: bool) -> None:
    """Print a page, or one section of it, as markdown."""
    index = _index()
    part = index.read(path)
    texts = [part.text]
    while part.next_offset is not None:
        part = index.read(part.path, section=part.section, offset=part.next_offset)
        texts.append(part.text)
    text = "".join(texts)
    facts = {
        "path": part.path,
        "section": part.section,
        "title": part.title,
        "description": part.description,
        "sdks": list(part.sdks),
        "corpus": part.provenance.corpus,
        "source": part.provenance.source or None,
        "asOf": part.provenance.as_of,
        "text": text,
    }
    _say(facts, text.rstrip("\n").split("\n"), as_json=as_json)


def _library() -> Path:
    folder = default_directory()
    if folder is None:
        raise LibraryError("There is no home folder to keep documentation in.", hint="Set XDG_DATA_HOME.")
    return folder


def _store() -> Store:
    return Store(_library())


def _index() -> DocsIndex:
    return DocsIndex.open(library=_library())


def _say(facts: Any, lines: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for line in lines:
        # Imported text is not ours: nothing in it may steer the terminal.
        click.echo(_STEERING.sub("\ufffd", line))


def _say_found(found: SearchResult | GrepResult, lines: Iterable[str], *, as_json: bool) -> None:
    facts = None
    if as_json:
        from mcp_server.render.docs import grep_answer, search_answer  # with MCP, which a text needs not

        answer = search_answer(found) if isinstance(found, SearchResult) else grep_answer(found)
        facts = answer.structured_content
    _say(facts, lines, as_json=as_json)


def _pages(count: int) -> str:
    return f"{count:,} page{'' if count == 1 else 's'}"


def _list_line(number: int, row: dict[str, Any]) -> str:
    pages = _pages(row["pages"])
    origin = f"{row['source']}, {row['importedAt'][:10]}" if row["importedAt"] else row["source"] or "shipped"
    return f"{number}. {row['name']}: {one_line(row['title'])}, {pages} ({one_line(origin)})"


def _import_lines(report: ImportReport) -> Iterator[str]:
    corpus = report.corpus
    pages = _pages(corpus.pages)
    yield f"Imported {pages} of {one_line(corpus.title)!r} as {corpus.name} from {one_line(corpus.source)}."
    if not report.is_new:
        counts = (("added", report.added), ("changed", report.changed), ("removed", report.removed))
        changes = ", ".join(f"{len(paths):,} {what}" for what, paths in counts if paths)
        yield f"Since the import before: {changes or 'no page changed'}."
        for what, paths in counts:
            yield from _named(f"  {what}", paths)
    if report.left_out:
        yield f"Left out: {len(report.left_out):,}."
        yield from _named(" ", [f"{entry.what}: {entry.why}" for entry in report.left_out])
    yield f'Search it: stepcue docs search "..." --category {corpus.name}'


def _named(what: str, entries: Sequence[str]) -> Iterator[str]:
    for entry in entries[:_MAX_NAMED]:
        yield f"{what} {one_line(entry)}"
    if len(entries) > _MAX_NAMED:
        yield f"{what} ... and {len(entries) - _MAX_NAMED:,} more (--json shows all)"


def _import_json(report: ImportReport) -> dict[str, Any]:
    return {
        "corpus": report.corpus.as_json(),
        "isNew": report.is_new,
        "added": list(report.added),
        "changed": list(report.changed),
        "removed": list(report.removed),
        "leftOut": [{"what": entry.what, "why": entry.why} for entry in report.left_out],
    }
