"""Find the page that a path, a file name or a documentation URL means."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from docs_index.corpus import Corpus
from docs_index.errors import PageNotFoundError, quote
from docs_index.suggestions import nearest_paths

_MAX_CHARS = 1_000


def resolve(corpus: Corpus, asked: str) -> tuple[str, str]:
    """Return (path of the page, anchor named behind "#" or "").

    All of `steps/run`, `/steps/run.md`, `docs/steps/run/index.mdx`, `docs://steps/run` and a URL that ends
    so mean the same page; so does `run` when no other page has that name. Nothing is looked up on disk.

    Raises:
        PageNotFoundError: no page, or several, fit.
    """
    path, anchor = _normal(asked[:_MAX_CHARS])
    for candidate in _candidates(path):
        if candidate in corpus.pages:
            return candidate, anchor
    wanted = _loose(path)
    same = [known for known in corpus.pages if wanted in {_loose(known), _loose(known.rsplit("/", 1)[-1])}]
    if wanted and len(same) == 1:
        return same[0], anchor
    nearest = same[:5] or nearest_paths(corpus, path)
    raise PageNotFoundError(
        f"{'Several pages are' if same else 'There is no page'} called {quote(asked)}.",
        nearest=nearest,
        hint="Use one of these paths, or list the pages to see all."
        if nearest
        else "List the pages to see all paths.",
    )


def folder(asked: str) -> str:
    """Return the folder or page path that a filter means, in the form in which pages are named."""
    return next(iter(_candidates(_normal(asked[:_MAX_CHARS])[0])))


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
    pieces = [piece for piece in path.split("/") if piece not in ("", ".")]
    bare = "/".join(pieces)
    for extension in (".mdx", ".md"):
        bare = bare.removesuffix(extension)
    bare = bare.removesuffix("/index")
    yield bare
    before, found, inner = bare.partition("docs/")
    if found and (not before or before.endswith("/")):
        yield inner


def _loose(path: str) -> str:
    """Return a path without what people get wrong: case, dashes, extension."""
    *_, last = _candidates(path)
    return last.replace("-", "").replace(" ", "")
