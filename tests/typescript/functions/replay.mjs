// Code that is not the same at every call: what has a result keeps it, what is new runs, nothing runs twice.

export default ({ define }) => [
  define("vanishing", async ({ call, run }) => {
    const first = call === 1 ? await run("first-call-only") : "gone";
    return [first, await run("always"), await run("last")];
  }),

  define("appearing", async ({ call, run }) => {
    const extra = call === 1 ? null : await run("from-the-second-call-on");
    return [extra, await run("a"), await run("b")];
  }),

  define("reordering", async ({ call, run }) => {
    const order = call % 2 ? ["a", "b", "c"] : ["c", "b", "a"];
    const seen = {};
    for (const id of order) seen[id] = await run(id);
    return seen;
  }),

  define("renaming", { retries: 0 }, async ({ call, run }) => {
    await run(`step of call ${Math.min(call, 3)}`);
    return run("end");
  }),

  define("growing-group", async ({ call, run }) => {
    const ids = ["a", "b", "c", "d"].slice(0, call === 1 ? 2 : 4);
    return Promise.all(ids.map((id) => run(id)));
  }),

  define("reordering-group", async ({ call, run }) => {
    const ids = call % 2 ? ["a", "b", "c"] : ["c", "a", "b"];
    const seen = await Promise.all(ids.map((id) => run(id)));
    return [...seen].sort();
  }),

  define("shrinking-group", async ({ call, run }) => {
    // Only once both have run, as the SDK waits ten seconds for a step that it was asked for and misses.
    const ids = call < 4 ? ["a", "b"] : ["b"];
    return Promise.all(ids.map((id) => run(id)));
  }),

  define("moving-sleep", async ({ call, run, step }) => {
    if (call === 1) await step.sleep("nap", "1h");
    const a = await run("a");
    if (call !== 1) await step.sleep("nap", "2h");
    return [a, await run("b")];
  }),
];
