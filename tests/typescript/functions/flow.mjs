// Flow control: when runs start, and how many of their calls are open at once.

/** Wait until the gate that the event names lets this through: `NAME`, or `NAME.STEP`. */
async function pass({ data: { gate, name } }, step) {
  if (gate) await fetch(`${gate}/${[name, step].filter(Boolean).join(".")}`);
  return step ?? name;
}

export default ({ define, journal, sdk }) => {
  const works = ({ event, run }) => run("work", () => pass(event));

  const worksThrice = async ({ event, run }) => {
    const seen = [];
    for (const id of ["a", "b", "c"]) seen.push(await run(id, () => pass(event, id)));
    return seen;
  };

  const naps = async ({ event, run, step }) => {
    await run("before", () => pass(event, "before"));
    await step.sleep("nap", "1h");
    return run("after", () => pass(event, "after"));
  };

  const one = { concurrency: 1 };

  return [
    define("two", { concurrency: 2 }, works),
    define("unlimited", { concurrency: 0 }, works),
    define("keyed", { concurrency: { limit: 1, key: "event.data.user" } }, works),
    define(
      "two-limits",
      {
        concurrency: [
          { limit: 1, key: "event.data.user" },
          { limit: 2, key: '"shared"', scope: "account" },
        ],
      },
      works,
    ),
    define("shares", { concurrency: { limit: 2, key: '"shared"', scope: "account" } }, works),
    define("one-call", { ...one, checkpointing: true }, worksThrice),
    define("three-calls", { ...one, checkpointing: false }, worksThrice),
    define("naps", one, naps),
    define("parallel", { concurrency: 2 }, ({ event, run }) =>
      Promise.all(["a", "b", "c"].map((id) => run(id, () => pass(event, id)))),
    ),
    define(
      "cancelled",
      { ...one, checkpointing: true, cancelOn: [{ event: "flow/cancel", match: "data.name" }] },
      worksThrice,
    ),
    define(
      "priority",
      { ...one, priority: { run: "event.data.plan == 'paid' ? 120 : (event.data.plan == 'free' ? -60 : 0)" } },
      works,
    ),

    define("throttle", { throttle: { limit: 1, period: "60s", key: "event.data.user" } }, works),
    define("burst", { throttle: { limit: 1, period: "1h30m", burst: 2 } }, works),
    define("brief-throttle", { throttle: { limit: 1, period: "1s" } }, works),
    define("brief-debounce", { debounce: { period: "1s" } }, works),
    define("rate-limit", { rateLimit: { limit: 2, period: "1m", key: "event.data.user" } }, works),
    define("debounce", { debounce: { period: "5s", timeout: "12s", key: "event.data.user" } }, ({ event }) => event.data.n),
    define("idempotent", { idempotency: "event.data.cart" }, works),
    define("skip", { singleton: { mode: "skip", key: "event.data.user" } }, naps),
    define(
      "replace",
      {
        singleton: { mode: "cancel" },
        checkpointing: true,
        onFailure: ({ event }) => journal.note(event.data.run_id, "failure handler"),
      },
      worksThrice,
    ),
    define("cancelled-event", { triggers: [{ event: "inngest/function.cancelled" }] }, ({ event }) =>
      journal.note(event.data.run_id, `cancelled ${event.data.function_id}`),
    ),

    define(
      "batch",
      {
        batchEvents: { maxSize: 3, timeout: "10s", key: "event.data.user", if: "event.data.urgent != true" },
        triggers: [{ event: "flow/batch" }, { event: "flow/batch.more" }],
      },
      async ({ event, events, run }) => {
        const written = await run("write", (time) => {
          if (time === 1 && events.some(({ data }) => data.fail)) throw new Error("not yet");
          return events.map(({ data }) => data.n);
        });
        return { first: event.data.n, written, names: [...new Set(events.map(({ name }) => name))] };
      },
    ),
    define("large-batch", { batchEvents: { maxSize: 3, timeout: "1m" } }, async ({ events, run }) => {
      await run("before");
      return events.map(({ data }) => data.text.length);
    }),

    define("weekly", { triggers: [{ cron: "TZ=Europe/Paris 0 12 * * 5" }] }, async ({ event, events, run }) => {
      await run("tick");
      return { event, events: events.length };
    }),
    define("jitter", { triggers: [{ cron: "30 4 * * *", jitter: "5m" }] }, ({ event }) => event.data),
    define(
      "several",
      {
        triggers: [
          { event: "flow/one" },
          { event: "flow/another", if: "event.data.n > 1" },
          { cron: "0 0 1 * *" },
        ],
      },
      ({ event }) => event.name,
    ),
    define("wildcard", { triggers: [{ event: "flow/wild.*" }] }, ({ event }) => event.name),

    define("invoke", { retries: 0 }, async ({ event, run, step }) => {
      const { data, of } = event.data;
      try {
        return await step.invoke("ask", { function: sdk.referenceFunction({ functionId: of }), data });
      } catch (error) {
        await run("after");
        return { caught: error.name, message: error.message, isStepError: error instanceof sdk.StepError };
      }
    }),
  ];
};
