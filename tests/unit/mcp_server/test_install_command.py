"""`stepcue mcp install` as a user meets it: files on disk, words on the terminal, exit codes."""

import json
import os
import stat
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcp_server.cli import main
from mcp_server.install.clients import CLIENTS
from mcp_server.install.entries import this_program
from mcp_server.install.files import FileError, read_config, write_config
from mcp_server.install.locations import Machine, config_file

URL = "http://127.0.0.1:8288/mcp"
OTHER = '{\n  "mcpServers": {\n    "stepcue": {"url": "http://elsewhere/mcp"}\n  }\n}\n'
NOBODY = 65_534


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project to stand in, and an empty home."""
    home, folder = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    folder.mkdir()
    for name in ("XDG_CONFIG_HOME", "CODEX_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(home / "bin"))
    monkeypatch.chdir(folder)
    return folder


def install(*words):
    return CliRunner().invoke(main, ["mcp", "install", *words], catch_exceptions=False)


FILES = {
    "claude-code": (".mcp.json", {"mcpServers": {"stepcue": {"type": "http", "url": URL}}}),
    "cursor": (".cursor/mcp.json", {"mcpServers": {"stepcue": {"url": URL}}}),
    "vscode": (".vscode/mcp.json", {"servers": {"stepcue": {"type": "http", "url": URL}}}),
    "codex": ("../home/.codex/config.toml", {"mcp_servers": {"stepcue": {"url": URL}}}),
    "windsurf": (
        "../home/.codeium/windsurf/mcp_config.json",
        {"mcpServers": {"stepcue": {"serverUrl": URL}}},
    ),
}


@pytest.mark.parametrize("client", FILES)
def test_a_client_gets_a_file_of_its_own_form(project, client):
    name, expected = FILES[client]
    done = install("--client", client)
    text = (project / name).read_text()

    assert done.exit_code == 0
    assert (tomllib.loads if name.endswith("toml") else json.loads)(text) == expected
    assert CLIENTS[client].title in done.stdout
    assert "stepcue dev" in done.stdout
    assert [path.name for path in (project / name).parent.iterdir()] == [Path(name).name]

    again = install("--client", client)
    assert again.exit_code == 0
    assert "already there" in again.stdout
    assert (project / name).read_text() == text


def test_claude_desktop_starts_it_by_an_absolute_path_with_data_in_the_home(project):
    done = install("--client", "claude-desktop")
    home = project.parent / "home"
    entry = json.loads((home / ".config/Claude/claude_desktop_config.json").read_text())
    server = entry["mcpServers"]["stepcue"]

    assert done.exit_code == 0
    assert Path(server["command"]).is_absolute()
    assert os.access(server["command"], os.X_OK)
    assert server["args"][-3:] == ["mcp", "--data", str(home / ".stepcue/engine.db")]


def test_several_clients_are_named_in_any_way(project):
    done = install("--client", "cursor, vscode", "--client", "cursor", "--client", "codex")

    assert done.exit_code == 0
    assert done.stdout.count("added 'stepcue'") == 3


def test_the_other_scope_name_and_address(project):
    home = project.parent / "home"
    install("--client", "cursor,vscode", "--scope", "user", "--name", "sc", "--url", "http://localhost:1/mcp")
    install("--client", "codex", "--scope", "project", "--transport", "stdio", "--url", "http://localhost:1")

    cursor = json.loads((home / ".cursor/mcp.json").read_text())
    vscode = json.loads((home / ".config/Code/User/mcp.json").read_text())
    codex = tomllib.loads((project / ".codex/config.toml").read_text())
    assert cursor == {"mcpServers": {"sc": {"url": "http://localhost:1/mcp"}}}
    assert vscode == {"servers": {"sc": {"type": "http", "url": "http://localhost:1/mcp"}}}
    assert codex["mcp_servers"]["stepcue"]["args"][-3:] == ["mcp", "--port", "1"]


def test_a_path_of_this_machine_in_a_file_of_the_project_is_pointed_out(project):
    assert "a path of this machine" in install("--client", "vscode", "--transport", "stdio").stdout
    assert "a path of this machine" not in install("--client", "windsurf", "--transport", "stdio").stdout


def test_another_entry_of_the_name_is_left_alone_until_told_otherwise(project):
    path = project / ".cursor/mcp.json"
    path.parent.mkdir()
    path.write_text(OTHER)
    path.chmod(0o600)

    refused = install("--client", "cursor")
    assert refused.exit_code == 1
    assert "left alone" in refused.stderr
    assert "--replace" in refused.stderr
    assert path.read_text() == OTHER

    replaced = install("--client", "cursor", "--replace")
    assert replaced.exit_code == 0
    assert "mcp.json.bak" in replaced.stdout
    assert json.loads(path.read_text()) == {"mcpServers": {"stepcue": {"url": URL}}}
    assert (path.parent / "mcp.json.bak").read_text() == OTHER

    path.write_text(OTHER)
    install("--client", "cursor", "--replace")
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "mcp.json",
        "mcp.json.bak",
        "mcp.json.bak1",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("options", [["--dry-run"], ["--print"], ["--dry-run", "--replace"]])
def test_looking_changes_nothing(project, options):
    path = project / ".mcp.json"
    path.write_text(OTHER)
    shown = install("--client", "claude-code,cursor,claude-desktop", *options)

    assert URL in shown.stdout
    assert [file.name for file in project.iterdir()] == [".mcp.json"]
    assert path.read_text() == OTHER
    assert not list((project.parent / "home").iterdir())


def test_a_dry_run_shows_what_would_be_new_and_nothing_of_what_is_there(project):
    (project / ".mcp.json").write_text('{"mcpServers": {"a": {"env": {"KEY": "hunter2"}}}}')
    (project / ".cursor").mkdir()
    (project / ".cursor/mcp.json").write_text(OTHER)
    shown = install("--client", "claude-code,cursor", "--dry-run", "--replace").stdout

    assert "would add this to .mcp.json" in shown
    assert '    "stepcue": {' in shown
    assert "would replace the entry in .cursor/mcp.json" in shown
    assert "hunter2" not in shown


def test_what_is_printed_can_be_pasted(project):
    shown = install("--client", "codex", "--print").stdout
    _, _, document = shown.partition("\n")

    assert tomllib.loads(document) == {"mcp_servers": {"stepcue": {"url": URL}}}


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (b'{\n  "mcpServers": {\n', [".cursor/mcp.json", "line 3", "the end of the file"]),
        (b"\xff\xfe{\x00}\x00", ["not UTF-8"]),
        (b'{"mcpServers": []}', ["line 1"]),
    ],
)
def test_a_malformed_file_is_named_and_kept(project, before, words):
    path = project / ".cursor/mcp.json"
    path.parent.mkdir()
    path.write_bytes(before)

    refused = install("--client", "cursor,vscode", "--replace")

    assert refused.exit_code == 1
    for word in words:
        assert word in refused.stderr
    assert "Traceback" not in refused.stderr
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["mcp.json"]
    # One bad file does not keep the others from theirs.
    assert (project / ".vscode/mcp.json").exists()


def test_line_ends_mark_and_rights_stay(project):
    path = project / ".mcp.json"
    before = b'\xef\xbb\xbf{\r\n\t"other": true // mine\r\n}\r\n'
    path.write_bytes(before)
    path.chmod(0o640)
    install("--client", "claude-code")

    after = path.read_bytes()
    assert after.startswith(b'\xef\xbb\xbf{\r\n\t"other": true, // mine\r\n\t"mcpServers": {\r\n')
    assert after.count(b"\n") == after.count(b"\r\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_rights_of_any_new_file(project):
    usual = project / "usual"
    usual.touch()
    install("--client", "claude-code")

    assert (project / ".mcp.json").stat().st_mode == usual.stat().st_mode


def test_a_link_stays_a_link(project):
    real = project.parent / "dotfiles.json"
    real.write_text("{}")
    (project / ".mcp.json").symlink_to(real)
    done = install("--client", "claude-code")

    assert done.exit_code == 0
    assert (project / ".mcp.json").is_symlink()
    assert "stepcue" in json.loads(real.read_text())["mcpServers"]


@pytest.mark.parametrize("kind", ["nowhere", "itself", "folder", "pipe", "parent"])
def test_what_is_no_file_is_refused(project, kind):
    path = project / ".cursor/mcp.json"
    if kind == "parent":
        path.parent.write_text("in the way")
    else:
        path.parent.mkdir()
    if kind == "nowhere":
        path.symlink_to(project / "missing.json")
    elif kind == "itself":
        path.symlink_to(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    refused = install("--client", "cursor")

    assert refused.exit_code == 1
    assert ".cursor/mcp.json cannot be used" in refused.stderr
    assert not (project / "missing.json").exists()


@contextmanager
def _powerless():
    """Run without the rights of root, which no folder is closed to."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_cannot_be_written_to_is_named_and_nothing_stays_behind(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    path = closed / "mcp.json"
    path.write_text("{}")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    closed.chmod(0o555)
    with _powerless():
        config = read_config(path)
        with pytest.raises(FileError, match="permission denied"):
            write_config(config, '{"a": 1}', backup=True)
    closed.chmod(0o755)

    assert path.read_text() == "{}"
    assert list(closed.iterdir()) == [path]


