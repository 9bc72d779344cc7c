"""What holds unless a setting says otherwise; the command line shows it, and imports nothing for that."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DEFAULT_PORT: Final = 8288
DEFAULT_DATA_FILE: Final = Path(".stepcue") / "engine.db"
LEAST_EVENT_BYTES: Final = 256 * 1024
MAX_EVENT_BYTES: Final = 3 * 1024 * 1024
"""Largest event that an Inngest server takes; in the cloud it depends on the plan, 512 KiB at first."""
LEAST_DATA_BYTES: Final = 1024 * 1024
