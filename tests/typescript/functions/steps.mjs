// Steps one after the other: what they return, how they are counted, how they sleep and send.

const MEBIBYTE = 1024 * 1024;

export default ({ client, define, journal }) => [
  define("none", ({ event }) => ({ echo: event.data })),

  define("nothing", () => {}),

  define("single", ({ run }) => run("only", () => ({ v: 1 }))),

  define("three", async ({ run }) => {
    const a = await run("a", () => 1);
    const b = await run("b", async () => a + 1);
    return run("c", () => [a, b]);
  }),

  define("loop", async ({ run }) => {
    const seen = [];
    for (let i = 0; i < 4; i++) seen.push(await run("again", () => i));
    return seen;
  }),

  define("input", ({ step }) => step.run({ id: "add", name: "Add two numbers" }, (a, b) => a + b, 2, 3)),

  define("values", async ({ run }) => [
    await run("undefined", () => undefined),
    await run("null", () => null),
    await run("false", () => false),
    await run("zero", () => 0),
    await run("text", () => 'čaj "\\" 🐎\u2028\u0000'),
    await run("date", () => new Date(0)),
    await run("number", () => 2 ** 53),
    await run("fraction", () => 1e-7),
    await run("looks like a memo", () => ({ data: { error: null } })),
    await run("looks like an error", () => ({ error: { name: "Error", message: "not one" } })),
    await run("looks typed", () => ({ type: "data", data: 4 })),
    await run("nested", () => ({ "": [[], {}, [null]] })),
  ]),

  define("large", async ({ run }) => {
    const lengths = [];
    for (const id of ["x", "y", "z"]) lengths.push((await run(id, () => id.repeat(2 * MEBIBYTE))).length);
    return lengths;
  }),

  define("too-large", async ({ run }) => {
    await run("small");
    const { length } = await run("big", () => "x".repeat(4 * MEBIBYTE + 1));
    return run("after", () => length);
  }),

  define("many", async ({ event, run }) => {
    for (let n = 0; n < event.data.steps; n++) await run(`step ${n}`, () => n);
    return "all";
  }),

  define("sleep", async ({ event, run, step }) => {
    await run("before");
    await step.sleep("nap", event.data.time);
    return run("after");
  }),

  define("sleep-until", async ({ event, run, step }) => {
    const { time, isDate } = event.data;
    await step.sleepUntil("nap", isDate ? new Date(time) : time);
    return run("after");
  }),

  define("send", async ({ runId, step }) => {
    const event = (n) => ({ name: "ts/received", data: { n, sender: runId } });
    const one = await step.sendEvent("one", event(1));
    const many = await step.sendEvent("many", [event(2), event(3)]);
    return [one.ids, many.ids];
  }),

  define("send-outside-steps", async ({ runId, run }) => {
    const { ids } = await client.send({ id: "fixed", name: "ts/received", data: { n: 1, sender: runId } });
    return [ids.length, await run("after")];
  }),

  define("received", ({ event }) => journal.note(event.data.sender, `received ${event.data.n}`)),

  define("ai-wrap", ({ run, step }) =>
    step.ai.wrap("ask", async (prompt, { tone }) => `${tone} answer to ${prompt}`, "why?", { tone: "kind" }),
  ),
];
