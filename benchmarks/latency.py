"""How much time the engine adds to the app's own: `python benchmarks/latency.py`.

Runs the sample workload through a real engine process, then calls the same app directly with the very
same requests (the same bodies, one after the other, over one kept-alive connection of the standard
library's client). Prints medians and their ratio; both halves alternate, so that a machine whose speed
drifts slows both.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from mcp import Client
from support.processes import call, sdk_app, stepcue

from durable_engine.ids import uuid_for
from durable_engine.model.call import Call
from durable_engine.sdk.call_request import build_call_request

FUNCTIONS = {0: 40, 1: 40, 3: 40, 100: 5}
"""Steps of a function → how often it is measured in one round."""


def direct_ms(app: str, count: int, run_id: str) -> float:
    """Call the app as the engine does for one run of `count` steps; return the milliseconds it took."""
    slug = f"bench-steps-{count}"
    event = {"data": {}, "id": run_id, "name": f"bench/steps-{count}", "ts": 1_800_000_000_000, "user": {}}
    memos: dict[str, str] = {}
    connection = http.client.HTTPConnection(urlsplit(app).netloc)
    connection.connect()
    started = time.perf_counter()
    for number in range(count + 1):
        request = build_call_request(
            Call(
                url=f"{app}/api/inngest?fnId={slug}&stepId=step",
                run_id=run_id,
                function_id=uuid_for("function", slug),
                item_id=number,
                item_ref="1.1",
                target=None,
                attempt=0,
                max_attempts=5,
                execution_version=2 if number else -1,
                plans_only=False,
                events=[json.dumps(event)],
                memos=memos,
            ),
            request_id=run_id,
        )
        target = urlsplit(request.url)
        connection.request("POST", f"{target.path}?{target.query}", request.body, request.headers)
        response = connection.getresponse()
        body = json.loads(response.read())
        if response.status == 206:
            memos[body[0]["id"]] = json.dumps({"data": body[0]["data"]})
    elapsed = time.perf_counter() - started
    connection.close()
    assert response.status == 200, body
    return elapsed * 1_000


async def engine_ms(client: Client, count: int) -> tuple[float, float]:
    """Run the function once; return (event accepted → run ended, whole MCP call) in milliseconds."""
    started = time.perf_counter()
    sent = await call(client, "send_event", name=f"bench/steps-{count}", wait=30)
    whole = (time.perf_counter() - started) * 1_000
    (run,) = sent["runs"]
    assert run["status"] == "COMPLETED", run
    status = await call(client, "get_run_status", runId=run["runId"])
    queued, ended = (datetime.fromisoformat(status[key]) for key in ("queuedAt", "endedAt"))
    return (ended - queued).total_seconds() * 1_000, whole


async def measure(rounds: int) -> None:
    """Measure everything and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        async with (
            stepcue(path, "--no-poll") as server,
            sdk_app("app", server.origin, Path(__file__).parent) as app,
            Client(server.mcp_url) as client,
        ):
            print(f"{'steps':>5} {'engine ms':>10} {'app ms':>8} {'ratio':>6} {'mcp call ms':>12} {'n':>4}")
            for count, samples in FUNCTIONS.items():
                pairs, wholes = [], []
                for _ in range(samples * rounds):
                    ms, whole = await engine_ms(client, count)
                    app_ms = await asyncio.to_thread(direct_ms, app, count, "01M7YWPH29KN5921NDS4AZWVCN")
                    pairs.append((ms, app_ms))
                    wholes.append(whole)
                ours = statistics.median(pair[0] for pair in pairs)
                apps = statistics.median(pair[1] for pair in pairs)
                ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
                print(
                    f"{count:>5} {ours:>10.1f} {apps:>8.1f} {ratio:>6.2f} "
                    f"{statistics.median(wholes):>12.1f} {len(pairs):>4}"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="How many times to repeat everything.")
    asyncio.run(measure(parser.parse_args().rounds))
