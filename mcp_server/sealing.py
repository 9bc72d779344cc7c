"""What seals the state that a tool which asks its caller something sends along: loaded by the first of them.

Until then no state that comes back can be ours.
"""

from __future__ import annotations

import os

from mcp.server.mcpserver import AESGCMRequestStateCodec, InvalidRequestState


class SealedLater:
    """The codec of the MCP SDK, under a key of this process, made when something is sealed."""

    def __init__(self) -> None:
        self._codec: AESGCMRequestStateCodec | None = None

    def seal(self, payload: bytes) -> str:
        """Return a token that only this process can read."""
        if self._codec is None:
            self._codec = AESGCMRequestStateCodec([os.urandom(32)])
        return self._codec.seal(payload)

    def unseal(self, token: str) -> bytes:
        """Reverse `seal`.

        Raises:
            InvalidRequestState: this process never sealed it, or not so.
        """
        if self._codec is None:
            raise InvalidRequestState("unknown key")
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - the codec has loaded it

        try:
            return self._codec.unseal(token)
        except InvalidTag:  # what the codec knows by that name may be a stand-in, see `lean_imports`
            raise InvalidRequestState("seal") from None
