"""What came back from a request, as the result or the error of the step that asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from durable_engine.bodies import quote
from durable_engine.gateway.answer import GatewayAnswer
from durable_engine.gateway.faults import MAX_BODY_BYTES, GatewayFailure, origin, too_large
from durable_engine.model.json_value import InvalidJSONError, JSONObject, JSONValue, parse_json
from durable_engine.model.op import StepErrored, StepRan, StepRef
from durable_engine.model.reply import Ops, Reply
from durable_engine.model.status import StepKind
from durable_engine.redaction import hide
from durable_engine.retry_after import retry_after_ms

NULL_BODY_STATUSES: Final = frozenset({101, 103, 204, 205, 304})
"""JavaScript's `Response` refuses a body, even an empty one, with these statuses (Fetch standard)."""
_ERROR_NAMES: Final[Mapping[StepKind, str]] = {
    StepKind.FETCH: "GatewayError",
    StepKind.AI_GATEWAY: "AIGatewayError",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Turns what came back into a reply about one step. `secrets` never appear in an error."""

    step: StepRef
    kind: StepKind
    secrets: frozenset[str] = frozenset()

    def of(self, answer: GatewayAnswer | GatewayFailure, *, now: Callable[[], int]) -> Reply:
        """Return the reply; a `Retry-After` date counts from `now`."""
        if isinstance(answer, GatewayFailure):
            return self.failed(answer.message, is_final=answer.is_final)
        text = answer.text
        if len(text.encode()) > MAX_BODY_BYTES:  # replaced bytes take more room than they had
            return self.of(too_large(answer.url), now=now)
        if self.kind is not StepKind.AI_GATEWAY:
            return self._ran(_fetched(answer, text))
        if answer.status <= 299:
            return self._ran(_json_or_text(text))
        quoted = quote(hide(text, self.secrets))
        delay_ms = retry_after_ms(answer.headers.get("retry-after"), now_ms=now())
        return self.failed(
            f"{origin(answer.url)} answered HTTP {answer.status}: {quoted}", retry_after_ms=delay_ms
        )

    def failed(self, message: str, *, is_final: bool = False, retry_after_ms: int | None = None) -> Reply:
        """Return the reply that the step failed."""
        error: JSONObject = {
            "name": _ERROR_NAMES.get(self.kind, "GatewayError"),
            "message": hide(message, self.secrets),
            "data": None,  # Go cannot read a memo of a failed step without this key
        }
        op = StepErrored(step=self.step, error=error, is_final=is_final, kind=self.kind)
        return Ops(ops=(op,), retry_after_ms=retry_after_ms)

    def _ran(self, data: JSONValue) -> Reply:
        return Ops(ops=(StepRan(step=self.step, data=data, kind=self.kind),))


def _fetched(answer: GatewayAnswer, text: str) -> JSONObject:
    is_null = answer.status in NULL_BODY_STATUSES and not text
    return {
        "url": str(answer.url),
        "headers": dict(answer.headers),
        "body": None if is_null else text,
        "status_code": answer.status,
    }


def _json_or_text(text: str) -> JSONValue:
    if not text.strip():
        return None
    try:
        return parse_json(text.removeprefix("\ufeff"))
    except InvalidJSONError:
        return text
