"""JSON answers that carry whatever users stored: half characters stay escaped, as in storage."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from durable_engine.model.json_value import to_json


class JSONAnswer(JSONResponse):
    """An answer in JSON; UTF-8 cannot write half of a surrogate pair, which users' data may hold."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return to_json(content).encode()
