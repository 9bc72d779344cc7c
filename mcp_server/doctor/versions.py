"""Versions of the SDKs: which are too old, and calls of one major version made on another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mcp_server.clean import in_json, one_line
from mcp_server.doctor.check import Check, problem, warning
from mcp_server.doctor.facts import AppFacts

_VERSION: Final = re.compile(r"(js|py|go):v?(\d+)\.(\d+)\.?(\d*)")
_NAMES: Final = {"js": "The TypeScript SDK", "py": "The Python SDK", "go": "The Go SDK"}
_OLDEST: Final = {"js": (3, 0, 0), "py": (0, 5, 0)}
_REFUSES_OLD_CALLS: Final = (4, 0, 3)
"""From here on TypeScript 4 throws at a createFunction of version 3; before, it lost the triggers."""
_NEW_CALL: Final = "createFunction({ id, triggers: [{ event: ... }] }, handler)"
_TRIGGER_REFUSED: Final = re.compile(r"A trigger of function .{1,300} needs an `event` name")


def version_of(sdk: str) -> tuple[str, tuple[int, int, int]] | None:
    """Return language and version of `js:v4.24.0`; None for what is none."""
    match = _VERSION.match(sdk)
    return None if match is None else (match[1], (int(match[2]), int(match[3]), int(match[4] or 0)))


def sdk_words(sdk: str) -> str:
    """Return how sentences name an SDK: `The Python SDK 0.5.19`."""
    known = version_of(sdk)
    if known is None:
        return f"An Inngest SDK ({in_json(sdk, 60)})" if sdk else "An Inngest SDK"
    return f"{_NAMES[known[0]]} {'.'.join(map(str, known[1]))}"


def start_fault(app: AppFacts) -> str:
    """Return what may have stopped an app on the TypeScript SDK at its start: an upgrade to version 4."""
    known = version_of(app.sdk)
    if known is None or known[0] != "js":
        return ""
    return (
        ' If it stops at its start with \'"createFunction" expected a handler function as the second '
        f"argument', it makes a call of SDK 3 on SDK 4: write {_NEW_CALL}."
    )


def version_checks(app: AppFacts) -> Iterator[Check]:
    """Judge the version of the app's SDK, and what it made of the app's functions."""
    known = version_of(app.sdk)
    if known is None:
        return
    language, version = known
    if version < _OLDEST.get(language, (0, 0, 0)):
        oldest = ".".join(map(str, _OLDEST[language][:2]))
        yield warning(
            "app-sdk",
            f"{sdk_words(app.sdk)} is older than {oldest}, with which Stepcue is tested.",
            "Upgrade it: npm install inngest@latest."
            if language == "js"
            else "Upgrade it: pip install -U inngest.",
            app=app.url,
        )
    if language == "js":
        yield from _calls_of_another_version(app, version)


def _calls_of_another_version(app: AppFacts, version: tuple[int, int, int]) -> Iterator[Check]:
    bare = [function.slug for function in app.functions if not function.triggers and not function.is_endpoint]
    if (4, 0, 0) <= version < _REFUSES_OLD_CALLS and bare:
        yield problem(
            "v3-call-on-v4",
            f"{_named(bare)} came without triggers from {sdk_words(app.sdk)}, which loses those of "
            "createFunction(config, trigger, handler), a call of SDK 3.",
            f"Write {_NEW_CALL}; inngest@latest throws an error at such calls.",
            app=app.url,
        )
    count = (
        app.probe.answer.function_count if app.probe is not None and app.probe.answer is not None else None
    )
    if version >= _REFUSES_OLD_CALLS and count == 0:
        yield warning(
            "v3-call-on-v4",
            "The app serves no functions. TypeScript SDK 4 throws at createFunction(config, trigger, "
            "handler), which is of SDK 3; the app may have caught that error.",
            f"Write {_NEW_CALL}, and pass the functions to serve().",
            app=app.url,
        )
    if version < (4, 0, 0) and _TRIGGER_REFUSED.search(app.sync_error or ""):
        yield problem(
            "v4-call-on-v3",
            "A function came with an empty trigger from TypeScript SDK 3: createFunction with `triggers` in "
            "its first argument is of SDK 4.",
            "Write createFunction({ id }, { event: ... }, handler), or npm install inngest@4.",
            app=app.url,
        )


def _named(slugs: list[str]) -> str:
    first = ", ".join(one_line(slug, 60) for slug in slugs[:3])
    return f"{first} and {len(slugs) - 3} more" if slugs[3:] else first