def test_a_file_that_changes_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text("{}")
    config = read_config(path)
    path.write_text('{"theirs": 1}')

    with pytest.raises(FileError, match="changed by somebody else"):
        write_config(config, '{"ours": 1}')
    assert path.read_text() == '{"theirs": 1}'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name at least one of: claude-code,"),
        (["--client", "cusor"], "Did you mean 'cursor'?"),
        (["--client", "windsurf", "--scope", "project"], "Windsurf has no configuration for a project"),
        (["--client", "cursor,claude-desktop", "--transport", "http"], "Claude Desktop only starts servers"),
        (["--client", "claude-desktop", "--url", "http://192.168.1.5:9000/mcp"], "never reach"),
        (["--client", "cursor", "--transport", "stdio", "--url", "https://localhost/mcp"], "never reach"),
        (["--client", "cursor", "--url", "localhost:8288"], "not an http(s) URL"),
        (["--client", "cursor", "--url", "http://x:port/mcp"], "not an http(s) URL"),
        (["--client", "cursor", "--name", "a b"], "letters, digits"),
        (["--client", "cursor", "--name=-x"], "begins with"),
    ],
)
def test_wrong_use_is_explained_before_anything_is_written(project, words, said):
    refused = install(*words)

    assert refused.exit_code == 2
    assert said in refused.stderr
    assert not list(project.iterdir())


