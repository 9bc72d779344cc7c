"""Load a folder of markdown pages into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from docs_index import front_matter, sdks, sections
from docs_index.errors import CorpusError, quote
from docs_index.model import Page, Section

_EXTENSIONS = (".md", ".mdx")
_MAX_FILE_BYTES = 5 * 1024 * 1024
_LAST = 10_000  # the place of a page whose front matter names none


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All pages, by path, in reading order; `digest` is the SHA-256 of their sources in hex."""

    pages: Mapping[str, Page]
    digest: str

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Every section of every page, in reading order."""
        return tuple(section for page in self.pages.values() for section in page.sections)

    @cached_property
    def categories(self) -> Mapping[str, int]:
        """The number of pages in each category, in reading order."""
        counts: dict[str, int] = {}
        for page in self.pages.values():
            counts[page.category] = counts.get(page.category, 0) + 1
        return counts

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The top folders, in reading order."""
        return tuple(dict.fromkeys(path.split("/")[0] for path in self.pages if "/" in path))

    @cached_property
    def sdk_coverage(self) -> Mapping[str, int]:
        """The number of pages that hold something for each SDK."""
        return {sdk: sum(sdk in page.sdks for page in self.pages.values()) for sdk in sdks.SDKS}


def load(root: Path | None) -> Corpus:
    """Read all `.md` and `.mdx` files below `root`, or the pages shipped with this package.

    Links that lead out of `root`, files over 5 MiB and pages without text are left out.

    Raises:
        CorpusError: `root` is not a readable folder.
    """
    digest = hashlib.sha256()
    pages: dict[str, Page] = {}
    try:
        for name, raw in sorted(_sources(files("docs_index") / "corpus" if root is None else root)):
            digest.update(f"{name}\0{len(raw)}\0".encode("utf-8", "surrogateescape"))
            digest.update(raw)
            page = _page(name, raw.decode("utf-8", "replace"))
            if page is not None:
                pages.setdefault(page.path, page)
    except OSError as error:
        raise CorpusError(
            f"The documentation folder {quote(str(root))} cannot be read: {error.strerror or error}.",
            hint="Give a folder of .md or .mdx files.",
        ) from error
    ordered = sorted(pages.values(), key=lambda page: (page.order, page.path))
    return Corpus(pages={page.path: page for page in ordered}, digest=digest.hexdigest())


def _sources(root: Traversable) -> Iterator[tuple[str, bytes]]:
    """Yield (name relative to the root, bytes) of each page file."""
    limit = root.resolve() if isinstance(root, Path) else None
    pending: list[tuple[str, Traversable]] = [("", root)]
    while pending:
        prefix, folder = pending.pop()
        for entry in folder.iterdir():
            name = prefix + entry.name
            # A link out of the folder would publish a file that its owner never put there.
            if limit is not None and not Path(str(entry)).resolve().is_relative_to(limit):
                continue
            if entry.is_dir():
                # A link back into the folder would be walked for ever.
                if not (isinstance(entry, Path) and entry.is_symlink()):
                    pending.append((name + "/", entry))
            elif entry.name.endswith(_EXTENSIONS) and entry.is_file():
                raw = entry.read_bytes()
                if len(raw) <= _MAX_FILE_BYTES:
                    yield name, raw


def _page(name: str, source: str) -> Page | None:
    matter, body = front_matter.split(source.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff"))
    if not body.strip():
        return None
    path = _path_of(name)
    lines = body.strip("\n").split("\n")
    first_heading = lines[0].removeprefix("# ").strip() if lines[0].startswith("# ") else ""
    title = matter.text("title") or first_heading or PurePosixPath(path).name.replace("-", " ").capitalize()
    if first_heading != title:
        lines = [f"# {title}", "", *lines]
    declared = sdks.in_order({sdk for item in matter.items("sdks") if (sdk := sdks.named(item))})
    by_folder = {sdk for part in path.split("/")[:-1] if (sdk := sdks.named(part))}
    category = matter.text("category") or (name.split("/", maxsplit=1)[0] if "/" in name else "general")
    parts = sections.split(
        lines, path=path, title=title, category=category, page_sdks=sdks.in_order(by_folder) or declared
    )
    return Page(
        path=path,
        title=title,
        description=matter.text("description"),
        category=category,
        declared_sdks=declared,
        sdks=sdks.in_order({sdk for part in parts for sdk in part.sdks}),
        order=int(matter.text("order")) if matter.text("order").isdecimal() else _LAST,
        text="\n".join(lines) + "\n",
        lines=tuple(lines),
        sections=parts,
    )


def _path_of(name: str) -> str:
    """Return a file's path in the corpus: no extension, and a folder's index page is the folder."""
    path = str(PurePosixPath(name).with_suffix(""))
    return path.removesuffix("/index")
