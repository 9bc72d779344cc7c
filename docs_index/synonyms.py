"""What people from other systems, or in plain English, call the things of this field."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from docs_index.analyser import words_of
from docs_index.stemming import stem

# Left: one to three words of a query. Right: text that is searched as well, with little weight.
_TABLE = {
    "workflow": "function",
    "lambda": "function",
    "handler": "function",
    "job": "run function",
    "execution": "run",
    "task": "step run",
    "activity": "step",
    "action": "step",
    "worker": "app",
    "queue": "concurrency",
    "rate limit": "throttle limit",
    "cron": "schedule trigger",
    "schedule": "cron sleep",
    "delay": "sleep",
    "pause": "sleep wait",
    "timer": "sleep",
    "deadline": "timeout",
    "human approval": "waitForEvent",
    "approval": "waitForEvent",
    "approve": "waitForEvent",
    "human in the loop": "waitForEvent",
    "human": "waitForEvent",
    "signal": "waitForSignal",
    "callback": "waitForSignal",
    "webhook": "event trigger",
    "message": "event",
    "abort": "cancel cancellation",
    "kill": "cancel cancellation",
    "terminate": "cancel cancellation",
    "stop": "cancel cancellation",
    "expire": "timeouts cancellation",
    "http call": "fetch",
    "http request": "fetch",
    "deploy": "versioning",
    "deployment": "versioning",
    "migrate": "versioning",
    "rerun": "run again",
    "endpoint": "durable endpoint serve",
    "publish": "sendEvent",
    "emit": "sendEvent",
    "trigger": "sendEvent",
    "fan out": "sendEvent parallel",
    "fanout": "sendEvent parallel",
    "child": "invoke",
    "subworkflow": "invoke",
    "compose": "invoke",
    "concurrent": "parallel",
    "concurrently": "parallel",
    "simultaneous": "parallel",
    "iterate": "loop",
    "map": "loop parallel",
    "crash": "failed error",
    "exception": "error",
    "throw": "error",
    "raise": "error",
    "broken": "failed error debug",
    "dead letter": "onFailure failed",
    "dead letter queue": "onFailure failed",
    "alert": "onFailure",
    "cleanup": "onFailure rollback",
    "backoff": "retry",
    "attempt": "retry",
    "again": "retry",
    "stuck": "running waiting",
    "hang": "running waiting",
    "hung": "running waiting",
    "duplicate": "idempotency",
    "dedupe": "idempotency",
    "deduplicate": "idempotency",
    "twice": "idempotency",
    "exactly once": "idempotency memoization",
    "saga": "rollback",
    "compensate": "rollback",
    "compensation": "rollback",
    "undo": "rollback",
    "cache": "memoization",
    "replay": "memoization",
    "resume": "memoization",
    "deterministic": "memoization",
    "nondeterministic": "memoization",
    "persist": "memoization state",
    "payload": "data state",
    "huge": "large limit",
    "big": "large limit",
    "max": "limit",
    "maximum": "limit",
    "llm": "ai",
    "openai": "ai",
    "claude": "claude mcp",
    "agent": "ai",
    "install": "quickstart",
    "setup": "quickstart connect",
    "configure": "connect environment",
    "env": "environment variable",
    "log": "debug",
    "trace": "debug status",
    "inspect": "debug status",
    "watch": "poll status",
    "monitor": "poll status",
    "flag": "option cli",
    "command": "cli",
    "docker": "host url",
}


def _keyed(table: Mapping[str, str]) -> Mapping[tuple[str, ...], str]:
    return MappingProxyType(
        {tuple(stem(word) for word in words_of(key)): text for key, text in table.items()}
    )


_BY_STEMS = _keyed(_TABLE)
_LONGEST = max(len(key) for key in _BY_STEMS)


def related(stems: list[str]) -> list[tuple[tuple[int, ...], str]]:
    """Return (positions in `stems`, text to search as well) for each phrase of the table found there.

    Of phrases that overlap, the first and longest counts.
    """
    found: list[tuple[tuple[int, ...], str]] = []
    start = 0
    while start < len(stems):
        sizes = range(min(_LONGEST, len(stems) - start), 0, -1)
        length = next((size for size in sizes if tuple(stems[start : start + size]) in _BY_STEMS), 0)
        if length:
            positions = tuple(range(start, start + length))
            found.append((positions, _BY_STEMS[tuple(stems[start : start + length])]))
        start += length or 1
    return found
