"""The embedded durable engine: accepts events, calls SDK apps, keeps every step.

This is the public face; everything else in the package is internal. A name is imported when it is first
asked for, so that a command which needs a setting does not load the engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from durable_engine.clock import Clock, ManualClock, RealClock
    from durable_engine.comparison.json_diff import Change
    from durable_engine.comparison.runs import FirstDifference, RunComparison, StepComparison, compare
    from durable_engine.config import EngineConfig
    from durable_engine.control import RunControl
    from durable_engine.covering import Covering
    from durable_engine.defaults import DEFAULT_DATA_FILE, DEFAULT_PORT
    from durable_engine.engine import Engine
    from durable_engine.handles import Handles
    from durable_engine.http_api.app import build_app
    from durable_engine.model.coverage import Branch, Coverage, Gap, GapKind, StepCoverage
    from durable_engine.model.double import (
        Delivery,
        Double,
        DoubleUse,
        Fault,
        FaultKind,
        MockError,
        MockEvent,
        MockResult,
        MockTimeout,
        NewDouble,
        Outcome,
        Withheld,
        fits_kind,
    )
    from durable_engine.model.event import (
        Event,
        EventReceipt,
        EventSender,
        NewEvent,
        NotStarted,
        StartedRun,
        UnmetWait,
    )
    from durable_engine.model.explanation import (
        Action,
        ActionKind,
        Cause,
        Evidence,
        Explanation,
        Forecast,
        FunctionVerdict,
    )
    from durable_engine.model.flow import (
        Batch,
        Concurrency,
        Debounce,
        FlowControl,
        RateLimit,
        Scope,
        Singleton,
        SingletonMode,
        Throttle,
    )
    from durable_engine.model.function import App, CancelOn, Function, Trigger
    from durable_engine.model.handle import Handle
    from durable_engine.model.plan import AS_USUAL, Conditions, PlannedEvent
    from durable_engine.model.records import (
        EventFilter,
        EventPage,
        EventRecord,
        EventRecordPage,
        RunFilter,
        RunMoment,
        RunPage,
        RunRecord,
        Span,
        SpanStatus,
    )
    from durable_engine.model.replay import Divergence, InputChange, ReplayDifference, ReplayReport, StepLabel
    from durable_engine.model.rerun import RerunReceipt, StepOutcome
    from durable_engine.model.snapshot import Replaced, SnapshotView, StateSummary, SyncedAgain, Taken
    from durable_engine.model.status import RunStatus, StepKind, StepStatus
    from durable_engine.model.views import (
        AppView,
        FailedAttempt,
        Hold,
        Inventory,
        RunView,
        StepView,
        WaitingFor,
    )
    from durable_engine.repeating import Edits
    from durable_engine.replaying import Replaying
    from durable_engine.signals import Observer
    from durable_engine.snapshots import Snapshots
    from durable_engine.time_control import Advance, Fired, TimeControl
    from durable_engine.unsupported import UnsupportedUse

__all__ = [
    "AS_USUAL",
    "DEFAULT_DATA_FILE",
    "DEFAULT_PORT",
    "Action",
    "ActionKind",
    "Advance",
    "App",
    "AppView",
    "Batch",
    "Branch",
    "CancelOn",
    "Cause",
    "Change",
    "Clock",
    "Concurrency",
    "Conditions",
    "Coverage",
    "Covering",
    "Debounce",
    "Delivery",
    "Divergence",
    "Double",
    "DoubleUse",
    "Edits",
    "Engine",
    "EngineConfig",
    "Event",
    "EventFilter",
    "EventPage",
    "EventReceipt",
    "EventRecord",
    "EventRecordPage",
    "EventSender",
    "Evidence",
    "Explanation",
    "FailedAttempt",
    "Fault",
    "FaultKind",
    "Fired",
    "FirstDifference",
    "FlowControl",
    "Forecast",
    "Function",
    "FunctionVerdict",
    "Gap",
    "GapKind",
    "Handle",
    "Handles",
    "Hold",
    "InputChange",
    "Inventory",
    "ManualClock",
    "MockError",
    "MockEvent",
    "MockResult",
    "MockTimeout",
    "NewDouble",
    "NewEvent",
    "NotStarted",
    "Observer",
    "Outcome",
    "PlannedEvent",
    "RateLimit",
    "RealClock",
    "Replaced",
    "ReplayDifference",
    "ReplayReport",
    "Replaying",
    "RerunReceipt",
    "RunComparison",
    "RunControl",
    "RunFilter",
    "RunMoment",
    "RunPage",
    "RunRecord",
    "RunStatus",
    "RunView",
    "Scope",
    "Singleton",
    "SingletonMode",
    "SnapshotView",
    "Snapshots",
    "Span",
    "SpanStatus",
    "StartedRun",
    "StateSummary",
    "StepComparison",
    "StepCoverage",
    "StepKind",
    "StepLabel",
    "StepOutcome",
    "StepStatus",
    "StepView",
    "SyncedAgain",
    "Taken",
    "Throttle",
    "TimeControl",
    "Trigger",
    "UnmetWait",
    "UnsupportedUse",
    "WaitingFor",
    "Withheld",
    "build_app",
    "compare",
    "fits_kind",
]

_HOMES: Final = {
    "clock": ("Clock", "ManualClock", "RealClock"),
    "comparison.json_diff": ("Change",),
    "comparison.runs": ("FirstDifference", "RunComparison", "StepComparison", "compare"),
    "config": ("EngineConfig",),
    "control": ("RunControl",),
    "covering": ("Covering",),
    "defaults": ("DEFAULT_DATA_FILE", "DEFAULT_PORT"),
    "engine": ("Engine",),
    "handles": ("Handles",),
    "http_api.app": ("build_app",),
    "model.coverage": ("Branch", "Coverage", "Gap", "GapKind", "StepCoverage"),
    "model.double": (
        "Delivery",
        "Double",
        "DoubleUse",
        "Fault",
        "FaultKind",
        "MockError",
        "MockEvent",
        "MockResult",
        "MockTimeout",
        "NewDouble",
        "Outcome",
        "Withheld",
        "fits_kind",
    ),
    "model.event": (
        "Event",
        "EventReceipt",
        "EventSender",
        "NewEvent",
        "NotStarted",
        "StartedRun",
        "UnmetWait",
    ),
    "model.explanation": (
        "Action",
        "ActionKind",
        "Cause",
        "Evidence",
        "Explanation",
        "Forecast",
        "FunctionVerdict",
    ),
    "model.flow": (
        "Batch",
        "Concurrency",
        "Debounce",
        "FlowControl",
        "RateLimit",
        "Scope",
        "Singleton",
        "SingletonMode",
        "Throttle",
    ),
    "model.function": ("App", "CancelOn", "Function", "Trigger"),
    "model.handle": ("Handle",),
    "model.plan": ("AS_USUAL", "Conditions", "PlannedEvent"),
    "model.records": (
        "EventFilter",
        "EventPage",
        "EventRecord",
        "EventRecordPage",
        "RunFilter",
        "RunMoment",
        "RunPage",
        "RunRecord",
        "Span",
        "SpanStatus",
    ),
    "model.replay": ("Divergence", "InputChange", "ReplayDifference", "ReplayReport", "StepLabel"),
    "model.rerun": ("RerunReceipt", "StepOutcome"),
    "model.snapshot": ("Replaced", "SnapshotView", "StateSummary", "SyncedAgain", "Taken"),
    "model.status": ("RunStatus", "StepKind", "StepStatus"),
    "model.views": ("AppView", "FailedAttempt", "Hold", "Inventory", "RunView", "StepView", "WaitingFor"),
    "repeating": ("Edits",),
    "replaying": ("Replaying",),
    "signals": ("Observer",),
    "snapshots": ("Snapshots",),
    "time_control": ("Advance", "Fired", "TimeControl"),
    "unsupported": ("UnsupportedUse",),
}
"""Which module has which of them: none is imported before something of it is asked for."""
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker would take every name for one of ours

    def __getattr__(name: str) -> object:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
