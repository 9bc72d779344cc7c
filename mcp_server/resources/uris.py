"""The addresses of resources, and their templates."""

from __future__ import annotations

from typing import Final

from mcp.shared.uri_template import UriTemplate

RUN: Final = "run://{runId}"
FUNCTION: Final = "function://{functionId}"
DOC: Final = "docs://{+path}"
RECENT_RUNS: Final = "run://recent"
DOCS_INDEX: Final = "docs://index"

MAX_RUN_ID: Final = 64
MAX_FUNCTION_ID: Final = 512
"""Nothing has longer ids. What is asked for is cut there, as refusals quote it."""

_FUNCTION: Final = UriTemplate.parse(FUNCTION)


def function_uri(function_id: str) -> str:
    """Return the address of a function, given by its slug."""
    return _FUNCTION.expand({"functionId": function_id})


def is_function_uri(uri: str) -> bool:
    """Whether the address is one of a function."""
    return uri.startswith("function://")


def run_uri(run_id: str) -> str:
    """Return the address of a run."""
    return f"run://{run_id}"
