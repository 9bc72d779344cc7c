"""A run that repeats another one, as the answer of rerun."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from mcp.types import CallToolResult

from durable_engine import RerunReceipt, RunView
from mcp_server.clean import one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.numbers import counted
from mcp_server.render.payload import Cutter
from mcp_server.render.runs import run_facts
from mcp_server.render.sentences import run_next, run_sentence
from mcp_server.results.reruns import Edited, NewRun, Repeats, RerunResult

_SHAPES: Final = ((8_000, 100), (2_000, 50), (300, 20), (60, 5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """What was asked for, and what the engine said to it."""

    receipt: RerunReceipt
    edited: Edited | None
    from_step: str | None


def rerun_answer(repeat: Repeat, run: RunView, *, origin: str) -> CallToolResult:
    """Build the answer; `origin` is where the engine listens."""
    return first_fit(partial(_answer, repeat, run, limit, names, origin) for limit, names in _SHAPES)


def _answer(repeat: Repeat, run: RunView, limit: int, names: int, origin: str) -> CallToolResult:
    receipt, edited, from_step = repeat.receipt, repeat.edited, repeat.from_step
    cut = Cutter(limit)
    kept = receipt.kept or ()
    left_out = len(kept) - names
    result = RerunResult(
        message=f"{_what(receipt, edited, from_step)} {run_sentence(run)}",
        run_id=run.id,
        status=run.status.value,
        repeats=Repeats(
            original_run_id=receipt.original_run_id,
            taken_over=[cut.text(name) for name in kept[:names]] or None,
            edited=edited,
        ),
        run=NewRun(**run_facts(run, cut, origin=origin)),
        notes=list(receipt.notes) or None,
        next=run_next(run, origin=origin) or _compare(receipt),
    )
    parts = [f"{cut.cuts} values are cut at {limit:,} characters"] if cut.cuts else []
    parts += [f"{left_out} more steps were taken over"] if left_out > 0 else []
    result.truncated = f"{'; '.join(parts)}; get_run_status shows more." if parts else None
    return reply(result)


def _what(receipt: RerunReceipt, edited: Edited | None, from_step: str | None) -> str:
    start = f"Run {receipt.original_run_id} is run again"
    if from_step is None:
        how = " from its start"
    else:
        step = repr(one_line(receipt.edited_step or from_step, 80))
        kept = None if receipt.kept is None else f" ({counted(len(receipt.kept), 'result')} taken over)"
        is_skipped = edited is not None and edited.step_output is not None
        place = f"behind step {step}, whose outcome is edited" if is_skipped else f"step {step}"
        how = f" from {place}{kept or ''}"
        if edited is not None and edited.step_input is not None:
            how += ", with edited input"
    return f"{start}{how}{', with edited event data' if edited and edited.event_data else ''}."


def _compare(receipt: RerunReceipt) -> str:
    return (
        f'compare_runs runIdA="{receipt.original_run_id}" runIdB="{receipt.run_id}" shows what came out '
        "differently."
    )
