"""`stepcue docs` in processes of its own, and what is left of the library when one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.docs_site import Site, site

TIMEOUT_S = 60


class Terminal:
    """Runs `stepcue docs` with a library and a cache of its own."""

    def __init__(self, home: Path) -> None:
        self.library = home / "data" / "stepcue" / "docs"
        self._home = home
        self._env = {
            **os.environ,
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PYTHONUTF8": "1",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mcp_server", "docs", *arguments],
            cwd=self._home,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, err
        return out


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as served:
        yield served


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_who_is_stopped_in_the_middle_leaves_the_import_before(
    terminal: Terminal, web: Site, ending: signal.Signals
) -> None:
    web.put("/llms.txt", "# Site\n\n- [A](/a.md)\n- [B](/b.md)\n")
    web.put("/a.md", "# A\n\nFirst text.")
    web.put("/b.md", "# B\n\nFirst text.")
    assert "Imported 2 pages" in terminal.run("import", f"{web.url}/llms.txt", "--name", "site")
    web.put("/a.md", "# A\n\nSecond text.")
    web.put("/b.md", hangs=True)

    process = terminal.start("import", f"{web.url}/llms.txt", "--name", "site")
    assert web.is_asked.wait(TIMEOUT_S)
    process.send_signal(ending)
    _, err = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode != 0
    assert "Traceback" not in err
    assert "First text." in terminal.run("read", "site/a")
    assert sorted(entry.name for entry in terminal.library.iterdir()) == [".lock", "site"]
