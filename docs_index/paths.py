"""Find the page that a path, a file name, a link or a documentation URL means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from docs_index.corpus import Corpus, bare_address
from docs_index.errors import PageNotFoundError, quote
from docs_index.model import Page
from docs_index.suggestions import nearest_paths

_MAX_CHARS = 1_000


def resolve(corpus: Corpus, asked: str) -> tuple[str, str]:
    """Return (path of the page, anchor named behind "#" or "").

    All of `steps/run`, `/steps/run.md`, `../steps/run`, `docs/steps/run/index.mdx`, `docs://steps/run` and a
    URL that ends so mean the same page; so does `run` when no other page of its corpus has that name. The
    address of a page at its source means that page, with its host or without. Nothing is looked up on disk.

    Raises:
        PageNotFoundError: no page, or several, fit.
    """
    asked = asked[:_MAX_CHARS]
    if asked in corpus.pages:  # as it was given, whatever "#", "%" or blanks a file is called with
        return asked, ""
    path, anchor = _normal(asked)
    if asked.strip().lower().startswith(("https://", "http://")):
        at_source = corpus.by_address.get(bare_address(asked.strip()))
        if at_source is not None:
            return at_source, anchor
    for candidate in _candidates(path):
        if candidate in corpus.pages:
            return candidate, anchor
    same = _at_same_place(corpus, path) or _called(corpus, path)
    if len(same) == 1:
        return same[0], anchor
    nearest = same[:5] or nearest_paths(corpus, path)
    raise PageNotFoundError(
        f"{'Several pages are' if same else 'There is no page'} called {quote(asked)}.",
        nearest=nearest,
        hint="Use one of these paths, or list the pages to see all."
        if nearest
        else "List the pages to see all paths.",
    )


def below(corpus: Corpus, asked: str) -> Mapping[str, Page]:
    """Return the pages of a corpus, those below a folder, or the one page that is meant.

    Raises:
        PageNotFoundError: nothing is called so.
    """
    for prefix in _candidates(_normal(asked[:_MAX_CHARS])[0]):
        found = {
            path: page
            for path, page in corpus.pages.items()
            if not prefix
            or path == prefix
            or path.startswith(prefix + "/")
            or page.provenance.corpus == prefix
        }
        if found:
            return found
    try:
        found_path, _ = resolve(corpus, asked)
    except PageNotFoundError:
        raise PageNotFoundError(
            f"No page or folder is called {quote(asked)}.",
            nearest=nearest_paths(corpus, asked),
            hint=f"The folders are {', '.join(corpus.folders)}; leave the path out to search everywhere.",
        ) from None
    return {found_path: corpus.pages[found_path]}


def _at_same_place(corpus: Corpus, path: str) -> list[str]:
    """Return the page that a link such as `/docs/guides/errors`, without a host, means at some source."""
    wanted = bare_address(f"://site/{path}").partition("/")[2]
    for address, found in corpus.by_address.items() if wanted else ():
        if address.partition("/")[2] == wanted:
            return [found]
    return []


def _called(corpus: Corpus, path: str) -> list[str]:
    """Return the pages with this name, or with a path that ends so, of the most preferred corpus with any."""
    wanted = _loose(path)
    if not wanted:
        return []
    same = [known for known in corpus.pages if f"/{_loose(known)}".endswith(f"/{wanted}")]
    ranks = [corpus.ranks[corpus.pages[known].provenance.corpus] for known in same]
    return [known for known, rank in zip(same, ranks, strict=True) if rank == min(ranks)]


def _normal(asked: str) -> tuple[str, str]:
    text = asked.strip().replace("\\", "/")
    if "://" in text:
        scheme, _, rest = text.partition("://")
        if scheme.lower() == "docs":
            text = rest
        else:
            try:
                parts = urlsplit(text)
            except ValueError:
                return text, ""
            text = parts.path + ("#" + parts.fragment if parts.fragment else "")
    path, _, anchor = text.partition("#")
    return unquote(path.partition("?")[0]).strip("/ "), unquote(anchor).strip()


def _candidates(path: str) -> Iterator[str]:
    """Yield the forms of a path to try, the most literal first."""
    yield from _forms(path)
    yield from _forms(path.lower().replace("_", "-"))


def _forms(path: str) -> Iterator[str]:
    """Yield a path without extension and index, then also without a leading docs folder."""
    pieces = [piece for piece in path.split("/") if piece not in ("", ".", "..")]
    bare = "/".join(pieces)
    for extension in (".mdx", ".md"):
        bare = bare.removesuffix(extension)
    bare = bare.removesuffix("/index")
    yield bare
    before, found, inner = bare.partition("docs/")
    if found and (not before or before.endswith("/")):
        yield inner


@lru_cache(maxsize=20_000)
def _loose(path: str) -> str:
    """Return a path without what people get wrong: case, dashes, extension."""
    *_, last = _candidates(path)
    return last.replace("-", "").replace(" ", "")
