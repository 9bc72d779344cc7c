// The functions of tests/survival that TypeScript has of its own: steps of one call are reported while it goes on
// (checkpoints), and signals. Calls and bodies are written into the journal of JOURNAL, as survival/journal.py says.

import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import http from "node:http";
import { Readable } from "node:stream";

import { Inngest } from "inngest";
import { serve } from "inngest/node";

const calls = new AsyncLocalStorage();
const client = new Inngest({ id: "survival-ts" });
const write = (entry) => appendFileSync(process.env.JOURNAL, `${JSON.stringify(entry)}\n`);

function define(id, handler) {
  const options = { id, retries: 12, triggers: [{ event: `k/ts-${id}` }] };
  return client.createFunction(options, ({ attempt, event, runId, step }) => {
    const run = (name) =>
      step.run(name, async () => {
        const nonce = randomUUID();
        const about = { ref: calls.getStore().ref, run: runId, step: name, nonce, key: "", life: "" };
        write({ kind: "begin", attempt, ...about });
        await new Promise(setImmediate);
        write({ kind: "end", ...about });
        return { nonce };
      });
    return handler({ n: event.data.n, run, step });
  });
}

const functions = [
  define("sequential", async ({ run }) => {
    const seen = [];
    for (const name of ["a", "b", "c", "d", "e", "f"]) seen.push(await run(name));
    return seen;
  }),
  define("parallel", async ({ run }) => {
    const before = await run("before");
    const group = await Promise.all(["left", "middle", "right"].map(run));
    return [before, ...group, await run("join"), await run("after")];
  }),
  define("sleeping", async ({ run, step }) => {
    const before = [await run("a"), await run("b")];
    await step.sleep("nap", "90s");
    return [...before, await run("c"), await run("d")];
  }),
  define("waiting", async ({ n, run, step }) => {
    const first = await run("first");
    const go = await step.waitForEvent("go", { event: "k/go", if: `async.data.n == "${n}"`, timeout: "30d" });
    return [first, await run("second"), go?.data.mark ?? null];
  }),
  define("signalled", async ({ n, run, step }) => {
    const first = await run("first");
    const got = await step.waitForSignal("go", { signal: `signal-${n}`, timeout: "30d", onConflict: "fail" });
    return [first, await run("second"), got?.data ?? null];
  }),
];

const inngest = serve({ client, functions });
/** Note the call before the SDK sees it, and give the SDK the body that was read for that. */
async function called(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const { qi_id, run_id } = JSON.parse(body).ctx;
  write({ kind: "call", ref: qi_id, run: run_id });
  const { headers, method, socket, url } = request;
  const again = Object.assign(Readable.from([body]), { headers, method, socket, url });
  return calls.run({ ref: qi_id }, () => inngest(again, response));
}

// An engine that dies in the middle of a request leaves promises of the SDK that nobody looks after.
process.on("unhandledRejection", (fault) => console.error("cut off:", fault));

const server = http.createServer((request, response) => {
  if (request.url === "/life") response.end();
  else if (request.method === "POST") called(request, response).catch(() => response.destroy());
  else inngest(request, response);
});
server.listen(0, "127.0.0.1", () => console.error(`listens on http://127.0.0.1:${server.address().port}`));
