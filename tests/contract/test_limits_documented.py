"""Each number on the page of limits is a constant of the code, and each row of it is held by one."""

from __future__ import annotations

import inspect
import sys
from datetime import UTC, datetime, timedelta

import pytest
from mcp.server.subscriptions import ListenHandler
from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE
from pydantic import BaseModel
from support.page_tables import rows, text_of

from docs_index import grep, reader
from durable_engine import (
    appointments,
    config,
    endpoints,
    intake,
    mirroring,
    pacing,
    retry_after,
    settle,
    skipping,
    slots,
    starting,
    time_control,
)
from durable_engine.doubles import calls, checks
from durable_engine.durations import parse_duration_ms
from durable_engine.flow_control import batching, priority
from durable_engine.gateway import faults
from durable_engine.http_api import bodies, congestion
from durable_engine.http_api import endpoints as endpoint_routes
from durable_engine.http_api.v1 import events as events_v1
from durable_engine.http_api.v2 import run_fields
from durable_engine.lifecycle import decide, ops, waits
from durable_engine.model import double, json_value, retention, snapshot
from durable_engine.scenarios import document, matrix
from durable_engine.schedules import schedule
from durable_engine.sdk import client, flow_config, function_config, registration
from durable_engine.storage import units
from mcp_server import arguments, connections, options, session_routing, strict
from mcp_server.remote import connection, pages, retries, sending
from mcp_server.render import budget, run_detail
from mcp_server.testing import files
from mcp_server.tools import poll_run_status

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))
KB = 1_024


def span(length_ms: float) -> str:
    """Write a duration in hours up to two days, else in the largest unit that leaves no rest."""
    unit, name = next(
        (unit, name) for unit, name in UNITS if length_ms % unit == 0 and (name != "day" or length_ms > DAY)
    )
    count = int(length_ms // unit)
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def mib(size: int) -> str:
    assert size % (KB * KB) == 0
    return f"{size // KB // KB} MiB"


def most(model: type[BaseModel], field: str) -> int:
    """Return the greatest length that a list of a test may have."""
    return next(
        found for rule in model.model_fields[field].metadata if (found := getattr(rule, "max_length", 0))
    )


def year(at_ms: int) -> int:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).year


def _listens(bound: str) -> int:
    """Return a bound that the SDK has for streams."""
    return int(inspect.signature(ListenHandler).parameters[bound].default)


