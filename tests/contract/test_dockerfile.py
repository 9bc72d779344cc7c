"""The image, as far as it can be tested without Docker: each instruction against what it relies on."""

from __future__ import annotations

import fnmatch
import json
import re
import socket
import tomllib
from pathlib import Path

import httpx
import pytest
from support.processes import Process

from durable_engine import DEFAULT_PORT

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs_index" / "corpus" / "getting-started" / "docker.md"


def _instructions() -> list[tuple[str, str]]:
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word]


INSTRUCTIONS = _instructions()
COPIED = [
    source
    for word, rest in INSTRUCTIONS
    if word == "COPY" and not rest.startswith("--from")
    for source in rest.split()[:-1]
]


def _last(word: str) -> str:
    return [rest for name, rest in INSTRUCTIONS if name == word][-1]


def _ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out: the last rule that fits decides."""
    ignored = False
    for line in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#"):
            pattern = rule.lstrip("!").removeprefix("**/")
            if any(fnmatch.fnmatch(part, pattern) for part in (path, *path.split("/"))):
                ignored = not rule.startswith("!")
    return ignored


def test_every_word_is_an_instruction() -> None:
    assert {word for word, _ in INSTRUCTIONS} == {
        *("FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "USER"),
        *("VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"),
    }
    assert INSTRUCTIONS[0][0] == "FROM"


@pytest.mark.parametrize("source", COPIED)
def test_what_is_copied_exists_and_is_sent_to_the_build(source: str) -> None:
    assert (REPOSITORY / source).exists()
    assert not _ignored(source.removeprefix("./"))


@pytest.mark.parametrize("path", [".venv", ".git", ".stepcue", "tests", "node_modules", ".mcp.json"])
def test_what_is_not_needed_is_not_sent(path: str) -> None:
    assert _ignored(path)
    assert _ignored("mcp_server/__pycache__")


def test_all_that_the_package_is_built_from_is_copied() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {
        "pyproject.toml",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"],
    }

    assert needed == set(COPIED)


def test_it_runs_as_somebody_without_rights_who_owns_the_data() -> None:
    (made,) = [rest for word, rest in INSTRUCTIONS if word == "RUN" and "useradd" in rest]

    assert _last("USER") == "stepcue"
    # A volume takes over the owner that its folder has by then.
    assert INSTRUCTIONS.index(("RUN", made)) < INSTRUCTIONS.index(("VOLUME", "/data"))
    assert re.search(r"useradd .*\bstepcue && install -d -o stepcue -g stepcue /data$", made)
    assert (_last("VOLUME"), _last("WORKDIR")) == ("/data", "/data")
    assert _last("EXPOSE") == str(DEFAULT_PORT)
    assert json.loads(_last("CMD"))[-1].startswith("/data/")


def test_its_python_is_one_that_the_package_takes() -> None:
    images = {rest.split()[0] for word, rest in INSTRUCTIONS if word == "FROM"}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (version,) = re.findall(r"python:3\.(\d+)-slim", " ".join(images))

    assert int(version) >= int(project["requires-python"].removeprefix(">=3."))


@pytest.mark.anyio
async def test_its_command_runs_its_health_check_tells_and_its_neighbours_are_answered(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = str(reserved.getsockname()[1])
    command = [word.replace("/data/", f"{tmp_path}/") for word in json.loads(_last("CMD"))]
    check = json.loads(_last("HEALTHCHECK").partition("CMD ")[2])
    asked = [word.replace(str(DEFAULT_PORT), port) for word in check[1:]]

    async def healthy() -> bool:
        asking = await Process.start(*asked, cwd=tmp_path)
        return await asking.ended() == 0

    assert json.loads(_last("ENTRYPOINT")) == ["stepcue"]
    assert check[0] == "python"
    assert asked[-1] != check[-1]

    assert not await healthy()
    process = await Process.start(
        *("-m", "mcp_server", *command, "--port", port, "--no-discovery"),
        cwd=tmp_path,
        env={"STEPCUE_ALLOW_HOSTS": "stepcue other"},
    )
    try:
        await process.wait_for_line("listens on")
        assert await healthy()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            statuses = [
                (await client.get("/dev", headers={"Host": host})).status_code
                for host in (f"stepcue:{port}", "other", "stranger")
            ]
    finally:
        await process.kill()
    assert statuses == [200, 200, 421]
    assert (tmp_path / "engine.db").exists()


def test_the_compose_example_is_right_about_names_and_ports() -> None:
    text = PAGE.read_text(encoding="utf-8")
    compose, app_alone = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)

    assert f"INNGEST_DEV: http://stepcue:{DEFAULT_PORT}" in compose
    assert "--allow-host stepcue" in compose
    assert f'"127.0.0.1:{DEFAULT_PORT}:{DEFAULT_PORT}"' in compose
    assert " ".join(json.loads(_last("CMD"))) in compose
    assert {"  stepcue:", "  app:", "volumes:", "services:"} <= set(compose.splitlines())
    assert "stepcue-data:/data" in compose
    (host,) = re.findall(r"INNGEST_DEV: http://([\w.]+):8288", app_alone)
    assert f"--allow-host {host}" in text
    assert f'"{host}:host-gateway"' in app_alone
