"""Runs of TypeScript apps become vitest files, executed here on Node.js with a stand-in for vitest alone."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

import pytest
from support.node import APPS, node, node_app, packages, register
from support.processes import Stepcue, stepcue
from support.typescript import VERSIONS

pytestmark = pytest.mark.anyio
APP = """
    import { randomUUID } from "node:crypto";
    import http from "node:http";
    import { Inngest } from "inngest";
    import { serve } from "inngest/node";

    const client = new Inngest({ id: "tsshop" });
    const define = (options, event, handler) =>
      process.env.SDK === "v3"
        ? client.createFunction(options, { event }, handler)
        : client.createFunction({ ...options, triggers: [{ event }] }, handler);

    const fulfil = define({ id: "fulfil", retries: 1 }, "shop/order", async ({ event, step }) => {
      const reserve = () => ({ id: randomUUID(), at: new Date(), n: event.data.n });
      const reserved = await step.run("reserve", reserve);
      const [charged] = await Promise.all([
        step.run("charge", () => ({ amount: event.data.n * 3 })),
        step.run("label", () => `order ${event.data.id}`),
      ]);
      await step.sleep("settle", "3d");
      const shipped = await step.waitForEvent("shipped", { event: "shop/shipped", timeout: "7d" });
      const signal = `approve-${event.data.n}`;
      const approved = await step.waitForSignal("approve", { signal, timeout: "1d", onConflict: "fail" });
      await step.run("mail", () => { throw new Error("not in tests"); });
      await step.sendEvent("tell", { name: "shop/fulfilled", data: {} });
      const { amount } = charged;
      return { reservation: reserved.id, amount, by: shipped?.data.by, approved: approved?.data };
    });

    const server = http.createServer(serve({ client, functions: [fulfil] }));
    server.listen(0, "127.0.0.1", () => console.error(`listens on http://127.0.0.1:${server.address().port}`));
"""
VITEST = """
    export async function test(name, body) {
      try {
        await body();
        console.log(`ok ${name}`);
      } catch (error) {
        console.log(`not ok ${name}: ${error.message}`);
        process.exitCode = 1;
      }
    }
    export function expect(actual, message = "") {
      const toBe = (expected) => {
        if (!Object.is(actual, expected)) throw new Error(`${message} expected ${expected}, got ${actual}`);
      };
      return { toBe, toBeNull: () => toBe(null) };
    }
"""
DATA = {"id": "o-1 */ ` ${x} \u2028", "n": 4, "__proto__": {"polluted": True}}
MAIL = {"stepId": "mail", "result": {"sent": True}}


def _project(folder: Path, version: str) -> None:
    """Lay out a project whose packages are the locked ones, with a stand-in for vitest beside them."""
    modules = packages(APPS / version)
    (folder / "node_modules" / "vitest").mkdir(parents=True)
    (folder / "node_modules" / "inngest").symlink_to(modules / "inngest")
    manifest = {"name": "vitest", "type": "module", "exports": "./index.mjs"}
    (folder / "node_modules" / "vitest" / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "node_modules" / "vitest" / "index.mjs").write_text(dedent(VITEST), encoding="utf-8")
    (folder / "app.mjs").write_text(dedent(APP), encoding="utf-8")


@asynccontextmanager
async def _serving(folder: Path, version: str, server: Stepcue) -> AsyncIterator[None]:
    async with node_app(folder, server.origin, SDK=version) as origin:
        await register(f"{origin}/api/inngest")
        yield


async def _run_file(folder: Path, name: str, origin: str) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        node(),
        name,
        cwd=folder,
        env={**os.environ, "STEPCUE_URL": origin},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    written, _ = await asyncio.wait_for(child.communicate(), 60)
    return child.returncode or 0, written.decode()


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_exported_vitest_file_passes_and_finds_planted_bugs(tmp_path: Path, version: str) -> None:
    node()
    _project(tmp_path, version)
    async with stepcue(tmp_path, "--in-memory") as server:
        async with _serving(tmp_path, version, server):
            tested = await server.call(
                "test_function",
                event="shop/order",
                data=DATA,
                mocks=[MAIL],
                events=[
                    {"name": "shop/shipped", "data": {"by": "post"}},
                    {"signal": "approve-4", "data": {"by": "Eve"}},
                ],
            )
            assert tested["status"] == "COMPLETED", tested
            run_id = tested["runId"]
            answer = await server.call("export_test", runId=run_id, format="vitest", path="fulfil.test.mjs")
            await server.call("export_test", runId=run_id, format="vitest", path="all.test.mjs", mock="all")
            assert "npx vitest run" in answer["next"]
            assert tested["output"]["approved"] == {"by": "Eve"}
            text = (tmp_path / "fulfil.test.mjs").read_text(encoding="utf-8")
            for file in ("fulfil.test.mjs", "fulfil.test.mjs", "all.test.mjs"):
                code, said = await _run_file(tmp_path, file, server.origin)
                assert (code, said) == (0, "ok tsshop-fulfil completed\n"), f"{text}\n{said}"
        assert 'id: {"$any": "uuid"}' in text

        source = (tmp_path / "app.mjs").read_text(encoding="utf-8")
        for old, new, words in (
            ("n * 3", "n * 4", "step 'charge' output is not as expected: $.amount is 16, not 12"),
            ('"charge", ()', '"pay", ()', "ran 'charge': never happened"),
            ("({ amount:", "(null.x, { amount:", "charge: FAILED after 2 attempts, TypeError"),
        ):
            assert source.count(old) == 1
            (tmp_path / "app.mjs").write_text(source.replace(old, new), encoding="utf-8")
            async with _serving(tmp_path, version, server):
                code, said = await _run_file(tmp_path, "fulfil.test.mjs", server.origin)
                assert code == 1, said
                assert words in said, said
        code, said = await _run_file(tmp_path, "fulfil.test.mjs", "http://127.0.0.1:9")
        assert code == 1
