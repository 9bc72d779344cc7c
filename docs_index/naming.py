"""Names made of other texts, and the user's folders by their standard names."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path


def slug(text: str, max_chars: int) -> str:
    """Return the text in lower-case letters, digits and dashes; "" when nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:max_chars].strip("-")


def unused(name: str, taken: Collection[str], max_chars: int | None = None) -> str:
    """Return the name, with a number behind it when it is taken; cut so that it fits into `max_chars`."""
    found, number = name, 1
    while found in taken:
        number += 1
        ending = f"-{number}"
        found = f"{name if max_chars is None else name[: max_chars - len(ending)]}{ending}"
    return found


def user_folder(variable: str, *below_home: str) -> Path | None:
    """Return the folder that an XDG variable names, or the usual one; None when the user has no home."""
    configured = os.environ.get(variable, "")
    # The XDG specification says that a relative path is to be ignored.
    if configured and Path(configured).is_absolute():
        return Path(configured)
    try:
        return Path.home().joinpath(*below_home)
    except RuntimeError:
        return None
