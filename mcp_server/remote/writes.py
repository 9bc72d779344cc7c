"""Who may change something on a server: nobody by default, except on a Dev Server of this machine."""

from __future__ import annotations

from mcp_server.remote.api import Api
from mcp_server.remote.errors import WritesRefusedError
from mcp_server.remote.probing import Capabilities
from mcp_server.remote.target import Target


def may_write(target: Target, known: Capabilities | None) -> bool:
    """Whether the server may be changed; `known` is None while it has not answered."""
    if target.only_reads:
        return False
    if target.allows_writes:
        return True
    return target.is_loopback and (known is None or known.is_for_development)


async def check_write(api: Api, what: str) -> None:
    """Look whether `what`, such as "Sending an event", may be done; called right before it is.

    Raises:
        WritesRefusedError: nobody allowed that for this server.
        RemoteError: the server cannot be asked what it is.
    """
    target = api.connection.target
    known = await (api.known() if target.allows_writes else api.confirmed())
    if not may_write(target, known):
        raise WritesRefusedError(
            f"{what} would change {api.environment}, which this Stepcue only reads.",
            hint="If that is meant, start Stepcue with --allow-writes (STEPCUE_ALLOW_WRITES=1).",
        )
