"""`/v2/apps`: the apps that are synced, and syncing one."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.errors import AppNotFoundError
from durable_engine.http_api.fields import FieldError, read_object, text_of
from durable_engine.http_api.v2.envelope import answer, answer_by_name, both, compact, date
from durable_engine.model.function import App
from durable_engine.model.json_value import JSONObject
from durable_engine.redaction import redacted_url
from durable_engine.registry import same_endpoint


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def list_apps(request: Request) -> Response:
        named = {app.name: app for app in engine.records.apps()}
        return answer_by_name(engine, request, named, lambda app: _as_app(engine, app))

    async def get_app(request: Request) -> Response:
        return answer(engine, _as_app(engine, engine.records.app(request.path_params["app"])))

    async def sync_app(request: Request) -> Response:
        url = _url(text_of(await read_object(request), "url", is_required=False))
        if url is None:
            url = engine.records.app(request.path_params["app"]).url
        await engine.sync_app(url)
        for app in engine.records.apps():
            if same_endpoint(app.url) == same_endpoint(url):
                return answer(engine, _as_app(engine, app))
        raise AppNotFoundError(f"The app at {redacted_url(url)[:200]} has been removed meanwhile.")

    return [
        *both("/apps", list_apps),
        *both("/apps/{app}", get_app),
        *both("/apps/{app}/syncs", sync_app, "POST"),
    ]


def _url(text: str | None) -> str | None:
    """Return the address of a serve endpoint, if one was given."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise FieldError("`url` must be the http(s) address of the app's serve endpoint.")
    return text


def _as_app(engine: Engine, app: App) -> JSONObject:
    language, _, version = app.sdk.partition(":")
    return {
        "id": app.name,
        "name": app.name,
        "method": "SERVE",
        "functionCount": len(engine.records.functions(app.id)),
        "latestSync": compact(
            {
                "framework": app.framework,
                "sdkLanguage": language,
                "sdkVersion": version.removeprefix("v"),
                "url": redacted_url(app.url),
                "status": "success" if app.sync_error is None else "error",
                "error": app.sync_error,
                "syncedAt": date(app.last_sync_ms),
            }
        ),
    }
