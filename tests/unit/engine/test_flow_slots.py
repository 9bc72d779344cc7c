"""The engine's own slots are shared by calls with flow control and calls without."""

from __future__ import annotations

import pytest
from scripted_app import App, engine_for, registration, settle, start

from durable_engine import slots

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("many", "one"), [("job", "plain"), ("plain", "job")])
async def test_neither_calls_with_flow_control_nor_those_without_wait_for_all_of_the_others(
    many: str, one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "MAX_OPEN_CALLS", 1)
    functions = registration("job", "plain")
    functions["functions"][0]["priority"] = {"run": "0"}
    app = App()
    app.gate.clear()
    async with engine_for(app) as engine:
        await engine.register_app(functions)
        for _ in range(20):
            await start(engine, f"t/{many}")
        await app.called(1)
        await start(engine, f"t/{one}")
        app.gate.set()
        await settle(engine)
    names = [body["event"]["name"] for body in app.bodies]
    assert names.index(f"t/{one}") <= 3
