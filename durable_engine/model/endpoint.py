"""A durable endpoint's request and response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from durable_engine.errors import InvalidInputError
from durable_engine.model.json_value import JSONObject, is_storable


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCall:
    """The request that began a run, as it is made again to go on with it."""

    method: str
    origin: str
    path: str
    query: str = ""
    body: str = ""
    content_type: str = ""

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")

    @classmethod
    def of(cls, data: JSONObject) -> Self:
        """Read the data of an `inngest/http.request` event.

        Raises:
            InvalidInputError: there is no http(s) address in it, or it is no valid text.
        """
        texts = {key: value for key, value in data.items() if isinstance(value, str)}
        for key, value in texts.items():
            if not is_storable(value):
                raise InvalidInputError(f"`{key[:40]!r}` of the request has half of a surrogate pair.")
        try:
            parts = urlsplit(texts.get("domain", ""))
        except ValueError:
            parts = urlsplit("")
        path = texts.get("path", "")
        if parts.scheme not in {"http", "https"} or not parts.netloc or not path.startswith("/"):
            raise InvalidInputError(
                "The request of a durable endpoint needs a `domain` (http://localhost:3000) and a `path`."
            )
        return cls(
            method=texts.get("method", "GET").upper(),
            origin=f"{parts.scheme}://{parts.netloc}",
            path=path,
            query=texts.get("query_params", ""),
            body=texts.get("body", ""),
            content_type=texts.get("content_type", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointResponse:
    """What an endpoint answers in the end."""

    status: int
    headers: Mapping[str, str]
    body: str
