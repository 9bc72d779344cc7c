"""Refusals of the MCP SDK that quote its validator, with its class names and URLs, in words of ours."""

from __future__ import annotations

import json
from typing import Final

from mcp.types import INVALID_REQUEST
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

_OF_THE_VALIDATOR: Final = b'"message":"Validation error: '
_IN_WORDS: Final = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": None,
        "error": {
            "code": INVALID_REQUEST,
            "message": "That is no message of JSON-RPC 2.0: one object with `jsonrpc`, and `method` with "
            "`params`, `result` or `error`; `id` is a text or a whole number.",
        },
    }
).encode()


def in_plain_words(send: Send) -> Send:
    """Return a `send` that tells in a sentence what is wrong with a message that is none."""
    held: list[Message] = []

    async def pass_on(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 400:
            held.append(message)
            return
        if held:
            start = held.pop()
            if _OF_THE_VALIDATOR in message.get("body", b""):
                message = {**message, "body": _IN_WORDS}
                MutableHeaders(scope=start)["content-length"] = str(len(_IN_WORDS))
            await send(start)
        await send(message)

    return pass_on
