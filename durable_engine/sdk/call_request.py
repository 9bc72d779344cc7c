"""Turn a `Call` into the HTTP request an SDK expects.

Source: behaviour of the Inngest SDKs (PyPI `inngest` 0.5, npm `inngest` 3 and 4), as observed.
Memos and events are spliced in as text: a run of a thousand steps never parses its own state again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from durable_engine.model.call import Call
from durable_engine.model.endpoint import EndpointCall
from durable_engine.model.json_value import InvalidJSONError, parse_json, to_json
from durable_engine.sdk.signing import SIGNATURE_HEADER

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""Above this the SDK is told to fetch the state from our API (`use_api`)."""
DISCOVERY_STEP: Final = "step"
NO_ENV: Final = ""
ACCOUNT_ID: Final = "00000000-0000-4000-a000-000000000000"
_KNOWN_URLS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """A request ready to be sent."""

    url: str
    headers: dict[str, str]
    body: bytes | None
    method: str = "POST"


def build_call_request(call: Call, *, request_id: str) -> CallRequest:
    """Build the request for `call`; state that does not fit in a body is left to the API."""
    if call.endpoint is not None:
        return _endpoint_request(call, call.endpoint)
    body = _body(call, request_id=request_id, use_api=call.is_large)
    if len(body) > MAX_BODY_BYTES and not call.is_large:
        body = _body(call, request_id=request_id, use_api=True)
    step_id = call.target or DISCOVERY_STEP
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Inngest",
        "X-Inngest-Req-Version": str(call.execution_version),
        "X-Run-ID": call.run_id,
        "X-Request-ID": request_id,
        "X-Inngest-Step-ID": step_id,
        "X-Inngest-Generation-ID": str(call.attempt + 1),
        "X-Inngest-Job-ID": str(call.item_id),
        "Account-ID": ACCOUNT_ID,
    }
    return CallRequest(url=url_for_step(call.url, step_id), headers=headers, body=body)


def _endpoint_request(call: Call, endpoint: EndpointCall) -> CallRequest:
    """Make the request of a durable endpoint again; the SDK tells it from a new one by its headers.

    The SDK reads a body as JSON whatever it is, so that only JSON can be sent again.
    """
    headers = {
        "User-Agent": "Inngest",
        "X-Run-ID": call.run_id,
        "X-Inngest-Step-ID": call.target or DISCOVERY_STEP,
        SIGNATURE_HEADER: "",  # has to be there; a client with a signing key fills it
    }
    if call.plans_only:
        headers["X-Inngest-Force-Step-Plan"] = "true"
    body = None
    if endpoint.method != "GET" and _is_json(endpoint.body):
        body = endpoint.body.encode()
        headers["Content-Type"] = endpoint.content_type or "application/json"
    return CallRequest(url=endpoint.url, headers=headers, body=body, method=endpoint.method)


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except InvalidJSONError:
        return False
    return True


@lru_cache(maxsize=_KNOWN_URLS)
def url_for_step(url: str, step_id: str) -> str:
    """Set `stepId` in a function's URL, which Go apps spell differently at sync time."""
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True)]
    query = [(key, value) for key, value in query if key not in {"stepId", "deployId"}]
    query.append(("stepId", step_id))
    return urlunsplit(parts._replace(query=urlencode(query)))


def _body(call: Call, *, request_id: str, use_api: bool) -> bytes:
    event = call.events[0]
    events = "" if use_api else ",".join(call.events)
    memos = {} if use_api else {**call.memos, **call.given}
    if "".join(memos).isalnum():  # which hashes are
        steps = ",".join([f'"{step}":{memo}' for step, memo in memos.items()])
    else:
        steps = ",".join([f"{to_json(step)}:{memo}" for step, memo in memos.items()])
    flag = "true" if use_api else "false"
    context = to_json(_context(call, request_id=request_id, use_api=use_api))
    return (
        f'{{"ctx":{context},"defers":{{}},"event":{event},"events":[{events}],"steps":{{{steps}}},'
        f'"use_api":{flag},"version":{call.execution_version}}}'
    ).encode()


def _context(call: Call, *, request_id: str, use_api: bool) -> dict[str, object]:
    context: dict[str, object] = {
        "attempt": call.attempt,
        "disable_immediate_execution": call.plans_only,
        "env": NO_ENV,
        "fn_id": call.function_id,
        "generation_id": call.attempt + 1,
        "job_id": str(call.item_id),
        "max_attempts": call.max_attempts,
        "request_id": request_id,
        "run_id": call.run_id,
        "stack": {"current": len(call.memos), "stack": list(call.memos)},
        "step_id": call.target or DISCOVERY_STEP,
        "use_api": use_api,
    }
    if call.item_ref is not None:  # with it SDKs may report steps while the call goes on (checkpoints)
        context["qi_id"] = call.item_ref
    return context
