"""What a start imports, counted and not timed: a command loads what it needs, `stepcue dev` answers first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from mcp_server.cli import main
from mcp_server.later import Later

HEAVY = ("pydantic", "httpx", "starlette", "uvicorn", "anyio", "mcp", "celpy", "whoosh", "docs_index")
SHOW = "print(*sorted(sys.modules))"
LATER = [command for command in main.commands.values() if isinstance(command, Later)]

COMMAND = f"""
import atexit, sys
atexit.register(lambda: {SHOW})
from mcp_server.cli import main
main(prog_name="stepcue")
"""
SERVE = f"""
import asyncio, sys
from mcp_server.launch import ServeOptions, serve
from durable_engine.config import EngineConfig
from mcp_server.config import ServerConfig
from mcp_server.mcp_later import MCPLater

class NotNow(Exception):
    pass

def build(self):
    raise NotNow

MCPLater.build = build
options = ServeOptions(engine=EngineConfig(discovers=False), server=ServerConfig(), host="127.0.0.1", port=0)
try:
    asyncio.run(serve(options, on_ready=lambda _: {SHOW}))
except NotNow:
    pass
else:
    sys.exit("it went on without MCP")
"""

USED = f"""
import asyncio, sys
from mcp_server.cli import _loading

class Enough(Exception):
    pass

async def once_loaded(self):
    await self.loaded()
    await self.build().call_tool("list_functions", {{}})
    {SHOW}
    raise Enough

with _loading():
    from mcp_server.launch import ServeOptions, serve
    from durable_engine.config import EngineConfig
    from mcp_server.config import ServerConfig
    from mcp_server.mcp_later import MCPLater

    MCPLater.failed = once_loaded
    engine = EngineConfig(discovers=False)
    options = ServeOptions(engine=engine, server=ServerConfig(), host="127.0.0.1", port=0)
    try:
        asyncio.run(serve(options, on_ready=lambda _: None))
    except Enough:
        pass
"""
NEVER_ASKED_FOR = (
    "mcp.client",  # nobody is a client here
    "httpx2._client",
    "cryptography",  # nothing is sealed
    "rich",  # neither httpx nor the MCP SDK writes to a terminal
    "pygments",
    "lark",  # no expression
    "re2",  # no pattern
    "whoosh",  # no search
    "mcp_server.remote",  # no server elsewhere
    "durable_engine.http_api.openapi.document",
)


def _loaded(code: str, arguments: Sequence[str] = ()) -> set[str]:
    """Return the modules that a process shows in its last line."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["dev", "--help"], ["mcp", "install", "--help"]], ids=" ".join
)
def test_what_only_tells_about_itself_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = _loaded(COMMAND, arguments)

    assert "click" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_apps_are_answered_before_mcp_and_the_documentation_are_loaded() -> None:
    loaded = _loaded(SERVE)

    assert {"durable_engine.engine", "uvicorn"} <= loaded
    assert loaded.isdisjoint({"mcp", "mcp_types", "httpx2", "docs_index", "whoosh", "mcp_server.tools"})


def test_a_tool_that_was_called_has_loaded_nothing_that_it_does_not_use() -> None:
    loaded = _loaded(USED)

    assert {"mcp.server.mcpserver", "mcp_server.tools.catalog"} <= loaded
    assert loaded.isdisjoint(NEVER_ASKED_FOR)


@pytest.mark.parametrize("arguments", [["docs", "list"], ["doctor", "-p", "1", "--json"]], ids=" ".join)
def test_commands_that_need_no_mcp_do_not_load_it(arguments: list[str]) -> None:
    code = COMMAND.replace("main(", "sys.exit = lambda *_: None\nmain(standalone_mode=False, ")

    assert "mcp" not in _loaded(code, arguments)


@pytest.mark.parametrize("command", LATER, ids=lambda command: str(command.name))
def test_the_line_of_a_command_that_is_loaded_later_is_its_own(command: Later) -> None:
    whole = command.load().get_short_help_str(limit=200)

    assert command.get_short_help_str(limit=200) == whole
