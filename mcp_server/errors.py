"""Errors of the engine and of the docs index as texts for the model: what was wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from docs_index import DocsIndexError, PageNotFoundError, SectionNotFoundError
from durable_engine import errors as engine
from mcp_server.clean import clean_text

REFUSED: Final = -32003
"""JSON-RPC code of a request that was not served because of who sent it; its message says what to do."""
_MAX_NEAREST = 5
_OUR_FAULT = "This is a fault in Stepcue, not in your workflow; its log on stderr has the details."

WHAT_TO_DO: Final[Mapping[type[Exception], str]] = {
    engine.DurableEngineError: _OUR_FAULT,
    engine.ConfigError: "Change that setting and start Stepcue again.",
    engine.InvalidInputError: "Change the arguments and call again.",
    engine.InvalidEventError: 'An event is a name such as "shop/order.placed" and a JSON object as data.',
    engine.InvalidFunctionError: "Change the function's configuration in the app; it is then synced again.",
    engine.InvalidExpressionError: 'Change the expression; search_docs query="expressions" has the syntax.',
    engine.InvalidDurationError: 'A duration is a number with a unit, such as "30s", "5m" or "1h30m".',
    engine.InvalidCronError: 'A schedule has five fields, as in "0 9 * * MON-FRI" (at 9:00 UTC on weekdays).',
    engine.NotFoundError: "Call list_functions to see what exists.",
    engine.RunNotFoundError: "Run ids are in the answers of send_event; list_runs finds them.",
    engine.RunPrunedError: "list_runs shows the runs that are kept.",
    engine.EventNotFoundError: "Event ids are in the answers of send_event; list_events finds them.",
    engine.FunctionNotFoundError: "Call list_functions for the ids of all functions.",
    engine.AppNotFoundError: "Call list_functions for the synced apps.",
    engine.SnapshotNotFoundError: "Call snapshot_engine to take one.",
    engine.ConflictError: "Call get_run_status for the present state.",
    engine.IllegalTransitionError: _OUR_FAULT,
    engine.RunAlreadyEndedError: "Start a new run with invoke_function or send_event.",
    engine.StaleCallError: "Start a new run with invoke_function or send_event.",
    engine.StillCalledError: "Call again when the app has answered, or with a longer timeout.",
    engine.SnapshotExistsError: "Choose another name, or call again with replace=true.",
    engine.SyncError: "Check that the app runs with INNGEST_DEV=1, then call list_functions.",
    engine.ReplayError: "Check that the app runs, then call again.",
    engine.StorageError: "Check the disk and the data file of Stepcue, then start it again.",
    engine.DataFileDamagedError: "Stop Stepcue, move the data file away or save what is in it.",
    engine.DiskFullError: "Free some room on the disk, then call again.",
    engine.DataFileBusyError: "Stop the other Stepcue, or start this one with another data file.",
    engine.SchemaVersionError: "Use a newer Stepcue, or start with another data file.",
    engine.EngineClosedError: "Stepcue is stopping; start it again with `stepcue dev`.",
    DocsIndexError: "list_docs shows the pages there are; search_docs finds them by topic.",
}
"""What to do after an error that brings no hint of its own; a subclass of a docs error takes its base's."""


@contextmanager
def as_tool_errors(done: str = "") -> Iterator[None]:
    """Turn anticipated errors into ToolErrors, the only ones whose text reaches the model.

    `done` is a sentence on what was done before, which must not be done again because of an error after it.
    """
    try:
        yield
    except (engine.DurableEngineError, DocsIndexError) as error:
        raise ToolError(f"{done} {describe(error)}".lstrip()) from error


@contextmanager
def as_resource_errors() -> Iterator[None]:
    """Turn anticipated errors into those of resources: not found, or a sentence on what went wrong."""
    try:
        yield
    except (engine.NotFoundError, PageNotFoundError, SectionNotFoundError) as error:
        raise ResourceNotFoundError(describe(error)) from error
    except (engine.DurableEngineError, DocsIndexError) as error:
        raise ResourceError(describe(error)) from error


@contextmanager
def as_argument_errors() -> Iterator[None]:
    """Turn anticipated errors of a prompt into refusals of its arguments, which clients show."""
    try:
        yield
    except engine.DurableEngineError as error:
        raise MCPError(INVALID_PARAMS, describe(error)) from error


def describe(error: Exception) -> str:
    """Return what was wrong, what is near to it, and what to do."""
    hint = getattr(error, "hint", "") or _what_to_do(type(error))
    parts = [_sentence(str(error))]
    nearest = [str(name) for name in getattr(error, "nearest", ())][:_MAX_NEAREST]
    if nearest and not all(name in hint for name in nearest):
        parts.append(f"Nearest: {', '.join(nearest)}.")
    parts.append(_sentence(hint))
    return clean_text(" ".join(part for part in parts if part))


def _what_to_do(kind: type[Exception]) -> str:
    return next((WHAT_TO_DO[base] for base in kind.__mro__ if base in WHAT_TO_DO), "")


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    first = text.split()[0]
    is_name = "_" in first or "://" in first  # a tool's name or an address stays as it is
    start = text if is_name else text[:1].upper() + text[1:]
    return start if start.endswith((".", "!", "?", "…")) else f"{start}."
