"""The search engines that `docs_quality.py` compares: ours, and what one would take without it.

Each is a function from a question to a ranked list of (path, anchor), at most `WANTED` long. The others get
the same sections as ours, each with its page title, headings, description and text.
"""

from __future__ import annotations

import re
import sqlite3
import warnings
from collections.abc import Callable

import re2

from benchmarks.docs_grades import PATTERNS, Question
from docs_index import DocsIndex, DocsIndexError
from docs_index.analyser import STOP_WORDS
from docs_index.corpus import Corpus

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # whoosh predates raw strings for regexes
    from whoosh import fields, qparser
    from whoosh.filedb.filestore import RamStorage

Hits = list[tuple[str, str]]
Engine = Callable[[Question], Hits]
WANTED = 50
_WORD = re.compile(r"\w+")


def ours(docs: DocsIndex) -> Engine:
    """Search for questions, grep for patterns, as the tools do."""

    def ask(question: Question) -> Hits:
        try:
            if question.kind == PATTERNS:
                return [(match.file, "") for match in docs.grep(question.ask, limit=WANTED).matches]
            return [(hit.path, hit.section) for hit in docs.search(question.ask, limit=WANTED).results]
        except DocsIndexError:
            return []

    return ask


def scan(corpus: Corpus) -> Engine:
    """A regular expression over all pages, in the order of the files; a question becomes any of its words."""
    options = re2.Options()
    options.case_sensitive = False
    options.never_nl = True
    pages = sorted(corpus.pages.values(), key=lambda page: page.path)
    texts = [
        (page.path, section.heading.anchor, "\n".join(page.lines[section.line_start - 1 : section.line_end]))
        for page in pages
        for section in page.sections
    ]

    def ask(question: Question) -> Hits:
        words = (word for word in _words(question.ask) if word.lower() not in STOP_WORDS)
        regex = re2.compile(question.ask if question.kind == PATTERNS else "|".join(words), options)
        return [(path, anchor) for path, anchor, text in texts if regex.search(text)]

    return ask


def default_whoosh(corpus: Corpus) -> tuple[Engine, Engine]:
    """Whoosh as its manual shows it, StandardAnalyzer, BM25F and QueryParser: with AND, and with OR."""
    schema = fields.Schema(place=fields.STORED, text=fields.TEXT())
    index = RamStorage().create_index(schema)
    writer = index.writer()
    for place, text in enumerate(_texts(corpus)):
        writer.add_document(place=place, text=text)
    writer.commit()
    searcher = index.searcher()

    def engine(group: type[qparser.syntax.GroupNode]) -> Engine:
        parser = qparser.QueryParser("text", schema, group=group)

        def ask(question: Question) -> Hits:
            try:
                found = searcher.search(parser.parse(question.ask), limit=None)
            except Exception:  # noqa: BLE001 - whatever whoosh makes of a pattern or a "?"
                return []
            return [_place(corpus, hit["place"]) for hit in found[:WANTED]]

        return ask

    return engine(qparser.AndGroup), engine(qparser.OrGroup)


def sqlite_fts5(corpus: Corpus) -> Engine:
    """SQLite FTS5 with its porter stemmer and bm25; the words are quoted, and any of them may match."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute("CREATE VIRTUAL TABLE docs USING fts5(text, tokenize='porter unicode61')")
    connection.executemany("INSERT INTO docs (text) VALUES (?)", ((text,) for text in _texts(corpus)))

    def ask(question: Question) -> Hits:
        words = " OR ".join(f'"{word}"' for word in _words(question.ask))
        rows = connection.execute(
            "SELECT rowid FROM docs WHERE docs MATCH ? ORDER BY bm25(docs), rowid LIMIT ?", (words, WANTED)
        )
        return [_place(corpus, rowid - 1) for (rowid,) in rows]

    return ask


def _texts(corpus: Corpus) -> list[str]:
    texts = []
    for section in corpus.sections:
        page = corpus.pages[section.path]
        head = [page.title, page.description, *section.heading_path[1:]]
        texts.append("\n".join([*head, *page.lines[section.line_start - 1 : section.line_end]]))
    return texts


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _place(corpus: Corpus, place: int) -> tuple[str, str]:
    section = corpus.sections[place]
    return section.path, section.heading.anchor
