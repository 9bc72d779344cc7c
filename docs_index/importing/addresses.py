"""Names of pages and corpora, from addresses and from files."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from docs_index.importing.fetching import is_url
from docs_index.naming import slug

_MAX_SEGMENT_CHARS: Final = 80
_MAX_DEPTH: Final = 12
_EXTENSIONS: Final = (".mdx", ".md", ".markdown", ".html", ".htm", ".txt")
# Windows takes these for devices, whatever the folder and the extension.
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)")
_GENERAL_LABELS: Final = frozenset(
    {
        "www",
        "docs",
        "doc",
        "documentation",
        "developer",
        "developers",
        "dev",
        "help",
        "learn",
        "api",
        "support",
    }
)
_HOSTERS: Final = ("github.io", "gitlab.io", "readthedocs.io", "vercel.app", "netlify.app", "gitbook.io",
                   "mintlify.app", "pages.dev")  # fmt: skip
_COUNTRY_SECONDS: Final = frozenset({"co", "com", "org", "net", "ac", "gov", "edu", "gob", "or", "ne"})
_GENERAL_FOLDERS: Final = frozenset(
    {"docs", "doc", "documentation", "content", "pages", "src", "site", "book"}
)


def page_path(url: str) -> str:
    """Return the path of a page in its corpus: what follows `/docs/` in its address, in plain characters."""
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:
        path = url
    before, found, inner = f"{path}/".partition("/docs/")
    return clean_path(inner if found and before.count("/") <= 2 else path)


def clean_path(path: str) -> str:
    """Return a path without extension that is a safe file name everywhere; an index page is its folder."""
    segments = [clean for segment in path.replace("\\", "/").split("/") if (clean := _clean(segment))]
    # Of folders too: `a.md` may not be a page's file and a folder at once.
    segments = [bare for segment in segments if (bare := _without_extension(segment))]
    if len(segments) > 1 and segments[-1] == "index":
        segments.pop()
    return "/".join(segments[-_MAX_DEPTH:]) or "index"


def titled_path(title: str) -> str:
    """Return the path of a page that has only a title."""
    return slug(title, _MAX_SEGMENT_CHARS) or "page"


def corpus_name(source: str, reserved: Collection[str]) -> str:
    """Return a name for the documentation at a source; "" when none suggests itself."""
    name = slug(_host_name(source) if is_url(source) else _folder_name(Path(source)), 35)
    return f"{name}-docs" if name in reserved else name


def _host_name(url: str) -> str:
    host = urlsplit(url).hostname or ""
    if re.fullmatch(r"[0-9.]+|.*:.*", host):
        return host
    labels = host.split(".")
    for hoster in _HOSTERS:
        if host.endswith("." + hoster):
            return labels[-hoster.count(".") - 2]
    if len(labels) > 1:
        labels.pop()
    if len(labels) > 1 and labels[-1] in _COUNTRY_SECONDS:
        labels.pop()
    telling = [label for label in labels if label not in _GENERAL_LABELS]
    return (telling or labels)[-1]


def _folder_name(path: Path) -> str:
    path = path.expanduser().resolve()
    folder = path if path.is_dir() else path.parent
    if not path.is_dir() and not path.stem.lower().startswith(("llms", "index", "readme")):
        return path.stem
    if folder.name.lower() in _GENERAL_FOLDERS and folder.parent.name:
        return f"{folder.parent.name}-{folder.name}"
    return folder.name


def _clean(segment: str) -> str:
    clean = re.sub(r"[^a-z0-9._-]+", "-", segment.strip().lower()).strip("-").strip(".")
    if _DEVICES.match(clean):
        clean = f"page-{clean}"
    return clean[:_MAX_SEGMENT_CHARS].rstrip(".-")


def _without_extension(name: str) -> str:
    for extension in _EXTENSIONS:
        name = name.removesuffix(extension)
    return name
