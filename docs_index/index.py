"""The documentation index: search, grep, read and list the pages of one corpus or of several."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from docs_index import cache, contents, grep, paths, reader, sdks
from docs_index.corpus import Corpus
from docs_index.errors import CorpusError, InvalidArgumentError, InvalidQueryError, quote
from docs_index.indexer import open_index
from docs_index.library import Library
from docs_index.regex_literals import literals
from docs_index.results import GrepResult, ListResult, ReadResult, SearchResult, Suggestion
from docs_index.search import MAX_LIMIT as MAX_SEARCH_LIMIT
from docs_index.search import Searcher
from docs_index.suggestions import suggest

_MOST_CATEGORIES = 60


class DocsIndex:
    """Documentation pages, of one corpus or of several in an order of preference.

    All methods are synchronous and may be called from several threads. Whatever the arguments hold, only
    errors of `docs_index.errors` are raised.
    """

    def __init__(self, library: Library, cache_directory: Path | None) -> None:
        self._library = library
        self._cache = cache.IndexCache(cache_directory)
        # Two locks, so that pages can be read while the search index is being built.
        self._corpus_lock = threading.Lock()
        self._searcher_lock = threading.Lock()
        self._searching: tuple[Corpus, Searcher] | None = None

    @classmethod
    def open(
        cls,
        *,
        corpus: Path | None = None,
        folders: Sequence[Path] = (),
        library: Path | None = None,
        cache_dir: Path | None = None,
    ) -> DocsIndex:
        """Prepare an index; nothing is read before the first question.

        Args:
            corpus: a folder of .md or .mdx files; the pages shipped with Stepcue when left out.
            folders: the user's own folders of such files, the most preferred first; their pages are called
                by the folder's name and their path, and changes are seen at the next question. One that
                cannot be read is left out, and `list` says so.
            library: the folder with the imported corpora, see `library_layout`; none when left out. What is
                imported later is seen at the next question.
            cache_dir: where the search index is kept between processes; `$XDG_CACHE_HOME/stepcue` or
                `~/.cache/stepcue` when left out. A folder that cannot be used is done without.

        Raises:
            CorpusError: `corpus` is not a folder; the other methods raise it when it cannot be read.
        """
        if corpus is not None and not corpus.is_dir():
            raise CorpusError(
                f"The documentation folder {quote(str(corpus))} does not exist.",
                hint="Give a folder of .md or .mdx files.",
            )
        return cls(Library(corpus, folders, library), cache_dir or cache.default_directory())

    def search(
        self, query: str, *, sdk: str | None = None, category: str | None = None, limit: int = 5
    ) -> SearchResult:
        """Return the sections that fit a question or a name best.

        Args:
            query: words, an identifier in any spelling, or both; at most 2,000 characters.
            sdk: typescript, python or go; sections that apply to every SDK stay in.
            category: the category of the pages, or the name of their corpus.
            limit: how many sections, 1 or more; at most 50 are given.

        Raises:
            InvalidQueryError: nothing in the query can be searched.
            InvalidArgumentError: a filter or the limit cannot be used.
        """
        return self._open_searcher().search(
            query,
            sdk=sdks.require(sdk) if sdk else None,
            category=self._category(category),
            limit=min(_at_least("limit", limit, 1), MAX_SEARCH_LIMIT),
        )

    def grep(self, pattern: str, *, limit: int = 10, context: int = 0, path: str | None = None) -> GrepResult:
        """Return the lines that match a regular expression (RE2 dialect, case ignored).

        Args:
            pattern: at most 1,000 characters.
            limit: how many lines, 1 or more; at most 200 are given.
            context: lines to add before and after each match, 0 to 10.
            path: only this page, or the pages below this folder or of this corpus.

        Raises:
            InvalidPatternError: RE2 does not accept the pattern.
            PageNotFoundError: nothing has this path.
            InvalidArgumentError: the limit or context cannot be used.
        """
        limit = min(_at_least("limit", limit, 1), grep.MAX_LIMIT)
        context = min(_at_least("context", context, 0), grep.MAX_CONTEXT)
        corpus = self._open_corpus()
        pages = paths.below(corpus, path) if path else corpus.pages
        found = grep.scan(pages.values(), pattern)
        words = literals(pattern)
        chosen = grep.choose(found, self._page_ranks(words) if len(found.lines) > 1 else {}, limit)
        matches = tuple(
            grep.match_at(pages[page_path], number, column, context)
            for page_path, lines in chosen
            for number, column in lines
        )
        return GrepResult(
            pattern=pattern,
            matches=matches,
            count=len(matches),
            total_matches=found.total,
            total_pages=len(found.lines),
            truncated=found.stopped or len(matches) < found.total,
            suggestions=() if matches else self._suggestions(words),
        )

    def read(
        self, path: str, *, section: str | None = None, offset: int = 0, limit: int | None = None
    ) -> ReadResult:
        """Return a page, or one section with its subsections, as markdown.

        Args:
            path: the path of a page, with or without extension, its URL, or a link as another page has it.
            section: an anchor or a heading of the page.
            offset: lines to skip of the page, or of the section when one is given.
            limit: lines to give; by default as many as fit into 16,000 characters, which is also the most.

        Raises:
            PageNotFoundError: there is no such page.
            SectionNotFoundError: the page has no such section.
            InvalidArgumentError: the offset or limit cannot be used.
        """
        corpus = self._open_corpus()
        found, anchor = paths.resolve(corpus, path)
        return reader.read(
            corpus,
            corpus.pages[found],
            section=section or anchor or None,
            offset=_at_least("offset", offset, 0),
            limit=None if limit is None else _at_least("limit", limit, 1),
        )

    def list(
        self,
        *,
        category: str | None = None,
        sdk: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> ListResult:
        """Return the table of contents.

        Args:
            category: only pages of this category, or of the corpus of this name.
            sdk: only pages with something for this SDK, or that apply to every SDK.
            cursor: `next_cursor` of an earlier answer to the same question.
            limit: how many pages, 1 or more; at most 200 are given.

        Raises:
            InvalidCursorError: the cursor is not from such an answer.
            InvalidArgumentError: a filter or the limit cannot be used.
        """
        return contents.list_pages(
            self._open_corpus(),
            category=self._category(category),
            sdk=sdks.require(sdk) if sdk else None,
            cursor=cursor,
            limit=min(_at_least("limit", limit, 1), contents.MAX_LIMIT),
        )

    def _open_corpus(self) -> Corpus:
        with self._corpus_lock:
            return self._library.current()

    def _open_searcher(self) -> Searcher:
        corpus = self._open_corpus()
        with self._searcher_lock:
            if self._searching is None or self._searching[0] is not corpus:
                self._searching = (corpus, Searcher(corpus, open_index(corpus, self._cache)))
            return self._searching[1]

    def _category(self, asked: str | None) -> str | None:
        if not asked:
            return None
        corpus = self._open_corpus()
        known = [*(part.name for part in corpus.parts), *corpus.categories]
        wanted = asked.strip().lower().replace(" ", "-").replace("_", "-")
        for category in known:
            if category.lower().replace("_", "-") == wanted:
                return category
        raise InvalidArgumentError(
            f"There is no category {quote(asked)}.",
            hint=f"Use one of {', '.join(list(corpus.categories)[:_MOST_CATEGORIES])}, or leave it out."
            + (f" A corpus counts as one too: {', '.join(corpus.ranks)}." if len(corpus.parts) > 1 else ""),
        )

    def _page_ranks(self, words: str) -> Mapping[str, float]:
        try:
            return self._open_searcher().page_ranks(words)
        except InvalidQueryError:
            return {}  # a pattern without words ranks no page above another

    def _suggestions(self, words: str) -> tuple[Suggestion, ...]:
        """Return the pages that search finds for the words of a pattern that matched nothing."""
        corpus = self._open_corpus()
        ranks = self._page_ranks(words)
        best = sorted(ranks, key=lambda path: -ranks[path])[:3]
        if not best:
            return suggest(corpus, words)
        return tuple(Suggestion(path=path, title=corpus.pages[path].title) for path in best)


def _at_least(name: str, value: int, least: int) -> int:
    if value < least:
        raise InvalidArgumentError(
            f"The {name} {value} is too small.", hint=f"Give a whole number from {least} upwards."
        )
    return value
