"""Which error an answer is, or no answer at all: what was wrong, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx

from durable_engine.connecting import why_no_connection
from durable_engine.model.json_value import JSONValue
from durable_engine.redaction import redacted_url
from mcp_server.remote.errors import (
    AbsentError,
    FaultyAnswerError,
    KeyRefusedError,
    NotOfferedError,
    RateLimitedError,
    RejectedError,
    RemoteError,
    UnreachableError,
)
from mcp_server.remote.target import Target

EMPTY: Final = "(empty)"
"""How `bodies.quote` shows a body without anything."""
_MOST_SAID: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers, the body as JSON (None when it is no JSON), and its beginning."""

    status: int
    headers: httpx.Headers
    body: JSONValue
    text: str = EMPTY


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a server said went wrong; `code` is "" where it named nothing."""

    status: int
    code: str
    words: str


def checked(answer: Answer, what: str, *, target: Target, say: Callable[[str], str]) -> Answer:
    """Return the answer if it is one; API v1 sends errors with the status 200, too.

    Args:
        answer: to a request.
        what: was asked: the method and the path.
        target: the server.
        say: takes secrets out of what it said.

    Raises:
        RemoteError: what it says went wrong.
    """
    fault = _fault_in(answer)
    if fault is None and (answer.body is not None or answer.text == EMPTY):
        return answer
    fault = fault or _Fault(answer.status, "", "")
    said = f": {words}" if (words := say(fault.words)[:_MOST_SAID]) else ""
    if fault.status in {401, 403, 429}:
        raise _refusal(fault.status, said, what, answer, target)
    raise _error(fault, said, what, answer, target)


def unreachable(
    fault: httpx.HTTPError, *, target: Target, is_safe: bool, timeout_s: float
) -> UnreachableError:
    """Return the error for a request to which no answer came; `is_safe` as for retries."""
    where = target.shown_url
    is_apart = isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout)
    message = why_no_connection(fault, where) if isinstance(fault, httpx.ConnectError) else None
    if isinstance(fault, httpx.ConnectTimeout):
        message = f"No connection to {where} came about in time."
    elif isinstance(fault, httpx.TimeoutException):
        message = f"{where} did not answer within {timeout_s:.0f} s."
    elif not is_apart:
        message = f"The connection to {where} broke off before its answer was complete."
    message = message or f"Nobody answers at {where}."
    if not (is_safe or is_apart):
        hint = "It may have done what it was asked: look with list_runs before you call again."
        return UnreachableError(message, hint=hint)
    start = "; a Dev Server is started with `npx inngest-cli@latest dev`" if target.is_loopback else ""
    return UnreachableError(
        message,
        hint=f"Check that the server runs, and the address given as {target.option}{start}. Then call again.",
    )


def _refusal(status: int, said: str, what: str, answer: Answer, target: Target) -> RemoteError:
    where = target.shown_url
    if status == 401:
        return KeyRefusedError(f"{where} does not take the signing key{said}.", hint=_key_hint(target))
    if status == 403:
        hint = "Use a key of the right environment, or ask whoever runs the server for the right to do so."
        return KeyRefusedError(f"{where} does not allow {what} with this key{said}.", hint=hint)
    after = answer.headers.get("retry-after", "")[:40]
    asks = f" and asks to wait ({after} s)" if after.isdecimal() else ""
    return RateLimitedError(f"{where} limits how often it may be asked{asks}.", hint="Call again after that.")


def _error(fault: _Fault, said: str, what: str, answer: Answer, target: Target) -> RemoteError:
    where, status = target.shown_url, fault.status
    is_no_api = answer.body is None and status in {200, 404, 405}
    if status == 501 or is_no_api or (status in {404, 405} and not fault.code):
        hint = (
            f"Check that {target.option} names an Inngest server; a newer one may offer it. "
            "Nothing was changed."
        )
        return NotOfferedError(f"{where} does not offer {what}.", hint=hint)
    if 300 <= status < 400:
        to = redacted_url(answer.headers.get("location", "somewhere else"))[:200]
        hint = f"Give the address that it leads to as {target.option}, if you trust it with the keys."
        return FaultyAnswerError(
            f"{where} answers {what} by leading to {to}, which is not followed.", hint=hint
        )
    if status == 404:
        return AbsentError(f"{where} knows nothing by that id{said}.")
    if 400 <= status < 500:
        return RejectedError(f"{where} refuses {what}{said}.", status=status, code=fault.code)
    hint = "Call again; if it stays so, look at the log of that server."
    return FaultyAnswerError(f"{where} failed at {what} with status {status}{said}.", hint=hint)


def _key_hint(target: Target) -> str:
    if target.signing_key is None:
        return f"Start Stepcue with the signing key of that server, as {target.key_variable}."
    return (
        f"Check that {target.key_variable} is the key of that server and environment; while keys are "
        "rotated, give the other one as INNGEST_SIGNING_KEY_FALLBACK."
    )


def _fault_in(answer: Answer) -> _Fault | None:
    """Return what a body, or without one the status, says went wrong; None for nothing."""
    body, status = answer.body, answer.status
    if not isinstance(body, dict):
        said = answer.text if answer.text != EMPTY and not answer.text.startswith("<") else ""
        return _Fault(status, "", said) if status >= 300 else None
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        code, words = errors[0].get("code"), errors[0].get("message")
        return _Fault(status if status >= 300 else 500, str(code or "error"), str(words or ""))
    words = body.get("error") or body.get("message")
    if status >= 300:
        code = body.get("code") or ("error" if body.get("error") else "")
        return _Fault(status, str(code), words if isinstance(words, str) else "")
    meant = body.get("status")
    if isinstance(body.get("error"), str) and isinstance(meant, int) and meant >= 400:
        return _Fault(meant, str(body.get("code") or "error"), str(words))
    return None
