"""What an app says about itself when it is asked with GET.

Source: answers of the SDKs as observed (Python 0.5.19, TypeScript 3.54.2 and 4.24.0). In development mode
anybody gets the whole answer. In cloud mode only a signed request does; others get 401, from TypeScript 4
without a signing key 500, and of the SDK's headers only `X-Inngest-SDK-Handled`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from durable_engine.model.json_value import InvalidJSONError, JSONObject, parse_json
from durable_engine.sdk.client import AppAnswer

SERVE_PATHS: Final = (
    "/api/inngest",
    "/x/inngest",
    "/.netlify/functions/inngest",
    "/.redwood/functions/inngest",
)
"""Where frameworks usually serve their Inngest endpoint."""
_MAX_CHARS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """An answer to GET; `is_sdk` tells whether an Inngest SDK gave it.

    `sdk` is language and version, such as `js:v4.24.0`; `mode` is `dev` or `cloud`. What is not in the
    answer is empty or None. `goes_to` is where a redirect leads.
    """

    status: int
    is_sdk: bool
    sdk: str = ""
    framework: str = ""
    mode: str | None = None
    function_count: int | None = None
    has_signing_key: bool | None = None
    content_type: str = ""
    goes_to: str | None = None


def read_introspection(answer: AppAnswer) -> Introspection:
    """Read an answer; whatever it is, that is a fact about who gave it."""
    headers = answer.headers
    is_sdk = not {"x-inngest-sdk", "x-inngest-sdk-handled"}.isdisjoint(headers)
    said = _body(answer.body) if is_sdk else {}
    mode, count, has_key = said.get("mode"), said.get("function_count"), said.get("has_signing_key")
    return Introspection(
        status=answer.status,
        is_sdk=is_sdk,
        sdk=sdk_name(headers.get("x-inngest-sdk", "")),
        framework=headers.get("x-inngest-framework", "")[:_MAX_CHARS],
        mode=mode if mode in {"dev", "cloud"} else None,
        function_count=count if isinstance(count, int) and not isinstance(count, bool) else None,
        has_signing_key=has_key if isinstance(has_key, bool) else None,
        content_type=headers.get("content-type", "").partition(";")[0].strip()[:_MAX_CHARS],
        goes_to=headers.get("location") if 300 <= answer.status < 400 else None,
    )


def sdk_name(text: str) -> str:
    """Return language and version of an SDK in one form, `js:v4.24.0`: headers have `inngest-` before it."""
    return text.strip().removeprefix("inngest-")[:_MAX_CHARS]


def _body(body: bytes) -> JSONObject:
    try:
        said = parse_json(body)
    except InvalidJSONError:
        return {}
    return said if isinstance(said, dict) else {}
