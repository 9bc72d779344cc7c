"""Where the links of imported pages lead among the pages that are held."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote, urljoin

from docs_index.corpus import Corpus, bare_address
from docs_index.model import Page

# The lengths keep a line of nothing but brackets from taking long.
_LINK = re.compile(
    r"\]\(<?(?P<target>[^)\s>#]{1,500})(?P<anchor>#[^)\s>]{0,200})?>?(?:\s+[\"'][^)]{0,200}[\"'])?\)"
)
_ENDING = re.compile(r"(?:\.mdx?|\.html)?$")


def as_paths(line: str, page: Page, corpus: Corpus) -> str:
    """Return a line of a page with each link that leads to a page we hold as the path of that page."""

    def replaced(found: re.Match[str]) -> str:
        path = _held(found["target"], page, corpus)
        return f"]({path}{found['anchor'] or ''})" if path is not None else found[0]

    return _LINK.sub(replaced, line) if "](" in line else line


def _held(target: str, page: Page, corpus: Corpus) -> str | None:
    own = f"{page.provenance.corpus}/"
    for path in _paths(unquote(target), page):
        if path.startswith(own) and path in corpus.pages:
            return path
    try:
        address = urljoin(page.provenance.source, target)
    except ValueError:
        return None
    return corpus.by_address.get(bare_address(address)) if "://" in address else None


def _paths(target: str, page: Page) -> Iterator[str]:
    """Yield the paths that a link between files may mean: from its folder, or from the top of the corpus."""
    if ":" in target:
        return
    bare = _ENDING.sub("", target, count=1)
    corpus = page.provenance.corpus
    # The path of a folder's index page is the folder.
    bases = [corpus] if bare.startswith("/") else [posixpath.dirname(page.path), page.path]
    for base in bases:
        yield posixpath.normpath(posixpath.join(base, bare.lstrip("/"))).removesuffix("/index")
