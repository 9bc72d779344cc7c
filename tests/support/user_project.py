"""A project of a user's own in a folder of its own, and its tests, run as its user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from support.processes import REPOSITORY

_RUN_S = 120
# Plugins that pytest finds here and that no project of a user needs: importing them is most of a short run.
_OTHER = ("anyio", "hypothesispytest", "randomly", "schemathesis", "timeout", "xdist", "xdist.looponfail")
CONFTEST = """
    import pytest

    @pytest.fixture
    def stepcue_app():
        from shop_app import app
        return app
"""


@dataclass(frozen=True)
class Outcome:
    """What came of a command: its exit code and all it wrote."""

    code: int
    text: str


@dataclass(frozen=True)
class Project:
    """A folder with the sample app in `shop_app.py`."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, *, conftest: str = CONFTEST, app: str | None = None) -> Project:
        """Write the app (by default the sample) and the fixtures."""
        folder.mkdir(parents=True, exist_ok=True)
        project = cls(folder)
        sample = (REPOSITORY / "examples" / "python_app" / "app.py").read_text(encoding="utf-8")
        project.write("shop_app.py", app or sample)
        project.write("conftest.py", conftest)
        return project

    def write(self, name: str, text: str) -> Path:
        """Write a file; the text may be indented."""
        path = self.folder / name
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def edit(self, old: str, new: str) -> None:
        """Change the app, once."""
        path = self.folder / "shop_app.py"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new), encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of pytest."""
        without = (f"-pno:{name}" for name in ("cacheprovider", *_OTHER))
        return [sys.executable, "-m", "pytest", "-q", "--color=no", *without, *arguments]

    def env(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment: that of this process, without what concerns an engine."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("INNGEST")}
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(self.folder), **(more or {})}

    def pytest(self, *arguments: str, **env: str) -> Outcome:
        """Run the project's tests."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.env(env),
            capture_output=True,
            text=True,
            timeout=_RUN_S,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)
