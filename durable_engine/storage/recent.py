"""What was read last, kept by the one connection that also writes it, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_ENTRY_BYTES: Final = 256
"""What an entry costs besides its text, about."""


class Recent(Generic[T]):
    """The values that were used last, by key; their owner adds what it writes and drops what it undoes.

    With room for no bytes it keeps nothing.
    """

    def __init__(self, *, most_bytes: int) -> None:
        self._most = most_bytes
        self._values: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._size = 0

    def get(self, key: str) -> T | None:
        """Return a value, which is used last now."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: str, value: T, *, size: int) -> None:
        """Keep a value of `size` bytes, and let go of what was not used for long."""
        self.drop(key)
        size += _ENTRY_BYTES
        self._values[key] = (value, size)
        self._size += size
        while self._size > self._most:
            _, (_, freed) = self._values.popitem(last=False)
            self._size -= freed

    def grow(self, key: str, *, by: int) -> None:
        """A value that is kept takes `by` bytes more."""
        found = self._values.get(key)
        if found is not None:
            self.put(key, found[0], size=found[1] - _ENTRY_BYTES + by)

    def drop(self, key: str) -> None:
        """Let go of a value."""
        _, size = self._values.pop(key, (None, 0))
        self._size -= size

    def clear(self) -> None:
        """Let go of all."""
        self._values.clear()
        self._size = 0
