"""The app under measurement: trivial steps on the real Python SDK."""

from __future__ import annotations

import logging
from typing import Any

import fastapi
import inngest
import inngest.fast_api

client = inngest.Inngest(app_id="bench", logger=logging.getLogger("uvicorn"))


def _sequence(count: int) -> Any:
    @client.create_function(
        fn_id=f"steps-{count}", trigger=inngest.TriggerEvent(event=f"bench/steps-{count}")
    )
    async def sequence(ctx: inngest.Context) -> int:
        async def body(number: int) -> dict[str, int]:
            return {"number": number}

        for number in range(count):
            await ctx.step.run("step", body, number)
        return count

    return sequence


app = fastapi.FastAPI()
inngest.fast_api.serve(app, client, [_sequence(count) for count in (0, 1, 3, 100)])
