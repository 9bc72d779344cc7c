"""Tool test_function: start a function, control what happens to it, and check what came of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from durable_engine.scenarios.document import ScenarioDocument, read_scenario
from durable_engine.scenarios.runner import run_scenario
from mcp_server.arguments import AppId, EventData, EventUser, FunctionId, Timeout
from mcp_server.backend import EngineBackend
from mcp_server.config import ServerConfig
from mcp_server.errors import as_tool_errors
from mcp_server.kinds import ACTS
from mcp_server.render.verdicts import verdict_answer
from mcp_server.results.tests import TestResult
from mcp_server.strict import define_tool
from mcp_server.waiting import with_progress

EventName = Annotated[
    str,
    Field(min_length=1, max_length=256, description='Event that triggers it, e.g. "shop/order.created".'),
]
Objects = list[dict[str, Any]]
Mocks = Annotated[
    Objects,
    Field(
        max_length=100,
        description="Instead of steps, e.g. {stepId, result} | {stepId, error} | {stepId, event: {data}} | "
        "{stepId, timeout: true} | {stepId, sequence: [...]}; also index, times, functionId.",
    ),
]
Faults = Annotated[
    Objects,
    Field(
        max_length=100,
        description='What breaks, e.g. {stepId, kind: "reply_lost"}; kinds: step_error, unreachable, '
        "call_timeout, slow_reply, reply_lost, reply_twice, request_twice, restart; also times, delay.",
    ),
]
Events = Annotated[
    Objects,
    Field(
        max_length=100,
        description="Sent while it waits, e.g. {name, data} as soon as it waits for it; also after "
        '("2d"), afterStep, signal.',
    ),
]
Expect = Annotated[
    dict[str, Any],
    Field(
        description="e.g. {status, output, error, steps: {id: {status, output, error, attempts, timedOut}}, "
        "ran: [ids], notRan: [ids], eventsSent: [names]}."
    ),
]
Time = Annotated[
    Literal["skip", "real"],
    Field(description="skip: sleeps, waits and retries take no time; real: they do."),
]


def make(backend: EngineBackend, config: ServerConfig) -> Tool:
    """Build the tool."""

    async def test_function(  # noqa: PLR0913 - each is optional
        context: Context[Any, Any],
        function_id: FunctionId | None = None,
        *,
        app_id: AppId | None = None,
        event: EventName | None = None,
        data: EventData | None = None,
        user: EventUser | None = None,
        mocks: Mocks | None = None,
        faults: Faults | None = None,
        events: Events | None = None,
        expect: Expect | None = None,
        time: Time = "skip",
        timeout: Timeout = 30,
    ) -> Annotated[CallToolResult, TestResult]:
        """Test a function on its real code in one call: invoke functionId or send event, skip time, mock
        steps, break calls, send events while it waits, check the outcome.

        Steps that are not mocked run for real. Without expect, the run has to complete.

        Returns passed, every check with expected and actual, the run's steps, virtual and real duration.
        Next: get_run_status, export_test.
        """
        written = _document(locals())
        with as_tool_errors():
            scenario = read_scenario(written)
            verdict = await with_progress(
                run_scenario(backend, scenario),
                what="the test",
                timeout_s=timeout,
                interval_s=config.progress_interval_s,
                context=context,
            )
        return verdict_answer(verdict, origin=config.engine_url)

    return define_tool(test_function, title="Test function", annotations=ACTS)


def _document(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return those of the arguments that were given, as the test is written elsewhere."""
    fields = ScenarioDocument.model_fields
    return {
        field.alias or name: arguments[name]
        for name, field in fields.items()
        if arguments.get(name) is not None
    }
