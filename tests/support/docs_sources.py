"""Sources of documentation for tests of the import, and somebody who fetches from a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from docs_index.importing.fetching import Failure, Fetched

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

LLMS_FULL = """\
# Kettle Docs

Source: https://kettle.example/llms-full.txt

---

# Boiling water <VersionBadge version="v2+" />
Source: https://kettle.example/docs/guides/boiling
Description: Heat water until it boils.';

import { Callout } from "ui";

<Callout>Never boil it dry. It\u2019s bad.</Callout>

## Temperature

<GuideSection show="python">
### Set it
```py
kettle.heat(celsius=100)
```
</GuideSection>
<GuideSection show="typescript">
### Set it in code
```ts
# Not a page
kettle.heat({ celsius: 100 });
```
</GuideSection>

# Cups
Source: https://kettle.example/docs/index

A cup holds a quarter of a litre. It is round.

# Cups
Source: https://kettle.example/docs/reference/cups.md?x=1

description = `All cups.`

Many cups.

# undefined
Source: https://kettle.example/docs/empty

# undefined
Source: https://kettle.example/docs/reference/old-pot

A pot.
"""

LLMS_TXT = """\
# Kettle

> What boils.

## Guides

- [Boil](/docs/boil.md): How to boil
- [Pour](https://kettle.example/docs/pour#top): How to pour
- [Again](/docs/boil.md#water)
- [Elsewhere](https://other.example/x.md): Not ours
- [Gone](docs/gone.md)
"""


class Shelf:
    """A fetcher that has its answers already, and notes what it was asked."""

    def __init__(self, pages: Mapping[str, str | Failure]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def fetch(
        self, urls: Sequence[str], *, max_bytes: int, may_ask: Callable[[str], bool]
    ) -> Mapping[str, Fetched | Failure]:
        """Return what is on the shelf; HTML is what begins like it."""
        self.asked += urls
        return {url: self._answer(url, max_bytes=max_bytes, may=may_ask(url)) for url in urls}

    def _answer(self, url: str, *, max_bytes: int, may: bool) -> Fetched | Failure:
        page = self.pages.get(url, Failure(reason="it answers with HTTP status 404"))
        if isinstance(page, Failure) or not may or len(page) > max_bytes:
            return page if isinstance(page, Failure) else Failure(reason="refused")
        return Fetched(url=url, text=page, is_html=page.startswith("<html"))


def write(root: Path, pages: Mapping[str, str | bytes]) -> Path:
    """Write files given as name → content below a folder, and return it."""
    for name, content in pages.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root
