"""The user's own pages and imported ones, in real processes: options, variables, changes while it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from support.docs_library import write_corpus, write_pages
from support.processes import Process, call, stepcue

pytestmark = pytest.mark.anyio

NOTES = {"pay.md": "# Paying\n\nMarmalade is paid in advance.\n"}


async def test_own_folders_are_announced_and_read_live(tmp_path: Path) -> None:
    notes = write_pages(tmp_path / "notes", NOTES)
    more = write_pages(tmp_path / "more", {"a.md": "# A\n\ntext\n"})
    async with stepcue(tmp_path, "--in-memory", "--docs", str(notes), "--docs", str(more)) as server:
        assert any(
            f"docs        {notes}, {more}, and the shipped pages" in line for line in server.process.lines
        )
        found = await server.call("search_docs", query="marmalade")
        (notes / "pay.md").write_text("# Paying\n\nHoney is paid in advance.\n", encoding="utf-8")
        changed = await server.call("search_docs", query="marmalade honey")
        listed = await server.call("list_docs")

    assert (found["results"][0]["path"], found["results"][0]["source"]) == (
        "notes/pay",
        str(notes / "pay.md"),
    )
    assert changed["results"][0]["excerpt"] == "Honey is paid in advance."
    assert [corpus["name"] for corpus in listed["corpora"]] == ["notes", "more", "stepcue"]


async def test_a_variable_names_folders_and_an_import_is_seen_while_it_runs(tmp_path: Path) -> None:
    write_pages(tmp_path / "notes", NOTES)
    write_pages(tmp_path / "home" / "more", {"a.md": "# A\n\ntext\n"})
    env = {
        "HOME": str(tmp_path / "home"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "STEPCUE_DOCS": os.pathsep.join([str(tmp_path / "notes"), "~/more"]),
    }
    async with stepcue(tmp_path, "--in-memory", env=env) as server:
        before = await server.call("list_docs")
        write_corpus(tmp_path / "data" / "stepcue" / "docs", "acme", {"a.md": "# A\n\nQuince jelly.\n"})
        found = await server.call("search_docs", query="quince")
        (tmp_path / "data" / "stepcue" / "docs" / "acme" / "corpus.json").unlink()
        after = await server.call("list_docs")

    assert [corpus["name"] for corpus in before["corpora"]] == ["notes", "more", "stepcue"]
    assert (found["results"][0]["path"], found["results"][0]["asOf"]) == ("acme/a", "2026-11-20")
    assert "'acme' is left out" in after["notes"][0]
    assert any("'acme' is left out" in line for line in server.process.lines)


async def test_stdio_has_them_too_and_attached_to_another_says_that_they_are_not_read(tmp_path: Path) -> None:
    write_pages(tmp_path / "notes", NOTES)
    arguments = ["-m", "mcp_server", "mcp", "--no-discovery", "--in-memory", "--docs", "notes", "--port"]
    alone = StdioServerParameters(command=sys.executable, args=[*arguments, "0"], cwd=tmp_path)
    async with Client(stdio_client(alone)) as client:
        found = await call(client, "search_docs", query="marmalade")
    assert found["results"][0]["path"] == "notes/pay"

    async with stepcue(tmp_path, "--in-memory") as server:
        attached = await Process.start(*arguments, str(server.port), cwd=tmp_path)
        await attached.wait_for_line(r"--docs says nothing to the Stepcue that runs")
        await attached.kill()


@pytest.mark.parametrize("folder", ["gone", "file.md"])
async def test_what_is_no_folder_is_refused_at_the_start(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file.md").write_text("# A\n")
    process = await Process.start("-m", "mcp_server", "dev", "--port", "0", "--docs", folder, cwd=tmp_path)

    assert await process.ended() == 2
    assert any("--docs" in line and folder in line for line in process.lines)
