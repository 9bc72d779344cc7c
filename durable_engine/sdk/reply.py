"""Read an app's HTTP answer into a `Reply`.

Source: the answers of the Inngest SDKs as observed: 206 opcodes, 200 result, 201 streamed envelope,
anything else an error; `X-Inngest-No-Retry` forbids another attempt at any status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from durable_engine.bodies import quote
from durable_engine.model.json_value import InvalidJSONError, JSONObject, JSONValue, parse_json, to_json
from durable_engine.model.op import Op, StepErrored
from durable_engine.model.reply import Failed, Ops, Reply, Returned
from durable_engine.redaction import redacted_text
from durable_engine.retry_after import retry_after_ms
from durable_engine.sdk.opcodes import FUNCTION_ID, OpcodeError, read_ops
from durable_engine.sdk.signing import SIGNATURE_HEADER, Signer

_ERROR_KEYS: Final = ("name", "message", "stack", "code", "cause")
_QUOTE_CHARS: Final = 500
_NO_MESSAGE: Final = "The function threw an error that its SDK does not describe."
_SIGNATURE: Final = SIGNATURE_HEADER.lower()
WRONG_SIGNATURE: Final = (
    "The app's answer carries a signature that is not right: it was signed with another key, or changed on "
    "its way."
)
KEYS_DIFFER: Final = "its signing key is another one than Stepcue's, or its clock is off by minutes."
KEYS_DIFFER_HINT: Final = (
    "Start the app with the INNGEST_SIGNING_KEY that Stepcue has (its --signing-key), or the other way round."
)


def read_reply(
    status: int, headers: Mapping[str, str], body: bytes, *, now_ms: int, signer: Signer | None = None
) -> Reply:
    """Classify one answer. `headers` must look keys up without case, with lower-case keys.

    With a `signer` a signature must be right where there is one. Apps in development mode sign nothing,
    and their answers look like those of the others, so none can be demanded.
    """
    signature = headers.get(_SIGNATURE)
    if signer is not None and signature is not None and not signer.is_signature_of(signature, body):
        # The step has run, and whatever changed the answer will change the next one too.
        return failure("InvalidSignatureError", f"{WRONG_SIGNATURE} {KEYS_DIFFER_HINT}", is_retriable=False)
    if status == 201:
        return _read_streamed(headers, body, now_ms=now_ms, signer=signer)
    return _read_whole(status, headers, body, now_ms=now_ms, is_signed=signer is not None)


def _read_whole(
    status: int, headers: Mapping[str, str], body: bytes, *, now_ms: int, is_signed: bool
) -> Reply:
    if status == 401 and "x-inngest-sdk-handled" in headers:
        return _refused(body, is_signed=is_signed)
    if "x-inngest-sdk" not in headers:
        return failure(
            "NotAnSDKError",
            f"The app answered HTTP {status} without the X-Inngest-SDK header, so this is not an Inngest "
            f"endpoint (or a proxy answered for it). Body: {quote(body)}",
        )
    if status == 206:
        return _read_ops(headers, body, now_ms=now_ms)
    if status == 200:
        return Returned(data=_lenient_json(body))
    return _read_error(status, headers, body, now_ms=now_ms)


def failure(name: str, message: str, *, is_retriable: bool = True) -> Failed:
    """Make the `Failed` for a fault found on our side of the wire."""
    return Failed(error={"name": name, "message": message}, is_retriable=is_retriable)


def _refused(body: bytes, *, is_signed: bool) -> Failed:
    refused = f"The app refused the call with HTTP 401 ({quote(body)}):"
    if is_signed:
        return failure("UnauthorizedError", f"{refused} {KEYS_DIFFER} {KEYS_DIFFER_HINT}")
    return failure(
        "UnauthorizedError",
        f"{refused} it runs in cloud mode and wants signed "
        "requests. Start it with INNGEST_DEV=1, or start Stepcue with its --signing-key.",
    )


def _read_streamed(headers: Mapping[str, str], body: bytes, *, now_ms: int, signer: Signer | None) -> Reply:
    try:
        envelope = parse_json(body)
        status = int(envelope["status"])
    except (InvalidJSONError, KeyError, TypeError, ValueError):
        return failure("InvalidReplyError", f"The app's streamed answer is not readable: {quote(body)}")
    inner = envelope.get("body")
    inner_body = inner if isinstance(inner, str) else to_json(inner)
    inner_headers = envelope.get("headers")
    merged = dict(headers)
    merged.pop(_SIGNATURE, None)
    if isinstance(inner_headers, dict):
        merged |= {str(key).lower(): str(value) for key, value in inner_headers.items()}
    if status == 201:
        return failure("InvalidReplyError", "The app's streamed answer wraps another streamed answer.")
    if not isinstance(inner, str):
        merged.pop(_SIGNATURE, None)  # of a text that cannot be put together again byte by byte
    return read_reply(status, merged, inner_body.encode("utf-8", "replace"), now_ms=now_ms, signer=signer)


def _read_ops(headers: Mapping[str, str], body: bytes, *, now_ms: int) -> Reply:
    try:
        ops = read_ops(parse_json(body))
    except (InvalidJSONError, OpcodeError) as fault:
        # Opcodes carry the keys of requests that the engine is to send.
        shown = redacted_text(quote(body, most=_QUOTE_CHARS * 4))[:_QUOTE_CHARS]
        return failure("InvalidReplyError", f"The app's answer is not readable ({fault}): {shown}")
    if _forbids_retry(headers):
        ops = tuple(replace(op, is_final=True) if isinstance(op, StepErrored) else op for op in ops)
    return _reply_of(
        ops,
        sdk_version=_execution_version(headers),
        retry_after_ms=_delay_ms(headers, now_ms=now_ms),
    )


def read_report(steps: JSONValue, *, sdk_version: int | None = None) -> Ops | Failed:
    """Read the opcodes that an SDK reports outside of an answer (checkpoints).

    Raises:
        OpcodeError: not a list of opcodes; the message says what came instead.
    """
    return _reply_of(read_ops(steps), sdk_version=sdk_version)


def _reply_of(
    ops: tuple[Op, ...], *, sdk_version: int | None, retry_after_ms: int | None = None
) -> Ops | Failed:
    """Return what ops amount to: an error op of the function itself is a failed call.

    TypeScript 4 sends one when a function throws after `defer`, and when a durable endpoint throws.
    """
    for op in ops:
        if isinstance(op, StepErrored) and op.step.id == FUNCTION_ID:
            error = op.error if op.error["message"] else {**op.error, "message": _NO_MESSAGE}
            return Failed(error=error, is_retriable=not op.is_final, retry_after_ms=retry_after_ms)
    return Ops(ops=ops, sdk_version=sdk_version, retry_after_ms=retry_after_ms)


def _read_error(status: int, headers: Mapping[str, str], body: bytes, *, now_ms: int) -> Failed:
    parsed = _lenient_json(body)
    error: JSONObject = {}
    if isinstance(parsed, dict):
        error = {key: parsed[key] for key in _ERROR_KEYS if parsed.get(key)}
        if "message" not in error and isinstance(parsed.get("error"), str):
            error["message"] = parsed["error"]  # TypeScript, when it does not find the step it is to run
    if "message" not in error:
        error = {"name": "Error", "message": f"The app answered HTTP {status}: {quote(body)}"}
    error.setdefault("name", "Error")
    error["status"] = status
    return Failed(
        error=error,
        is_retriable=not _forbids_retry(headers),
        retry_after_ms=_delay_ms(headers, now_ms=now_ms),
        body=parsed,
    )


def _delay_ms(headers: Mapping[str, str], *, now_ms: int) -> int | None:
    return retry_after_ms(headers.get("retry-after"), now_ms=now_ms)


def _forbids_retry(headers: Mapping[str, str]) -> bool:
    return headers.get("x-inngest-no-retry", "").lower() == "true"


def _lenient_json(body: bytes) -> JSONValue:
    if not body.strip():
        return None
    try:
        return parse_json(body)
    except InvalidJSONError:
        return body.decode("utf-8", "replace")


def _execution_version(headers: Mapping[str, str]) -> int | None:
    """Return which protocol of execution the SDK speaks; None where it says no number that can be one."""
    text = headers.get("x-inngest-req-version", "").strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None
