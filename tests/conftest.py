"""What every test shares."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the product does; a module may share what is slow to start."""
    return "asyncio"
