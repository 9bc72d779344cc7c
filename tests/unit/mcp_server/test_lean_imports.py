"""What is loaded when it is used works then; in processes of their own, where nothing is loaded yet."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

from mcp_server import lean_imports

LOADED = """
import sys
from mcp_server.lean_imports import load_mcp_server
load_mcp_server()
"""


def _said(code: str, *, before: str = "") -> str:
    whole = dedent(before) + LOADED + dedent(code)
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_was_put_off_is_there_for_whoever_asks() -> None:
    said = _said(
        """
        import httpx2, mcp
        assert "mcp.client" not in sys.modules and "httpx2._client" not in sys.modules
        assert mcp.types.Tool.__name__ == "Tool" and not hasattr(mcp, "__wrapped__")
        assert "mcp.client" not in sys.modules
        from mcp import Client, ClientSession
        from mcp.client.client import Client as same
        assert Client is same and "Client" in mcp.__all__
        assert httpx2.URL("http://a/b").path == "/b"
        try:
            from mcp import Nothing
        except ImportError as fault:
            print(fault)
        """
    )

    assert "cannot import name 'Nothing' from 'mcp'" in said


def test_state_is_sealed_by_the_real_ciphers_once_somebody_seals() -> None:
    said = _said(
        """
        from mcp.server.mcpserver import InvalidRequestState
        from mcp_server.sealing import SealedLater
        codec = SealedLater()
        assert "cryptography" not in sys.modules
        token = codec.seal(b"state")
        assert codec.unseal(token) == b"state"
        other = SealedLater()
        other.seal(b"")
        changed = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
        for sealed, reader in ((changed, codec), (token, other), ("no token", codec)):
            try:
                reader.unseal(sealed)
            except InvalidRequestState as fault:
                print(fault)
        from cryptography.exceptions import InvalidTag
        print(InvalidTag.__module__, sys.modules["cryptography"].__version__ > "")
        """
    )

    assert said.splitlines() == ["seal", "unknown key", "malformed", "cryptography.exceptions True"]


def test_an_sdk_that_cannot_do_without_ciphers_loads_them() -> None:
    said = _said(
        """
        from mcp.server import MCPServer
        print(MCPServer.__name__, "cryptography" in sys.modules)
        """,
        before="""
        from mcp_server import lean_imports

        def refuse(*_):
            raise TypeError("a class of it is wanted while it is imported")

        lean_imports._StandIns.exec_module = refuse
        """,
    )

    assert said.split() == ["MCPServer", "True"]


def test_models_of_the_wire_are_built_when_a_message_needs_them() -> None:
    said = _said(
        """
        from mcp_types.methods import CLIENT_REQUESTS, parse_client_request
        models = set(CLIENT_REQUESTS.values())
        print(sum(model.__pydantic_complete__ for model in models))
        parse_client_request("tools/call", "2025-11-25", {"name": "x"})
        print([model.__name__ for model in models if model.__pydantic_complete__])
        """
    )

    assert said.splitlines() == ["0", "['CallToolRequest']"]


def test_who_cannot_have_a_module_gets_an_import_error_and_later_the_module() -> None:
    with lean_imports.without("this"), pytest.raises(ImportError):
        import this  # noqa: F401, PLC0415

    assert "this" not in sys.modules


def test_a_module_that_is_loaded_stays() -> None:
    with lean_imports.without("json"):
        import json  # noqa: PLC0415

    assert sys.modules["json"] is json


def test_models_of_answers_are_built_for_the_first_answer() -> None:
    said = _said(
        """
        from mcp_server.results.base import Result
        from mcp_server.results.docs import ListDocsResult, SearchDocsResult
        none = dict(total_docs=0, matching=0, categories={}, sdks={}, pages=[])
        print(any(model.__pydantic_complete__ for model in Result.__subclasses__()))
        print(ListDocsResult(message="m", **none).wire()["message"])
        print(SearchDocsResult.__pydantic_complete__)
        """
    )

    assert said.splitlines() == ["False", "m", "False"]
