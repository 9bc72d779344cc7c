"""Read what an app says about itself when it syncs.

Source: bodies of `POST /fn/register` and of in-band sync answers as the SDKs send them. Keys are matched
without case, underscores or dashes, because Python sends `appname` and Go sends `Singleton`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from durable_engine.errors import InvalidFunctionError
from durable_engine.ids import uuid_for
from durable_engine.model.function import App, Function
from durable_engine.model.json_value import JSONObject, JSONValue, is_storable, to_json
from durable_engine.sdk.flow_config import read_flow
from durable_engine.sdk.function_config import (
    MAX_NAME_CHARS,
    fold,
    read_cancels,
    read_retries,
    read_timeout,
    read_triggers,
)

MAX_FUNCTIONS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """An app and its functions, validated."""

    app: App
    functions: tuple[Function, ...]


def read_registration(body: JSONValue, *, url: str | None, now_ms: int) -> Registration:
    """Validate what an app sent; `url` is used when the body has none.

    Raises:
        InvalidFunctionError: names the function, what is wrong with it, and what is allowed.
    """
    if not isinstance(body, dict):
        raise InvalidFunctionError("A sync must be a JSON object that names the app and its functions.")
    if not is_storable(json.dumps(body, ensure_ascii=False)):
        raise InvalidFunctionError("The sync has text that is not valid Unicode: half of a surrogate pair.")
    fields = fold(body)
    name = fields.get("appname") or fields.get("appid")
    if not isinstance(name, str) or not name.strip():
        raise InvalidFunctionError("The app has no name: give the SDK client an app id.")
    serve_url = _serve_url(fields.get("url") or url)
    entries = fields.get("functions") or []
    if not isinstance(entries, list) or len(entries) > MAX_FUNCTIONS:
        raise InvalidFunctionError(f"`functions` must be a list of at most {MAX_FUNCTIONS}.")
    functions = tuple(_read_function(entry, app_name=name) for entry in entries)
    slugs = [function.slug for function in functions]
    if repeated := sorted({slug for slug in slugs if slugs.count(slug) > 1}):
        raise InvalidFunctionError(f"The app has more than one function with the id {repeated[0]!r}.")
    sdk = fields.get("sdk") or _in_band_sdk(fields)
    app = App(
        id=uuid_for("app", name),
        name=name,
        url=serve_url,
        sdk=str(sdk or ""),
        framework=str(fields.get("framework") or ""),
        checksum=hashlib.sha256(to_json([serve_url, sdk, entries]).encode()).hexdigest(),
        last_sync_ms=now_ms,
    )
    return Registration(app=app, functions=functions)


def _in_band_sdk(fields: Mapping[str, Any]) -> str:
    language, version = fields.get("sdklanguage"), fields.get("sdkversion")
    return f"{language}:v{version}" if language and version else ""


def is_serve_url(url: JSONValue) -> TypeGuard[str]:
    """Whether this is an address at which an app can be asked for its functions."""
    parts = _split(url)
    return parts is not None and parts.scheme in {"http", "https"} and bool(parts.netloc)


def _serve_url(url: JSONValue) -> str:
    """Return the serve URL without the `deployId` that some SDKs leak into it."""
    if not is_serve_url(url):
        raise InvalidFunctionError("The app's `url` must be the http(s) address of its serve endpoint.")
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "deployId"]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _read_function(entry: JSONValue, *, app_name: str) -> Function:
    if not isinstance(entry, dict):
        raise InvalidFunctionError("Each function must be a JSON object.")
    fields = fold(entry)
    slug = fields.get("id")
    if not isinstance(slug, str) or not slug or len(slug) > MAX_NAME_CHARS:
        raise InvalidFunctionError(f"A function needs an `id` of 1 to {MAX_NAME_CHARS} characters.")
    step = _read_step(fields.get("steps"), slug)
    return Function(
        id=uuid_for("function", slug),
        slug=slug,
        name=str(fields.get("name") or slug),
        app_name=app_name,
        url=_runtime_url(step, slug),
        triggers=read_triggers(fields.get("triggers"), slug),
        retries=read_retries(step, slug),
        cancels=read_cancels(fields.get("cancel"), slug),
        start_timeout_ms=read_timeout(fields.get("timeouts"), "start", slug),
        finish_timeout_ms=read_timeout(fields.get("timeouts"), "finish", slug),
        flow=read_flow(fields, slug),
        config={key: value for key, value in entry.items() if key != "steps"},
    )


def _read_step(steps: JSONValue, slug: str) -> JSONObject:
    values = list(steps.values()) if isinstance(steps, dict) else steps
    if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], dict):
        raise InvalidFunctionError(f"Function {slug!r} must have exactly one entry in `steps`.")
    return fold(values[0])


def _runtime_url(step: JSONObject, slug: str) -> str:
    runtime = step.get("runtime")
    url = runtime.get("url") if isinstance(runtime, dict) else None
    parts = _split(url)
    if parts is not None and parts.scheme in {"ws", "wss"}:
        raise InvalidFunctionError(
            f"Function {slug!r} is served over Connect (WebSocket), which is not supported yet.",
            hint="Serve the app over HTTP instead.",
        )
    if parts is None or parts.scheme not in {"http", "https"}:
        raise InvalidFunctionError(f"Function {slug!r} has no http(s) URL in `steps.step.runtime.url`.")
    return parts.geturl()


def _split(url: JSONValue) -> SplitResult | None:
    """Return the parts of a URL, None for what is none."""
    try:
        return urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return None