LIMITS = {
    "steps of a run": f"{decide.MAX_STEPS:,}",
    "state of a run, all results together": mib(settle.MAX_STATE_BYTES),
    "result of a step": mib(ops.MAX_OUTPUT_BYTES),
    "data given to an invoked function": mib(waits.MAX_INPUT_BYTES),
    "answer to `step.fetch` or `step.ai.infer`": mib(faults.MAX_BODY_BYTES),
    "reply of the app, decompressed": mib(client.MAX_REPLY_BYTES),
    "lists and objects inside of each other, in a reply": f"{json_value.MAX_DEPTH} levels",
    "lists and objects inside of each other, in all JSON that is sent": f"{json_value.MAX_DEPTH} levels",
    "digits of a whole number": f"{sys.get_int_max_str_digits():,}",
    "duration of one call of the app": span(client.CALL_TIMEOUT_S * SECOND),
    "reading an answer that began in time": f"{span(client.CALL_TIMEOUT_S * SECOND)} more",
    "time to connect to the app": span(client.CONNECT_TIMEOUT_S * SECOND),
    "redirects of one call of the app": str(client.MAX_REDIRECTS),
    "redirects of a `step.fetch`": str(faults.MAX_REDIRECTS),
    "time between two attempts": f"{span(retry_after.MIN_RETRY_MS)} to {span(retry_after.MAX_RETRY_MS)}",
    "calls that are open at the same time": str(slots.MAX_OPEN_CALLS),
    "open calls of all apps together": str(slots.MAX_OPEN_CALLS),
    "open calls that each app may always have besides": str(slots.MAX_OWN_CALLS),
    f"open calls of an app that are younger than {pacing.YOUNG_S * 1_000:g} ms": str(pacing.MOST_YOUNG),
    "open requests of `step.fetch` and `step.ai.infer`": str(slots.MAX_OPEN_CALLS),
    "sleeps, time-outs and deadlines that end at once": str(slots.MAX_TIMERS),
    "requests with events that are read and stored at once": (
        f"{congestion.MAX_AT_WORK}, with {mib(congestion.MAX_HELD_BYTES)} of bodies together"
    ),
    "requests with events that wait to be read": (
        f"{congestion.MAX_WAITING:,}, or {mib(congestion.MAX_WAITING_BYTES)} of bodies"
    ),
    "events in one transaction, beside all other work": f"{units.MAX_BULK}, or one request",
    "connections to Stepcue": f"{connections.MAX_CONNECTIONS:,}",
    "time for the headers of a request": f"{connections.HEADERS_TIMEOUT_S:.0f} seconds",
    f"time for each {connections.MIN_BODY_BYTES // KB} KiB of a body": (
        f"{connections.BODY_TIMEOUT_S:.0f} seconds"
    ),
    "MCP sessions of older clients": f"{session_routing._MAX_SESSIONS:,}",
    "streams of MCP clients that listen": f"{_listens('max_subscriptions'):,}",
    "changes that a listening client has not read": f"{_listens('max_buffered_events'):,}",
    "slow replies that wait in memory (`slow_reply`)": (
        f"{calls.MOST_LATE:,}, or {mib(calls.MOST_LATE_CHARS)} of text"
    ),
    "responses of durable endpoints that are kept": (
        f"{endpoints._KEPT_RESPONSES}, or {mib(endpoints._KEPT_CHARS)} of text"
    ),
    "functions of an app": f"{registration.MAX_FUNCTIONS:,}",
    "triggers of a function": str(function_config.MAX_TRIGGERS),
    "entries in `cancelOn`": str(function_config.MAX_CANCELS),
    "retries": str(function_config.MAX_RETRIES),
    "function id, event name in a trigger": f"{function_config.MAX_NAME_CHARS} characters",
    "cron schedule": f"{schedule.MAX_SCHEDULE_CHARS} characters, five fields",
    "`jitter` of a schedule": " to ".join(
        map(span, (function_config.MIN_JITTER_MS, function_config.MAX_JITTER_MS))
    ),
    "`concurrency`": f"{flow_config.MAX_CONCURRENCY} limits",
    "`priority.run`": f"-{priority.MAX_S} to {priority.MAX_S} seconds",
    "sleep": span(waits.MAX_WAIT_MS),
    "wait for an event or a signal, invoke": span(waits.MAX_WAIT_MS),
    "timeout of an invoke that names none": span(waits.DEFAULT_TIMEOUT_MS),
    "memory for event ids and `idempotency`": span(starting.IDEMPOTENCY_MS),
    "pause of a function, for the runs that rest": span(appointments.MAX_PAUSE_MS),
    "one move of the engine's time (`advance_time`)": span(time_control.MAX_ADVANCE_MS),
    "time that one run may skip in all": span(skipping.MAX_SKIPPED_MS),
    "size of an event": (
        f"{mib(config.MAX_EVENT_BYTES)}, or what `--max-event-size` says: "
        f"{config.LEAST_EVENT_BYTES // KB} KB to {config.MAX_EVENT_BYTES // KB // KB} MB"
    ),
    "events in one request": f"{intake.MAX_EVENTS:,}",
    "event name": f"{intake.MAX_NAME_CHARS} characters",
    "event id, `v`": f"{intake.MAX_ID_CHARS} characters",
    "`ts`": f"from the year {year(intake.MIN_TS_MS)} to {year(intake.MAX_TS_MS)}",
    "size of one request to Stepcue": mib(bodies.MAX_BODY_BYTES),
    "events of one batch together": mib(batching.MAX_BYTES),
    "outcomes of one mock": str(checks.MAX_OUTCOMES),
    "`times` of a mock": f"{checks.MAX_TIMES:,}",
    "standing mocks": str(checks.MAX_DOUBLES),
    "result of a mock": mib(checks.MAX_OUTCOME_BYTES),
    "life of a standing mock": f"{span(double.DEFAULT_LIFE_MS)}, at most {span(double.MAX_LIFE_MS)}",
    "mocks, faults or events of one test": f"{most(document.ScenarioDocument, 'mocks')} each",
    "size of a test file": mib(files.MAX_FILE_BYTES),
    "cells of one `run_fault_matrix`": str(matrix.MAX_CELLS),
    "snapshots": str(snapshot.MAX_SNAPSHOTS),
    "time for which ended runs are kept": f"{span(parse_duration_ms(options.KEEP_RUNS))}, or what",
    "size of all data": (
        f"{options.DATA_ON_DISK // KB**3} GB, in memory {options.DATA_IN_MEMORY // KB**2} MB, or what"
    ),
    "ended runs that are kept in any case": str(retention.KEPT_IN_ANY_CASE),
    "waiting in one tool call": f"{arguments.MAX_WAIT_S} seconds",
    "waiting for the response of a durable endpoint": span(endpoint_routes.OUTPUT_WAIT_S * SECOND),
    "silence of an app before its durable endpoint is called again": span(endpoints.SILENCE_MS),
    "request to `/mcp`": mib(DEFAULT_MAX_REQUEST_BODY_SIZE),
    "runs in one `poll_run_status`": str(poll_run_status.MAX_RUNS),
    "steps on one page of `get_run_status`": str(run_detail.STEPS_PER_PAGE),
    "text of one answer of a tool": f"about {budget.MAX_CHARS:,} characters",
    "text of an error of a tool": f"{strict.MAX_ERROR_CHARS:,} characters",
    "text of one `read_doc`": f"about {reader.BUDGET_CHARS:,} characters",
    "pattern of `grep_docs`": f"{grep._MAX_PATTERN_CHARS:,} characters",
    "answer of a server elsewhere": mib(connection.MAX_BODY_BYTES),
    "time for an answer of it": span(connection.READ_S * SECOND),
    "tries of a request that changes nothing": str(retries.MAX_TRIES),
    "`Retry-After` of it that is kept to": span(retries.MAX_PAUSE_MS),
    "looking for the runs of an event that was sent": span(sending.FIND_S * SECOND),
    "listing the apps and functions of a server elsewhere": span(pages.MOST_S * SECOND),
    "steps of a run that is mirrored": f"{mirroring.MAX_RECORDED:,}",
    "entries of one page of the REST API": (
        f"{events_v1._MOST_EVENTS} events (v1), {run_fields.MOST_RUNS} runs (v2)"
    ),
}
HELD_BY_STORIES = {
    "`throttle.period`, `debounce.period`",
    "`rateLimit.period`",
    "`debounce.timeout`, `batchEvents.timeout`",
}
"""Bounds that are arguments in the code: tests of `sdk/flow_config` hold them."""
ROWS = {row[0]: row[1] for row in rows(text_of("reference/limits")) if row[0] != "what"}


@pytest.mark.parametrize("what", LIMITS)
def test_a_limit_on_the_page_is_that_of_the_code(what: str) -> None:
    assert ROWS[what].startswith(LIMITS[what])


def test_every_row_of_the_page_is_held() -> None:
    assert ROWS.keys() - LIMITS.keys() == HELD_BY_STORIES
