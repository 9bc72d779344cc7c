"""Which error an answer is, or no answer at all: what was wrong, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import httpx

from durable_engine.connecting import why_no_connection
from durable_engine.model.json_value import JSONValue
from durable_engine.redaction import redacted_url
from mcp_server.remote.errors import (
    AbsentError,
    FaultyAnswerError,
    KeyRefusedError,
    NotAllowedError,
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
    """What a server said went wrong; `code` is "" where it named nothing, `hint` what it said to do."""

    status: int
    code: str
    words: str
    hint: str = ""


def checked(
    answer: Answer, what: str, *, target: Target, say: Callable[[str], str], doubt: str = ""
) -> Answer:
    """Return the answer if it is one; API v1 sends errors with the status 200, too.

    Args:
        answer: to a request.
        what: was asked: the method and the path.
        target: the server.
        say: takes secrets out of what it said.
        doubt: what to do when nobody knows whether the request was carried out; "" when that is no matter.

    Raises:
        RemoteError: what it says went wrong.
    """
    fault = _fault_in(answer)
    if fault is None and (answer.body is not None or answer.text == EMPTY):
        return answer
    fault = fault or _Fault(answer.status, "", "")
    words = say(fault.words)[:_MOST_SAID].rstrip(". ")
    if fault.status in {401, 403, 429}:
        raise _refusal(fault.status, f": {words}" if words else "", what, answer, target)
    hint = say(fault.hint)[:_MOST_SAID]
    raise _error(replace(fault, words=words, hint=hint), what, answer, target, say, doubt)


def is_apart(fault: httpx.HTTPError | None) -> bool:
    """Whether no connection came about, so that the server has seen nothing of the request."""
    return fault is None or isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout)


def unreachable(fault: httpx.HTTPError, *, target: Target, doubt: str, timeout_s: float) -> UnreachableError:
    """Return the error for a request to which no answer came; `doubt` as for `checked`."""
    where = target.shown_url
    message = why_no_connection(fault, where) if isinstance(fault, httpx.ConnectError) else None
    if isinstance(fault, httpx.ConnectTimeout):
        message = f"No connection to {where} came about in time."
    elif isinstance(fault, httpx.TimeoutException):
        message = f"{where} did not answer within {timeout_s:.0f} s."
    elif not is_apart(fault):
        message = f"The connection to {where} broke off before its answer was complete."
    message = message or f"Nobody answers at {where}."
    if doubt:
        return UnreachableError(message, hint=doubt)
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
        return NotAllowedError(f"{where} does not allow {what} with this key{said}.", hint=hint)
    after = answer.headers.get("retry-after", "")[:40]
    asks = f" and asks to wait ({after}{' s' if after.isdecimal() else ''})" if after else ""
    hint = f"This request was not carried out; call again {'after that' if after else 'in a minute'}."
    return RateLimitedError(f"{where} limits how often it may be asked{asks}{said}.", hint=hint)


def _error(
    fault: _Fault, what: str, answer: Answer, target: Target, say: Callable[[str], str], doubt: str
) -> RemoteError:
    where, status = target.shown_url, fault.status
    said = f": {fault.words}" if fault.words else ""
    is_no_api = answer.body is None and status in {200, 404, 405}
    if status == 501 or is_no_api or (status in {404, 405} and not fault.code):
        hint = f"Check that {target.option} names an Inngest server; a newer one may offer it."
        # A look that fails after an order says nothing about the order.
        hint += "" if what.startswith("GET ") else " Nothing was changed."
        return NotOfferedError(f"{where} does not offer {what}.", hint=hint)
    if 300 <= status < 400:
        to = say(redacted_url(answer.headers.get("location", "somewhere else")))[:200]
        hint = f"Give the address that it leads to as {target.option}, if you trust it with the keys."
        return FaultyAnswerError(
            f"{where} answers {what} by leading to {to}, which is not followed.", hint=hint
        )
    if status == 404:
        return AbsentError(f"{where} knows nothing by that id{said}.")
    if 400 <= status < 500:
        data = answer.body.get("data") if isinstance(answer.body, dict) else None
        return RejectedError(
            f"{where} refuses {what}{said}.",
            status=status,
            code=fault.code,
            said=fault.words,
            data=data if isinstance(data, dict) else None,
            hint=fault.hint,
        )
    hint = doubt or "Call again; if it stays so, look at the log of that server."
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
        code, words, hint = (errors[0].get(field) or "" for field in ("code", "message", "hint"))
        return _Fault(status if status >= 300 else 500, str(code) or "error", str(words), str(hint))
    words = body.get("error") or body.get("message")
    if status >= 300:
        # A number is the code of a gateway that knows no such route, and no name of what went wrong.
        code = body.get("code") if isinstance(body.get("code"), str) else ""
        code = code or ("error" if body.get("error") else "")
        return _Fault(status, str(code), words if isinstance(words, str) else "")
    meant = body.get("status")
    if isinstance(body.get("error"), str) and isinstance(meant, int) and meant >= 400:
        return _Fault(meant, str(body.get("code") or "error"), str(words))
    return None
