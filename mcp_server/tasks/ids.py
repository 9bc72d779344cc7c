"""Ids of tasks. Each says with which run the task is kept, so that nothing else has to remember it."""

from __future__ import annotations

import re
import secrets
from typing import Final

_WAIT: Final = re.compile(r"wait_(?P<run_id>.+)_[0-9a-f]{8}")


def new_wait_id(run_id: str) -> str:
    """Make the id of one wait among many for a run: `wait_01JD4Z9QW3V8T5N2B7K1M6X0CR_5f0c21aa`.

    A task that started its run has the run's id instead.
    """
    return f"wait_{run_id}_{secrets.token_hex(4)}"


def run_of(task_id: str) -> str:
    """Return the id of the run with which a task is kept."""
    match = _WAIT.fullmatch(task_id)
    return task_id if match is None else match["run_id"]
