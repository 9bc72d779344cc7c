"""`stepcue docs`: import, list, prefer and remove, and the tools at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.docs_site import Site, site
from support.docs_sources import LLMS_FULL, write

from mcp_server.cli import main


class Terminal:
    """Runs `stepcue docs` with a library and a cache of its own."""

    def __init__(self, home: Path) -> None:
        self.library = home / "data" / "stepcue" / "docs"

    def run(self, *arguments: str, code: int = 0) -> str:
        """Return stdout, or stderr when the command has to fail."""
        result = CliRunner().invoke(main, ["docs", *arguments])
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.stderr if code else result.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def names(self) -> list[str]:
        return [corpus["name"] for corpus in self.json("list")["corpora"]]


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return Terminal(tmp_path)


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as served:
        served.put("/llms-full.txt", LLMS_FULL.replace("https://kettle.example", served.url))
        yield served


def test_documentation_is_imported_found_preferred_and_removed(terminal: Terminal, web: Site) -> None:
    url = f"{web.url}/llms-full.txt"

    assert "Imported 4 pages of 'Kettle Docs' as kettle" in terminal.run("import", url, "--name", "kettle")
    assert (terminal.library / "kettle" / "pages" / "guides" / "boiling.md").is_file()
    assert any((terminal.library.parents[2] / "cache" / "stepcue").glob("*.index"))
    listed = terminal.run("list").splitlines()
    assert listed[0].startswith("1. stepcue: ")
    assert listed[1].startswith(f"2. kettle: Kettle Docs, 4 pages ({url}, 20")
    found = terminal.run("search", "boil", "it", "dry", "--category", "kettle")
    assert "Boiling water  [Kettle Docs, 20" in found
    assert f"{web.url}/docs/guides/boiling" in found
    assert "kettle/guides/boiling#boiling-water" in found
    python_only = terminal.json(
        "search", "heat celsius", "--sdk", "python", "--category", "kettle", "--limit", "9"
    )
    assert "set-it-in-code" not in json.dumps(python_only)
    assert terminal.run("read", "kettle/guides/boiling#temperature").startswith("## Temperature\n")
    assert terminal.json("read", "kettle/reference/cups")["source"] == f"{web.url}/docs/reference/cups.md?x=1"
    assert "kettle/reference/cups:" in terminal.run("grep", "many .ups", "--path", "kettle")
    assert terminal.json("grep", "cups", "--limit", "1", "--context", "1")["count"] == 1

    assert terminal.run("prefer", "kettle") == "Order: kettle, stepcue.\n"
    assert terminal.names() == ["kettle", "stepcue"]
    assert terminal.run("remove", "kettle") == "Removed kettle.\n"
    assert terminal.names() == ["stepcue"]


def test_an_import_again_says_what_changed(terminal: Terminal, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "handbook", {"a.md": "# A\n\nOne.", "b.mdx": "# B\n\nTwo.", "c.md": "# C\n\nThree."}
    )
    terminal.run("import", str(folder), "--title", "Our handbook", "--prefer")
    assert terminal.names() == ["handbook", "stepcue"]

    write(folder, {"a.md": "# A\n\nChanged.", "d.md": "# D\n\nFour.", "e.md": ""})
    (folder / "c.md").unlink()
    report = terminal.run("import", "handbook").splitlines()

    assert report[1:] == [
        "Since the import before: 1 added, 1 changed, 1 removed.",
        "  added d",
        "  changed a",
        "  removed c",
        "Left out: 1.",
        "  e.md: there is no text in it",
        'Search it: stepcue docs search "..." --category handbook',
    ]
    assert terminal.json("import", "handbook")["changed"] == []


def test_pages_of_an_llms_txt_that_fail_are_listed_and_the_others_imported(
    terminal: Terminal, web: Site
) -> None:
    web.put("/llms.txt", "# Site\n\n- [A](/a.md)\n- [B](/b.md)\n- [C](https://c.example/x)\n")
    web.put("/a.md", "# A\n\nText of \x1b[31mA\x1b[0m, caf\u00e9\u00a0\u202eevil.")

    report = terminal.json("import", f"{web.url}/llms.txt", "--name", "site")

    assert report["corpus"]["pages"] == 1
    assert [entry["what"] for entry in report["leftOut"]] == ["https://c.example/x", f"{web.url}/b.md"]
    shown = terminal.run("read", "site/a")
    assert "Text of [31mA[0m, caf\u00e9\u00a0\ufffdevil." in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["import", "/nowhere"], 1, "cannot be read: No such file or directory."),
        (["import", "http://127.0.0.1:1/llms.txt"], 1, "cannot be fetched: no connection"),
        (["import", "."], 1, "No page of"),
        (["import", "x.md", "--name", "steps"], 1, "pages of Stepcue are"),
        (["import"], 2, "Missing argument"),
        (["remove", "nope"], 1, "No imported documentation is called 'nope'. Nothing was imported yet."),
        (["remove", "stepcue"], 1, "cannot be removed"),
        (["prefer", "nope"], 1, "No documentation is called 'nope'."),
        (["search", "retry", "--sdk", "rust"], 1, "There is no SDK 'rust'."),
        (["search", "?"], 1, "holds no word"),
        (["grep", "("], 1, "stepcue: "),
        (["read", "stps/run"], 1, "There is no page called 'stps/run'"),
        (["read", "steps/run#nope"], 1, "has no section 'nope'"),
        (["search", "x", "--limit", "0"], 2, "--limit"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_an_exit_code(
    terminal: Terminal, arguments: list[str], code: int, message: str
) -> None:
    assert message in terminal.run(*arguments, code=code)


def test_without_a_home_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", homeless)

    assert "Set XDG_DATA_HOME." in terminal.run("list", code=1)
