"""What the guards answer instead of serving a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import JSONResponse, Response

from durable_engine.model.json_value import JSONObject


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served, what would allow it, and the HTTP status that says so."""

    status: int
    error: str
    hint: str
    code: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return the answer, as JSON with the fields of other errors."""
        body: JSONObject = {"error": self.error, "hint": self.hint, "code": self.code, "status": self.status}
        return JSONResponse(body, status_code=self.status, headers=self.headers)
