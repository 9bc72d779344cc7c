"""All tools and their toolsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, cast

from mcp.server.mcpserver.tools import Tool

from docs_index import DocsIndex
from mcp_server.backend import Backend, EngineBackend, RunSource
from mcp_server.config import ServerConfig
from mcp_server.examining import Examiner
from mcp_server.nearest import did_you_mean
from mcp_server.tools import (
    advance_time,
    cancel_run,
    check_replay,
    clear_mocks,
    compare_runs,
    compat,
    doctor,
    explain,
    export_test,
    get_coverage,
    get_run_status,
    grep_docs,
    invoke_function,
    list_docs,
    list_events,
    list_functions,
    list_runs,
    mock_step,
    pause_function,
    poll_run_status,
    read_doc,
    rerun,
    reset_engine,
    restore_engine,
    run_fault_matrix,
    search_docs,
    send_event,
    snapshot_engine,
    test_function,
)
from mcp_server.toolsets import TOOLSETS, Toolset

ONLY_WITH_MIRROR: Final = "mirror_run"
"""May be asked for where it is not offered."""
_DOCS = (search_docs.make, grep_docs.make, read_doc.make, list_docs.make)


def all_tools(
    backend: EngineBackend, docs: DocsIndex, config: ServerConfig, mirror: RunSource | None = None
) -> dict[Toolset, list[Tool]]:
    """Return every tool by toolset, in the order in which a test uses them; those of `compat` if wanted.

    `mirror` is where `mirror_run` takes runs from; without one there is no such tool.
    """
    by_set: dict[Toolset, list[Tool]] = {
        "core": _core(backend, config, examined=Examiner(backend, docs, config).checks),
        "testing": [
            test_function.make(backend, config),
            run_fault_matrix.make(backend, config),
            advance_time.make(backend),
            check_replay.make(backend),
            rerun.make(backend, config),
            compare_runs.make(backend),
            get_coverage.make(backend, config),
            export_test.make(backend),
            explain.make(backend, config),
            mock_step.make(backend),
            clear_mocks.make(backend),
            snapshot_engine.make(backend),
            restore_engine.make(backend),
            reset_engine.make(backend),
        ],
        "docs": [make(docs) for make in _DOCS],
    }
    if mirror is not None:
        from mcp_server.tools import mirror_run  # noqa: PLC0415 - what reads servers elsewhere comes with it

        by_set["testing"].append(mirror_run.make(backend, mirror, config))
    if "compat" in config.toolsets:
        by_set["compat"] = compat.make({tool.name: tool for tools in by_set.values() for tool in tools})
    return by_set


def remote_tools(
    backend: Backend, docs: DocsIndex, config: ServerConfig, *, examined: doctor.Examine
) -> dict[Toolset, list[Tool]]:
    """Return the tools that work on a server elsewhere, by toolset and in the same order.

    `examined` looks at that server for the doctor.
    """
    by_set: dict[Toolset, list[Tool]] = {
        "core": _core(backend, config, examined=examined),
        "testing": [
            rerun.make(backend, config),
            compare_runs.make(backend),
            get_coverage.make(backend, config),
            export_test.make(backend),
            explain.make(backend, config),
        ],
        "docs": [make(docs) for make in _DOCS],
    }
    if "compat" in config.toolsets:
        by_set["compat"] = compat.make({tool.name: tool for tools in by_set.values() for tool in tools})
    return by_set


def _core(backend: Backend, config: ServerConfig, *, examined: doctor.Examine) -> list[Tool]:
    return [
        list_functions.make(backend, config),
        send_event.make(backend, config),
        invoke_function.make(backend, config),
        poll_run_status.make(backend, config),
        get_run_status.make(backend, config),
        list_runs.make(backend),
        list_events.make(backend, config),
        cancel_run.make(backend),
        pause_function.make(backend),
        doctor.make(examined),
    ]


def offered_tools(by_set: Mapping[Toolset, Sequence[Tool]], config: ServerConfig) -> list[Tool]:
    """Return those of the tools that the configuration offers.

    Raises:
        ValueError: the configuration names a tool that does not exist.
    """
    known = [tool.name for tools in by_set.values() for tool in tools]
    for name in sorted(config.tools or ()):
        if name not in known and name != ONLY_WITH_MIRROR:
            raise ValueError(
                f"There is no tool {name!r}{did_you_mean(name, known)} Tools: {', '.join(known)}."
            )
    return [
        tool
        for toolset, tools in by_set.items()
        if toolset in config.toolsets
        for tool in tools
        if (config.tools is None or tool.name in config.tools) and (only_reads(tool) or not config.read_only)
    ]


def only_reads(tool: Tool) -> bool:
    """Whether a tool is offered by a server that changes nothing."""
    return tool.annotations is not None and tool.annotations.read_only_hint is True


@cache
def definitions() -> Mapping[Toolset, Sequence[Tool]]:
    """Return every tool of every toolset, to be looked at: there is nothing behind them."""
    everything = ServerConfig(toolsets=frozenset(TOOLSETS))
    return all_tools(cast("EngineBackend", None), cast("DocsIndex", None), everything)


def toolset_names() -> dict[Toolset, tuple[str, ...]]:
    """Return the names of the tools by toolset, of those toolsets that are offered unless told otherwise."""
    usual = ServerConfig().toolsets
    return {
        toolset: tuple(tool.name for tool in tools)
        for toolset, tools in definitions().items()
        if toolset in usual
    }
