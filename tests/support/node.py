"""SDK apps on Node.js: their packages, installed once, and their processes."""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest
from filelock import FileLock
from support.processes import REPOSITORY, Process

APPS: Final = REPOSITORY / "tests" / "typescript"
MIN_NODE: Final = 20
_INSTALL_S: Final = 240
_NPM_CI: Final = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")


def node() -> str:
    """Return the path of a Node.js that is new enough; skip the test when there is none."""
    path, fault = _find_node()
    if fault:
        pytest.skip(fault)
    return path


def packages(folder: Path) -> Path:
    """Install what `folder/package-lock.json` locks, unless it is there; return its `node_modules`.

    Skips the test when Node.js or npm is missing, or the packages cannot be fetched.
    """
    node()
    fault = _install(folder)
    if fault:
        pytest.skip(fault)
    return folder / "node_modules"


@asynccontextmanager
async def node_app(folder: Path, engine_origin: str, **env: str) -> AsyncIterator[str]:
    """Run `app.mjs` of this folder for an engine; yields the app's origin. `env` adds to its environment.

    The app says where it listens on stderr, as a line that ends with its origin.
    """
    process = await Process.start(
        "app.mjs",
        cwd=folder,
        env={
            "INNGEST_DEV": engine_origin,
            "INNGEST_BASE_URL": engine_origin,
            "NODE_ENV": "test",
            "PORT": "0",
            **env,
        },
        program=node(),
    )
    try:
        match = await process.wait_for_line(r" on (http://\S+)$")
        yield match.group(1)
    finally:
        await process.kill()


async def register(app_url: str) -> None:
    """Ask an app to sync its functions with the engine, as a person with curl would."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.put(app_url)
        assert answer.status_code == 200, answer.text


@functools.cache
def _find_node() -> tuple[str, str]:
    """Return the path of Node.js and an empty text, or what is wrong."""
    path = shutil.which("node")
    if path is None or shutil.which("npm") is None:
        return "", f"Node.js {MIN_NODE} or newer and npm are not installed"
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    match = re.match(r"v(\d+)", version)
    if match is None or int(match.group(1)) < MIN_NODE:
        return "", f"Node.js {MIN_NODE} or newer is needed, {path} is {version or 'of no known version'}"
    return path, ""


@functools.cache
def _install(folder: Path) -> str:
    """Return an empty text, or why the packages are not there. Another process may install them meanwhile."""
    lockfile = (folder / "package-lock.json").read_bytes()
    wanted = hashlib.sha256(lockfile).hexdigest()
    # Written last, so that an installation which was cut short is made again.
    installed = folder / "node_modules" / ".installed"
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"stepcue-npm-{name}.lock", timeout=_INSTALL_S):
        if installed.is_file() and installed.read_text(encoding="utf-8") == wanted:
            return ""
        try:
            subprocess.run(
                [str(shutil.which("npm")), *_NPM_CI],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
                timeout=_INSTALL_S,
            )
        except subprocess.CalledProcessError as error:
            return f"npm ci failed in {folder.relative_to(REPOSITORY)}: {str(error.stderr).strip()[-500:]}"
        except subprocess.TimeoutExpired:
            return f"npm ci in {folder.relative_to(REPOSITORY)} took longer than {_INSTALL_S} s"
        installed.write_text(wanted, encoding="utf-8")
    return ""
