// Serves the shared functions on the SDK given, on a free port, and says so on stderr.
// GET /journal/RUN_ID tells how often the function and each of its step bodies ran.
// GET /edition/NAME chooses the code that some functions have from now on.

import http from "node:http";

import controls from "./functions/controls.mjs";
import edited from "./functions/edited.mjs";
import errors from "./functions/errors.mjs";
import flow from "./functions/flow.mjs";
import options from "./functions/options.mjs";
import parallel from "./functions/parallel.mjs";
import remote from "./functions/remote.mjs";
import replay from "./functions/replay.mjs";
import secrets from "./functions/secrets.mjs";
import steps from "./functions/steps.mjs";
import waits from "./functions/waits.mjs";

const APP_ID = "ts";

/**
 * What differs between the SDK's major versions:
 * - `sdk`: the module `inngest`; `serve`: that of `inngest/node`
 * - `createFunction(client, options, triggers, handler)`
 * - `streaming`: the value of the serve option that turns it on
 * - `endpoints(journal)`: durable endpoints by path, as listeners of node:http
 */
export function start({ sdk, serve, createFunction, streaming, endpoints = () => ({}) }) {
  const journal = new Journal();
  const app = (id, modules) => {
    const client = new sdk.Inngest({ id });
    const define = definer(id, journal, (...rest) => createFunction(client, ...rest));
    const kit = { client, define, journal, sdk };
    return { client, functions: modules.flatMap((functionsOf) => functionsOf(kit)) };
  };
  const serving = {
    "/api/inngest": serve(app(APP_ID, [steps, parallel, waits, errors, remote, options, replay, controls, edited])),
    "/api/streaming": serve({ ...app(`${APP_ID}-streaming`, [steps, errors]), streaming }),
    "/api/flow": serve(app("flow", [flow])),
    "/api/secrets": serve(app("secrets", [secrets])),
    ...endpoints(journal),
  };

  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://app");
    if (pathname.startsWith("/journal/")) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(journal.of(pathname.slice("/journal/".length))));
    } else if (pathname.startsWith("/edition/")) {
      journal.edition = pathname.slice("/edition/".length);
      response.end();
    } else if (pathname in serving) {
      serving[pathname](request, response);
    } else {
      response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1", () => console.error(`listens on http://127.0.0.1:${server.address().port}`));
}

/** What ran, by run. */
class Journal {
  #runs = new Map();
  edition = "first";

  of(runId) {
    if (!this.#runs.has(runId)) this.#runs.set(runId, { calls: 0, ran: [] });
    return this.#runs.get(runId);
  }

  /** Note that `label` ran; returns how often it has by now. */
  note(runId, label) {
    const { ran } = this.of(runId);
    ran.push(label);
    return ran.filter((other) => other === label).length;
  }
}

/**
 * Returns `define(id, [options], handler)`: a function that event `APP/ID` triggers.
 * Its handler gets two things more: `run(id, body)`, a `step.run` that notes each time its body runs and
 * passes the count on, and `call`, which is 1 in the first call of this run, 2 in the second, and so on.
 */
function definer(appId, journal, createFunction) {
  return (id, ...rest) => {
    const handler = rest.pop();
    const { triggers = [{ event: `${appId}/${id}` }], ...options } = rest.pop() ?? {};
    return createFunction({ id, ...options }, triggers, (context) => {
      const { runId, step } = context;
      const run = (stepId, body = () => stepId) =>
        step.run(stepId, () => body(journal.note(runId, typeof stepId === "string" ? stepId : stepId.id)));
      const call = ++journal.of(runId).calls;
      return handler({ ...context, run, call });
    });
  };
}