def test_options_for_serving_are_not_passed_over_in_silence(project):
    refused = CliRunner().invoke(main, ["mcp", "--port", "9000", "install", "--client", "cursor"])

    assert refused.exit_code == 2
    assert "--url" in refused.stderr
    assert not list(project.iterdir())


CLAUDE = """\
#!{python}
import pathlib, sys
if "taken" in sys.argv:
    sys.exit("MCP server taken already exists in user config")
pathlib.Path({log!r}).write_text(repr(sys.argv[1:]))
print("Added HTTP MCP server to user config")
"""


@pytest.fixture
def claude(project):
    """A `claude` on the PATH that keeps what it was told."""
    program, log = project.parent / "home/bin/claude", project.parent / "told"
    program.parent.mkdir()
    program.write_text(CLAUDE.format(python=sys.executable, log=str(log)))
    program.chmod(0o755)
    return log


def test_claude_code_keeps_what_is_for_the_user_itself(claude):
    dry = install("--client", "claude-code", "--scope", "user", "--dry-run")
    assert "claude mcp add --scope user --transport http stepcue" in dry.stdout
    assert not claude.exists()

    done = install("--client", "claude-code", "--scope", "user")
    assert done.exit_code == 0
    assert "Added HTTP MCP server" in done.stdout
    assert claude.read_text() == repr(
        ["mcp", "add", "--scope", "user", "--transport", "http", "stepcue", URL]
    )


