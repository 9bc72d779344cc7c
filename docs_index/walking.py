"""Walk a folder, without leaving it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

_OTHERS: Final = frozenset({"node_modules", "__pycache__", "venv"})


def files_below(
    root: Path,
    is_wanted: Callable[[str], bool],
    *,
    left_out: Callable[[str, str], object] = lambda _name, _why: None,
    has_room: Callable[[int], bool] = lambda _names: True,
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield (name relative to `root`, entry) of each file that is wanted; hidden ones never are.

    Args:
        root: the folder.
        is_wanted: whether a file of this name is.
        left_out: is told what cannot be taken, and why.
        has_room: is told how many more names there are; when it says no, the walk ends.

    Raises:
        OSError: `root` is not a readable folder.
    """
    limit = root.resolve()
    pending = [""]
    while pending and has_room(0):
        prefix = pending.pop()
        try:
            entries = _entries(root / prefix)
        except OSError as error:
            if not prefix:
                raise
            left_out(prefix.rstrip("/"), error.strerror or str(error))
            continue
        has_room(len(entries))
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir():
                # A link back into the folder would be walked for ever.
                if not entry.is_symlink():
                    pending.append(f"{name}/")
            elif is_wanted(entry.name) and entry.is_file():
                # A link out of the folder would publish a file that its owner never put there.
                if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(limit):
                    left_out(name, "it is a link out of the folder")
                else:
                    yield name, entry


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".") and entry.name not in _OTHERS]
    return sorted(shown, key=lambda entry: entry.name)
