"""Types of arguments that several tools share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

MAX_WAIT_S = 55
"""Hosts cut calls off at 60 seconds."""

MAX_NAME = 512
"""Characters of a name or id; calls in sentences show such a one whole."""


RunId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description='Run id, e.g. "01JD4Z9Q…".',
    ),
]

FunctionId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description='Id or name from list_functions, e.g. "shop-order".',
    ),
]
AppId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        description='Its app, if the name fits several, e.g. "shop".',
    ),
]

EventData = Annotated[
    dict[str, Any],
    Field(description='event.data, e.g. {"orderId": "o-1"}.'),
]

EventUser = Annotated[
    dict[str, Any],
    Field(description='event.user, e.g. {"id": "u-1"}.'),
]

Timeout = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_WAIT_S,
        description="Seconds to wait, e.g. 30.",
    ),
]

Since = Annotated[str, Field(max_length=40, description="Since when, e.g. 2h or 2026-11-21T10:00:00Z.")]

SnapshotName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description='Letters, digits, dash, underscore, e.g. "before-fix".',
    ),
]

Sdk = Annotated[
    Literal["typescript", "python", "go"],
    Field(description="Only what applies to this SDK."),
]

Category = Annotated[
    str,
    Field(
        min_length=1, max_length=100, description='Only this category or corpus of list_docs, e.g. "guides".'
    ),
]
