"""The answer of run_fault_matrix: what is suspicious first, then what ended otherwise, then the rest."""

from __future__ import annotations

from functools import partial
from typing import Final

from mcp.types import CallToolResult

from durable_engine import RunStatus
from durable_engine.scenarios.matrix import Cell, Matrix
from mcp_server.clean import one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.results.matrix import MatrixResult, Row, Suspect

_SHAPES: Final = ((200, 200, 200), (80, 40, 200), (40, 20, 100), (15, 10, 80), (5, 5, 40))
"""Rows, suspects, and characters of what a step gave."""
_MOST_NAMES: Final = 10
_IDEMPOTENT: Final = (
    "Make the step idempotent: derive an idempotency key from the run id and the step id, and pass it to "
    "whatever has the effect. A step that gives the same twice may still do its effect twice."
)
_TWICE: Final = "Steps under ranAgain gave the same result, and may still do their effect twice."


def matrix_answer(matrix: Matrix) -> CallToolResult:
    """Build the answer."""
    return first_fit(partial(_answer, matrix, *shape) for shape in _SHAPES)


def _answer(matrix: Matrix, most: int, most_suspects: int, limit: int) -> CallToolResult:
    cells = sorted(matrix.cells, key=_rank)
    unharmed = sum(_rank(cell) == _UNHARMED for cell in cells)
    suspects = _suspects(matrix, limit)
    run = matrix.baseline
    left_out = {
        "rows": len(cells) - most,
        "suspects": len(suspects) - most_suspects,
        "steps under ranAgain": sum(max(0, len(cell.ran_again) - _MOST_NAMES) for cell in cells[:most]),
    }
    more = " and ".join(f"{count} {what}" for what, count in left_out.items() if count > 0)
    return reply(
        MatrixResult(
            message=_message(matrix, suspects, unharmed),
            function_id=None if run is None else run.function_slug,
            baseline_run_id=None if run is None else run.id,
            baseline_status=None if run is None else run.status.value,
            runs=len(cells),
            unharmed=unharmed,
            suspects=suspects[:most_suspects],
            rows=[_row(cell, limit) for cell in cells[:most]],
            rows_omitted=max(0, len(cells) - most) or None,
            left_out=matrix.left_out or None,
            truncated=f"{more} more than are shown; fewer `kinds`, or mocks for steps, show the rest."
            if more
            else None,
            next=_next(matrix, suspects),
        )
    )


_UNHARMED: Final = 4


def _rank(cell: Cell) -> int:
    if cell.suspicions:
        return 0
    if cell.difference is not None:
        return 1
    if not cell.hit:
        return 2
    return 3 if cell.ran_again else _UNHARMED


def _row(cell: Cell, limit: int) -> Row:
    outcome = "not started" if cell.run is None else cell.run.status.value
    return Row(
        step=None if cell.step is None else _label(cell),
        after_steps=cell.index if cell.step is None else None,
        fault=cell.kind,
        outcome=outcome if cell.hit else f"{outcome} (never came to this place)",
        ran_again=[one_line(step, 80) for step in cell.ran_again[:_MOST_NAMES]] or None,
        difference=None if cell.difference is None else one_line(cell.difference, limit),
        run_id=None if cell.run is None else cell.run.id,
    )


def _label(cell: Cell) -> str:
    name = one_line(cell.step or "", 80)
    return f"{name}[{cell.index}]" if cell.index else name


def _suspects(matrix: Matrix, limit: int) -> list[Suspect]:
    found: dict[str, Suspect] = {}
    for cell in matrix.cells:
        for suspicion in cell.suspicions:
            known = found.get(suspicion.step)
            if known is None:
                found[suspicion.step] = Suspect(
                    step=one_line(suspicion.step, 80),
                    faults=[cell.kind],
                    first=one_line(suspicion.first, limit),
                    then=one_line(suspicion.then, limit),
                )
            elif cell.kind not in known.faults:
                known.faults.append(cell.kind)
    return list(found.values())


def _message(matrix: Matrix, suspects: list[Suspect], unharmed: int) -> str:
    run = matrix.baseline
    if matrix.problem is not None:
        return f"No fault was tried: {one_line(matrix.problem, 400)}."
    if not matrix.cells:
        why = "the time was over" if matrix.left_out else "the function has no call that these faults can hit"
        return f"No fault was tried: {why}."
    name = "" if run is None else f" of {one_line(run.function_slug, 100)!r}"
    begun = ""
    if run is not None and run.status is not RunStatus.COMPLETED:
        begun = f"The run with nothing broken is {run.status.value} itself. "
    words = f"{begun}{len(matrix.cells)} runs{name}, each with one call broken: {unharmed} were unharmed"
    ended = sum(cell.difference is not None for cell in matrix.cells)
    words += f", {ended} ended otherwise." if ended else "."
    if suspects:
        names = ", ".join(repr(suspect.step) for suspect in suspects[:5])
        words += f" Not safe to run twice: {names} (another result the second time)."
    else:
        words += " No step gave another result when it ran twice."
    if matrix.left_out:
        words += f" {matrix.left_out} more were left out: time or their number."
    return words


def _next(matrix: Matrix, suspects: list[Suspect]) -> str | None:
    if matrix.problem is not None:
        return "Mock what keeps the run from ending, or send what it waits for with `events`."
    run = matrix.baseline
    worst = next((cell for cell in sorted(matrix.cells, key=_rank) if cell.run is not None), None)
    compare = ""
    if run is not None and worst is not None and worst.run is not None and _rank(worst) != _UNHARMED:
        compare = (
            f'compare_runs runIdA="{run.id}" runIdB="{worst.run.id}" shows how the run of a row differs.'
        )
    if suspects:
        return f"{_IDEMPOTENT} {compare}".rstrip()
    if run is not None and run.status is not RunStatus.COMPLETED:
        return f'explain runId="{run.id}" says why the run with nothing broken did not complete.'
    if any(cell.ran_again for cell in matrix.cells):
        return f"{_TWICE} {compare}".rstrip()
    return compare or None
