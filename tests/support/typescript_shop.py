"""A shop on the TypeScript SDKs in a project of its own, and a stand-in for vitest."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

from support.node import APPS, packages

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


def lay_out(folder: Path, version: str) -> None:
    """Lay out a project whose packages are the locked ones, with a stand-in for vitest beside them."""
    modules = packages(APPS / version)
    (folder / "node_modules" / "vitest").mkdir(parents=True)
    (folder / "node_modules" / "inngest").symlink_to(modules / "inngest")
    manifest = {"name": "vitest", "type": "module", "exports": "./index.mjs"}
    (folder / "node_modules" / "vitest" / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "node_modules" / "vitest" / "index.mjs").write_text(dedent(VITEST), encoding="utf-8")
    (folder / "app.mjs").write_text(dedent(APP), encoding="utf-8")
