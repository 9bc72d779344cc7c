"""What goes wrong between here and a server, as sentences with what to do; none of them holds a key."""

from __future__ import annotations

from durable_engine.errors import DurableEngineError
from durable_engine.model.json_value import JSONObject


class RemoteError(DurableEngineError):
    """The server did not do what it was asked."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or "Look at that server, then call again.")


class UnreachableError(RemoteError):
    """No answer came: no connection, a time-out, or something between here and there."""


class KeyRefusedError(RemoteError):
    """The server does not take the key that it was sent, or it may not do this."""


class NotAllowedError(KeyRefusedError):
    """The server takes the key, which does not allow this."""


class RateLimitedError(RemoteError):
    """The server asks to be left alone for longer than a call waits."""


class NotOfferedError(RemoteError):
    """The server knows no such operation."""


class AbsentError(RemoteError):
    """The server knows the operation, but nothing with this id."""


class RejectedError(RemoteError):
    """The server refuses what it was sent; `said` are its words, and `data` is what it adds to them."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        said: str = "",
        data: JSONObject | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=f"Nothing was changed. {hint or 'Call again with other arguments.'}")
        self.status = status
        self.code = code
        self.said = said
        self.data = data or {}


class FaultyAnswerError(RemoteError):
    """The server failed, or what it answered cannot be read."""


class WritesRefusedError(RemoteError):
    """This would change something, and nobody allowed that for this server."""
