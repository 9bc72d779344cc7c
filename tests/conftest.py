"""What every test shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.roots import few_root_certificates

__all__ = ["few_root_certificates"]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the product does; a module may share what is slow to start."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _nothing_imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the documentation that whoever runs the tests has imported out of them, and out of processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield
