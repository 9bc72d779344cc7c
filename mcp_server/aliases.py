"""Other names of tools: one that means the same is called, for another one the right call is named."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from mcp_server.nearest import plain

RENAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "emit_event": "send_event",
        "trigger_event": "send_event",
        "publish_event": "send_event",
        "run_function": "invoke_function",
        "invoke_function_sync": "invoke_function",
        "trigger_function": "invoke_function",
        "wait_for_runs": "poll_run_status",
        "poll_runs": "poll_run_status",
        "get_run": "get_run_status",
        "get_run_details": "get_run_status",
        "run_status": "get_run_status",
        "get_functions": "list_functions",
        "get_runs": "list_runs",
        "search_runs": "list_runs",
        "get_events": "list_events",
        "stop_run": "cancel_run",
        "rerun_run": "rerun",
        "retry_run": "rerun",
        "replay_run": "rerun",
        "explain_run": "explain",
        "explain_event": "explain",
        "diff_runs": "compare_runs",
        "skip_time": "advance_time",
        "advance_clock": "advance_time",
        "run_test": "test_function",
        "search_documentation": "search_docs",
        "grep_documentation": "grep_docs",
        "get_doc": "read_doc",
        "read_docs": "read_doc",
        "get_docs": "list_docs",
        "list_documentation": "list_docs",
    }
)
"""Names that take the same arguments as the tool they stand for."""

INSTEAD: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "get_run_trace": ("get_run_status", 'with runId and detail="full" shows every step'),
        "wait_for_run": ("poll_run_status", "with runIds, a list, waits for one run or many"),
        "wait_for_run_to_complete": ("poll_run_status", "with runIds, a list, waits for one run or many"),
        "get_event_runs": ("list_runs", "with eventId lists the runs that an event started"),
        "list_function_runs": ("list_runs", "with functionId lists the runs of a function"),
        "get_event": ("explain", "with eventId says what an event did; list_events finds events"),
        "get_apps": ("list_functions", "shows the apps, too"),
        "list_apps": ("list_functions", "shows the apps, too"),
        "get_function": ("list_functions", "with query shows one function"),
        "send_events": ("send_event", "sends one event a call"),
        "resume_function": ("pause_function", "with functionId and resume=true ends a pause"),
        "unpause_function": ("pause_function", "with functionId and resume=true ends a pause"),
        "cancel_runs": (
            "pause_function",
            "with cancelRuns=true ends all runs of a function; cancel_run ends one",
        ),
        "skip_sleep": ("advance_time", "with runId lets a run go on to what it waits for"),
        "mock_steps": ("mock_step", "mocks one step a call"),
        "unmock_step": ("clear_mocks", "with functionId and stepId removes the mocks of a step"),
    }
)
"""Names that need another call: the tool, and how to call it."""


def tool_meant(name: str, offered: Collection[str]) -> str | None:
    """Return the offered tool that a name stands for: spelled another way, or renamed; None for none."""
    if name in offered:  # nearly every call: no need to spell all names for it
        return name
    wanted = plain(name)
    return _by_plain(offered).get(wanted) or next(
        (tool for alias, tool in RENAMED.items() if plain(alias) == wanted and tool in offered), None
    )


def what_instead(name: str, offered: Collection[str]) -> str | None:
    """Return a sentence with the call that does what a name promises, None for an unknown name.

    It may be one that this server does not offer; the sentence says so then.
    """
    wanted = plain(name)
    for alias, tool in RENAMED.items():
        if plain(alias) == wanted:  # it would have been called if it were offered
            return f"That is {tool}, which this server was started without."
    for alias, (tool, how) in INSTEAD.items():
        if plain(alias) == wanted:
            missing = "" if tool in offered else " (this server was started without it)"
            return f"{tool}{missing} {how}."
    return None


def _by_plain(names: Collection[str]) -> dict[str, str]:
    return {plain(name): name for name in names}
