"""Types of arguments that several tools share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

MAX_WAIT_S = 55
"""Hosts cut calls off at 60 seconds."""


RunId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description='Run id as send_event or invoke_function returned it, e.g. "01JD4Z9QW3V8T5N2B7K1M6X0CR".',
    ),
]

FunctionId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description='Function id from list_functions, e.g. "shop-process-order"; UUID or name work too.',
    ),
]
AppId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        description='App of the function when the name fits several, e.g. "shop".',
    ),
]

EventData = Annotated[
    dict[str, Any],
    Field(description='Event payload, a JSON object read as event.data, e.g. {"orderId": "o-1"}.'),
]

EventUser = Annotated[
    dict[str, Any],
    Field(description='User the event is about, a JSON object read as event.user, e.g. {"id": "u-1"}.'),
]

Timeout = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_WAIT_S,
        description="Seconds to wait, 0 to 55, e.g. 30. When they pass, the state so far is returned.",
    ),
]

Since = Annotated[str, Field(max_length=40, description="e.g. 2h, or a date")]

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
    Field(description='Only what applies to this SDK, e.g. "python".'),
]

Category = Annotated[
    str,
    Field(min_length=1, max_length=100, description='Only this category of list_docs, e.g. "guides".'),
]
