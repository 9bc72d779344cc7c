"""A plugin for mypy: what an event carries is any JSON, as in the pages.

The SDK says `Mapping[str, JSON]`, which wants a cast before each use of a nested value. Pages leave that to
the reader, who knows what the events hold.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy.plugin import AttributeContext, Plugin
from mypy.types import AnyType, Type, TypeOfAny


def _anything(_: AttributeContext) -> Type:
    return AnyType(TypeOfAny.explicit)


class EventData(Plugin):
    """Makes `Event.data` Any."""

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        """Return the hook for this one attribute."""
        return _anything if fullname.endswith(".event.Event.data") else None


def plugin(version: str) -> type[Plugin]:
    """Return the plugin, as mypy asks for it."""
    return EventData
