// Options of a function that change how its runs go: cancellation, timeouts, checkpointing.

import { setTimeout } from "node:timers/promises";

const CHECKPOINTING = {
  off: false,
  on: true,
  buffered: { bufferedSteps: 3 },
  interval: { bufferedSteps: 100, maxInterval: 20 },
  "short-lived": { maxRuntime: 1 },
};

export default ({ define, journal, sdk }) => [
  define("cancel-match", { cancelOn: [{ event: "ts/cancel", match: "data.id" }] }, async ({ run, step }) => {
    await run("before");
    await step.sleep("nap", "1d");
    return run("after");
  }),

  define(
    "cancel-if",
    { cancelOn: [{ event: "ts/cancel", if: "async.data.id == event.data.id && async.data.sure == true" }] },
    async ({ run, step }) => {
      await step.waitForEvent("wait", { event: "ts/never", timeout: "1d" });
      return run("after");
    },
  ),

  define(
    "cancel-for-an-hour",
    { cancelOn: [{ event: "ts/cancel", timeout: "1h" }] },
    async ({ run, step }) => {
      await step.sleep("nap", "1d");
      return run("after");
    },
  ),

  define(
    "cancel-in-a-group",
    {
      cancelOn: [{ event: "ts/cancel" }],
      onFailure: ({ event }) => journal.note(event.data.run_id, "failure handler"),
    },
    async ({ run, step }) => Promise.all([run("a"), step.sleep("nap", "1d")]),
  ),

  define("cancels-itself", async ({ run, runId }) => {
    await run("first", async () => {
      const answer = await fetch(new URL(`/v1/runs/${runId}`, process.env.INNGEST_BASE_URL), { method: "DELETE" });
      return answer.status;
    });
    return run("second");
  }),

  define("cancelled-event", { triggers: [{ event: "inngest/function.cancelled" }] }, ({ event }) =>
    journal.note(event.data.run_id, `cancelled ${event.data.function_id}`),
  ),

  define("start-timeout", { timeouts: { start: "10s" } }, ({ run }) => run("only")),

  define("finish-timeout", { timeouts: { finish: "1h" } }, async ({ event, run, step }) => {
    await run("before");
    await step.sleep("nap", event.data.time);
    return run("after");
  }),

  ...Object.entries(CHECKPOINTING).flatMap(([name, checkpointing]) => {
    const withOption = (id, options, handler) =>
      define(`${id}-checkpointing-${name}`, { checkpointing, ...options }, handler);
    return [
      withOption("none", {}, () => "nothing to do"),

      withOption("five", {}, async ({ run }) => {
        const seen = [];
        for (const id of ["a", "b", "c", "d", "e"]) seen.push(await run(id));
        return seen;
      }),

      withOption("slow", {}, async ({ run }) => {
        const seen = [];
        for (const id of ["a", "b", "c", "d", "e"]) seen.push(await run(id, () => setTimeout(15, id)));
        return seen;
      }),

      withOption("sleeps", {}, async ({ run, step }) => {
        const a = await run("a");
        const b = await run("b");
        await step.sleep("nap", "1h");
        return [a, b, await run("c")];
      }),

      withOption("parallel", {}, async ({ run }) => {
        const a = await run("a");
        const both = await Promise.all([run("b"), run("c")]);
        return [a, ...both, await run("d")];
      }),

      withOption("flaky", {}, async ({ run }) => {
        const a = await run("a");
        const b = await run("b", (time) => {
          if (time < 3) throw new Error(`not yet, ${time}`);
          return "b";
        });
        return [a, b, await run("c")];
      }),

      withOption("flaky-function", {}, async ({ call, run }) => {
        const seen = [await run("a"), await run("b")];
        // The classic protocol calls once per step, checkpointing once; either way the step results are kept.
        if (call === 1 || (call === 3 && checkpointing === false)) throw new Error("not yet");
        return [...seen, await run("c")];
      }),

      withOption("caught", { retries: 0 }, async ({ run }) => {
        const a = await run("a");
        try {
          await run("b", () => {
            throw new Error("declined");
          });
        } catch (error) {
          return [a, error.message, await run("undo")];
        }
      }),

      withOption("fails", { retries: 0 }, async ({ run }) => {
        await run("a");
        await run("b");
        throw new sdk.NonRetriableError("after two steps");
      }),

      withOption("waits", {}, async ({ run, step }) => {
        const a = await run("a");
        const found = await step.waitForEvent("wait", { event: "ts/go-on", timeout: "1h" });
        return [a, found?.data ?? null, await run("b")];
      }),
    ];
  }),
];
