"""The engine's inventory as the answer of list_functions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from mcp.types import CallToolResult

from durable_engine import AppView, Function, Inventory, Trigger, UnsupportedUse
from durable_engine.durations import format_duration
from mcp_server.clean import in_json, one_line
from mcp_server.connect import how_to_connect
from mcp_server.nearest import nearest_names
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.doubles import standing_words
from mcp_server.render.payload import Cutter
from mcp_server.render.times import clock_ahead, iso
from mcp_server.results.functions import AppInfo, FunctionInfo, ListFunctionsResult, PauseResult, TriggerInfo

FLOW_CONTROL_KEYS = (
    "concurrency",
    "throttle",
    "rateLimit",
    "debounce",
    "batchEvents",
    "priority",
    "singleton",
    "idempotency",
)
_SHAPES = (
    (200, 400, 20),
    (100, 400, 20),
    (50, 400, 20),
    (100, 120, 3),
    (50, 120, 3),
    (25, 120, 3),
    (12, 60, 2),
    (5, 60, 1),
)
"""Functions, characters of a text or a configuration, and triggers of a function that are shown."""
_MAX_APPS = 20
_MAX_NAMES = 3


def functions_answer(
    inventory: Inventory, *, app: str | None, query: str | None, engine_url: str, is_remote: bool = False
) -> CallToolResult:
    """Build the answer: functions of `app` whose id, name or trigger contains `query`."""
    live = [function for function in inventory.functions if not function.is_archived]
    found = [function for function in live if _is_wanted(function, app, query)]
    how = how_to_connect(engine_url, inventory.apps, is_remote=is_remote)
    return first_fit(
        partial(_answer, inventory, live, found, shape, query=query, app=app, how=how) for shape in _SHAPES
    )


def function_info(function: Function, inventory: Inventory) -> FunctionInfo:
    """Return what list_functions shows of one function."""
    app = next((view for view in inventory.apps if view.name == function.app_name), None)
    _, limit, most_triggers = _SHAPES[0]
    return _function(function, app, inventory, Cutter(limit), most_triggers)


def pause_answer(function: Function) -> CallToolResult:
    """Build the answer of pause_function from the function as it is now."""
    slug = one_line(function.slug, 100)
    since = iso(function.paused_ms)
    state = (
        f"is paused since {since}: events start no runs of it, and its open runs rest"
        if function.is_paused
        else "is not paused: events start runs of it, and its open runs go on"
    )
    return reply(
        PauseResult(
            message=f"Function {slug!r} {state}.",
            function_id=function.slug,
            paused=function.is_paused,
            paused_since=since,
            next=f"pause_function functionId={in_json(slug)} resume=true ends the pause."
            if function.is_paused
            else _start(function),
        )
    )


def _is_wanted(function: Function, app: str | None, query: str | None) -> bool:
    if app is not None and app not in {function.app_name, function.url}:
        return False
    return query is None or any(query.lower() in name.lower() for name in _names(function))


def _names(function: Function) -> list[str]:
    triggers = [trigger.event or trigger.cron or "" for trigger in function.triggers]
    return [function.slug, function.name, function.id, *triggers]


def _answer(
    inventory: Inventory,
    live: Sequence[Function],
    found: Sequence[Function],
    shape: tuple[int, int, int],
    *,
    query: str | None,
    app: str | None,
    how: str,
) -> CallToolResult:
    rows, limit, most_triggers = shape
    cut = Cutter(limit)
    apps = {view.name: view for view in inventory.apps}
    nearest = _nearest(live, query) if not found and query else []
    result = ListFunctionsResult(
        message=_message(inventory, live, found, query=query, app=app),
        count=len(found),
        total=len(live),
        functions=[
            _function(function, apps.get(function.app_name), inventory, cut, most_triggers)
            for function in found[:rows]
        ],
        apps=[_app(view, cut) for view in inventory.apps[:_MAX_APPS]],
        clock_ahead=clock_ahead(inventory.clock_shift_ms),
        warnings=_warnings(inventory.unsupported),
        nearest=nearest or None,
        next=_next(inventory, live, found, nearest, how),
    )
    triggers = sum(max(0, len(function.triggers) - most_triggers) for function in found[:rows])
    parts = [f"{len(found) - rows} more functions match"] if len(found) > rows else []
    parts += [f"{triggers} more triggers"] if triggers else []
    parts += [f"{cut.cuts} texts are cut at {limit} characters"] if cut.cuts else []
    result.truncated = f"{'; '.join(parts)}; narrow down with query or appId." if parts else None
    return reply(result)


def _nearest(live: Sequence[Function], query: str) -> list[str]:
    by_name = {name: function.slug for function in live for name in _names(function) if name}
    return list(dict.fromkeys(by_name[name] for name in nearest_names(query, by_name)))


def _function(
    function: Function, app: AppView | None, inventory: Inventory, cut: Cutter, most_triggers: int
) -> FunctionInfo:
    config = function.config
    flow = {key: config[key] for key in FLOW_CONTROL_KEYS if config.get(key)}
    return FunctionInfo(
        id=function.slug,
        name=cut.text(function.name),
        app_id=function.app_name,
        triggers=[
            _trigger(trigger, cut, next_ms=inventory.ticks.get((function.id, trigger.cron or "")))
            for trigger in function.triggers[:most_triggers]
        ],
        retries=function.retries,
        flow_control=_configured(flow, cut),
        cancel_on=_configured(config.get("cancel"), cut),
        timeouts=_configured(config.get("timeouts"), cut),
        paused_since=iso(function.paused_ms),
        standing_mocks=standing_words(
            [double for double in inventory.doubles if double.function_id == function.id],
            now_ms=inventory.now_ms,
        ),
        reachable=app is not None and app.is_reachable,
        last_sync=None if app is None else iso(app.last_sync_ms),
    )


def _trigger(trigger: Trigger, cut: Cutter, *, next_ms: int | None) -> TriggerInfo:
    expression = None if trigger.expression is None else cut.text(trigger.expression)
    jitter = format_duration(trigger.jitter_ms) if trigger.jitter_ms else None
    return TriggerInfo(
        event=trigger.event,
        expression=expression,
        cron=trigger.cron,
        jitter=jitter,
        next_run_at=iso(next_ms),
    )


def _configured(value: Any, cut: Cutter) -> Any:
    return cut.value(value) if value else None


def _warnings(uses: Sequence[UnsupportedUse]) -> list[str] | None:
    """Say once per feature that apps asked for it in vain, and which ones where they said it."""
    features: dict[str, list[UnsupportedUse]] = {}
    for use in uses:
        features.setdefault(use.sentence, []).append(use)
    return [f"{sentence} ({_asked(found)})" for sentence, found in features.items()] or None


def _asked(uses: Sequence[UnsupportedUse]) -> str:
    count = sum(use.count for use in uses)
    names = [repr(one_line(use.app_name, 60)) for use in uses if use.app_name is not None]
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    who = f" from {', '.join(names[:_MAX_NAMES])}{more}" if names else ""
    since = iso(min(use.first_ms for use in uses))
    return f"{count} request{'' if count == 1 else 's'}{who} since {since}"


def _app(view: AppView, cut: Cutter) -> AppInfo:
    return AppInfo(
        app_id=view.name,
        url=view.url,
        sdk=view.sdk or None,
        framework=view.framework or None,
        reachable=view.is_reachable,
        last_sync=iso(view.last_sync_ms),
        error=cut.text(view.error) if view.error else None,
    )


def _message(
    inventory: Inventory,
    live: Sequence[Function],
    found: Sequence[Function],
    *,
    query: str | None,
    app: str | None,
) -> str:
    if not live:
        problem = (
            "an app was named but could not be synced (see apps)" if inventory.apps else "no app is connected"
        )
        return f"No functions are synced: {problem}."
    filters = [f"query {one_line(query, 60)!r}"] if query else []
    filters += [f"app {one_line(app, 60)!r}"] if app else []
    if not filters:
        return f"{len(live)} function{'' if len(live) == 1 else 's'} synced."
    return f"{len(found)} of {len(live)} functions match {' and '.join(filters)}."


def _next(
    inventory: Inventory,
    live: Sequence[Function],
    found: Sequence[Function],
    nearest: Sequence[str],
    how: str,
) -> str:
    if not live:
        return how
    if not found:
        near = f"; nearest: {one_line(nearest[0], 100)}" if nearest else ""
        return f"list_functions without query and appId shows all functions{near}."
    if inventory.apps and not any(app.is_reachable for app in inventory.apps):
        return "doctor says why the app does not answer."
    event = next(
        (trigger.event for function in found for trigger in function.triggers if trigger.event), None
    )
    startable = next((function for function in found if not function.is_endpoint), None)
    if startable is None:
        return f"Requests to the app start these: {one_line(found[0].url, 200)}."
    start = _start(startable)
    return f"send_event name={in_json(event)} triggers by event; {start}" if event else start


def _start(function: Function) -> str:
    if function.is_endpoint:
        return f"Requests to the app start it: {one_line(function.url)}."
    return f"invoke_function functionId={in_json(function.slug)} starts a run and waits for its result."
