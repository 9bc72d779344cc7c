"""Cron schedules: pure, an instant in and the next tick out. Nothing here reads a clock."""

from __future__ import annotations

from durable_engine.schedules.schedule import MAX_SCHEDULE_CHARS, Schedule, jittered_ms

__all__ = ["MAX_SCHEDULE_CHARS", "Schedule", "jittered_ms"]
