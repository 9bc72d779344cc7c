"""The groups that tools are in."""

from __future__ import annotations

from typing import Final, Literal, get_args

Toolset = Literal["core", "testing", "docs", "compat"]

TOOLSETS: Final[tuple[Toolset, ...]] = get_args(Toolset)
