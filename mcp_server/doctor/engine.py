"""Checks of the engine itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from durable_engine.durations import format_duration
from durable_engine.model.retention import Kept
from mcp_server.clean import one_line
from mcp_server.doctor.check import Check, ok, problem, warning
from mcp_server.doctor.endpoint import WILDCARDS
from mcp_server.doctor.facts import EngineFacts, Facts

_NOTABLE_MS = 1_000


def engine_checks(facts: Facts) -> Iterator[Check]:
    """Judge the engine, its time, its documentation, and what it was told to leave out."""
    if facts.engine is None:
        return
    yield _engine(facts.engine)
    fault = facts.inventory.storage_fault
    if fault is not None:
        what, fix = (one_line(words, 400) for words in fault)
        yield problem(
            "data-file",
            f"Nothing can be stored at the moment: {what} Events are refused, and answers of apps are kept "
            "until they can be stored.",
            fix,
        )
    shift_ms = facts.inventory.clock_shift_ms
    if abs(shift_ms) > _NOTABLE_MS:
        shift = format_duration(round(abs(shift_ms), -3))
        ahead = f"{shift} ahead of the real one, as advance_time has moved it"
        behind = f"{shift} behind the real one, as restore_engine has brought back an earlier time"
        yield warning(
            "engine-time",
            f"The engine's clock is {ahead if shift_ms > 0 else behind}; apps keep the real time.",
            "reset_engine begins anew with the real time; otherwise nothing needs to be done.",
        )
    yield _docs(facts.engine)
    if facts.engine.kept is not None:
        yield _data(facts.engine.kept)


def _engine(engine: EngineFacts) -> Check:
    kept = "in memory" if engine.data_file is None else f"in {one_line(engine.data_file, 120)}"
    key = "with a signing key" if engine.has_signing_key else "without a signing key"
    where = f"all addresses ({engine.host}), here {engine.origin}"
    return ok(
        "engine",
        f"Stepcue {engine.version} listens on {where if engine.host in WILDCARDS else engine.origin}, {key}, "
        f"and keeps its data {kept}.",
    )


def _data(kept: Kept) -> Check:
    limits, rules = kept.limits, []
    if limits.keep_ms is not None:
        rules.append(f"{format_duration(limits.keep_ms)} after their end")
    if limits.max_bytes is not None:
        rules.append(f"oldest first when all data takes more than {_size(limits.max_bytes)}")
    rule = f"Ended runs are pruned {', or '.join(rules)}" if rules else "No run is ever pruned"
    gone = f", {kept.pruned} so far, the last ones at {_day(kept.pruned_ms)}" if kept.pruned_ms else ""
    oldest = f", the oldest run is of {_day(kept.oldest_ms)}" if kept.oldest_ms is not None else ""
    found = f"All data takes {_size(kept.used_bytes)}{oldest}. {rule}{gone}."
    if limits.max_bytes is not None and kept.used_bytes > limits.max_bytes:
        return warning(
            "data",
            found,
            "Either it has just come and is pruned soon, or it belongs to open runs: cancel those that "
            "nobody needs, or start Stepcue with a larger --max-data-size.",
        )
    return ok("data", found)


def _size(size: int) -> str:
    megabytes = size / 1_024**2
    text = f"{megabytes:.1f} MB" if megabytes < 1_024 else f"{megabytes / 1_024:.1f} GB"
    return text.replace(".0 ", " ")


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M} UTC"


def _docs(engine: EngineFacts) -> Check:
    if engine.docs_pages:
        return ok("docs", f"{engine.docs_pages} pages of documentation can be searched.")
    why = f": {one_line(engine.docs_error, 200)}" if engine.docs_error else ""
    return problem("docs", f"The documentation cannot be read{why}.", "Install Stepcue again.")
