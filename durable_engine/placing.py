"""Let what waits for its turn wait where a function's configuration says that a sync has changed."""

from __future__ import annotations

from durable_engine.flow_control import lanes
from durable_engine.model.flow import FlowControl
from durable_engine.model.function import Function
from durable_engine.model.status import RunStatus
from durable_engine.storage.tables import Tables


def place_anew(tables: Tables, function: Function, before: FlowControl, *, now_ms: int) -> None:
    """Move the calls of a function's open runs into the lanes of its new limits and keys, if they are new.

    Calls that are open stay where they were admitted, and keep their slots there until they end.
    """
    flow = function.flow
    if (flow.has_lanes, flow.concurrency, flow.throttle) == (
        before.has_lanes,
        before.concurrency,
        before.throttle,
    ):
        return
    for run_id in tables.runs.open_of_function(function.id):
        run = tables.runs.get_lean(run_id)
        if run is None:
            continue
        payload = tables.events.get(run.event_id).as_payload()
        placing = lanes.placing(flow, function.id, payload, now_ms=now_ms)
        lane_id = None
        if placing is not None:
            start, work = tables.lanes_of(placing)
            lane_id = start if run.status is RunStatus.QUEUED else work
        tables.runs.place(run.id, lane_id)
        if tables.queue.move(run.id, lane_id) and lane_id is not None:
            tables.lanes.wake(lane_id)
