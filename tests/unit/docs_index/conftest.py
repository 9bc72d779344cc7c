"""A small corpus of its own for the tests of behaviour, and the shipped pages for the tests of content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from docs_index import DocsIndex

PAGES = {
    "steps/wait.md": """\
---
title: Wait for an event
description: Pause until something happens
category: steps
sdks: [typescript, python]
order: 1
---
# Wait for an event

Pauses a run until an approval arrives.

## TypeScript

```ts
const approval = await step.waitForEvent("approval", { timeout: "3d" });
```

## Python

```python
approval = await ctx.step.wait_for_event("approval", event="a/b", timeout=1000)
# ## not a heading
```

## Timeout

The result is null when nothing came in time.
See the environment variable INNGEST_SIGNING_KEY.

### After the timeout

The run goes on.
""",
    "steps/run.md": """\
---
title: Run code
description: Execute a piece of code once
sdks: []
order: 2
---
Retries happen when the code raises.

## Idempotency

Doing it twice changes nothing.
""",
    "guides/index.mdx": "# Guides\n\nAll guides, and a table of concurrency limits.\n",
    "guides/python/only.md": "# Only for snakes\n\nA page about one language, with retries.\n",
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with four pages."""
    root = tmp_path / "pages"
    for name, text in PAGES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    """A folder for the cache that does not exist yet."""
    return tmp_path / "cache"


@pytest.fixture
def docs(corpus: Path, cache_dir: Path) -> DocsIndex:
    """An index over the small corpus."""
    return DocsIndex.open(corpus=corpus, cache_dir=cache_dir)


@pytest.fixture
def index_of(tmp_path: Path, cache_dir: Path) -> Callable[..., DocsIndex]:
    """Build an index over pages given as name → text."""

    def build(pages: dict[str, str]) -> DocsIndex:
        root = tmp_path / "own"
        for name, text in pages.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return DocsIndex.open(corpus=root, cache_dir=cache_dir)

    return build


@pytest.fixture(scope="session")
def shipped(index_cache: Path) -> DocsIndex:
    """An index over the pages that ship with the package."""
    return DocsIndex.open(cache_dir=index_cache)
