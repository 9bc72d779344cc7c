"""Settings of the engine, made once at start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from durable_engine.defaults import LEAST_DATA_BYTES, LEAST_EVENT_BYTES, MAX_EVENT_BYTES


class EngineConfig(BaseModel):
    """How an engine keeps its state and finds its apps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_file: Annotated[
        Path | None,
        Field(description="SQLite file that survives restarts; none keeps everything in memory."),
    ] = None
    app_urls: Annotated[
        tuple[str, ...], Field(description="Serve endpoints of apps to sync at start and keep in sync.")
    ] = ()
    signing_key: Annotated[
        SecretStr | None,
        Field(description="Key that signs requests to apps in cloud mode (INNGEST_SIGNING_KEY)."),
    ] = None
    max_event_bytes: Annotated[
        int,
        Field(
            ge=LEAST_EVENT_BYTES,
            le=MAX_EVENT_BYTES,
            description="Largest event that is accepted; in the Inngest cloud it depends on the plan.",
        ),
    ] = MAX_EVENT_BYTES
    polls: Annotated[
        bool, Field(description="Whether known apps are synced again and again, to notice changed code.")
    ] = True
    poll_interval_s: Annotated[
        float, Field(ge=0.1, le=3_600, description="Seconds between two syncs of a known app.")
    ] = 5.0
    discovers: Annotated[
        bool, Field(description="Whether the usual ports are searched while no app is known.")
    ] = True
    keep_runs_s: Annotated[
        float | None,
        Field(ge=1, description="Seconds, in the real time, for which ended runs are kept; none keeps them."),
    ] = None
    max_data_bytes: Annotated[
        int | None,
        Field(
            ge=LEAST_DATA_BYTES,
            description="Bytes of data from which on the oldest ended runs are pruned; none for no limit.",
        ),
    ] = None
