"""Where imported documentation is kept, and how its files are called.

A library is a folder with one folder for each imported corpus::

    library.json           {"order": [names, the most preferred first]}
    <name>/corpus.json     {"version": 1, "name", "title", "source", "kind", "importedAt", "pages"}
    <name>/pages/**/*.md  pages with front matter, `url:` being their address at the source

In the order the shipped pages are called `stepcue`; a corpus that is not named comes after those that are.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

VERSION: Final = 1
SHIPPED: Final = "stepcue"
"""What the pages that ship with the package are called in an order of preference."""
LIBRARY_FILE: Final = "library.json"
CORPUS_FILE: Final = "corpus.json"
PAGES_FOLDER: Final = "pages"
KINDS: Final = ("llms-full", "llms-txt", "folder")

_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")


def is_name(text: str) -> bool:
    """Return whether a corpus may have this name, as far as its characters go."""
    return _NAME.fullmatch(text) is not None


def default_directory() -> Path | None:
    """Return the user's library, or None when the user has no home."""
    configured = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    if configured and Path(configured).is_absolute():
        return Path(configured) / "stepcue" / "docs"
    try:
        return Path.home() / ".local" / "share" / "stepcue" / "docs"
    except RuntimeError:
        return None
