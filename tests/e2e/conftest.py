"""What the tests on real TypeScript apps share: one app process per module and version of the SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from support.typescript import VERSIONS, Lab, TypeScriptApp, lab, typescript_app


@pytest.fixture(scope="module", params=VERSIONS)
async def ts_app(request: pytest.FixtureRequest) -> AsyncIterator[TypeScriptApp]:
    """An app process of each major version of the SDK."""
    async with typescript_app(request.param) as app:
        yield app


@pytest.fixture
async def ts_lab(ts_app: TypeScriptApp) -> AsyncIterator[Lab]:
    """An engine and a clock of the test's own, with the app behind it."""
    async with lab(ts_app) as opened:
        yield opened
