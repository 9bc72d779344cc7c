"""Few root certificates for SDK clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest


@pytest.fixture(scope="session", autouse=True)
def few_root_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let HTTP clients trust a single root: each SDK client reads all roots twice, and no test needs one."""
    end = "-----END CERTIFICATE-----\n"
    first, _, _ = Path(certifi.where()).read_text(encoding="ascii").partition(end)
    path = tmp_path_factory.mktemp("roots") / "root.pem"
    path.write_text(first[first.index("-----BEGIN") :] + end, encoding="ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        yield
