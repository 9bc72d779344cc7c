import * as sdk from "inngest";
import { endpointAdapter, serve, serveEndpoint } from "inngest/node";

import { start } from "../start.mjs";

const { Inngest, NonRetriableError, step } = sdk;

/** Functions that a request starts, not an event. What ran is in the journal of the endpoint's path. */
function endpoints(journal) {
  const client = new Inngest({ id: "endpoints", endpointAdapter });
  const run = (path, id, body = () => id) => step.run(id, () => (journal.note(path, id), body()));
  const handlers = {
    "/quick": async (path) => Response.json([await run(path, "a"), await run(path, "b")], { status: 202 }),
    "/slow": async (path, request) => {
      const a = await run(path, "a");
      await step.sleep("nap", "1h");
      const query = new URL(request.url).searchParams.get("n");
      return Response.json({ a, b: await run(path, "b"), query }, { headers: { "x-mine": "1" } });
    },
    "/parallel": async (path) => Response.json(await Promise.all(["p", "q", "r"].map((id) => run(path, id)))),
    "/flaky": async (path) => {
      const attempt = () => {
        if (journal.of(path).ran.length < 2) throw new Error("not yet");
        return "in the end";
      };
      return Response.json(await run(path, "a", attempt));
    },
    "/rolls-back": async (path) => {
      try {
        await run(path, "a", () => {
          throw new NonRetriableError("never");
        });
      } catch (error) {
        return Response.json({ caught: error.message, undone: await run(path, "undo") });
      }
    },
    "/waits": async () => Response.json((await step.waitForEvent("go", { event: "ts/go", timeout: "1h" }))?.data ?? null),
  };
  const served = Object.entries(handlers).map(([path, handler]) => [
    path,
    serveEndpoint(client.endpoint((request) => handler(path.slice(1), request))),
  ]);
  return Object.fromEntries(served);
}

start({
  sdk,
  serve,
  createFunction: (client, options, triggers, handler) => client.createFunction({ ...options, triggers }, handler),
  streaming: true,
  endpoints,
});