def test_what_claude_code_refuses_is_told(claude):
    refused = install("--client", "claude-code", "--scope", "user", "--name", "taken")

    assert refused.exit_code == 1
    assert "already exists" in refused.stderr
    assert "claude mcp remove --scope user taken" in refused.stderr


def test_without_claude_code_its_command_is_shown(project):
    refused = install("--client", "claude-code", "--scope", "user", "--transport", "stdio")

    assert refused.exit_code == 1
    assert "claude mcp add --scope user stepcue -- /" in refused.stderr


@pytest.mark.parametrize(
    ("client", "scope", "system", "expected"),
    [
        (
            "claude-desktop",
            "user",
            "darwin",
            "/h/Library/Application Support/Claude/claude_desktop_config.json",
        ),
        ("claude-desktop", "user", "win32", "/roaming/Claude/claude_desktop_config.json"),
        ("claude-desktop", "user", "linux", "/h/.config/Claude/claude_desktop_config.json"),
        ("vscode", "user", "darwin", "/h/Library/Application Support/Code/User/mcp.json"),
        ("vscode", "user", "win32", "/roaming/Code/User/mcp.json"),
        ("vscode", "project", "win32", "/p/.vscode/mcp.json"),
        ("codex", "user", "win32", "/h/.codex/config.toml"),
        ("windsurf", "user", "darwin", "/h/.codeium/windsurf/mcp_config.json"),
        ("claude-code", "user", "linux", None),
    ],
)
def test_where_clients_look(client, scope, system, expected):
    machine = Machine(system=system, home=Path("/h"), project=Path("/p"), environment={"APPDATA": "/roaming"})

    path = config_file(CLIENTS[client], scope, machine)
    assert path == (expected and Path(expected))


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.name)
def test_every_client_has_a_file_or_a_command_in_each_of_its_scopes(client):
    machine = Machine(system="linux", home=Path("/h"), project=Path("/p"), environment={})
    missing = [scope for scope in client.scopes if config_file(client, scope, machine) is None]

    assert str(config_file(client, client.scopes[0], machine)).endswith(client.file.lstrip("~"))

    assert missing == (["user"] if client.name == "claude-code" else [])


def test_a_program_in_the_cache_of_uv_is_started_by_uvx(tmp_path, monkeypatch):
    program = tmp_path / "uv" / "archive-v0" / "x" / "bin" / "stepcue"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.argv", [str(program)])

    assert this_program() == ("uvx", "stepcue")


@pytest.mark.parametrize("engine", ["cloud", "https://inngest.example.com"])
def test_a_client_starts_one_that_works_on_a_server_elsewhere_and_no_key_is_written(project, engine):
    done = install("--client", "claude-code,claude-desktop", "--engine", engine)
    entry = json.loads((project / ".mcp.json").read_text())["mcpServers"]["stepcue"]

    assert done.exit_code == 0
    assert entry["args"][-3:] == ["mcp", "--engine", engine]
    assert (entry["type"], "env" in entry) == ("stdio", False)
    assert "INNGEST_SIGNING_KEY" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--engine", "ftp://x"), "neither 'cloud' nor the http(s) address"),
        (("--engine", "https://me:planted@x"), "without a user"),
        (("--engine", "https://x?key=planted"), "without a user"),
        (("--engine", "cloud", "--transport", "http"), "give its address with --url"),
    ],
)
def test_a_server_elsewhere_that_cannot_be_used_is_refused_without_its_secrets(project, words, said):
    done = install("--client", "claude-code", *words)

    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert "planted" not in done.output
    assert not (project / ".mcp.json").exists()
