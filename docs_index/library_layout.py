"""Where imported documentation is kept, and how its files are called.

A library is a folder with one folder for each imported corpus::

    library.json           {"order": [names, the most preferred first]}
    <name>/corpus.json     {"version": 1, "name", "title", "source", "kind", "importedAt", "pages"}
    <name>/pages/**/*.md  pages with front matter, `url:` being their address at the source

In the order the shipped pages are called `stepcue`; a corpus that is not named comes after those that are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final

from docs_index import naming

VERSION: Final = 1
SHIPPED: Final = "stepcue"
"""What the pages that ship with the package are called in an order of preference."""
LIBRARY_FILE: Final = "library.json"
CORPUS_FILE: Final = "corpus.json"
PAGES_FOLDER: Final = "pages"
KINDS: Final = ("llms-full", "llms-txt", "folder")

MAX_NAME: Final = 40
_NAME: Final = re.compile(rf"[a-z0-9-]{{1,{MAX_NAME}}}")
_MAX_JSON_BYTES: Final = 1024 * 1024


class DamagedError(Exception):
    """A file of the library cannot be used; `str()` says why, as the end of a sentence."""


def is_name(text: str) -> bool:
    """Return whether a corpus may have this name, as far as its characters go."""
    return _NAME.fullmatch(text) is not None


def default_directory() -> Path | None:
    """Return the user's library, or None when the user has no home."""
    data = naming.user_folder("XDG_DATA_HOME", ".local", "share")
    return data and data / "stepcue" / "docs"


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file of the library.

    Raises:
        DamagedError: there is none.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_JSON_BYTES + 1)
        value = json.loads(raw)
    except OSError as error:
        raise DamagedError(f"{path.name} cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise DamagedError(f"{path.name} is not JSON") from None
    if not isinstance(value, dict):
        raise DamagedError(f"{path.name} is not a JSON object")
    return value


def read_order(library: Path) -> list[str]:
    """Return the order of preference as it is written down, [] without one; names in it may be gone.

    Raises:
        DamagedError: the file is there, and cannot be used.
    """
    path = library / LIBRARY_FILE
    order = read_json(path).get("order", []) if path.exists() else []
    return [name for name in order if isinstance(name, str)] if isinstance(order, list) else []


def preferred(names: Collection[str], order: Iterable[str]) -> list[str]:
    """Return the names in the user's order; of those that it does not name, the shipped pages come first."""
    rest = sorted(names, key=lambda name: (name != SHIPPED, name))
    return list(dict.fromkeys([*(name for name in order if name in names), *rest]))
