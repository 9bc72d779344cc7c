"""What the tests on real TypeScript apps share: one app process per module and version of the SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from support.gate import Gate, gate
from support.typescript import VERSIONS, Lab, TypeScriptApp, lab, typescript_app


@pytest.fixture(scope="module", params=VERSIONS)
async def ts_app(request: pytest.FixtureRequest) -> AsyncIterator[TypeScriptApp]:
    """An app process of each major version of the SDK."""
    async with typescript_app(request.param) as app:
        yield app


@pytest.fixture
async def ts_lab(ts_app: TypeScriptApp) -> AsyncIterator[Lab]:
    """An engine and a clock of the test's own, with the app behind it."""
    async with lab(ts_app, "inngest", "streaming") as opened:
        yield opened


@pytest.fixture
async def flow_lab(ts_app: TypeScriptApp) -> AsyncIterator[Lab]:
    """The same, with only the functions that have flow control: the app `flow`."""
    async with lab(ts_app, "flow") as opened:
        yield opened


@pytest.fixture
async def flow_gate() -> AsyncIterator[Gate]:
    """Where the code of those functions waits, if their events say so."""
    async with gate() as opened:
        yield opened
