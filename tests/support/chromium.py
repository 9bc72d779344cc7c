"""A real browser, where the machine has one: it opens a page and runs its script."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PROGRAM = next(filter(None, map(shutil.which, _NAMES)), None)


@asynccontextmanager
async def page_opened(url: str, profile: Path, *, hosts: Mapping[str, str]) -> AsyncIterator[None]:
    """Have a headless browser at `url`, with `hosts` (name → address) in place of name servers."""
    assert PROGRAM is not None
    rules = ",".join(f"MAP {name} {address}" for name, address in hosts.items())
    browser = await asyncio.create_subprocess_exec(
        PROGRAM,
        "--headless=new",
        "--no-sandbox",  # a container has none to give, and the pages are ours
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={profile}",
        f"--host-resolver-rules={rules}",
        url,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        browser.kill()
        await browser.wait()
