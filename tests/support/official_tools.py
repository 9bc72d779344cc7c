"""The official tools for MCP servers on Node.js: the conformance suite and the Inspector's command line.

Both need a newer Node.js than the SDKs of the other tests. It comes with their packages, for the platforms
that npm has it for; elsewhere the one on the PATH has to be new enough.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from support.node import packages
from support.processes import REPOSITORY

FOLDER: Final = REPOSITORY / "tests" / "conformance"
LEAST_NODE: Final = (22, 19)
_RUN_S: Final = 120
_SAVED_AS: Final = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT")
_CONFORMANCE: Final = "@modelcontextprotocol/conformance"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Return what it printed, with what it complained about if that is no JSON."""
        assert self.code == 0, f"exit code {self.code}\n{self.out[-2_000:]}\n{self.err[-2_000:]}"
        return dict(json.loads(self.out))


@dataclass(frozen=True, slots=True)
class Report:
    """What the conformance suite found, by scenario in the order in which they ran."""

    finished: Finished
    checks: dict[str, list[dict[str, Any]]]

    def complaints(self, scenarios: list[str]) -> list[str]:
        """Return each check of these scenarios that failed or was warned about, and scenarios not run."""
        missing = [f"{scenario}: did not run" for scenario in scenarios if scenario not in self.checks]
        return missing + [
            f"{scenario}: {check['id']} {check['status']}: {check.get('errorMessage')}"
            for scenario in scenarios
            for check in self.checks.get(scenario, [])
            if check["status"] in {"FAILURE", "WARNING"}
        ]


async def conformance(url: str, *options: str, results: Path) -> Report:
    """Run the conformance suite against a server; `results` is where it writes what it found.

    What fails is tried once more: the suite gives some answers half a second, however busy the machine is.
    """
    report = await _conformance(url, *options, results=results / "first")
    if report.finished.code != 0:
        report = await _conformance(url, *options, results=results / "second")
    return report


async def _conformance(url: str, *options: str, results: Path) -> Report:
    cli = packages(FOLDER) / _CONFORMANCE / "dist" / "index.js"
    finished = await _run(str(cli), "server", "--url", url, "--output-dir", str(results), *options)
    return Report(finished, _checks(results))


def _checks(results: Path) -> dict[str, list[dict[str, Any]]]:
    checks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for saved in sorted(results.glob("server-*/checks.json")):
        match = _SAVED_AS.match(saved.parent.name)
        assert match is not None, saved
        checks[match["scenario"]] += json.loads(saved.read_text(encoding="utf-8"))
    return dict(checks)


def required(revision: str) -> list[str]:
    """Return the scenarios for servers that a revision requires, as the suite's own list has them."""
    text = packages(FOLDER) / _CONFORMANCE / "requirements" / f"{revision}.yaml"
    listed = re.search(r"^server:\n((?:[ #].*\n|\n)*)", text.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed is not None
    return re.findall(r"^ +- (\S+)", listed[1], re.MULTILINE)


async def inspector(*arguments: str, folder: Path) -> Finished:
    """Run the Inspector's command line in a folder, which is also the home that it may write to."""
    cli = (
        packages(FOLDER)
        / "@modelcontextprotocol"
        / "inspector"
        / "clients"
        / "launcher"
        / "build"
        / "index.js"
    )
    return await _run(str(cli), "--cli", *arguments, "-q", cwd=folder, HOME=str(folder))


async def _run(*command: str, cwd: Path | None = None, **env: str) -> Finished:
    node = _node()
    process = await asyncio.create_subprocess_exec(
        node,
        *command,
        cwd=cwd,
        env={**os.environ, "PATH": f"{Path(node).parent}{os.pathsep}{os.environ['PATH']}", **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), _RUN_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return Finished(process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def _node() -> str:
    """Return a Node.js that is new enough, from the packages if they have one; else skip the test."""
    for path in (*packages(FOLDER).glob("node-*/bin/node"), shutil.which("node")):
        shown = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"v(\d+)\.(\d+)", shown)
        if version and (int(version[1]), int(version[2])) >= LEAST_NODE:
            return str(path)
    pytest.skip(f"Node.js {'.'.join(map(str, LEAST_NODE))} or newer is needed, and npm has none for here")
