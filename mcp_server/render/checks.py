"""One check of the doctor, as the tool and the command show it; the command needs no MCP for that."""

from __future__ import annotations

from typing import Final

from durable_engine.redaction import redacted_url
from mcp_server.clean import one_line
from mcp_server.doctor import Check
from mcp_server.results.doctor import CheckInfo

MAX_TEXT: Final = 600


def check_info(check: Check) -> CheckInfo:
    """Return a check as answers show it."""
    return CheckInfo(
        id=check.id,
        status=check.status,
        app=None if check.app is None else one_line(redacted_url(check.app), 200),
        found=one_line(check.found, MAX_TEXT),
        fix=None if check.fix is None else one_line(check.fix, MAX_TEXT),
    )
